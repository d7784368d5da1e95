//! Every text of the built-in catalogues, for those who write copy: each reason in each language and tone, with what each
//! level of disclosure changes, and then choices, what amounts are good for, notices, and digests.
//!
//! `cargo run --example messages_gallery` prints plain text, with `-- --markdown` tables for a page. To see a catalogue of
//! your own, put it into `catalogues`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Alternative, Amount, Basis, Bin, BurnRate, Choice, Clock, Details, Disclosed, Disclosure,
    English, Fit, Free, German, InsufficientBalance, Label, Labels, Ledger, LedgerExt, Link, ManualClock,
    MemoryLedger, MemorySettings, Messages, Notice, Options, Period, Place, PostKind, PostRequest, Purchase,
    Refusal, Runway, Shortfall, Spending, Timestamp, Tone, TopUp, Unit, Usage, UsageDigest, Wording, Work,
    wait,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What people read, by language and tone.
fn catalogues() -> Vec<(&'static str, Box<dyn Messages>)> {
    vec![
        ("English, neutral", Box::new(English::new().with_tone(Tone::Neutral))),
        ("English, warm", Box::new(English::new().with_tone(Tone::Warm))),
        ("German, neutral", Box::new(German::new().with_tone(Tone::Neutral))),
        ("German, warm", Box::new(German::new().with_tone(Tone::Warm))),
    ]
}

/// What programs and their developers read.
fn for_developers() -> Vec<(&'static str, Box<dyn Messages>)> {
    vec![
        ("English", Box::new(English::new())),
        ("English, credits", Box::new(English::new().with_wording(Wording::Credits))),
        ("German", Box::new(German::new())),
    ]
}

const PLACES: [(Place, &str); 4] = [
    (Place::Envelope, "envelope"),
    (Place::ErrorObject, "error object"),
    (Place::ErrorString, "error string"),
    (Place::Searched, "where clients search"),
];

const LEVELS: [(Disclosure, &str); 4] = [
    (Disclosure::Nothing, "nothing disclosed"),
    (Disclosure::WhatFits, "what fits"),
    (Disclosure::Amounts, "amounts"),
    (Disclosure::Usage, "usage"),
];

fn main() -> Result<()> {
    let page = Page { markdown: std::env::args().any(|arg| arg == "--markdown") };
    let usd = Unit::new("USD", 6)?;
    let now: Timestamp = "2026-11-30T09:00:00.000000Z".parse()?;

    for (reason, refusal, details) in refusals(usd, now)? {
        page.heading(&format!("{reason} ({})", refusal.kind().as_str()));
        page.table("for developers", &developer_texts(&refusal, &details, now));
        page.table("for readers", &reader_texts(&refusal, &details, now));
    }

    page.heading("Choices");
    for choice in choices(usd)? {
        page.table(choice.as_str(), &in_each(|messages| Some(messages.choice(&choice).into_owned())));
    }

    page.heading("What an amount to top up by is good for");
    for basis in bases() {
        let texts = in_each(|messages| messages.basis(basis).map(std::borrow::Cow::into_owned));
        page.table(&format!("{basis:?}"), &texts);
    }

    page.heading("Notices");
    for notice in notices(usd)? {
        page.table(notice.as_str(), &in_each(|messages| Some(messages.notice(&notice).into_owned())));
    }

    page.heading("Digests");
    for (period, digest) in digests(usd)? {
        page.table(period, &in_each(|messages| Some(messages.digest(&digest).into_owned())));
    }
    Ok(())
}

/// One row for each text that differs, with all the places where it stands.
fn developer_texts(refusal: &Refusal, details: &Details, now: Timestamp) -> Vec<[String; 2]> {
    let told = Disclosed::new(refusal, details, Disclosure::Nothing, now);
    let mut rows: Vec<[String; 2]> = Vec::new();
    for (catalogue, messages) in for_developers() {
        for (place, name) in PLACES {
            let text = messages.message(&told, place).into_owned();
            match rows.iter_mut().find(|[_, known]| *known == text) {
                // What is the same everywhere need not be listed place by place.
                Some([label, _]) if label.starts_with(catalogue) => label.push_str(&format!(", {name}")),
                Some(_) => {}
                None => rows.push([format!("{catalogue}: {name}"), text]),
            }
        }
    }
    rows
}

/// One row for each catalogue, and one more for each level that changes the text.
fn reader_texts(refusal: &Refusal, details: &Details, now: Timestamp) -> Vec<[String; 2]> {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for (catalogue, messages) in catalogues() {
        let mut last = None;
        for (level, name) in LEVELS {
            let told = Disclosed::new(refusal, details, level, now);
            let text = messages.readable_message(&told).map(std::borrow::Cow::into_owned);
            if let Some(text) = text.filter(|text| last.as_ref() != Some(text)) {
                rows.push([format!("{catalogue}, {name}"), text.clone()]);
                last = Some(text);
            }
        }
    }
    rows
}

