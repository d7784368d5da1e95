//! What the service promises, over real HTTP.

mod away;
mod client;
mod clients;
mod conversation;
mod durable;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use billing_guard::testing::UnreachableLedger;
use billing_guard::{Job, MemoryLedger, Renderer, Shape, Usage};
use metered_query::App;
use metered_query::auth::Customer;
use metered_query::billing::Refused;
use serde_json::{Value, json};

use away::Away;
use client::{ANA, APP, BEN, JSON, SECRET, Service, Setup, begin, finish, now, payment, sign, usd};

/// The documented answer, byte for byte.
const DOCUMENTED: &str = r#"{"data":null,"code":402,"name":"InsufficientBalanceError","status":40203,"message":"Account balance not enough to run this query, please recharge.","readableMessage":"Account balance not enough to run this query, please recharge."}"#;

/// 500 rows in all, 50 on each of 10 pages.
const STATION_7: &str = "select * from readings where station = 7";

/// What that costs for so many rows, in millionths: 0.05 for a thousand bytes, 0.002 for a row.
fn price(rows: i64) -> i64 {
    40 * 50 + rows * 2_000
}

fn start() -> Service {
    Setup::default().start()
}

#[test]
fn a_query_is_charged_what_it_found() {
    let service = start();
    service.pay("10.00");
    let found = service.query(ANA, "q-1", "select * from readings where hour = 18", 400);
    assert_eq!(found.status, 200);
    let answer = found.json();
    // 20 rows of the 400 it was allowed, and 38 bytes: 0.04 + 0.0019.
    assert_eq!(answer["rows"].as_array().unwrap().len(), 20);
    assert_eq!(answer["rows"][3]["station"], 3);
    assert_eq!((&answer["charged"], &answer["available"]), (&json!("0.0419"), &json!("9.9581")));
    assert_eq!(found.header("cache-control"), Some("no-store"));
    assert_eq!(service.balance(ANA), [usd("9.9581"), 0, usd("9.9581")]);

    // It stops at what it pays for.
    let answer = service.query(ANA, "q-2", STATION_7, 120).json();
    assert_eq!(answer["rows"].as_array().unwrap().len(), 120);
    assert_eq!(answer["charged"], "0.242");
}

#[test]
fn the_same_query_as_a_chat_costs_the_same() {
    let service = start();
    service.pay("10.00");
    let ask = |body: Value| service.send("POST /v1/chat/completions", &[ANA, JSON], body.to_string());
    let sql = "select * from readings where hour = 18";
    let found = ask(json!({"model": "any", "messages": [
        {"role": "system", "content": "You are a table."}, {"role": "user", "content": sql},
    ]}));
    assert_eq!(found.status, 200, "{}", found.text());
    let answer = found.json();
    assert_eq!(answer["object"], "chat.completion");
    let choice = &answer["choices"][0];
    assert_eq!((&choice["message"]["role"], &choice["finish_reason"]), (&json!("assistant"), &json!("stop")));
    let content = choice["message"]["content"].as_str().unwrap();
    let rows: Vec<Value> = content.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let same = service.query(ANA, "q-1", sql, 400).json();
    assert_eq!(json!(rows), same["rows"]);
    let usage = json!({"prompt_tokens": 38, "completion_tokens": 20, "total_tokens": 58});
    assert_eq!(answer["usage"], usage);
    assert_eq!(service.settled(ANA), usd("10") - 2 * usd("0.0419"));

    let messages = json!([{"role": "user", "content": STATION_7}]);
    for most in ["max_tokens", "max_completion_tokens"] {
        let answer = ask(json!({"messages": messages, most: 7})).json();
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
        assert_eq!(answer["usage"]["completion_tokens"], 7);
    }
    for (bad, status) in [
        (json!({"messages": []}), 400),
        (json!({"messages": [{"role": "user", "content": "Hello!"}]}), 400),
        (json!({"messages": messages, "stream": true}), 400),
        (json!({"messages": messages, "max_tokens": 0}), 422),
        (json!({"messages": "hello"}), 422),
    ] {
        assert_eq!(ask(bad.clone()).status, status, "{bad}");
    }
    let unknown = service.send("POST /v1/chat/completions", &[JSON], "{");
    assert_eq!(unknown.status, 401);
}

