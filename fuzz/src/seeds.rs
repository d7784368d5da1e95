//! Where mutations begin: a few inputs for each target, as text.

/// A target's name, the target, and its seeds.
pub type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

/// All targets.
pub const TARGETS: [Target; 4] = [
    ("amount_text", crate::amount_text, AMOUNTS),
    ("refusal_body", crate::refusal_body, REFUSALS),
    ("ledger_commands", crate::ledger_commands, COMMANDS),
    ("price_tables", crate::price_tables, PRICES),
];

const AMOUNTS: &[&str] = &[
    "12.50",
    "-0.000001",
    "0",
    "9223372036854.775807",
    "-9223372036854.775808",
    "92233720368547758080000000000000000000000000000",
    "0000000000000000000000000000000000000000000.1000",
    "12.5 USD/6",
    "-9.223372036854775808 ABCDEFG/12",
    "1 X/0",
    "USD/6",
    "a0Z9zz1/10",
    "\"12.5 USD/6\"",
    "\"\\u0031.5\\u0020EUR/2\"",
    "\"X/12\"",
];

/// The first character chooses the status: 402, 409, 429, 500, 503, 200, 404, 400, 401, 403, and 422 for `:`.
const REFUSALS: &[&str] = &[
    r#"0{"data":null,"code":402,"name":"InsufficientBalanceError","status":40203,"message":"Account balance not enough to run this query, please recharge.","readableMessage":"Account balance not enough to run this query, please recharge."}"#,
    r#"2{"data":[1,{"error":"x"}],"error":{"message":"Your account balance is in use by work that is still running. A retry in a moment may succeed.","type":"balance_held","param":null,"code":"balance_held"},"code":429,"name":"RateLimitTriggeredError","status":42903,"message":"Wait.","readableMessage":"Wait."}"#,
    r#"0{"error":{"code":"INSUFFICIENT_BALANCE","message":"Your account balance is too low to process this request."}}"#,
    r#"1{"error":"DuplicateRequest","message":"This request was received before: its work is done or still running."}"#,
    r#"0{"error":{"message":"Your account has insufficient credits for this request, please recharge.","type":"insufficient_quota","param":null,"code":"insufficient_balance"}}"#,
    // An array is no object, though serde reads a struct from either.
    r#"0{"error":["balance_held","balance_held","Wait."]}"#,
    "0InsufficientBalanceError: Your account has an insufficient balance for this request, please recharge.\n",
    "0This request is larger than any single request may be. The maximum is 2.50 USD.\n",
    "4The service could not confirm this request just now. Please try again shortly.",
    // Other services.
    r#"0{"error":{"message":"Insufficient credits","code":402,"metadata":{"limit_source":"openrouter_in_flight_budget","remedy_hint":"retry"}}}"#,
    r#"2{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","param":null,"code":"organization_spend_limit_exceeded"}}"#,
    r#"7{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low."}}"#,
    r#"2{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}"#,
    r#"0{"success":false,"error":"Insufficient credits to perform this request."}"#,
    r#"0{"title":"Billing required","detail":"You need to set up billing.","status":402}"#,
    r#"8{"detail":{"status":"quota_exceeded","message":"This request exceeds your quota."}}"#,
    r#"9{"error":{"message":"m","type":"new_api_error","param":"","code":"insufficient_user_quota"}}"#,
    r#":{"error":{"message":"Budget has been exceeded!","type":"budget_exceeded","param":null,"code":"422"}}"#,
    // In the other shapes.
    r#"0{"type":"error","error":{"type":"billing_error","message":"m","details":{"error_code":"top_up_pending"}},"request_id":"r"}"#,
    r#"0{"error":{"code":402,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BALANCE_HELD"}]}}"#,
    r#"0{"error":{"code":402,"message":"m","metadata":{"limit_source":"in_flight_budget","remedy_hint":"retry_later","reason":"balance_held"}}}"#,
    r#"1{"type":"about:blank","title":"Conflict","status":409,"detail":"d","code":"duplicate_request"}"#,
    "5event: error\ndata: {\"error\":{\"message\":\"m\",\"type\":\"balance_held\",\"param\":null,\"code\":\"balance_held\"}}\n\n",
    "5data: {\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}",
    // A held balance, by its numbers, in each shape.
    "006179990000000000110",
    "006179990000000001110",
    "006179990000000002110",
    "006179990000000003110",
    "006179990000000004110",
    "006179990000000005110",
    "006179990000000006110",
    "006179990000000007110",
    "006179990000000008110",
    "006179990000000009110",
    "00617999000000000:110",
];