/// One row for each text that differs.
fn in_each(say: impl Fn(&dyn Messages) -> Option<String>) -> Vec<[String; 2]> {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for (catalogue, messages) in catalogues() {
        let text = say(messages.as_ref()).unwrap_or_else(|| "(nothing)".to_owned());
        match rows.iter_mut().find(|[_, known]| *known == text) {
            Some([label, _]) => label.push_str(&format!("; {catalogue}")),
            None => rows.push([catalogue.to_owned(), text]),
        }
    }
    rows
}

/// Each reason, in the variants that change its text.
fn refusals(usd: Unit, now: Timestamp) -> Result<Vec<(&'static str, Refusal, Details)>> {
    let none = Details::new();
    let work = Work::new(Usage::new().with("rows", 258_u64), usd.amount("0.516")?);
    let cut_short = Details::new().with_work(work);
    let short = |required: &str, posted: &str, held: &str| -> Result<InsufficientBalance> {
        let short = Shortfall::new(usd.amount(required)?, now).with_posted(usd.amount(posted)?)?;
        let short = short
            .with_held(usd.amount(held)?)?
            .with_next_release(now.saturating_add(Duration::from_secs(40)));
        Ok(InsufficientBalance::new(short))
    };
    let label = |text: &str| text.parse::<Label>();
    let with_ways = |short: InsufficientBalance| -> Result<InsufficientBalance> {
        let small = Alternative::new(label("small model")?, usd.amount("3")?);
        Ok(short.with_fits(vec![Fit::new("rows", 2_500_u64)]).with_alternatives(vec![small]))
    };
    let resets_at = Some("2026-12-01T00:00:00.000000Z".parse()?);
    let cap = |label, resets_at| Refusal::SpendCapReached { label, resets_at };
    Ok(vec![
        ("Empty, and nothing smaller fits", short("7", "0", "0")?.into(), none.clone()),
        (
            "Too little, and something smaller fits",
            with_ways(short("1234.5", "5", "0")?)?.into(),
            none.clone(),
        ),
        ("Too little for the rest of the work", short("7", "0.484", "0")?.into(), cut_short.clone()),
        ("Too little, and some of it held", with_ways(short("70", "10", "4")?)?.into(), none.clone()),
        ("Enough, but held", short("7", "10", "5")?.into(), none.clone()),
        (
            "Enough, but held, and something smaller fits",
            with_ways(short("7", "10", "5")?)?.into(),
            none.clone(),
        ),
        (
            "A top-up is under way",
            short("7", "5", "0")?.with_top_up_pending(Duration::from_secs(5)).into(),
            none.clone(),
        ),
        ("A cap with a label and a reset", cap(Some(label("Test key, daily")?), resets_at), none.clone()),
        ("A cap without either", cap(None, None), none.clone()),
        ("A cap, reached during the work", cap(None, resets_at), cut_short.clone()),
        (
            "Larger than any single request",
            Refusal::RequestTooLarge { maximum: usd.amount("2.5")? },
            none.clone(),
        ),
        ("More than its budget", Refusal::BudgetExceeded, none.clone()),
        ("Received before", Refusal::Duplicate, none.clone()),
        ("Its key is another's", Refusal::KeyConflict, none.clone()),
        ("The ledger was not reached", Refusal::unavailable(), none.clone()),
        ("No price", Refusal::UnknownPrice, none.clone()),
        ("Another unit", Refusal::WrongUnit, none.clone()),
        ("A setting is wrong", Refusal::Misconfigured, none.clone()),
        ("The hold was lost", Refusal::HoldLost, none),
        ("The hold was lost, but it is known what was charged", Refusal::HoldLost, cut_short),
    ])
}

fn choices(usd: Unit) -> Result<Vec<Choice>> {
    let link = Link::new("https://example.com/")?;
    let amounts = vec![billing_guard::TopUpAmount::new(usd.amount("10")?, Basis::ThisRequest)];
    let with_plan = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link.clone()).with_amounts(amounts)))
        .purchase(Purchase::auto_top_up(link.clone()))
        .purchase(Purchase::change_plan(Some("Team".parse()?), link.clone()))
        .smaller_request()
        .cheaper_price()
        .free(Free::other_account(link.clone()))
        .free(Free::view_usage(link.clone()))
        .free(Free::pricing(link.clone()))
        .free(Free::alerts(link.clone()))
        .free(Free::remind_later(link.clone()))
        .free(Free::contact(link.clone()));
    // The same kind again, without its label, takes the place of the first.
    let without = with_plan.clone().purchase(Purchase::change_plan(None, link));
    let mut all = Vec::new();
    for (one, other) in with_plan.choices().iter().zip(without.choices()) {
        all.push(one.clone());
        all.extend((one != other).then(|| other.clone()));
    }
    Ok(all)
}

