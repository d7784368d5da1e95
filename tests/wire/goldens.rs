//! Every answer that has a golden file with its status and headers, and that each is read back by a reader of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Alternative, Basis, Bin, BurnRate, Claim, Clock, Details, Disclosed, Disclosure, Fit, Free,
    Included, InsufficientBalance, Labels, Ledger, LedgerExt, Link, ManualClock, MemoryLedger,
    MemorySettings, Offer, Options, PostKind, PostRequest, Purchase, Refusal, Rendered, Renderer, Runway,
    Shape, Shortfall, Spending, Timestamp, TopUp, TopUpAmount, TopUses, Usage, Work, wait,
};

use super::reader::Read;
use super::{NOW, credits, documented, empty, golden, golden_path, held, reader, refusals, short, text, usd};

/// One answer and what it is made of.
struct Case {
    name: String,
    refusal: Refusal,
    details: Details,
    level: Disclosure,
    renderer: Renderer,
}

impl Case {
    fn plain(name: String, refusal: Refusal, renderer: Renderer) -> Self {
        Self { name, refusal, details: Details::new(), level: Disclosure::Nothing, renderer }
    }

    fn full(name: &str, refusal: Refusal, level: Disclosure, shape: Shape) -> Self {
        let renderer = Renderer::new(shape)
            .with_error_domain("example.com")
            .and_then(|renderer| renderer.with_request_id("req_0123456789"))
            .and_then(|renderer| renderer.with_problem_types(link("problems/")))
            .unwrap();
        let clock = ManualClock::new();
        clock.advance(NOW.saturating_since(clock.now()));
        let renderer = renderer.with_disclosure(level).with_clock(Arc::new(clock));
        Self { name: format!("{shape}-{name}.json"), refusal, details: details(), level, renderer }
    }

    fn answer(&self) -> Rendered {
        self.renderer.render_with(&self.refusal, &self.details)
    }
}

fn link(path: &str) -> Link {
    Link::new(format!("https://example.com/{path}")).unwrap()
}

/// Everything a host can know.
fn details() -> Details {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let amount = |text| usd().amount(text).unwrap();
    let (runway, top_uses) = spent();
    let amounts = vec![
        TopUpAmount::new(amount("2"), Basis::ThisRequest),
        TopUpAmount::new(amount("20"), Basis::Lasts(runway)).with_link(link("top-up?amount=20")),
        TopUpAmount::new(amount("50"), Basis::Unstated),
    ];
    let options = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link("top-up")).with_amounts(amounts)))
        .smaller_request()
        .cheaper_price()
        .free(Free::view_usage(link("usage")))
        .purchase(Purchase::auto_top_up(link("auto-top-up")))
        .purchase(Purchase::change_plan(Some("Business".parse().unwrap()), link("plans")))
        .free(Free::other_account(link("accounts")))
        .free(Free::pricing(link("pricing")))
        .free(Free::alerts(link("alerts")))
        .free(Free::remind_later(link("later")))
        .free(Free::contact(link("help")));
    Details::new()
        .with_options(options)
        .with_plan("Team \u{201c}Nord\u{201d}".parse().unwrap())
        .with_included(Included::new(amount("48"), amount("50")))
        .with_runway(runway)
        .with_top_uses(top_uses)
        .with_work(Work::new(Usage::new().with("rows", 120_u64).with("seconds", 3_u64), amount("0.24")))
        .with_offer(Offer::new(
            "10 % more credit".parse().unwrap(),
            at("2027-06-30T00:00:00.000000Z"),
            link("terms"),
        ))
        .with_offer(Offer::new("over".parse().unwrap(), NOW, link("terms")))
        .with_claim(Claim::new("412 queries this month".parse().unwrap(), "your usage".parse().unwrap(), NOW))
}

/// How long 30 USD last and where the credit went, from a ledger on which something was spent.
fn spent() -> (Runway, TopUses) {
    let clock = Arc::new(ManualClock::new());
    let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
    let account = AccountId::new("acct_1").unwrap();
    wait(ledger.top_up(&account, "payment-1".parse().unwrap(), usd().amount("100").unwrap())).unwrap();
    for (day, (user, price)) in [
        (Some("ana"), "2"),
        (Some("ben"), "3"),
        (None, "1"),
        (Some("ana"), "3"),
        (None, "2"),
        (Some("ana"), "2"),
    ]
    .into_iter()
    .enumerate()
    {
        let charge = PostRequest::new(
            account.clone(),
            format!("charge-{day}").parse().unwrap(),
            PostKind::Charge,
            usd().amount(price).unwrap(),
        );
        let labels = Labels::new(user.map(|user| ("user", user))).unwrap();
        wait(ledger.post(charge.with_labels(labels))).unwrap();
        clock.advance(Duration::from_secs(86_400));
    }
    let mut spending = Spending::new(usd(), Bin::Day).by_label("user").unwrap();
    spending.add(&wait(ledger.statement(spending.next_request(&account))).unwrap()).unwrap();
    let rate = BurnRate::from_spending(&spending, clock.now()).unwrap();
    let runway = rate.runway(usd().amount("30").unwrap()).unwrap();
    (runway, spending.top_uses(Timestamp::default(), 3).unwrap())
}

