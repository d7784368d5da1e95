//! Question: what do grants and spend caps cost, and does a statement page cost the same however long the history is?
//!
//! B: hold + capture on accounts with plain credit. A: the same on accounts with one grant, with 16 grants of which each
//! hold draws on two, and with 16 such grants and 4 caps (an API key a day, a user a week, a team a month, and a rolling
//! hour). Then a page of 100 out of 1,000,000 entries beside one out of 100,000.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing_guard::{
    AccountId, Amount, Cap, Caps, CaptureRequest, GrantTerms, HoldRequest, IdempotencyKey, Ledger, LedgerExt,
    MemoryLedger, MemorySettings, Order, Period, StatementRequest, SystemClock, Timestamp, wait,
};
use billing_guard_peers::{
    Effort, Picks, Table, Target, account_texts, fill_retention, fresh_ids, held, nanos_each, take_turns,
    time_batches, time_cycles, topped_up, usd, used,
};

/// A ledger on whose accounts so many grants lie that end in turn, none within a run.
fn granted(texts: &[String], grants: u32, amount: Amount, settings: MemorySettings) -> Arc<dyn Ledger> {
    let ledger = MemoryLedger::with_clock(settings, Arc::new(SystemClock::new()));
    for text in texts {
        let account = AccountId::new(text).expect("an account id");
        for number in 0..grants {
            let end = Timestamp::from_micros(4_102_444_800_000_000 + i64::from(number));
            let terms = GrantTerms::promotional().ending_at(end);
            wait(ledger.grant(&account, IdempotencyKey::unique(), terms, amount)).expect("a grant");
        }
    }
    Arc::new(ledger)
}

fn four_caps() -> Caps {
    let limit = usd().minor(1_000_000_000_000_000);
    let cap = |scope: &str, period| Cap::new(scope.parse().expect("a scope"), period, limit);
    let hour = Period::rolling(Duration::from_secs(3_600)).expect("a period");
    Caps::new([
        cap("key/7f3a", Period::day()),
        cap("user/ana", Period::week()),
        cap("team/blue", Period::month()),
        cap("all", hour),
    ])
    .expect("four caps")
}

fn time_capped(ledger: &dyn Ledger, texts: &[String], picks: &[usize], caps: &Caps) -> Duration {
    time_batches(texts, picks, fresh_ids, |ids| {
        for (id, key) in ids {
            let hold = HoldRequest::new(id.clone(), key.clone(), held()).with_caps(caps.clone());
            wait(ledger.hold(hold)).expect("a hold");
            wait(ledger.capture(CaptureRequest::new(id, key, used()))).expect("a capture");
        }
    })
}

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("hold + capture with grants and caps : on plain credit", effort);
    let (accounts, retained) = (effort.pick(1_000, 20), effort.pick(100_000, 1_000));
    let cycles = effort.pick(30_000, 200);
    let settings = MemorySettings::new().with_retained_keys(retained).with_retained_entries(100);
    let texts = account_texts(accounts);
    let plenty = usd().minor(1_000_000_000_000);
    let plain = topped_up(accounts, settings);
    let one = granted(&texts, 1, plenty, settings);
    // Each drained a little with every cycle: the first ones are used up in the course of the run.
    let many = granted(&texts, 16, usd().minor(200_000), settings);
    for text in &texts {
        let account = AccountId::new(text).expect("an account id");
        wait(many.top_up(&account, IdempotencyKey::unique(), plenty)).expect("a top-up");
    }
    let capped = granted(&texts, 16, plenty, settings);
    let plain_capped = topped_up(accounts, settings);
    for ledger in [&plain, &one, &many, &capped, &plain_capped] {
        fill_retention(ledger.as_ref(), &texts, retained);
    }
    let caps = four_caps();
    let mut base = Picks::new(6);
    let mut compare = |what: &str, target, run: &mut dyn FnMut(&[usize]) -> Duration| {
        let mut picks = Picks::new(7);
        let turns = take_turns(
            effort.pick(31, 3),
            || nanos_each(run(&picks.many(cycles, accounts)), cycles),
            || nanos_each(time_cycles(plain.as_ref(), &texts, &base.many(cycles, accounts)), cycles),
        );
        table.turns(what, &turns, target);
    };
    compare("one grant, no cap", Target::AtMost(1.25), &mut |picks| time_cycles(one.as_ref(), &texts, picks));
    compare("16 grants beside plain credit, no cap", Target::None, &mut |picks| {
        time_cycles(many.as_ref(), &texts, picks)
    });
    compare("16 grants, 4 caps", Target::AtMost(4.0), &mut |picks| {
        time_capped(capped.as_ref(), &texts, picks, &caps)
    });
    compare("plain credit, 4 caps", Target::None, &mut |picks| {
        time_capped(plain_capped.as_ref(), &texts, picks, &caps)
    });
    pages(effort);
}

/// The time of pages of 100 from the middle of a history, of a long one and a short one.
fn pages(effort: Effort) {
    let (long, short) = (effort.pick(1_000_000, 2_000), effort.pick(100_000, 1_000));
    let table = Table::new("a statement page of 100 from a long history : from a short one", effort);
    let settings = MemorySettings::new().with_retained_entries(long);
    let ledger = MemoryLedger::with_clock(settings, Arc::new(SystemClock::new()));
    let filled = |name: &str, entries: usize| {
        let account = AccountId::new(name).expect("an account id");
        for _ in 0..entries {
            wait(ledger.top_up(&account, IdempotencyKey::unique(), usd().minor(1))).expect("a top-up");
        }
        account
    };
    let accounts = [("long", long), ("short", short)].map(|(name, entries)| (filled(name, entries), entries));
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let time = |(account, entries): &(AccountId, usize), picks: &mut Picks| {
            let reads = effort.pick(2_000, 20);
            let started = Instant::now();
            for _ in 0..reads {
                let after = 101 + picks.below(entries - 202) as u64;
                let request = StatementRequest::new(account.clone()).with_order(order).with_after(after);
                assert_eq!(black_box(wait(ledger.statement(request))).expect("a page").entries().len(), 100);
            }
            nanos_each(started.elapsed(), reads)
        };
        let (mut left, mut right) = (Picks::new(8), Picks::new(9));
        let [a, b] = &accounts;
        let turns = take_turns(effort.pick(31, 3), || time(a, &mut left), || time(b, &mut right));
        table.turns(&format!("{long} : {short} entries, {order:?}"), &turns, Target::None);
    }
}