fn bases() -> Vec<Basis> {
    vec![
        Basis::ThisRequest,
        Basis::Lasts(Runway::new(0, 0, Some(1))),
        Basis::Lasts(Runway::new(1, 1, Some(2))),
        Basis::Lasts(Runway::new(5, 7, Some(10))),
        Basis::MoreRequests(1),
        Basis::MoreRequests(1_200),
        Basis::Unstated,
    ]
}

fn notices(usd: Unit) -> Result<Vec<Notice>> {
    let amount = |text: &str| -> Result<Amount> { Ok(usd.amount(text)?) };
    let label = |text: &str| text.parse::<Label>().map(Some);
    let at: Timestamp = "2026-12-01T14:05:00.000000Z".parse()?;
    let available = amount("4.2")?;
    Ok(vec![
        Notice::LowBalance { threshold: amount("5")?, balance: available },
        Notice::LowShare { percent: 20, top_up: amount("25")?, balance: available },
        Notice::LessThanLargestRequest { largest: amount("6")?, balance: available },
        Notice::ShortRunway { days: 7, runway: Runway::new(2, 3, Some(5)), balance: available },
        Notice::ShortRunway { days: 1, runway: Runway::new(0, 0, None), balance: available },
        Notice::CapNearlyReached {
            label: label("Test key, daily")?,
            percent: 80,
            used: amount("20")?,
            limit: amount("25")?,
            resets_at: Some(at),
        },
        Notice::CapNearlyReached {
            label: None,
            percent: 80,
            used: amount("2000")?,
            limit: amount("2500")?,
            resets_at: None,
        },
        Notice::CreditEndsSoon { label: label("Spring campaign")?, remaining: amount("3")?, ends_at: at },
        Notice::CreditEndsSoon { label: None, remaining: amount("3")?, ends_at: at },
        Notice::HoldEndsSoon { key: "request-1".parse()?, ends_at: at },
        Notice::ToppedUpAutomatically { amount: amount("20")?, balance: amount("24.2")? },
        Notice::AutoTopUpFailed { retry_at: Some(at) },
        Notice::AutoTopUpFailed { retry_at: None },
        Notice::AutoTopUpAtCeiling { ceiling: amount("100")?, left: amount("10")?, missing: amount("20")? },
        Notice::CourtesyGiven { amount: amount("0.5")? },
    ])
}

/// Of an account with a charge a day and one without a user.
fn digests(usd: Unit) -> Result<Vec<(&'static str, UsageDigest)>> {
    let clock = Arc::new(ManualClock::new());
    let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
    let account: AccountId = "acct_1".parse()?;
    wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5000")?))?;
    for (day, user) in (0..50).zip(["ana", "ben", "ana", "cleo", ""].into_iter().cycle()) {
        let price = usd.minor(1_000_000 + 7_000_000 * (day % 9));
        let charge = PostRequest::new(account.clone(), format!("{day}").parse()?, PostKind::Charge, price);
        let labels = if user.is_empty() { Labels::default() } else { Labels::new([("user", user)])? };
        wait(ledger.post(charge.with_labels(labels)))?;
        clock.advance(Duration::from_secs(86_400));
    }
    let mut spending = Spending::new(usd, Bin::Day).by_label("user")?;
    spending.add(&wait(ledger.statement(spending.next_request(&account)))?)?;
    let available = wait(ledger.balance_of(&account, usd))?.available();
    let rate = BurnRate::from_spending(&spending, clock.now());
    let with_balance = |digest: UsageDigest| {
        digest.with_balance(available, rate.as_ref().and_then(|rate| rate.runway(available)))
    };
    Ok([("day", Period::day()), ("week", Period::week()), ("month", Period::month())]
        .into_iter()
        .filter_map(|(name, period)| Some((name, UsageDigest::of_last(&spending, period, clock.now())?)))
        .map(|(name, digest)| (name, with_balance(digest)))
        .collect())
}

/// Where it goes: plain text, or Markdown.
struct Page {
    markdown: bool,
}

impl Page {
    fn heading(&self, text: &str) {
        match self.markdown {
            true => println!("\n## {text}\n"),
            false => println!("\n{text}\n{}\n", "=".repeat(text.chars().count())),
        }
    }

    fn table(&self, title: &str, rows: &[[String; 2]]) {
        if self.markdown {
            println!("| {title} | |\n|---|---|");
            for [label, text] in rows {
                println!("| {label} | {} |", text.replace('|', "\\|"));
            }
            println!();
        } else {
            println!("{title}");
            for [label, text] in rows {
                println!("  {label}\n      {text}");
            }
            println!();
        }
    }
}