/// Too little, with what would fit.
fn fitting() -> Refusal {
    let alternative = Alternative::new("small-model".parse().unwrap(), usd().amount("4.5").unwrap());
    short("7", "5", "1")
        .with_fits(vec![Fit::new("rows", 200_u64)])
        .with_alternatives(vec![alternative])
        .into()
}

fn held_until_known() -> Refusal {
    let amount = |text| usd().amount(text).unwrap();
    let short = Shortfall::new(amount("7"), NOW).with_posted(amount("10")).unwrap();
    let short = short
        .with_held(amount("5"))
        .unwrap()
        .with_next_release(NOW.saturating_add(Duration::from_millis(7_300)));
    InsufficientBalance::new(short).with_retry_after(Duration::from_millis(7_300)).into()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in Shape::ALL {
        let renderer = Renderer::new(*shape);
        let in_full = matches!(
            shape,
            Shape::Flat
                | Shape::FlatWithError
                | Shape::OpenAi
                | Shape::Anthropic
                | Shape::Google
                | Shape::OpenRouter
                | Shape::Problem
        );
        for (name, refusal) in refusals() {
            if in_full || name == "empty" {
                cases.push(Case::plain(format!("{shape}-{name}.json"), refusal, renderer.clone()));
            }
        }
        if in_full {
            let name = format!("{shape}-held-as-429.json");
            cases.push(Case::plain(name, held(), renderer.with_held_as_429()));
        }
        cases.push(Case::full("full-usage", fitting(), Disclosure::Usage, *shape));
    }
    let plain = |name: &str, renderer| Case::plain(name.into(), empty(), renderer);
    cases.push(plain("text-empty-prefixed.json", Renderer::new(Shape::Text).with_name_prefix()));
    cases.push(plain("open-ai-empty-credits.json", Renderer::new(Shape::OpenAi).with_messages(credits())));
    let with_data = Renderer::default().with_data(&serde_json::json!({"summary": "for free"})).unwrap();
    cases.push(plain("flat-empty-with-data.json", with_data));
    for shape in [Shape::FlatWithError, Shape::Problem, Shape::Text] {
        cases.push(Case::full("full-nothing", fitting(), Disclosure::Nothing, shape));
        cases.push(Case::full("full-what-fits", fitting(), Disclosure::WhatFits, shape));
        cases.push(Case::full("full-amounts", fitting(), Disclosure::Amounts, shape));
    }
    for (name, refusal) in refusals() {
        let refusal = if name == "held" { held_until_known() } else { refusal };
        if matches!(
            name,
            "debt"
                | "held"
                | "top-up-pending"
                | "spend-cap-reached"
                | "request-too-large"
                | "budget-exceeded"
                | "unavailable"
        ) {
            cases.push(Case::full(
                &format!("{name}-full-amounts"),
                refusal,
                Disclosure::Amounts,
                Shape::Flat,
            ));
        }
    }
    // A level without anything that the host added.
    let mut bare = Case::full("held-amounts", held_until_known(), Disclosure::Amounts, Shape::OpenAi);
    bare.details = Details::new();
    cases.push(bare);
    cases
}

/// Status, headers and body as they are, in a form that is JSON itself. A JSON body stands in it unchanged.
fn written_down(answer: &Rendered) -> String {
    let headers: Vec<_> =
        answer.headers().map(|(name, value)| format!("  {}", serde_json::json!([name, value]))).collect();
    let body = match answer.header("content-type") {
        Some("application/json" | "application/problem+json") => text(answer.body()).into_owned(),
        _ => serde_json::json!(text(answer.body())).to_string(),
    };
    format!(
        "{{\n\"status\": {},\n\"headers\": [\n{}\n],\n\"body\":\n{body}\n}}\n",
        answer.status(),
        headers.join(",\n")
    )
}

#[test]
fn every_answer_is_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut expected: Vec<String> = documented().iter().map(|(name, _)| (*name).to_owned()).collect();
    for case in cases() {
        let now = written_down(&case.answer());
        serde_json::from_str::<serde_json::Value>(&now).expect(&case.name);
        if update {
            std::fs::write(golden_path(&case.name), &now).unwrap();
        }
        assert_eq!(now, text(&golden(&case.name)), "{}", case.name);
        assert!(!expected.contains(&case.name), "{} is there twice", case.name);
        expected.push(case.name);
    }
    // A file that no test looks at would promise something nobody keeps.
    for entry in std::fs::read_dir(golden_path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(expected.contains(&name) || !name.ends_with(".json"), "{name} belongs to no answer");
    }
}

