//! Where the credits went: sums over statements, compared with the same added up by hand.

#[allow(dead_code, reason = "shared with the tests of exports")]
#[path = "export/history.rs"]
mod history;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Bin, ChargeRef, Entry, EntryKind, Labels, Ledger, LedgerExt, ManualClock, MemoryLedger,
    MemorySettings, Order, PostKind, PostRequest, Spending, SpendingError, Statement, StatementRequest,
    Timestamp, Unit, wait,
};
use history::{World, setting, setting_of, steps};
use proptest::prelude::*;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn id(name: &str) -> AccountId {
    name.parse().unwrap()
}

/// A ledger on a clock that begins at 2026-01-01T00:00:00Z and keeps so many entries.
fn ledger(retained: usize) -> (MemoryLedger, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (MemoryLedger::with_clock(MemorySettings::new().with_retained_entries(retained), clock.clone()), clock)
}

fn charge(ledger: &MemoryLedger, account: &AccountId, key: &str, minor: i64, labels: &[(&str, &str)]) {
    let request =
        PostRequest::new(account.clone(), key.parse().unwrap(), PostKind::Charge, usd().minor(minor));
    let labels = Labels::new(labels.iter().copied()).unwrap();
    wait(ledger.post(request.with_labels(labels))).unwrap();
}

fn page(ledger: &MemoryLedger, spending: &Spending, account: &AccountId, limit: u32) -> Statement {
    wait(ledger.statement(spending.next_request(account).with_limit(limit))).unwrap()
}

/// Counts all there is; after each page through the form in which it is stored.
fn count(spending: &mut Spending, ledger: &MemoryLedger, account: &AccountId, limit: u32) {
    loop {
        let page = page(ledger, spending, account, limit);
        spending.add(&page).unwrap();
        let stored = serde_json::to_string(&*spending).unwrap();
        let again: Spending = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, *spending);
        *spending = again;
        if page.next().is_none() {
            return;
        }
    }
}

/// Charged, refunded, and how many charges.
type Sums = (i128, i128, u64);

fn rows(spending: &Spending) -> BTreeMap<(String, Option<String>), Sums> {
    let sums = |spent: billing_guard::Spent| {
        (i128::from(spent.charged().minor()), i128::from(spent.refunded().minor()), spent.charges())
    };
    spending
        .rows()
        .map(|row| ((row.start().to_string(), row.label().map(str::to_owned)), sums(row.spent())))
        .collect()
}

/// The same from all entries at once: bins by the text of a moment.
fn naive(
    entries: &[Entry],
    label: Option<&str>,
    bin: Bin,
    offset_minutes: i64,
) -> BTreeMap<(String, Option<String>), Sums> {
    let mut sums = BTreeMap::<_, Sums>::new();
    for entry in entries {
        let amount = i128::from(entry.amount().minor());
        let (charged, refunded, charges) = match entry.kind() {
            EntryKind::Charge => (-amount, 0, 1),
            EntryKind::Refund => (0, amount, 0),
            _ => continue,
        };
        let ahead = offset_minutes * 60_000_000;
        let local = Timestamp::from_micros(entry.booked_at().as_micros() + ahead).to_string();
        let begins = match bin {
            Bin::Hour => format!("{}:00:00.000000Z", &local[..13]),
            Bin::Day => format!("{}T00:00:00.000000Z", &local[..10]),
            Bin::Month => format!("{}-01T00:00:00.000000Z", &local[..7]),
        };
        let begins: Timestamp = begins.parse().unwrap();
        let start = Timestamp::from_micros(begins.as_micros() - ahead).to_string();
        let value = label.and_then(|name| entry.labels().get(name).map(str::to_owned));
        let row = sums.entry((start, value)).or_default();
        *row = (row.0 + charged, row.1 + refunded, row.2 + charges);
    }
    sums
}

fn bin() -> impl Strategy<Value = Bin> {
    prop_oneof![Just(Bin::Hour), Just(Bin::Day), Just(Bin::Month)]
}

