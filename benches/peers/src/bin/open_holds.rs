//! Question: do a million open holds slow the others down?
//!
//! A: hold + capture on 1,000,000 accounts, each with one other hold open. B: the same with none open.

use billing_guard::{HoldRequest, MemorySettings, wait};
use billing_guard_peers::{
    Effort, Picks, Table, Target, account_texts, fill_retention, fresh_ids, held, nanos_each, take_turns,
    time_cycles, topped_up,
};

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("hold + capture with other holds open : without", effort);
    let (accounts, retained) = (effort.pick(1_000_000, 1_000), effort.pick(100_000, 1_000));
    let settings = MemorySettings::new().with_retained_keys(retained);
    let texts = account_texts(accounts);
    let [busy, idle] = [(); 2].map(|()| topped_up(accounts, settings));
    // A day, so that none ends during the run.
    let lifetime = std::time::Duration::from_secs(24 * 60 * 60);
    for text in &texts {
        let (id, key) = fresh_ids(text);
        let request = HoldRequest::new(id, key, held()).with_lifetime(lifetime);
        wait(busy.hold(request)).expect("a hold");
    }
    for ledger in [&busy, &idle] {
        fill_retention(ledger.as_ref(), &texts, retained);
    }
    let cycles = effort.pick(100_000, 200);
    let (mut left, mut right) = (Picks::new(4), Picks::new(5));
    let turns = take_turns(
        effort.pick(31, 3),
        || nanos_each(time_cycles(busy.as_ref(), &texts, &left.many(cycles, accounts)), cycles),
        || nanos_each(time_cycles(idle.as_ref(), &texts, &right.many(cycles, accounts)), cycles),
    );
    table.turns(&format!("{accounts} other holds at {accounts} accounts"), &turns, Target::AtMost(2.0));
}
