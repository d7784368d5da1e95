//! Bodies of other services, and bodies that are nearly such.

use billing_guard::RefusalKind;

use RefusalKind::{BalanceHeld, InsufficientBalance as Empty, SpendCapReached};

/// A body as its service documents it or was seen to send it, the statuses it is recognised with (a sentence that is clear
/// by itself with either of two), what it says, and by which word if by one.
pub(crate) struct Peer {
    pub(crate) service: &'static str,
    pub(crate) statuses: &'static [u16],
    pub(crate) body: &'static str,
    pub(crate) kind: RefusalKind,
    pub(crate) word: Option<&'static str>,
}

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        service: "DeepSeek",
        statuses: &[402, 429],
        body: r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "OpenRouter",
        statuses: &[402],
        body: r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.example/settings/credits","code":402,"metadata":{"limit_source":"openrouter_credits","remedy_hint":"add_credits"}},"user_id":"user_2x"}"#,
        kind: Empty,
        word: Some("openrouter_credits"),
    },
    Peer {
        service: "OpenRouter, without metadata",
        statuses: &[402],
        body: r#"{"error":{"message":"Insufficient credits. Add more using https://openrouter.example/settings/credits","code":402}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "OpenRouter, in flight",
        statuses: &[402],
        body: r#"{"error":{"message":"Insufficient credits: your requests in flight may use all of them.","code":402,"metadata":{"limit_source":"openrouter_in_flight_budget","remedy_hint":"retry_later"}}}"#,
        kind: BalanceHeld,
        word: Some("openrouter_in_flight_budget"),
    },
    Peer {
        service: "OpenAI",
        statuses: &[429],
        body: r#"{
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "type": "insufficient_quota",
        "param": null,
        "code": "insufficient_quota"
    }
}"#,
        kind: Empty,
        word: Some("insufficient_quota"),
    },
    Peer {
        service: "OpenAI, by its type alone",
        statuses: &[429],
        body: r#"{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","param":null,"code":null}}"#,
        kind: Empty,
        word: Some("insufficient_quota"),
    },
    Peer {
        service: "OpenAI, credit",
        statuses: &[429],
        body: r#"{"error":{"message":"Your credit balance is exhausted.","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#,
        kind: Empty,
        word: Some("credit_balance_exhausted"),
    },
    Peer {
        service: "OpenAI, spend limit",
        statuses: &[429],
        body: r#"{"error":{"message":"Your organization has reached its spend limit.","type":"insufficient_quota","param":null,"code":"organization_spend_limit_exceeded"}}"#,
        kind: SpendCapReached,
        word: Some("organization_spend_limit_exceeded"),
    },
    Peer {
        service: "Anthropic",
        statuses: &[400],
        body: r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits."},"request_id":"req_011C"}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Anthropic, billing",
        statuses: &[402],
        body: r#"{"type":"error","error":{"type":"billing_error","message":"There is an issue with your billing or payment information."},"request_id":"req_011C"}"#,
        kind: Empty,
        word: Some("billing_error"),
    },
    Peer {
        service: "Anthropic, billing, with its reason",
        statuses: &[402],
        body: r#"{"type":"error","error":{"type":"billing_error","message":"Your credit balance is too low."},"request_id":"req_011C"}"#,
        kind: Empty,
        word: Some("billing_error"),
    },
    Peer {
        service: "Gemini",
        statuses: &[402],
        body: r#"{"error":{"code":402,"message":"Your prepayment credits are depleted. Please go to your project to manage billing.","status":"RESOURCE_EXHAUSTED"}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Gemini, as a 429",
        statuses: &[429],
        body: r#"{"error":{"code":429,"message":"Your prepayment credits are depleted. Please go to your project to manage billing.","status":"RESOURCE_EXHAUSTED","details":[]}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Together",
        statuses: &[402],
        body: r#"{"id":"o9","error":{"message":"Credit limit exceeded, please add credit.","type":"credit_limit","param":null,"code":null}}"#,
        kind: Empty,
        word: Some("credit_limit"),
    },
    Peer {
        service: "Vercel",
        statuses: &[402],
        body: r#"{"error":{"message":"Insufficient funds. Please add credits to your account to continue using AI services.","type":"insufficient_funds"}}"#,
        kind: Empty,
        word: Some("insufficient_funds"),
    },
    Peer {
        service: "Moonshot",
        statuses: &[429],
        body: r#"{"error":{"message":"Your account org-1 is suspended, please check your plan and billing details","type":"exceeded_current_quota_error"}}"#,
        kind: Empty,
        word: Some("exceeded_current_quota_error"),
    },
    Peer {
        service: "Z.ai",
        statuses: &[402, 429],
        body: r#"{"error":{"code":"1113","message":"Insufficient balance or no resource package. Please recharge."}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Z.ai, in the form of another",
        statuses: &[402, 429],
        body: r#"{"type":"error","error":{"type":"1113","message":"Insufficient balance or no resource package. Please recharge."},"request_id":"2025"}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Z.ai, as a rate limit with its own code",
        statuses: &[402, 429],
        body: r#"{"type":"error","error":{"type":"rate_limit_error","code":"1113","message":"[1113][Insufficient balance or no resource package. Please recharge.]"}}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "one-api, new-api",
        statuses: &[403],
        body: r#"{"error":{"message":"用户额度不足 (request id: 2026)","type":"new_api_error","param":"","code":"insufficient_user_quota"}}"#,
        kind: Empty,
        word: Some("insufficient_user_quota"),
    },
    Peer {
        service: "Firecrawl",
        statuses: &[402],
        body: r#"{"success":false,"error":"Insufficient credits to perform this request. For more credits, you can upgrade your plan."}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Replicate",
        statuses: &[402],
        body: r#"{"title":"Billing required","detail":"You need to set up billing to run this model.","status":402}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "Replicate, credit",
        statuses: &[402],
        body: r#"{"title":"Insufficient credit","detail":"You have insufficient credit to run this model.","status":402}"#,
        kind: Empty,
        word: None,
    },
    Peer {
        service: "ElevenLabs",
        statuses: &[401],
        body: r#"{"detail":{"status":"quota_exceeded","message":"This request exceeds your quota of 10000. You have 5 credits remaining, while 20 credits are required for this request."}}"#,
        kind: Empty,
        word: Some("quota_exceeded"),
    },
    Peer {
        service: "LiteLLM",
        statuses: &[400, 422, 429],
        body: r#"{"error":{"message":"Budget has been exceeded! Current cost: 7.2e-05, Max budget: 1e-06","type":"budget_exceeded","param":null,"code":null}}"#,
        kind: SpendCapReached,
        word: Some("budget_exceeded"),
    },
    Peer {
        service: "LiteLLM, with the status as its code",
        statuses: &[429],
        body: r#"{"error":{"message":"Budget has been exceeded! Current cost: 7.2e-05, Max budget: 1e-06","type":"budget_exceeded","param":null,"code":"429"}}"#,
        kind: SpendCapReached,
        word: Some("budget_exceeded"),
    },
    Peer {
        service: "Nobody in particular",
        statuses: &[402, 429],
        body: r#"{"error":{"message":"You have insufficient credits.","type":"insufficient_funds_error","code":"insufficient_credits"}}"#,
        kind: Empty,
        word: None,
    },
];