proptest! {
    #[test]
    fn the_rows_are_the_charges_added_up_in_any_pages(
        mut setting in setting(),
        steps in steps(),
        bin in bin(),
        offset in prop_oneof![Just(0_i16), Just(345), Just(-570), -1_080..=1_080_i16],
        label in prop_oneof![Just(None), Just(Some("project")), Just(Some("date")), Just(Some("none has it"))],
        limit in 1..20_u32,
    ) {
        setting.retained = 1_000;
        let world = World::after(&setting, &steps);
        let spending = || {
            let spending = Spending::new(world.unit, bin).at_offset_minutes(offset).unwrap();
            label.map_or(Ok(spending.clone()), |label| spending.by_label(label)).unwrap()
        };
        let (mut at_once, mut in_pages) = (spending(), spending());
        count(&mut at_once, &world.ledger, &world.account, 1_000);
        count(&mut in_pages, &world.ledger, &world.account, limit);
        prop_assert_eq!(&at_once, &in_pages);

        let wanted = naive(&world.entries(1_000), label, bin, offset.into());
        prop_assert_eq!(rows(&at_once), wanted.clone());
        let total = |part: fn(&Sums) -> i128| wanted.values().map(part).sum::<i128>();
        prop_assert_eq!(i128::from(at_once.total().charged().minor()), total(|sums| sums.0));
        prop_assert_eq!(i128::from(at_once.total().refunded().minor()), total(|sums| sums.1));
        prop_assert_eq!(i128::from(at_once.total().charges()), total(|sums| sums.2.into()));
        prop_assert!(at_once.other().charged().is_zero() && at_once.folded_until().is_none());
        for row in at_once.rows() {
            let length = row.end().saturating_since(row.start()).as_secs();
            let expected = match bin {
                Bin::Hour => 3_600..=3_600,
                Bin::Day => 86_400..=86_400,
                Bin::Month => 28 * 86_400..=31 * 86_400,
            };
            prop_assert!(expected.contains(&length));
        }
    }

    #[test]
    fn foreign_text_is_no_spending_and_does_no_harm(text in "\\PC{0,200}") {
        prop_assert!(serde_json::from_str::<Spending>(&text).is_err());
    }
}

proptest! {
    #[test]
    fn the_top_uses_are_the_largest_sums(
        mut setting in setting(),
        steps in steps(),
        bin in bin(),
        label in prop_oneof![Just("project"), Just("date"), Just("none has it")],
        since in 0..80_usize,
        count in 0..14_usize,
    ) {
        setting.retained = 1_000;
        let world = World::after(&setting, &steps);
        let mut spending = Spending::new(world.unit, bin).by_label(label).unwrap();
        count_all(&mut spending, &world);
        let entries = world.entries(1_000);
        let since = entries.get(since).map_or(Timestamp::MAX, Entry::booked_at);

        let start = bin_start(since, bin);
        let mut sums = BTreeMap::<Option<String>, i128>::new();
        for ((row, value), (charged, refunded, _)) in naive(&entries, Some(label), bin, 0) {
            if since != Timestamp::MAX && row >= start {
                *sums.entry(value).or_default() += charged - refunded;
            }
        }
        let mut wanted: Vec<_> = sums.into_iter().filter(|(_, spent)| *spent > 0).collect();
        let total: i128 = wanted.iter().map(|(_, spent)| spent).sum();
        wanted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        wanted.truncate(count.min(10));

        let top = spending.top_uses(since, count);
        prop_assert_eq!(top.is_some(), total > 0);
        if let Some(top) = top {
            let found: Vec<_> = top
                .uses()
                .iter()
                .map(|one| (one.value().map(str::to_owned), i128::from(one.spent().minor())))
                .collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(i128::from(top.total().minor()), total);
            prop_assert_eq!((top.label(), top.since().to_string()), (label, start));
        }
    }
}

