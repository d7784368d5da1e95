//! What an account spent in a period, for its owner: the figures against sums by hand, and the words.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of exports")]
#[path = "export/history.rs"]
mod history;

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Bin, ChargeRef, Clock, English, Entry, EntryKind, German, Labels, Ledger, LedgerExt,
    ManualClock, MemoryLedger, MemorySettings, Messages, Period, PostKind, PostRequest, Runway, Spending,
    Timestamp, Tone, Unit, UsageDigest, wait,
};
use history::{World, setting, steps};
use proptest::prelude::*;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

/// An account with some money on a clock that begins on Thursday, 1 January 2026.
struct Account {
    ledger: MemoryLedger,
    clock: Arc<ManualClock>,
    id: AccountId,
    keys: u32,
}

impl Account {
    fn new(retained: usize) -> Self {
        let clock = Arc::new(ManualClock::new());
        let settings = MemorySettings::new().with_retained_entries(retained);
        let ledger = MemoryLedger::with_clock(settings, clock.clone());
        let id: AccountId = "acct".parse().unwrap();
        wait(ledger.top_up(&id, "p".parse().unwrap(), usd().minor(1 << 50))).unwrap();
        Self { ledger, clock, id, keys: 0 }
    }

    fn days(&self, count: u64) {
        self.clock.advance(Duration::from_secs(count * 86_400));
    }

    fn post(&mut self, kind: PostKind, minor: i64, user: Option<&str>) {
        self.keys += 1;
        let key = format!("key-{}", self.keys).parse().unwrap();
        let labels = Labels::new(user.map(|user| ("user", user))).unwrap();
        let request = PostRequest::new(self.id.clone(), key, kind, usd().minor(minor)).with_labels(labels);
        wait(self.ledger.post(request)).unwrap();
    }

    fn charge(&mut self, minor: i64, user: Option<&str>) {
        self.post(PostKind::Charge, minor, user);
    }

    fn spending(&self, spending: Spending) -> Spending {
        count(&self.ledger, &self.id, spending)
    }

    fn digest(&self, period: Period) -> Option<UsageDigest> {
        let spending = self.spending(Spending::new(usd(), Bin::Day).by_label("user").unwrap());
        UsageDigest::of_last(&spending, period, self.clock.now())
    }
}

fn count(ledger: &MemoryLedger, account: &AccountId, mut spending: Spending) -> Spending {
    loop {
        let page = wait(ledger.statement(spending.next_request(account))).unwrap();
        spending.add(&page).unwrap();
        if page.next().is_none() {
            return spending;
        }
    }
}

proptest! {
    #[test]
    fn the_figures_are_the_charges_of_the_period_added_up(
        mut setting in setting(),
        steps in steps(),
        offset in prop_oneof![Just(0_i16), Just(345), Just(-570)],
        hourly: bool,
        period in prop_oneof![Just(Period::day()), Just(Period::week()), Just(Period::month())],
        later in 0..3_i64,
    ) {
        setting.retained = 1_000;
        let world = World::after(&setting, &steps);
        let entries = world.entries(1_000);
        let latest = entries.iter().map(Entry::booked_at).max().unwrap_or_default();
        let now = Timestamp::from_micros(latest.as_micros() + later * 86_400_000_000);
        let period = period.at_offset_minutes(offset).unwrap();
        let bin = if hourly { Bin::Hour } else { Bin::Day };
        let spending = Spending::new(world.unit, bin).at_offset_minutes(offset).unwrap();
        let spending = count(&world.ledger, &world.account, spending);
        let digest = UsageDigest::of_last(&spending, period, now).unwrap();

        // Whatever ended last: the row in which a moment before the running one lies.
        let until = period.start_of(now);
        let in_row = |at: Timestamp, row: Timestamp| period.start_of(at) == row && at < until;
        prop_assert_eq!((digest.until(), period.end_of(digest.from())), (until, until));
        let sums = |row: Timestamp| {
            entries.iter().filter(|entry| in_row(entry.booked_at(), row)).fold((0, 0, 0), |sums, entry| {
                let amount = i128::from(entry.amount().minor());
                match entry.kind() {
                    EntryKind::Charge => (sums.0 - amount, sums.1, sums.2 + 1),
                    EntryKind::Refund => (sums.0, sums.1 + amount, sums.2),
                    _ => sums,
                }
            })
        };
        let figures = |spent: billing_guard::Spent| {
            (spent.charged().minor().into(), spent.refunded().minor().into(), spent.charges())
        };
        prop_assert_eq!(figures(digest.spent()), sums(digest.from()));
        let before = period.start_of(Timestamp::from_micros(digest.from().as_micros() - 1));
        let had_begun = entries
            .iter()
            .any(|entry| entry.kind() == EntryKind::Charge && entry.booked_at() < digest.from());
        prop_assert_eq!(digest.spent_before().map(figures), had_begun.then(|| sums(before)));
    }
}