#[test]
fn nobody_without_a_key_learns_anything() {
    let service = start();
    let hostile: &[&[(&str, &str)]] = &[
        &[],
        &[("Authorization", "Bearer")],
        &[("Authorization", "Bearer ")],
        &[("Authorization", "Bearer key-of-nobody")],
        &[("Authorization", "Basic key-of-ana")],
        &[("Authorization", "key-of-ana")],
        &[("Authorization", "Bearer key-of-ana\u{e9}")],
        &[ANA, BEN],
    ];
    for headers in hostile {
        // Neither a body that is no JSON, nor a huge one, nor a bad key, nor an empty balance comes before it.
        let with = |more: &[(&'static str, &'static str)]| [*headers, &[JSON], more].concat();
        let answers = [
            service.send("POST /query", &with(&[]), r#"{"sql":"select * from readings","max_rows":1}"#),
            service.send("POST /query", &with(&[]), "{ not json"),
            service.send("POST /query", &with(&[("Idempotency-Key", "two words")]), ""),
            service.send("GET /balance", &with(&[]), ""),
            service.send("GET /usage?limit=none", &with(&[]), ""),
        ];
        for answer in answers {
            assert_eq!(answer.status, 401, "{headers:?}");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="metered-query""#));
        }
        let huge = begin(service.address, "POST /query", &with(&[]), 10_000_000, &[b' '; 1_000]);
        assert_eq!(finish(huge).unwrap().status, 401);
    }
}

#[test]
fn an_empty_balance_gets_the_documented_answer() {
    let service = start();
    let refused = service.query(ANA, "q-1", STATION_7, 400);
    assert_eq!(refused.status, 402);
    assert_eq!(refused.text(), DOCUMENTED);
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-language", "en"),
        ("cache-control", "no-store"),
        ("x-should-retry", "false"),
        ("content-length", &DOCUMENTED.len().to_string()),
    ] {
        assert_eq!(refused.header(name), Some(value), "{name}");
    }
    assert_eq!(refused.header("retry-after"), None);

    // The refusal left no trace: after a top-up the same request, with the same key, runs.
    service.pay("1.00");
    assert_eq!(service.query(ANA, "q-1", STATION_7, 400).status, 200);
}