fn count_all(spending: &mut Spending, world: &World) {
    count(spending, &world.ledger, &world.account, 1_000);
}

/// When the hour, day or month begins in UTC, as text.
fn bin_start(at: Timestamp, bin: Bin) -> String {
    let text = at.to_string();
    match bin {
        Bin::Hour => format!("{}:00:00.000000Z", &text[..text.len() - 14]),
        Bin::Day => format!("{}T00:00:00.000000Z", &text[..text.len() - 17]),
        Bin::Month => format!("{}-01T00:00:00.000000Z", &text[..text.len() - 20]),
    }
}

#[test]
fn top_uses_are_few_ordered_and_only_what_is_known() {
    let (ledger, clock) = ledger(300);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(10_000))).unwrap();
    for number in 0..12 {
        charge(&ledger, &account, &format!("{number:02}"), 5, &[("user", &format!("user-{number:02}"))]);
    }
    charge(&ledger, &account, "without", 5, &[]);
    charge(&ledger, &account, "large", 6, &[("user", "user-07")]);
    let mut spending = Spending::new(usd(), Bin::Day).by_label("user").unwrap();
    count(&mut spending, &ledger, &account, 1_000);
    let values = |top: &billing_guard::TopUses| {
        top.uses().iter().map(|one| one.value().unwrap_or("none").to_owned()).collect::<Vec<_>>()
    };
    let top = spending.top_uses(Timestamp::default(), usize::MAX).unwrap();
    assert_eq!(
        values(&top),
        [
            "user-07", "none", "user-00", "user-01", "user-02", "user-03", "user-04", "user-05", "user-06",
            "user-08"
        ]
    );
    assert_eq!((top.total(), top.uses()[0].spent()), (usd().minor(71), usd().minor(11)));
    assert_eq!(values(&spending.top_uses(Timestamp::default(), 2).unwrap()), ["user-07", "none"]);
    let nothing_listed = spending.top_uses(Timestamp::default(), 0).unwrap();
    assert_eq!((nothing_listed.uses().len(), nothing_listed.total()), (0, usd().minor(71)));

    // From the day on in which the moment lies; nothing later, nothing to tell.
    let noon = Timestamp::from_micros(1_767_225_600_000_000 + 43_200_000_000);
    assert_eq!(spending.top_uses(noon, 1).unwrap().since().to_string(), "2026-01-01T00:00:00.000000Z");
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(spending.top_uses(billing_guard::Clock::now(&*clock), 1), None);
    // A use of which more came back than went is none.
    let refund = PostKind::refund(ChargeRef::Charge("large".parse().unwrap()));
    let refund = PostRequest::new(account.clone(), "back".parse().unwrap(), refund, usd().minor(6));
    let labels = Labels::new([("user", "user-03")]).unwrap();
    wait(ledger.post(refund.with_labels(labels))).unwrap();
    count(&mut spending, &ledger, &account, 1_000);
    let top = spending.top_uses(Timestamp::default(), 10).unwrap();
    assert_eq!((values(&top).contains(&"user-03".to_owned()), top.total()), (false, usd().minor(66)));

    let mut unlabelled = Spending::new(usd(), Bin::Day);
    count(&mut unlabelled, &ledger, &account, 1_000);
    assert_eq!(unlabelled.top_uses(Timestamp::default(), 10), None);
}

#[test]
fn top_uses_say_since_when_they_are_known() {
    let (ledger, clock) = ledger(2);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(1_000))).unwrap();
    let mut last_folded = Timestamp::default();
    for key in ["a", "b", "c"] {
        clock.advance(Duration::from_secs(60));
        charge(&ledger, &account, key, 10, &[("user", key)]);
        if key == "a" {
            last_folded = billing_guard::Clock::now(&*clock);
        }
    }
    let mut spending = Spending::new(usd(), Bin::Day).by_label("user").unwrap();
    count(&mut spending, &ledger, &account, 1_000);
    let top = spending.top_uses(Timestamp::default(), 10).unwrap();
    assert_eq!((top.since(), top.total()), (last_folded, usd().minor(20)));
}