/// First what the ledger keeps. Then for each command a letter, the account and one digit for each choice it leaves:
/// `p` post key kind (key) amount debt content how, `h` hold key amount least debt lifetime grace content how, `c` capture
/// hold total mode over late debt how, `r` resize hold rev total lifetime debt how, `v` void hold how. `decode` says the
/// rest.
const COMMANDS: &[&str] = &[
    // Top up, hold, capture in part and in full, each twice; refund.
    "0p0005001h004000001c000200001c00210001p01501000s001",
    // Captured above the hold, and late, with a sweep between.
    "0p0005001h005001100c000610001p1105000h115001100w0120c000210001l11",
    // Two holds, one resized and one voided; a charge, a debt, a chargeback, a refund of the charge.
    "1h004000000h014000000r00005001v011p0123000h027030000p034D000p02611001a03b0",
    // Almost nothing is kept.
    "2p0006001p0102001h003000001c000310001h013000001v001t06h003000001f000a04",
    // Amounts at the end of their range, two units, reads of everything.
    "3p2008001pE008000h208000001c000710001f200b0bEs213l21w002",
];

/// A book with every kind of price, one with mistakes, and an entry of each published table.
const PRICES: &[&str] = &[
    r#"{ "unit": "USD/6", "unknown": { "fixed": "1" }, "tariffs": { "chat": { "rates": { "input_tokens": { "per_million": "2.5" }, "cached_tokens": { "per_million": "0.25" }, "output_tokens": { "per_million": "10" } }, "part_of": [["cached_tokens", "input_tokens"]], "other_prices": [ { "when": { "label": "tier", "is": "batch" }, "prices": { "rates": { "input_tokens": { "per_million": "1.25" }, "output_tokens": { "per_million": "5" } } } }, { "when": { "above": "200000", "of": ["input_tokens"] }, "prices": { "rates": { "input_tokens": { "per_million": "5" }, "output_tokens": { "per_million": "15" } } } }, { "when": { "since": "2027-01-01" }, "prices": { "fixed": "0.01", "other_quantities": "free" } }, { "when": { "daily_from": "22:00", "until": "06:00", "on": ["saturday", "sunday"], "offset_minutes": 60 }, "prices": { "rates": { "input_tokens": { "per_million": "2" }, "output_tokens": { "per_million": "8" } } } } ] }, "payments": { "rates": { "paid": { "percent": "2.9", "fee": "0.3", "counting": "payments", "free_events": "1", "free_amount": "100", "at_least": "0.5", "at_most": "20" }, "refunded": { "graduated": [{ "up_to": "1000", "percent": "2", "flat": "5" }, { "percent": "1" }] } }, "discount_percent": "12.5", "maximum": "100", "minimum": "0.5" }, "machine": { "matrix": { "labels": ["region", "size"], "rows": [ { "values": ["eu", "small"], "prices": { "rates": { "hours": { "per_unit": "0.02" } } } }, { "values": ["eu", "large"], "prices": { "rates": { "hours": { "per_unit": "0.08" } } } } ] } }, "search": { "fixed": "0.001", "rates": { "rows": { "per_unit": 0.002 }, "calls": { "graduated": [{ "up_to": "100", "per_unit": "0.1" }, { "per_thousand": "50", "flat": "2" }] }, "seats": { "volume": [{ "up_to": "5", "per_unit": "0", "flat": "3" }, { "per_unit": "1" }], "first_flat_at_none": true }, "images": { "package": "1.5", "size": "100", "free": "50", "whole_only": true }, "hours": { "graduated": [{ "up_to": "10", "per_unit": "1" }, { "per_unit": "0.5" }], "whole_units": true }, "provider_cost": { "multiplier": "1.2", "places": 2, "rounding": "half_up" } }, "free": { "calls": "20" }, "free_amount": "1", "rounding": "half_up", "after": { "calls": "90" } } } }"#,
    r#"{"unit":"EUR/2","unknown":"free","tariffs":{"a":{"rates":{"rows":{"volume":[{"up_to":5,"per_unit":0.1},{"per_unit":"0.02"}]}},"rounding":"up"}}}"#,
    r#"{"unit":"USD/6","tariffs":{"a":{"rates":{"rows":{"per_milion":2}}},"a":{"fixed":"-1","minimum":"5","maximum":"2"}},"x":null}"#,
    r#"{"gpt-x":{"input_cost_per_token":2.5e-06,"output_cost_per_token":1e-05,"input_cost_per_token_above_200k_tokens":5e-06,"cache_read_input_token_cost":1.25e-06,"input_cost_per_token_batches":1.25e-06,"tiered_pricing":[{"range":[0,32000],"input_cost_per_token":1e-06},{"range":[32000,1000000],"input_cost_per_token":2e-06}],"search_context_cost_per_query":{"search_context_size_low":0.03}}}"#,
    r#"[{"id":"acme","name":"Acme","api_pattern":"a","models":[{"id":"m-1","match":{"or":[{"equals":"m-1"},{"regex":"^m-1-\\d{4}$"}]},"prices":[{"constraint":{"start_date":"2026-01-01"},"prices":{"input_mtok":{"base":1,"tiers":[{"start":100000,"price":2}]},"output_mtok":5}},{"prices":{"input_mtok":0.5,"output_mtok":2}}]}]}]"#,
];
