//! Question: what does a hold and its capture cost, next to one check of a rate limiter?
//!
//! A: hold + capture through `Arc<dyn Ledger>`; string ids, keys and entries kept, 100,000 closed holds retained and
//! the bound reached, so that each closing evicts one; so many entries kept for each account. B: one `check_key` of
//! `governor`'s `RateLimiter::keyed` (a `DashMap` with `String` keys and std's keyed hasher, as here) that admits.
//! Accounts are picked the same random way, and ids are made just before, outside the timed part.

use std::hint::black_box;
use std::num::NonZeroU32;

use billing_guard::MemorySettings;
use billing_guard_peers::{
    Effort, Picks, Table, Target, account_texts, fill_retention, nanos_each, take_turns, time_batches,
    time_cycles, topped_up,
};
use governor::{Quota, RateLimiter};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("hold + capture : one governor check", effort);
    // With 100 entries each, 1,000 accounts keep as many entries as keys.
    let lines = [
        (1_000, 100, Target::AtMost(12.0)),
        (1_000, 1_000, Target::None),
        (1_000_000, 100, Target::AtMost(5.0)),
    ];
    for (accounts, entries, target) in lines {
        let accounts = if effort.quick { accounts / 100 } else { accounts };
        let retained = effort.pick(100_000, 1_000);
        let settings = MemorySettings::new().with_retained_keys(retained).with_retained_entries(entries);
        let ledger = topped_up(accounts, settings);
        let texts = account_texts(accounts);
        fill_retention(ledger.as_ref(), &texts, retained);

        // One a nanosecond: admits whatever a turn asks.
        let limiter =
            RateLimiter::keyed(Quota::per_second(NonZeroU32::new(1_000_000_000).expect("not zero")));
        for text in &texts {
            let _ = limiter.check_key(text);
        }

        let (cycles, checks) = (effort.pick(50_000, 200), effort.pick(400_000, 2_000));
        let (mut left, mut right) = (Picks::new(2), Picks::new(3));
        let turns = take_turns(
            effort.pick(31, 3),
            || {
                let picks = left.many(cycles, accounts);
                nanos_each(time_cycles(ledger.as_ref(), &texts, &picks), cycles)
            },
            || {
                let picks = right.many(checks, accounts);
                let mut admitted = 0;
                let took = time_batches(&texts, &picks, str::to_owned, |texts| {
                    admitted += texts.iter().filter(|text| limiter.check_key(text).is_ok()).count();
                });
                assert_eq!(black_box(admitted), checks, "the quota admits all");
                nanos_each(took, checks)
            },
        );
        table.turns(&format!("{accounts} accounts, up to {entries} entries each"), &turns, target);
    }
}