#[test]
fn it_says_in_two_languages_and_tones_what_was_spent_on_what_and_how_long_the_rest_lasts() {
    let mut account = Account::new(1_000);
    account.charge(1_000, Some("ana"));
    account.days(7);
    account.charge(200_050, Some("ben"));
    account.charge(9_900, Some("ana"));
    account.charge(300, None);
    account.charge(50, Some("cleo"));
    let refund = PostKind::refund(ChargeRef::Charge("key-3".parse().unwrap()));
    account.post(refund, 1_500, Some("ana"));
    account.days(4);
    // The running week is not in it.
    account.charge(7_777, Some("ana"));
    let runway = Runway::new(5, 11, Some(20));
    let digest = account.digest(Period::week()).unwrap().with_balance(usd().minor(123_456), Some(runway));
    let say = |messages: &dyn Messages| messages.digest(&digest).into_owned();
    assert_eq!(
        say(&English::new()),
        "From 2026-01-05 to 2026-01-11, 2,088.00 USD was spent in 4 charges, with 15.00 USD of refunds taken off. \
         In the week before, it was 10.00 USD in 1 charge. \
         The largest uses by \"user\": \"ben\", 2,000.50 USD; \"ana\", 84.00 USD; without \"user\", 3.00 USD. \
         The balance is 1,234.56 USD, which lasts about 11 days (between 5 and 20 days) at the current rate."
    );
    assert_eq!(
        say(&English::new().with_tone(Tone::Warm)),
        "From 2026-01-05 to 2026-01-11, you spent 2,088.00 USD in 4 charges, with 15.00 USD of refunds taken off. \
         In the week before, it was 10.00 USD in 1 charge. \
         Your largest uses by \"user\": \"ben\", 2,000.50 USD; \"ana\", 84.00 USD; without \"user\", 3.00 USD. \
         Your balance is 1,234.56 USD, which lasts about 11 days (between 5 and 20 days) at your current rate."
    );
    assert_eq!(
        say(&German::new()),
        "Ausgaben vom 05.01.2026 bis 11.01.2026: 2.088,00 USD in 4 Abbuchungen, abzüglich 15,00 USD an Erstattungen. \
         In der Woche davor waren es 10,00 USD in 1 Abbuchung. \
         Die größten Posten nach „user“: „ben“, 2.000,50 USD; „ana“, 84,00 USD; ohne „user“, 3,00 USD. \
         Das Guthaben liegt bei 1.234,56 USD und reicht beim derzeitigen Verbrauch etwa 11 Tage \
         (zwischen 5 und 20 Tagen)."
    );
    assert!(say(&German::new().with_tone(Tone::Warm)).starts_with("Ihre Ausgaben vom 05.01.2026 bis"));
}

#[test]
fn days_months_and_weeks_are_told_as_such_and_nothing_as_nothing() {
    let mut account = Account::new(1_000);
    account.charge(150, Some("ana"));
    account.days(1);
    let say = |account: &Account, period: Period, messages: &dyn Messages| {
        messages.digest(&account.digest(period).unwrap()).into_owned()
    };
    // There is nothing to compare with before the first charge.
    assert_eq!(
        say(&account, Period::day(), &English::new()),
        "On 2026-01-01, 1.50 USD was spent in 1 charge. The largest uses by \"user\": \"ana\", 1.50 USD."
    );
    account.days(1);
    assert_eq!(
        say(&account, Period::day(), &English::new()),
        "On 2026-01-02, nothing was spent. On the day before, it was 1.50 USD in 1 charge."
    );
    assert_eq!(
        say(&account, Period::day(), &German::new().with_tone(Tone::Warm)),
        "Am 02.01.2026 haben Sie nichts ausgegeben. Am Tag davor waren es 1,50 USD in 1 Abbuchung."
    );
    account.days(60);
    assert_eq!(
        say(&account, Period::month(), &English::new()),
        "From 2026-02-01 to 2026-02-28, nothing was spent. In the month before, it was 1.50 USD in 1 charge."
    );
    assert_eq!(
        say(&account, Period::week(), &German::new()),
        "Vom 23.02.2026 bis 01.03.2026 wurde nichts ausgegeben. In der Woche davor war es nichts."
    );
    account.days(365);
    assert_eq!(
        say(&account, Period::year(), &English::new()),
        "From 2026-01-01 to 2026-12-31, 1.50 USD was spent in 1 charge. The largest uses by \"user\": \"ana\", \
         1.50 USD."
    );
}

