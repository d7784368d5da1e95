//! One customer's way from a notice to a refusal, over a courtesy and a top-up, and on; and who hears what of it.

use metered_query::conversation::Pages;
use serde_json::{Value, json};

use crate::client::{ANA, APP, Answer, JSON, Service, Setup, payment};
use crate::{STATION_7, price};

const PAGES: &str = "https://billing.example/of-metered-query";

fn start() -> Service {
    Setup { pages: Some(Pages::under(PAGES).unwrap()), courtesies: "10", ..Setup::default() }.start()
}

/// So many rows of the 500, after those that the customer has.
fn ask(service: &Service, key: &str, skip: u32, max_rows: u32, headers: &[(&str, &str)]) -> Answer {
    let body = json!({"sql": STATION_7, "max_rows": max_rows, "skip": skip}).to_string();
    service.send("POST /query", &[headers, &[JSON, ("Idempotency-Key", key)]].concat(), body)
}

/// `[charged, remaining, notices]`, as the headers say.
fn told(answer: &Answer) -> [Option<&str>; 3] {
    assert_eq!(answer.status, 200, "{}", answer.text());
    ["x-charged", "x-remaining", "x-notices"].map(|name| answer.header(name))
}

fn kinds(refused: &Value) -> Vec<&str> {
    refused["options"].as_array().unwrap().iter().map(|option| option["kind"].as_str().unwrap()).collect()
}

#[test]
fn a_notice_a_refusal_with_options_a_courtesy_a_top_up_and_on_under_the_same_key() {
    let service = start();
    service.pay("1.00");
    let first = ask(&service, "q-1", 0, 200, &[ANA]);
    assert_eq!(told(&first), [Some("0.402"), Some("0.598"), None]);
    assert_eq!(first.header("access-control-expose-headers"), Some("x-charged, x-remaining"));

    // Below half a dollar, and told once.
    let second = ask(&service, "q-2", 200, 100, &[ANA]);
    assert_eq!(told(&second), [Some("0.202"), Some("0.396"), Some("low_balance")]);
    let third = ask(&service, "q-3", 0, 99, &[ANA]);
    assert_eq!(told(&third), [Some("0.2"), Some("0.196"), None]);

    // At the wall: what is missing, what would fit, and ways on.
    let refused = ask(&service, "q-4", 0, 200, &[ANA]);
    assert_eq!((refused.status, refused.name().as_str()), (402, "InsufficientBalanceError"));
    let said = refused.json();
    assert_eq!(
        [&said["unit"], &said["required"], &said["available"], &said["shortfall"]],
        ["USD", "0.402", "0.196", "0.206"]
    );
    assert_eq!(said["fits"], json!([{"name": "rows", "quantity": "97"}]));
    assert_eq!(kinds(&said), ["smaller_request", "contact", "view_usage", "top_up"]);
    let top_up = &said["options"][3];
    assert_eq!(top_up["link"], format!("{PAGES}/top-up"));
    let amounts = top_up["amounts"].as_array().unwrap();
    let amounts: Vec<_> = amounts.iter().map(|it| it["amount"].as_str().unwrap()).collect();
    assert_eq!(amounts, ["1", "5", "20"]);
    assert_eq!(top_up["amounts"][0]["link"], format!("{PAGES}/top-up?usd=1"));
    // A dead end, pressure, or a key in a link would be none.
    let text = said["readableMessage"].as_str().unwrap();
    assert!(text.contains("nothing was charged") && text.ends_with('?'), "{text}");
    assert!(!refused.text().contains("q-4") && !refused.text().contains("acct_a"));

    // What would fit does.
    let smaller = ask(&service, "q-5", 0, 97, &[ANA]);
    assert_eq!(told(&smaller), [Some("0.196"), Some("0"), None]);

    // Work begun is finished: a courtesy of what is missing, once.
    let part = ask(&service, "q-6", 97, 20, &[ANA]);
    assert_eq!(told(&part), [Some("0.042"), Some("0"), Some("courtesy_given")]);
    assert_eq!(part.json()["rows"].as_array().unwrap().len(), 20);
    let entries = service.send("GET /usage?limit=2", &[ANA], "").json();
    assert_eq!([&entries["entries"][0]["amount"], &entries["entries"][1]["amount"]], ["-0.042", "0.042"]);
    assert_eq!(ask(&service, "q-7", 117, 20, &[ANA]).status, 402);

    // The customer takes the first amount, and the provider reports it, twice.
    for _ in 0..2 {
        assert_eq!(service.webhook(&payment("evt_1", "acct_a", "1")).status, 200);
    }
    // The same request under the same key now runs, and once.
    let resumed = ask(&service, "q-4", 0, 200, &[ANA]);
    assert_eq!(told(&resumed), [Some("0.402"), Some("0.598"), None]);
    assert_eq!(resumed.json()["rows"].as_array().unwrap().len(), 200);
    assert_eq!(ask(&service, "q-4", 0, 200, &[ANA]).name(), "DuplicateRequestError");
    assert_eq!(service.settled(ANA), 1_000_000 - price(200));
}

#[test]
fn each_client_hears_it_in_its_form_and_language() {
    let service = start();
    let said = |accept, language| {
        let headers = [ANA, ("Accept", accept), ("Accept-Language", language)];
        let refused = ask(&service, "q-1", 0, 200, &headers);
        assert_eq!(refused.status, 402);
        assert_eq!(refused.header("vary"), Some("accept, accept-language"));
        assert_eq!(refused.header("x-should-retry"), Some("false"));
        refused
    };
    let plain = said("*/*", "fr");
    assert_eq!(plain.header("content-language"), Some("en"));
    assert_eq!(plain.json()["status"], 40203);

    let problem = said("application/problem+json, application/json;q=0.5", "de-AT, en;q=0.3");
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem.header("content-language"), Some("de"));
    let found = problem.json();
    assert_eq!((&found["status"], &found["required"]), (&json!(402), &json!("0.402")));
    assert!(found["detail"].as_str().unwrap().contains("Guthaben"), "{found}");

    let text = said("text/plain", "en");
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(text.text().contains(&format!("{PAGES}/help")), "{}", text.text());
}

#[test]
fn an_app_hears_that_it_was_refused_and_nothing_of_the_balance() {
    let service = start();
    service.pay("1.00");
    assert_eq!(told(&ask(&service, "q-1", 0, 200, &[APP])), [Some("0.402"), None, None]);
    // Ana hears of her balance, and from the second time on where it went: that is read beforehand.
    assert!(ask(&service, "q-2", 0, 400, &[ANA]).json()["top_uses"].is_null());
    let top_uses = (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        ask(&service, "q-2", 0, 400, &[ANA]).json().get("top_uses").cloned()
    });
    let top_uses = top_uses.expect("where the credit went");
    assert_eq!(top_uses["uses"], json!([{"value": "app", "spent": "0.402"}]));

    let refused = ask(&service, "q-2", 0, 400, &[APP, ("Referer", "https://evil.example/")]);
    assert_eq!(refused.status, 402);
    let said = refused.json();
    assert_eq!(kinds(&said), ["contact"]);
    let mut known: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, ["code", "data", "message", "name", "options", "readableMessage", "reason", "status"]);
    for secret in ["0.", "USD", "acct_a", "/usage", "/top-up", "evil"] {
        assert!(!refused.text().contains(secret), "{secret}: {}", refused.text());
    }
}