#[test]
fn every_answer_is_read_by_a_reader_that_knows_only_the_documents() {
    for case in cases() {
        let shape = case.renderer.shape();
        let read = reader::read(shape, case.answer().body())
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let told = Disclosed::new(&case.refusal, &case.details, case.level, NOW);
        let messages: &dyn billing_guard::Messages = if case.name == "open-ai-empty-credits.json" {
            &*credits()
        } else {
            &billing_guard::English::new()
        };
        let (place, readable) = reader::text_of(shape);
        let message = messages.message(&told, place);
        let wanted = if readable { messages.readable_message(&told).unwrap_or(message) } else { message };
        assert!(read.message.ends_with(wanted.as_ref()), "{}: {} is not {wanted}", case.name, read.message);
        let status = case.answer().status();
        assert!(read.status.is_none_or(|read| read == u64::from(status)), "{}", case.name);
        let code = case.refusal.kind().as_str();
        let same_word = |word: &String| word.to_lowercase().replace('_', "") == code.replace('_', "");
        assert!(read.code.as_ref().is_none_or(same_word), "{}: {:?}", case.name, read.code);
        let asked = case.level > Disclosure::Nothing || case.details != Details::new();
        let shown = !matches!(shape, Shape::Text);
        assert_eq!(read.details.is_empty(), !(asked && shown), "{}", case.name);
    }
}

/// However a shape lays them out, the details are the same.
#[test]
fn the_details_are_the_same_in_every_shape() {
    for level in [Disclosure::Nothing, Disclosure::WhatFits, Disclosure::Amounts, Disclosure::Usage] {
        for (name, refusal) in
            refusals().into_iter().chain([("fitting", fitting()), ("known", held_until_known())])
        {
            let mut by_shape = BTreeMap::new();
            for shape in Shape::ALL.iter().filter(|shape| **shape != Shape::Text) {
                let case = Case::full(name, refusal.clone(), level, *shape);
                let Read { mut details, links, .. } = reader::read(*shape, case.answer().body()).unwrap();
                if *shape == Shape::Problem {
                    // The name that the RFC's own example has for it, beside ours.
                    assert_eq!(details.remove("balance").as_ref(), details.get("available"), "{name}");
                }
                assert_eq!(details["reason"], refusal.kind().as_str());
                let options = details["options"].as_array().unwrap().clone();
                if *shape == Shape::Google {
                    // The links stand under `Help` as well, in the host's order.
                    let of_option = |option: &serde_json::Value| {
                        let amounts = option["amounts"].as_array().cloned().unwrap_or_default();
                        let links = std::iter::once(option["link"].clone())
                            .chain(amounts.iter().map(|one| one["link"].clone()));
                        links.filter_map(|link| link.as_str().map(str::to_owned)).collect::<Vec<_>>()
                    };
                    assert_eq!(links, options.iter().flat_map(of_option).collect::<Vec<_>>(), "{name}");
                }
                by_shape.insert(shape.as_str(), details);
            }
            let flat = &by_shape["flat"];
            for (key, value) in flat {
                assert!(!has_nothing(key, value), "{name}, {level:?}: {key} is {value}");
            }
            for (shape, details) in &by_shape {
                assert_eq!(details, flat, "{shape}, {name}, {level:?}");
            }
        }
    }
}

/// Whether there is nothing in it somewhere: what is absent is not there. Only what was spent without a label is null.
fn has_nothing(key: &str, value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => key != "value",
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.is_empty() || items.iter().any(|item| has_nothing("", item)),
        serde_json::Value::Object(members) => {
            members.is_empty() || members.iter().any(|(key, value)| has_nothing(key, value))
        }
        _ => false,
    }
}

#[test]
fn an_amount_in_another_unit_says_so() {
    let credits = billing_guard::Unit::new("CREDITS", 0).unwrap();
    let details = Details::new().with_included(Included::new(credits.minor(7), credits.minor(10)));
    let renderer = Renderer::default().with_disclosure(Disclosure::Amounts);
    let shown = |refusal: &Refusal| {
        let body = renderer.render_with(refusal, &details).into_body();
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (value["unit"].clone(), value["included"].clone())
    };
    let (unit, included) = shown(&empty());
    assert_eq!((unit.as_str(), included["unit"].as_str()), (Some("USD"), Some("CREDITS")));
    let (unit, included) = shown(&Refusal::BudgetExceeded);
    assert_eq!((unit.as_str(), included.get("unit")), (Some("CREDITS"), None));
}

#[test]
fn amounts_in_lines_of_text_have_the_marks_of_their_language() {
    let case = Case::full("amounts", fitting(), Disclosure::Amounts, Shape::Text);
    for (messages, wanted) in [
        (Arc::new(billing_guard::English::new()) as Arc<dyn billing_guard::Messages>, "(2.00 USD, "),
        (Arc::new(billing_guard::German::new()), "(2,00 USD, "),
    ] {
        let answer = case.renderer.clone().with_messages(messages).render_with(&case.refusal, &case.details);
        assert!(text(answer.body()).contains(wanted), "{}", text(answer.body()));
    }
}