#[test]
fn days_are_those_of_the_clocks_by_which_the_spending_is_cut() {
    let mut account = Account::new(1_000);
    account.charge(150, None);
    account.days(8);
    let nepal = Spending::new(usd(), Bin::Hour).at_offset_minutes(345).unwrap();
    let spending = account.spending(nepal);
    let week = Period::week().at_offset_minutes(345).unwrap();
    let digest = UsageDigest::of_last(&spending, week, account.clock.now()).unwrap();
    assert_eq!(digest.from().to_string(), "2025-12-28T18:15:00.000000Z");
    let (first, last) = digest.days();
    assert!(first.to_string().starts_with("2025-12-29T") && last.to_string().starts_with("2026-01-04T"));
    assert_eq!(digest.length_in_days(), 7);
    assert!(English::new().digest(&digest).starts_with("From 2025-12-29 to 2026-01-04, 1.50 USD"));
    assert!(German::new().digest(&digest).starts_with("Ausgaben vom 29.12.2025 bis 04.01.2026: 1,50 USD"));
}

#[test]
fn what_is_not_known_is_not_told() {
    let mut account = Account::new(1_000);
    account.charge(150, None);
    account.days(40);
    account.charge(150, None);
    account.days(20);
    let now = account.clock.now();
    let known = |spending: &Spending, period| UsageDigest::of_last(spending, period, now).is_some();
    let daily = account.spending(Spending::new(usd(), Bin::Day));
    assert!(known(&daily, Period::week()) && known(&daily, Period::year()));
    // Some of it found no room in the rows.
    let mut full = serde_json::to_value(&daily).unwrap();
    full["other"]["charges"] = "1".into();
    assert!(!known(&serde_json::from_value(full).unwrap(), Period::week()));
    // Cut more coarsely, or elsewhere.
    let monthly = account.spending(Spending::new(usd(), Bin::Month));
    assert!(known(&monthly, Period::month()) && !known(&monthly, Period::week()));
    assert!(!known(&daily, Period::day().at_offset_minutes(60).unwrap()));
    let noon = Timestamp::from_micros(43_200_000_000);
    assert!(!known(&daily, Period::week().anchored_at(noon, 0).unwrap()));
    let hourly = account.spending(Spending::new(usd(), Bin::Hour));
    assert!(!known(&hourly, Period::week().anchored_at(noon, 0).unwrap()));
    assert!(!known(&daily, Period::rolling(Duration::from_secs(86_400)).unwrap()));
    for end_of_time in [i64::MIN, i64::MAX] {
        let _ = UsageDigest::of_last(&daily, Period::week(), Timestamp::from_micros(end_of_time));
    }

    // Folded in the period, or in the one before, in which case only that is not told.
    let mut folded = Account::new(3);
    folded.days(4);
    folded.clock.advance(Duration::from_secs(3_600));
    (0..3).for_each(|_| folded.charge(10, None));
    folded.days(7);
    folded.charge(20, None);
    folded.days(7);
    let digest = folded.digest(Period::week()).unwrap();
    assert_eq!((digest.spent().net(), digest.spent_before()), (usd().minor(20), None));
    (0..3).for_each(|_| folded.charge(20, None));
    assert_eq!(folded.digest(Period::week()), None);
}

#[test]
fn names_from_customers_cannot_leave_their_place() {
    let mut account = Account::new(1_000);
    let hostile = "a\": 0.00 USD. Pay at “evil.example”. \"b";
    account.charge(150, Some(hostile));
    account.days(7);
    let digest = account.digest(Period::week()).unwrap();
    let text = English::new().digest(&digest).into_owned();
    assert!(text.ends_with(": \"a': 0.00 USD. Pay at “evil.example”. 'b\", 1.50 USD."), "{text}");
    let text = German::new().digest(&digest).into_owned();
    assert!(text.ends_with("„a': 0.00 USD. Pay at 'evil.example”. 'b“, 1,50 USD."), "{text}");
    let json = serde_json::to_value(&digest).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "from": "2025-12-29T00:00:00.000000Z", "until": "2026-01-05T00:00:00.000000Z", "unit": "USD",
            "spent": "1.5", "charges": 1,
            "top_uses": { "label": "user", "total": "1.5", "uses": [{ "value": hostile, "spent": "1.5" }] },
        })
    );
    let with_runway = digest.with_balance(usd().minor(50), Some(Runway::new(0, 1, None)));
    let json = serde_json::to_value(&with_runway).unwrap();
    assert_eq!(json["available"], "0.5");
    assert_eq!(json["runway"], serde_json::json!({ "at_least_days": 0, "about_days": 1 }));
}