#[test]
fn a_refund_is_counted_back_where_it_is_labelled_and_booked() {
    let (ledger, clock) = ledger(100);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(100))).unwrap();
    charge(&ledger, &account, "c", 40, &[("project", "blue")]);
    clock.advance(Duration::from_secs(86_400));
    let of = ChargeRef::Charge("c".parse().unwrap());
    let refund = |key: &str, minor| {
        PostRequest::new(
            account.clone(),
            key.parse().unwrap(),
            PostKind::refund(of.clone()),
            usd().minor(minor),
        )
    };
    let labelled = Labels::new([("project", "blue")]).unwrap();
    wait(ledger.post(refund("r1", 25).with_labels(labelled))).unwrap();
    wait(ledger.post(refund("r2", 5))).unwrap();
    let mut spending = Spending::new(usd(), Bin::Day).by_label("project").unwrap();
    count(&mut spending, &ledger, &account, 1_000);
    let net: Vec<_> = spending
        .rows()
        .map(|row| (row.start().to_string()[..10].to_owned(), row.label(), row.spent().net().minor()))
        .collect();
    let day = |day: &str| format!("2026-01-{day}");
    assert_eq!(net, [(day("01"), Some("blue"), 40), (day("02"), None, -5), (day("02"), Some("blue"), -25)]);
    assert_eq!(spending.total().net(), usd().minor(10));
}

#[test]
fn it_goes_on_where_it_was_and_counts_nothing_twice() {
    let (ledger, _) = ledger(100);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(100))).unwrap();
    charge(&ledger, &account, "a", 1, &[]);
    let mut spending = Spending::new(usd(), Bin::Month);
    assert_eq!((spending.seq(), spending.next_request(&account).after), (None, None));
    let first = page(&ledger, &spending, &account, 1_000);
    spending.add(&first).unwrap();
    spending.add(&first).unwrap();
    charge(&ledger, &account, "b", 2, &[]);
    // A page that overlaps with what was counted.
    let all = wait(ledger.statement(StatementRequest::new(account.clone()).with_order(Order::OldestFirst)));
    spending.add(&all.unwrap()).unwrap();
    assert_eq!(spending.total().charged(), usd().minor(3));
    assert_eq!((spending.seq(), spending.total().charges()), (Some(3), 2));
    let request = spending.next_request(&account);
    assert_eq!((request.after, request.order, request.limit), (Some(3), Order::OldestFirst, 1_000));
    spending.add(&page(&ledger, &spending, &account, 1_000)).unwrap();
    assert_eq!(spending.total().charged(), usd().minor(3));
}

#[test]
fn a_page_that_does_not_follow_is_refused_and_changes_nothing() {
    let (ledger, _) = ledger(100);
    let (account, other) = (id("acct"), id("other"));
    for account in [&account, &other] {
        wait(ledger.top_up(account, "p".parse().unwrap(), usd().minor(100))).unwrap();
    }
    for key in ["a", "b", "c"] {
        charge(&ledger, &account, key, 5, &[]);
        charge(&ledger, &other, key, 7, &[]);
    }
    let mut spending = Spending::new(usd(), Bin::Day);
    spending.add(&page(&ledger, &spending, &account, 2)).unwrap();
    let before = spending.clone();

    let gap = Err(SpendingError::Gap { expected: usd().minor(95), found: usd().minor(93) });
    assert_eq!(spending.add(&page(&ledger, &spending, &other, 1_000)), gap);
    let skipped = wait(ledger.statement(spending.next_request(&account).with_after(3))).unwrap();
    let gap = Err(SpendingError::Gap { expected: usd().minor(95), found: usd().minor(90) });
    assert_eq!(spending.add(&skipped), gap);
    let newest = wait(ledger.statement(StatementRequest::new(account.clone()))).unwrap();
    assert_eq!(spending.add(&newest), Err(SpendingError::WrongOrder));
    let mut in_euros = Spending::new(Unit::new("EUR", 2).unwrap(), Bin::Day);
    assert!(matches!(in_euros.add(&newest_turned(&ledger, &account)), Err(SpendingError::WrongUnit { .. })));
    assert_eq!(spending, before);
    count(&mut spending, &ledger, &account, 1_000);
    assert_eq!(spending.total().charged(), usd().minor(15));
}