#[test]
fn the_shape_is_the_hosts_choice() {
    let service = Setup { renderer: Renderer::new(Shape::FlatWithError), ..Setup::default() }.start();
    let refused = service.query(ANA, "q-1", STATION_7, 400);
    assert_eq!(refused.status, 402);
    assert_eq!(refused.json()["status"], 40203);
    assert_eq!(refused.json()["error"]["code"], "insufficient_balance");

    let service = Setup { renderer: Renderer::new(Shape::Text), ..Setup::default() }.start();
    let refused = service.query(ANA, "q-1", STATION_7, 400);
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_request_above_the_largest_is_told_the_maximum() {
    let service = start();
    service.pay("100");
    let refused = service.query(ANA, "q-1", STATION_7, u32::MAX);
    assert_eq!((refused.status, refused.name().as_str()), (402, "RequestTooLargeError"));
    assert!(refused.text().contains("5.00 USD"), "{}", refused.text());
    assert_eq!(service.balance(ANA), [usd("100"), 0, usd("100")]);
}

#[test]
fn an_app_spends_the_balance_and_does_not_see_it() {
    let service = start();
    service.pay("10");
    assert_eq!(service.query(APP, "q-1", STATION_7, 10).status, 200);
    for target in ["GET /balance", "GET /usage"] {
        assert_eq!(service.send(target, &[APP], "").status, 403);
    }
    assert_eq!(service.settled(ANA), usd("10") - price(10));
}

#[test]
fn each_caller_sees_only_itself() {
    let service = start();
    service.pay("10");
    assert_eq!(service.query(ANA, "q-1", STATION_7, 10).status, 200);

    assert_eq!(service.balance(BEN), [0; 3]);
    assert_eq!(service.send("GET /usage", &[BEN], "").json()["entries"], json!([]));
    assert_eq!(service.query(BEN, "q-2", STATION_7, 10).text(), DOCUMENTED);

    // Claiming to be somebody else helps nowhere.
    let body = r#"{"sql":"select * from readings","max_rows":1,"account":"acct_a"}"#;
    assert_eq!(service.send("POST /query", &[BEN, JSON], body).status, 422);
    assert_eq!(service.send("GET /usage?account=acct_a", &[BEN], "").status, 400);
    let claims = [BEN, ("X-Account", "acct_a"), ("Account", "acct_a")];
    assert_eq!(service.send("GET /balance?account=acct_a", &claims, "").json()["available"], "0");
    assert_eq!(service.send("GET /usage?after=1", &[BEN], "").json()["entries"], json!([]));

    // Nor is a key of one customer taken for another's.
    let paid = service.webhook(&payment("evt_b", "acct_b", "10"));
    assert_eq!(paid.status, 200);
    assert_eq!(service.query(BEN, "q-1", STATION_7, 10).status, 200);
}

#[test]
fn usage_comes_in_pages() {
    let service = start();
    service.pay("10");
    for key in ["q-1", "q-2", "q-3", "q-4"] {
        assert_eq!(service.query(ANA, key, STATION_7, 10).status, 200);
    }
    let (mut keys, mut target) = (Vec::new(), "GET /usage?limit=2".to_owned());
    loop {
        let page = service.send(&target, &[ANA], "").json();
        let entries = page["entries"].as_array().unwrap();
        assert!((1..=2).contains(&entries.len()));
        keys.extend(entries.iter().map(|entry| entry["key"].as_str().unwrap().to_owned()));
        match page["next"].as_u64() {
            Some(next) => target = format!("GET /usage?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(keys, ["q-4", "q-3", "q-2", "q-1", "evt_10"]);

    let page = service.send("GET /usage?limit=1", &[ANA], "").json();
    assert_eq!(page["entries"][0]["kind"], "charge");
    assert_eq!(page["entries"][0]["amount"], "-0.022");
    assert_eq!(page["entries"][0]["balance_after"], "9.912");
    assert!(page["entries"][0]["at"].as_str().unwrap().ends_with('Z'));
    for bad in ["limit=0", "limit=-1", "limit=many", "after=-1", "after=99999999999999999999"] {
        assert_eq!(service.send(&format!("GET /usage?{bad}"), &[ANA], "").status, 400, "{bad}");
    }
    assert_eq!(service.send("GET /usage?limit=4000000000", &[ANA], "").status, 200);
}

#[test]
fn a_payment_is_credited_once() {
    let service = start();
    let event = payment("evt_1", "acct_a", "10.00");
    let first = service.webhook(&event);
    assert_eq!((first.status, first.json()["replay"].clone()), (200, json!(false)));
    assert_eq!(first.json()["amount"], "10");
    let replayed = service.webhook(&event);
    assert_eq!((replayed.status, replayed.json()["replay"].clone()), (200, json!(true)));
    assert_eq!(service.settled(ANA), usd("10"));

    let other = service.webhook(&payment("evt_1", "acct_a", "1000"));
    assert_eq!((other.status, other.name().as_str()), (409, "KeyConflictError"));
    assert_eq!(service.settled(ANA), usd("10"));
}

#[test]
fn sixteen_deliveries_at_once_credit_once() {
    let service = start();
    let event = payment("evt_1", "acct_a", "10");
    let fresh = at_once(16, |_| {
        let answer = service.webhook(&event);
        assert_eq!(answer.status, 200);
        answer.json()["replay"] == json!(false)
    });
    assert_eq!(fresh.iter().filter(|fresh| **fresh).count(), 1);
    assert_eq!(service.settled(ANA), usd("10"));
}

#[test]
fn only_the_provider_tops_up() {
    let service = start();
    let event = payment("evt_1", "acct_a", "10");
    // A customer's key: 403, even beside a signature that is right.
    let signed = sign(SECRET, now(), &event);
    for headers in [&[ANA, JSON][..], &[ANA, ("Webhook-Signature", &signed)]] {
        assert_eq!(service.send("POST /top-up", headers, &event).status, 403);
    }
    // No signature, a wrong one, one over another body, one too old or too new: 401.
    let wrong = [
        String::new(),
        "t=1,v1=00".to_owned(),
        sign("another secret", now(), &event),
        sign(SECRET, now(), &payment("evt_1", "acct_a", "1000")),
        sign(SECRET, now() - 310, &event),
        sign(SECRET, now() + 310, &event),
    ];
    for signature in &wrong {
        let refused = service.send("POST /top-up", &[("Webhook-Signature", signature)], &event);
        assert_eq!(refused.status, 401, "{signature}");
        assert!(refused.header("www-authenticate").is_some());
    }
    assert_eq!(service.send("POST /top-up", &[JSON], &event).status, 401);
    // An unsigned body is not even parsed.
    assert_eq!(service.send("POST /top-up", &[JSON], "{ not json").status, 401);
    assert_eq!(service.balance(ANA), [0; 3]);
    // Nearly too old is good.
    let late = sign(SECRET, now() - 290, &event);
    assert_eq!(service.send("POST /top-up", &[("Webhook-Signature", &late)], &event).status, 200);
}

#[test]
fn a_signed_event_can_still_be_wrong() {
    let service = start();
    for event in [
        "{ not json".to_owned(),
        r#"{"id":"evt_1","type":"payment.succeeded"}"#.to_owned(),
        r#"{"id":"evt_1","type":"payment.succeeded","account":"acct_a","amount":10.5,"unit":"USD"}"#
            .to_owned(),
        payment("evt_1", "acct_a", "10").replace("USD", "EUR"),
        payment("evt_1", "acct_nobody", "10"),
        payment("", "acct_a", "10"),
        payment(&"x".repeat(256), "acct_a", "10"),
        payment("evt_1", "acct_a", "0"),
        payment("evt_1", "acct_a", "-10"),
        payment("evt_1", "acct_a", "1e3"),
        payment("evt_1", "acct_a", "0.0000001"),
        payment("evt_1", "acct_a", "99999999999999999999"),
    ] {
        let answer = service.webhook(&event);
        assert_eq!(answer.status, 422, "{event}: {}", answer.text());
    }
    // An event of another type is no error, or the provider would send it again and again.
    assert_eq!(service.webhook(r#"{"id":"evt_2","type":"payout.paid"}"#).status, 204);
    assert_eq!(service.balance(ANA), [0; 3]);
}

#[test]
fn a_repeated_query_runs_and_is_charged_once() {
    let service = start();
    service.pay("10");
    assert_eq!(service.query(ANA, "q-1", STATION_7, 100).status, 200);
    let again = service.query(ANA, "q-1", STATION_7, 100);
    assert_eq!((again.status, again.name().as_str()), (409, "DuplicateRequestError"));
    let other = service.query(ANA, "q-1", STATION_7, 200);
    assert_eq!((other.status, other.name().as_str()), (409, "KeyConflictError"));
    let keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let body = json!({"sql": STATION_7, "max_rows": 1}).to_string();
    assert_eq!(service.send("POST /query", &[ANA, JSON, keys[0], keys[1]], &body).status, 400);
    assert_eq!(service.settled(ANA), usd("10") - price(100));

    // All at once: one of them runs.
    let statuses = at_once(8, |_| service.query(ANA, "q-2", STATION_7, 100).status);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7);
    assert_eq!(service.settled(ANA), usd("10") - 2 * price(100));
}

#[test]
fn sixty_four_queries_at_once_never_overspend() {
    let service = start();
    service.pay("1.00");
    // Each holds 0.2019 and costs 0.0419: four fit side by side, and all that ran cannot be more than 23.
    let charged = at_once(64, |index| {
        let answer = service.query(ANA, &format!("q-{index}"), "select * from readings where hour = 18", 100);
        match answer.status {
            200 => usd(answer.json()["charged"].as_str().unwrap()),
            402 => {
                assert_eq!(answer.name(), "InsufficientBalanceError");
                0
            }
            status => panic!("{status}: {}", answer.text()),
        }
    });
    let spent: i64 = charged.iter().sum();
    assert!(spent > 0 && spent <= usd("1"), "{spent}");
    assert_eq!(service.settled(ANA), usd("1") - spent);
}

#[test]
fn a_balance_in_use_is_not_called_empty() {
    let service = Setup { page_delay: Duration::from_millis(200), ..Setup::default() }.start();
    service.pay("1.00");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| service.query(ANA, "q-1", STATION_7, 400).status);
        wait_until_held(&service);
        let refused = service.query(ANA, "q-2", STATION_7, 400);
        assert_eq!((refused.status, refused.header("x-should-retry")), (402, Some("true")));
        assert!(!refused.text().contains("recharge"), "{}", refused.text());
        assert_eq!(running.join().unwrap(), 200);
    });
}

#[test]
fn a_client_that_goes_away_pays_for_what_was_read() {
    let service = Setup { page_delay: Duration::from_millis(200), ..Setup::default() }.start();
    service.pay("10");
    let body = json!({"sql": STATION_7, "max_rows": 400}).to_string();
    let headers = [ANA, JSON, ("Idempotency-Key", "q-1")];
    let stream = begin(service.address, "POST /query", &headers, body.len(), body.as_bytes());
    wait_until_held(&service);
    std::thread::sleep(Duration::from_millis(450));
    drop(stream);
    // Some pages of 50 rows, and not all eight.
    let charged = usd("10") - service.settled(ANA);
    assert!((1..8).any(|pages| charged == price(50 * pages)), "{charged}");
    // The key is used up.
    assert_eq!(service.query(ANA, "q-1", STATION_7, 400).status, 409);
}

#[test]
fn a_handler_that_panics_is_settled() {
    async fn panics(Customer(caller): Customer, State(app): State<App>) -> Result<(), Refused> {
        let hold = app.guard.hold(&caller.account, Job::new("query").at_most("rows", 400_u32)).await?;
        hold.record(&Usage::new().with("rows", 10_u32))?;
        panic!("on purpose");
    }
    let service = Setup { more: Router::new().route("/panics", post(panics)), ..Setup::default() }.start();
    service.pay("1");
    let answer = finish(begin(service.address, "POST /panics", &[ANA], 0, b""));
    assert!(answer.is_none(), "{answer:?}");
    assert_eq!(service.settled(ANA), usd("1") - 10 * 2_000);
}

#[test]
fn what_is_no_query_holds_nothing() {
    let service = start();
    service.pay("10");
    let headers = [ANA, JSON];
    let deep = "[".repeat(10_000);
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("\u{0}\u{1}", 400),
        (deep.as_str(), 422),
        ("[]", 422),
        (r#"{"sql":"select * from readings"}"#, 422),
        (r#"{"sql":"select * from readings","max_rows":-1}"#, 422),
        (r#"{"sql":"select * from readings","max_rows":0}"#, 422),
        (r#"{"sql":"select * from readings","max_rows":1.5}"#, 422),
        (r#"{"sql":"select * from readings","max_rows":"400"}"#, 422),
        (r#"{"sql":"select * from readings","max_rows":99999999999}"#, 422),
        (r#"{"sql":"drop table readings","max_rows":1}"#, 422),
        (r#"{"sql":7,"max_rows":1}"#, 422),
    ] {
        let answer = service.send("POST /query", &headers, body);
        assert_eq!(answer.status, status, "{body:.100}");
    }
    let good = r#"{"sql":"select * from readings","max_rows":1}"#;
    assert_eq!(service.send("POST /query", &[ANA], good).status, 415);
    assert_eq!(service.send("GET /query", &headers, good).status, 405);
    for key in ["", "two words", "k\u{e9}y", &"k".repeat(256)] {
        let answer = service.send("POST /query", &[ANA, JSON, ("Idempotency-Key", key)], good);
        assert_eq!(answer.status, 400, "{key:?}");
    }
    // More than the limit, stated or sent.
    let huge = begin(service.address, "POST /query", &headers, 10_000_000, &[b' '; 17 * 1024]);
    assert_eq!(finish(huge).unwrap().status, 413);
    let flood = begin(service.address, "POST /query", &headers, 1 << 20, &vec![b'{'; 1 << 20]);
    assert!(finish(flood).is_none_or(|answer| answer.status == 413));

    assert_eq!(service.balance(ANA), [usd("10"), 0, usd("10")]);
    assert_eq!(service.send("GET /usage", &[ANA], "").json()["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn a_ledger_that_is_away_for_a_moment_is_asked_again() {
    let ledger = Arc::new(Away { captures: AtomicU32::new(2), ledger: MemoryLedger::new() });
    let service = Setup { ledger, ..Setup::default() }.start();
    service.pay("1");
    assert_eq!(service.query(ANA, "q-1", STATION_7, 100).status, 200);
    assert_eq!(service.settled(ANA), usd("1") - price(100));
}

#[test]
fn a_ledger_that_is_away_is_no_empty_balance() {
    for ledger in [UnreachableLedger::not_applied(), UnreachableLedger::outcome_unknown()] {
        let service = Setup { ledger: Arc::new(ledger), ..Setup::default() }.start();
        for refused in [
            service.query(ANA, "q-1", STATION_7, 100),
            service.send("GET /balance", &[ANA], ""),
            service.send("GET /usage", &[ANA], ""),
            // The provider sends it again.
            service.webhook(&payment("evt_1", "acct_a", "10")),
        ] {
            assert_eq!((refused.status, refused.name().as_str()), (503, "LedgerUnavailableError"));
            assert_eq!(refused.header("x-should-retry"), Some("true"));
            let text = refused.text();
            assert!(["recharge", "q-1", "evt_1", "store"].iter().all(|word| !text.contains(word)), "{text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_program_says_where_it_listens_and_stops_when_asked() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let program = env!("CARGO_BIN_EXE_metered-query");
    let unset = Command::new(program).env_clear().stderr(Stdio::null()).status().unwrap();
    assert!(!unset.success());

    let mut child = Command::new(program)
        .arg("0")
        .envs([("API_KEYS", "key-of-ana=acct_a"), ("WEBHOOK_SECRET", "s"), ("BILLING_SHAPE", "error-string")])
        .env("PAGE_DELAY_MS", "600")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
    let body = json!({"sql": STATION_7, "max_rows": 1}).to_string();
    let refused = finish(begin(address, "POST /query", &[ANA, JSON], body.len(), body.as_bytes())).unwrap();
    assert_eq!(refused.status, 402);
    assert!(refused.text().starts_with(r#"{"error":"InsufficientBalance","#), "{}", refused.text());

    // A query that is running when the program is asked to stop is finished and answered.
    let event = payment("evt_1", "acct_a", "1");
    let signature = sign("s", now(), &event);
    let paid =
        begin(address, "POST /top-up", &[("Webhook-Signature", &signature)], event.len(), event.as_bytes());
    assert_eq!(finish(paid).unwrap().status, 200);
    let running = begin(address, "POST /query", &[ANA, JSON], body.len(), body.as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(finish(running).unwrap().status, 200);
    assert_eq!(lines.next().unwrap().unwrap(), "stopped");
    assert!(child.wait().unwrap().success());
}

/// Does it this many times, all at the same moment.
fn at_once<T: Send>(times: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(times);
    std::thread::scope(|scope| {
        let (barrier, act) = (&barrier, &act);
        let thread = |index| {
            scope.spawn(move || {
                barrier.wait();
                act(index)
            })
        };
        let threads: Vec<_> = (0..times).map(thread).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[track_caller]
fn wait_until_held(service: &Service) {
    for _ in 0..500 {
        if service.balance(ANA)[1] > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing was held");
}