/// The same as the peers say it, with one thing about it that says something else.
pub(crate) const NEAR_MISSES: &[(u16, &str)] = &[
    // DeepSeek
    (
        402,
        r#"{"error":{"message":"Insufficient permissions","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"request_too_large"}}"#,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"permission_error","code":"invalid_request_error"}}"#,
    ),
    (402, r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":401}}"#),
    (402, r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":{}}}"#),
    (402, r#"{"error":{"message":"Insufficient Balance","type":7}}"#),
    (402, r#"{"error":{"message":{"text":"Insufficient Balance"}}}"#),
    (402, r#"{"error":{"message":"Insufficient Balance","message":"Insufficient Balance"}}"#),
    (402, r#"{"error":{"type":"unknown_error","code":"invalid_request_error"}}"#),
    // OpenRouter
    (
        402,
        r#"{"error":{"message":"Insufficient credits.","code":402,"metadata":{"limit_source":"another_limit"}}}"#,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient credits.","code":429,"metadata":{"limit_source":"openrouter_credits"}}}"#,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient credits.","code":"rate_limited","metadata":{"limit_source":"openrouter_credits"}}}"#,
    ),
    (
        402,
        r#"{"error":{"message":"Insufficient credits.","code":402,"type":"x","metadata":{"limit_source":"openrouter_credits"}}}"#,
    ),
    (402, r#"{"error":{"message":"Payment required","code":402}}"#),
    (402, r#"{"error":{"code":402,"metadata":{"limit_source":"openrouter_credits"}}}"#),
    (
        403,
        r#"{"error":{"message":"Key limit exceeded.","code":403,"metadata":{"limit_source":"openrouter_credits"}}}"#,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit exceeded","code":429,"metadata":{"headers":{"X-RateLimit-Remaining":"0"}}}}"#,
    ),
    // OpenAI
    (
        429,
        r#"{"error":{"message":"Rate limit reached, slow down.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
    ),
    (
        429,
        r#"{"error":{"message":"Slow down.","type":"insufficient_quota","param":null,"code":"rate_limit_exceeded"}}"#,
    ),
    (429, r#"{"error":{"message":"Slow down.","type":"rate_limit_error","code":"insufficient_quota"}}"#),
    (429, r#"{"error":{"message":"Slow down.","type":"tokens","param":null,"code":null}}"#),
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"requests","code":null}}"#,
    ),
    (429, r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#),
    (429, r#"{"error":"insufficient_quota"}"#),
    (
        429,
        r#"{"code":"insufficient_quota","type":"insufficient_quota","message":"You exceeded your current quota."}"#,
    ),
    (429, r#"{"error":{"message":"m","code":["insufficient_quota"]}}"#),
    (429, r#"{"error":{"message":"m","code":"Insufficient_Quota"}}"#),
    (429, r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_balance"}}"#),
    // Anthropic
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: field required"}}"#,
    ),
    (400, r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low."}}"#),
    (
        400,
        r#"{"type":"message","error":{"type":"invalid_request_error","message":"Your credit balance is too low."}}"#,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Your credit balance is too low."}}"#,
    ),
    (
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your rate limit."}}"#,
    ),
    (
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"Insufficient balance of tokens this minute."}}"#,
    ),
    (
        403,
        r#"{"type":"error","error":{"type":"permission_error","message":"Your API key lacks permission."}}"#,
    ),
    (402, r#"{"type":"error","error":{"type":"billing_error"}}"#),
    // One of ours about another kind, with its code lost.
    (
        402,
        r#"{"type":"error","error":{"type":"billing_error","message":"This request would exceed a spending limit."}}"#,
    ),
    (402, r#"{"type":"billing_error","message":"There is an issue with your billing."}"#),
    // Gemini
    (
        402,
        r#"{"error":{"code":402,"message":"Your prepayment credits are depleted.","status":"PERMISSION_DENIED"}}"#,
    ),
    (
        402,
        r#"{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}"#,
    ),
    (
        429,
        r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}"#,
    ),
    (
        429,
        r#"[{"error":{"code":429,"message":"Your prepayment credits are depleted.","status":"RESOURCE_EXHAUSTED"}}]"#,
    ),
    // Together, Vercel
    (402, r#"{"error":{"message":"m","type":"credit_limits"}}"#),
    (402, r#"{"error":{"message":"m","type":"credit_limit","code":"rate_limit"}}"#),
    (402, r#"{"error":{"message":"m","type":"insufficient_funds","code":500}}"#),
    (429, r#"{"error":{"message":"m","type":"credit_limit"}}"#),
    // Moonshot, Z.ai
    (
        429,
        r#"{"error":{"message":"Your account reached max request, slow down.","type":"rate_limit_reached_error"}}"#,
    ),
    (429, r#"{"error":{"message":"The engine is currently overloaded","type":"engine_overloaded_error"}}"#),
    (429, r#"{"error":{"code":"1302","message":"Rate limit reached for requests"}}"#),
    (429, r#"{"error":{"code":"too_many","message":"Insufficient balance or no resource package."}}"#),
    (429, r#"{"error":{"code":503,"message":"Insufficient balance or no resource package."}}"#),
    (500, r#"{"error":{"code":"1113","message":"Insufficient balance or no resource package."}}"#),
    // one-api, new-api
    (403, r#"{"error":{"message":"m","type":"new_api_error","code":"insufficient_user_permission"}}"#),
    (403, r#"{"error":{"message":"m","type":"insufficient_user_quota"}}"#),
    (403, r#"{"error":{"message":"Insufficient balance","type":"new_api_error","code":"access_denied"}}"#),
    (403, r#"{"error":{"message":"Insufficient balance"}}"#),
    // Firecrawl
    (402, r#"{"success":true,"error":"Insufficient credits to perform this request."}"#),
    (402, r#"{"error":"Insufficient credits to perform this request."}"#),
    (402, r#"{"success":"false","error":"Insufficient credits to perform this request."}"#),
    (402, r#"{"success":false,"error":"Payment is required to access this resource."}"#),
    (402, r#"{"success":false,"message":"Insufficient credits to perform this request."}"#),
    (429, r#"{"success":false,"error":"Rate limit exceeded. Insufficient credits is not why."}"#),
    // Replicate
    (
        402,
        r#"{"title":"Card required","detail":"You need to set up billing to run this model.","status":402}"#,
    ),
    (402, r#"{"title":"Billing required","detail":"You need to set up billing.","status":403}"#),
    (402, r#"{"title":"Billing required","detail":"You need to set up billing.","status":"402"}"#),
    (402, r#"{"title":"Billing required","status":402}"#),
    (402, r#"{"title":"Billing required","detail":"You need to set up billing."}"#),
    (402, r#"{"title":"Billing required","detail":"You need to set up billing.","status":402,"error":{}}"#),
    (
        402,
        r#"{"type":"https://example.com/probs/out-of-credit","title":"You do not have enough credit.","detail":"Your current balance is 30, but that costs 50.","status":402}"#,
    ),
    // ElevenLabs
    (401, r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#),
    (401, r#"{"detail":{"status":"quota_exceeded"}}"#),
    (401, r#"{"detail":"quota_exceeded"}"#),
    (401, r#"{"detail":["quota_exceeded","m"]}"#),
    (401, r#"{"detail":{"status":"quota_exceeded","status":"quota_exceeded","message":"m"}}"#),
    (401, r#"{"status":"quota_exceeded","message":"m"}"#),
    // LiteLLM
    (
        429,
        r#"{"error":{"message":"Max parallel request limit reached","type":"None","param":"None","code":"429"}}"#,
    ),
    (429, r#"{"error":{"message":"m","type":"budget_exceeded","code":"400"}}"#),
    (429, r#"{"error":{"message":"m","type":"auth_error","code":"budget_exceeded"}}"#),
    (409, r#"{"error":{"message":"m","type":"budget_exceeded"}}"#),
    // Nobody in particular
    (402, r#"{"message":"Payment Required"}"#),
    (402, r#"{"error":{"message":"Payment Required"}}"#),
    (402, r#"{"x402Version":2,"error":"Payment required","accepts":[]}"#),
    (403, r#"{"message":"Forbidden"}"#),
    (429, r#"{"message":"Too Many Requests"}"#),
    (429, r#"{"error":{"message":"Slow down."}}"#),
    (500, r#"{"error":{"message":"Internal server error","type":"server_error","param":null,"code":null}}"#),
    (503, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
];