/// All of an account's entries, oldest first.
fn newest_turned(ledger: &MemoryLedger, account: &AccountId) -> Statement {
    wait(ledger.statement(StatementRequest::new(account.clone()).with_order(Order::OldestFirst))).unwrap()
}

#[test]
fn a_sum_that_does_not_fit_is_an_error_and_changes_nothing() {
    let (ledger, _) = ledger(100);
    let account = id("acct");
    for round in ["1", "2"] {
        wait(ledger.top_up(&account, format!("p{round}").parse().unwrap(), usd().minor(i64::MAX))).unwrap();
        charge(&ledger, &account, round, i64::MAX, &[]);
    }
    let mut spending = Spending::new(usd(), Bin::Day);
    spending.add(&page(&ledger, &spending, &account, 2)).unwrap();
    assert_eq!(spending.total().charged(), usd().minor(i64::MAX));
    let before = spending.clone();
    let rest = page(&ledger, &spending, &account, 2);
    assert_eq!(spending.add(&rest), Err(SpendingError::TooLarge { unit: usd() }));
    assert_eq!(spending, before);
}

#[test]
fn folded_history_is_left_out_and_says_so() {
    let (ledger, clock) = ledger(3);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(1_000))).unwrap();
    let mut spending = Spending::new(usd(), Bin::Day);
    count(&mut spending, &ledger, &account, 1_000);
    assert_eq!(spending.folded_until(), None);
    let mut times = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        clock.advance(Duration::from_secs(60));
        charge(&ledger, &account, key, 10, &[]);
        times.push(billing_guard::Clock::now(&*clock));
    }
    // The payment and two charges were folded; three are left.
    count(&mut spending, &ledger, &account, 1_000);
    assert_eq!(spending.total().charged(), usd().minor(30));
    assert_eq!(spending.folded_until(), Some(times[1]));
}

#[test]
fn the_number_of_rows_is_limited_and_what_is_beyond_is_not_lost() {
    let (ledger, _) = ledger(20_000);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(1_000_000))).unwrap();
    let spend = |number: usize, key: &str| {
        charge(&ledger, &account, &format!("{key}{number}"), 2, &[("user", &format!("user-{number}"))]);
    };
    let new = || Spending::new(usd(), Bin::Month).by_label("user").unwrap();
    let counted = |spending: &mut Spending| loop {
        let page = page(&ledger, spending, &account, 1_000);
        spending.add(&page).unwrap();
        if page.next().is_none() {
            return;
        }
    };
    (0..Spending::MAX_ROWS).for_each(|number| spend(number, "first-"));
    let mut spending = new();
    counted(&mut spending);
    assert_eq!(spending.rows().count(), 10_000);
    assert_eq!(spending.other().charges(), 0);
    let full: Spending = serde_json::from_str(&serde_json::to_string(&spending).unwrap()).unwrap();
    assert_eq!(full, spending);

    (9_999..10_003).for_each(|number| spend(number, "second-"));
    counted(&mut spending);
    assert_eq!(spending.rows().count(), 10_000);
    assert_eq!((spending.other().charges(), spending.other().net()), (3, usd().minor(6)));
    assert_eq!(spending.top_uses(Timestamp::default(), 1), None, "not all of it can be told apart");
    let last = spending.rows().find(|row| row.label() == Some("user-9999")).unwrap();
    assert_eq!(last.spent().net(), usd().minor(4), "a row that is there still counts");
    assert_eq!((spending.total().charges(), spending.total().net()), (10_004, usd().minor(20_008)));
    let again: Spending = serde_json::from_str(&serde_json::to_string(&spending).unwrap()).unwrap();
    assert_eq!(again, spending);
}

#[test]
fn settings_have_limits_and_are_made_before_counting() {
    let new = || Spending::new(usd(), Bin::Day);
    assert!(new().by_label(&"n".repeat(64)).is_ok());
    assert!(matches!(new().by_label(&"n".repeat(65)), Err(SpendingError::Label(_))));
    assert!(matches!(new().by_label(""), Err(SpendingError::Label(_))));
    for minutes in [1_080, -1_080] {
        assert!(new().at_offset_minutes(minutes).is_ok());
        assert!(matches!(new().at_offset_minutes(minutes + minutes.signum()), Err(SpendingError::Offset(_))));
    }
    let world = World::after(&setting_of(0), &[history::Step::Adjust(5)]);
    let mut begun = Spending::new(world.unit, Bin::Day);
    count(&mut begun, &world.ledger, &world.account, 10);
    assert_eq!(begun.clone().by_label("n"), Err(SpendingError::Begun));
    assert_eq!(begun.at_offset_minutes(60), Err(SpendingError::Begun));
}

#[test]
fn what_is_stored_has_one_form_and_is_checked() {
    let (ledger, _) = ledger(100);
    let account = id("acct");
    wait(ledger.top_up(&account, "p".parse().unwrap(), usd().minor(100))).unwrap();
    charge(&ledger, &account, "a", 150 - 75, &[("project", "blue")]);
    let mut spending = Spending::new(usd(), Bin::Day).by_label("project").unwrap();
    count(&mut spending, &ledger, &account, 10);
    let stored = serde_json::to_value(&spending).unwrap();
    let row = serde_json::json!({
        "start": "2026-01-01T00:00:00.000000Z",
        "label": "blue",
        "spent": { "charged": "0.75", "refunded": "0", "charges": "1" },
    });
    assert_eq!(
        stored,
        serde_json::json!({
            "v": 1, "unit": "USD/2", "bin": "day", "offset_minutes": 0, "label": "project",
            "seen": { "seq": "2", "balance": "0.25" }, "folded_until": null, "rows": [row],
            "other": { "charged": "0", "refunded": "0", "charges": "0" },
        })
    );
    let mut off_the_hour = row.clone();
    off_the_hour["start"] = "2026-01-01T01:00:00.000000Z".into();
    let mut negative = row.clone();
    negative["spent"]["refunded"] = "-0.01".into();
    let mut huge = row.clone();
    huge["start"] = "2026-01-02T00:00:00.000000Z".into();
    huge["spent"]["charged"] = usd().minor(i64::MAX).decimal().to_string().into();
    let mut many = Vec::new();
    for number in 0..=Spending::MAX_ROWS {
        let mut row = row.clone();
        row["label"] = format!("{number}").into();
        many.push(row);
    }
    for (field, value, named) in [
        ("v", 2.into(), "version 2"),
        ("surprise", 1.into(), "surprise"),
        ("offset_minutes", 1_081.into(), "1081"),
        ("label", "".into(), "label name"),
        ("label", serde_json::Value::Null, "label"),
        ("rows", serde_json::json!([row.clone(), row.clone()]), "twice"),
        ("rows", serde_json::json!([off_the_hour]), "begins"),
        ("rows", serde_json::json!([negative]), "less than nothing"),
        ("rows", serde_json::json!([row.clone(), huge]), "does not fit"),
        ("rows", many.into(), "10001"),
    ] {
        let mut spoiled = stored.clone();
        spoiled[field] = value;
        let error = serde_json::from_value::<Spending>(spoiled).unwrap_err().to_string();
        assert!(error.contains(named), "{field}: {error}");
    }
}
