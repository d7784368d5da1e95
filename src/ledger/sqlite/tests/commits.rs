//! Conditions of a commit, and that a set is all or nothing beside its neighbours.

use super::*;
use crate::cap::{Counter, CounterKey};
use crate::content::Content;
use crate::grant::{Grant, GrantKind, Movement, Origin};
use crate::id::Labels;
use crate::ledger::store::asks::Turn;
use crate::period::Period;

#[test]
fn what_was_applied_is_read_back() {
    in_file_and_memory(|store, clock| {
        let mut account = Account::new("ana");
        assert_eq!(load(store, &ask("ana")), Snapshot { now: clock.now(), ..Snapshot::default() });
        let top_up = account.top_up("payment-1", 500, clock.now());
        let hold = account.hold("job-1", 40, 60, clock.now());
        assert_eq!(commit(store, &top_up), Outcome::Applied);
        assert_eq!(commit(store, &hold), Outcome::Applied);
        clock.advance(Duration::from_secs(3));

        let mut ask = ask("ana");
        ask.holds = vec![key("job-1"), key("none")];
        ask.entries = vec![(Operation::Credit, key("payment-1")), (Operation::Charge, key("payment-1"))];
        let found = load(store, &ask);
        assert_eq!(found.account, Some(hold.put.clone()));
        assert_eq!(found.holds, hold.new_holds);
        assert_eq!(found.entries, top_up.new_entries);
        assert_eq!(found.now, clock.now());
        assert_eq!(store.now(), clock.now());

        let capture = account.capture(&hold.new_holds[0], 25, clock.now());
        assert_eq!(commit(store, &capture), Outcome::Applied);
        let found = everything(store, "ana");
        assert_eq!(found.account, Some(capture.put.clone()));
        assert_eq!(found.holds, capture.holds);
        assert_eq!(found.entries, [&top_up.new_entries[0], &capture.new_entries[0]].map(Clone::clone));
        assert_eq!(found.due, []);
    });
}

#[test]
fn what_only_some_records_have_is_read_back_too() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("ana");
        let mut top_up = account.top_up("payment-1", 500, now);
        let origin = Arc::new(Origin {
            id: 1,
            key: key("payment-1"),
            unit: usd(0).unit(),
            kind: GrantKind::Promotional,
            priority: 7,
            starts_at: None,
            ends_at: Some(now.saturating_add(Duration::from_secs(5))),
            label: None,
        });
        let grant = Grant { origin: origin.clone(), original: 500, remaining: 500, held: 0, started: true };
        account.state.grants.change(|grants| grants.push(grant));
        top_up.put.state = account.state.clone();
        let movement = Movement { grant: 1, unit: usd(0).unit(), amount: 500 };
        top_up.new_entries[0].entry.movements = Few::One([movement]);
        assert_eq!(commit(store, &top_up), Outcome::Applied);
        let mut hold = account.hold("job-1", 40, 60, now);
        let content = Content::new([("operation", "query")]).unwrap();
        let labels = Labels::new([("team", "blue")]).unwrap();
        hold.new_holds[0].hold.declared = Declared::new(&content, &labels);
        assert_eq!(hold.new_holds[0].hold.draws.len(), 1);
        assert_eq!(commit(store, &hold), Outcome::Applied);

        let found = everything(store, "ana");
        assert_eq!(found.account, Some(hold.put.clone()));
        assert_eq!((found.holds, found.entries), (hold.new_holds.clone(), top_up.new_entries.clone()));
        // The grant ends before the hold does, and counts as due.
        let due = store.due(Timestamp::MAX, None, 9).unwrap();
        assert_eq!(due, [(hold.put.next_due(), id("ana"))]);
        assert_eq!(due[0].0, origin.ends_at.unwrap());
    });
}

#[test]
fn only_the_expected_version_is_written_over() {
    in_file_and_memory(|store, clock| {
        let mut account = Account::new("ana");
        let first = account.top_up("payment-1", 500, clock.now());
        // One that must exist does not yet.
        let second = account.top_up("payment-2", 5, clock.now());
        assert_eq!(commit(store, &second), Outcome::Conflict(None));
        assert_eq!(commit(store, &first), Outcome::Applied);
        let before = everything(store, "ana");

        // One that must not exist does.
        assert_eq!(commit(store, &first), Outcome::Conflict(Some(version(1))));
        let wrong = [
            Version { commits: 2, ..version(1) },
            // The same number with another stamp is another history.
            Version { stamp: stamp(8), ..version(1) },
        ];
        for expected in wrong {
            let set = Set { expected: Some(expected), ..second.clone() };
            assert_eq!(commit(store, &set), Outcome::Conflict(Some(version(1))));
        }
        assert_eq!(everything(store, "ana"), before);
        assert_eq!(commit(store, &second), Outcome::Applied);
    });
}

#[test]
fn a_taken_key_undoes_its_set_and_leaves_the_neighbours_alone() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut accounts = ["a", "b", "c", "d"].map(Account::new);
        let begin: Vec<Set> =
            accounts.iter_mut().map(|account| account.top_up("payment", 100, now)).collect();
        assert_eq!(store.commit(&begin), vec![Outcome::Applied; 4]);
        let [a, b, c, d] = &mut accounts;
        assert_eq!(commit(store, &b.hold("job", 1, 60, now)), Outcome::Applied);
        let before = (everything(store, "b"), everything(store, "c"));

        // The same key is free in the other set of keys, taken in its own.
        let (first, last) = (a.hold("payment", 10, 60, now), d.top_up("job", 10, now));
        let mut held = b.hold("other", 2, 60, now);
        held.new_holds.push(HoldRecord::new(
            {
                let mut hold = held.new_holds[0].hold.clone();
                hold.key = key("job");
                hold
            },
            stamp(3),
        ));
        let posted = c.top_up("payment", 7, now);
        let outcomes = store.commit(&[first.clone(), held, posted, last.clone()]);
        assert_eq!(outcomes, [Outcome::Applied, Outcome::KeyTaken, Outcome::KeyTaken, Outcome::Applied]);
        assert_eq!((everything(store, "b"), everything(store, "c")), before);
        assert_eq!(load(store, &ask("a")).account, Some(first.put));
        assert_eq!(load(store, &ask("d")).account, Some(last.put));
    });
}

#[test]
fn the_key_of_a_capture_is_the_holds_and_may_come_again() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        let top_up = account.top_up("same", 100, now);
        let hold = account.hold("same", 10, 60, now);
        let capture = account.capture(&hold.new_holds[0], 5, now);
        for set in [&top_up, &hold, &capture] {
            assert_eq!(commit(store, set), Outcome::Applied);
        }
    });
}

#[test]
fn the_clock_has_to_be_in_the_window() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let tick = Duration::from_micros(1);
        let mut account = Account::new("a");
        let set = account.top_up("payment", 100, now);
        let later = now.saturating_add(tick);
        for (from, until) in [(later, Timestamp::MAX), (Timestamp::default(), now)] {
            let set = Set { from, until, ..set.clone() };
            assert_eq!(commit(store, &set), Outcome::OutOfWindow(now));
        }
        assert_eq!(load(store, &ask("a")).account, None);
        let set = Set { from: now, until: later, ..set };
        assert_eq!(commit(store, &set), Outcome::Applied);
    });
}

#[test]
fn a_turn_keeps_others_out_until_it_ends_or_is_used() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        assert_eq!(commit(store, &account.top_up("payment-1", 100, now)), Outcome::Applied);
        let next = account.top_up("payment-2", 100, now);

        let other = Stamp::from_bytes([1; 16]);
        let taking = |by| Ask { turn: Some(Turn { by, lasting: Duration::from_secs(9) }), ..ask("a") };
        let seen = load(store, &taking(other));
        assert_eq!(seen.account.unwrap().version(), version(1));
        // No longer than the longest, however much was asked for; and one that is taken is not given.
        let end = now.saturating_add(Turn::LONGEST);
        let _ = load(store, &taking(ENGINE));
        assert_eq!(commit(store, &next), Outcome::TurnTaken(end));
        // At its end it is over.
        clock.set(end);
        assert_eq!(commit(store, &next), Outcome::Applied);
        // Whoever has it may write, and that ends it.
        let _ = load(store, &taking(other));
        let mine = account.top_up("payment-3", 1, end);
        assert_eq!(commit(store, &mine), Outcome::TurnTaken(end.saturating_add(Turn::LONGEST)));
        assert_eq!(commit(store, &Set { engine: other, ..mine }), Outcome::Applied);
        assert_eq!(commit(store, &account.top_up("payment-4", 1, end)), Outcome::Applied);
        // An account that does not exist has none.
        assert_eq!(load(store, &Ask { account: id("none"), ..taking(other) }).account, None);
    });
}

#[test]
fn a_set_that_cannot_be_written_is_rejected_alone() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let (mut a, mut b, mut c, mut d) =
            (Account::new("a"), Account::new("b"), Account::new("c"), Account::new("d"));
        assert_eq!(commit(store, &d.top_up("payment", 1, now)), Outcome::Applied);
        let mut eur = a.top_up("payment", 1, now);
        eur.new_entries[0].entry.unit = Unit::new("EUR", 2).unwrap();
        let mut large = b.top_up("payment", 1, now);
        large.new_entries[0].entry.seq = u64::MAX;
        let mut again = d.top_up("other", 1, now);
        again.new_entries[0].entry.seq = 1;
        let fine = c.top_up("payment", 1, now);
        let outcomes = store.commit(&[eur, large, again, fine]);
        let reasons = ["EUR/2", "18446744073709551615", "there is an entry 1 already"];
        for (outcome, reason) in outcomes.iter().zip(reasons) {
            assert!(matches!(outcome, Outcome::Rejected(why) if why.contains(reason)), "{outcome:?}");
        }
        assert_eq!(outcomes[3], Outcome::Applied);
        assert_eq!(load(store, &ask("b")).account, None);
        // An entry to replace has to be there.
        let mut missing = c.top_up("more", 1, now);
        let mut entry = missing.new_entries[0].clone();
        entry.entry.seq = 77;
        missing.entries.push(entry);
        assert!(matches!(commit(store, &missing), Outcome::Rejected(why) if why.contains("no entry 77")));
    });
}

#[test]
fn rows_are_replaced_and_deleted() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        let mut set = account.top_up("payment", 10, now);
        let counter = |used, held| Counter {
            key: CounterKey {
                scope: "team".parse().unwrap(),
                period: Period::day(),
                start: Period::day().start_of(now),
            },
            unit: usd(0).unit(),
            used,
            held,
            told: 0,
        };
        set.counters.push(counter(1, 2));
        assert_eq!(commit(store, &set), Outcome::Applied);
        let counters = Ask { counters: vec![("team".parse().unwrap(), Period::day())], ..ask("a") };
        assert_eq!(load(store, &counters).counters, [counter(1, 2)]);

        // All of it, whatever the engine finds to change.
        let mut refunded = set.new_entries[0].clone();
        refunded.entry.refunded = 4;
        refunded.entry.booked_at = Timestamp::MAX;
        refunded.entry.posted_after = -1;
        refunded.entry.late = true;
        refunded.stamp = stamp(77);
        account.state.seq += 1;
        let mut set = account.set();
        account.commits += 1;
        set.entries.push(refunded.clone());
        set.counters.push(counter(3, 0));
        assert_eq!(commit(store, &set), Outcome::Applied);
        assert_eq!(load(store, &counters).counters, [counter(3, 0)]);
        assert_eq!(everything(store, "a").entries, [refunded]);

        let first = account.hold("job", 1, 60, now);
        assert_eq!(commit(store, &first), Outcome::Applied);
        let mut again = account.hold_request("job", 3, 90).with_minimum(usd(2));
        again.account = id("a");
        let later = now.saturating_add(Duration::from_secs(1));
        let changes = rules::hold(&account.state, &[], None, &again, later).unwrap().changes.unwrap();
        let replaced = HoldRecord { hold: changes.hold.unwrap(), stamp: stamp(78), kept_until: later };
        account.state = changes.account;
        let mut set = account.set();
        account.commits += 1;
        set.holds.push(replaced.clone());
        assert_eq!(commit(store, &set), Outcome::Applied);
        assert_eq!(everything(store, "a").holds, [replaced]);

        let mut set = account.set();
        set.ended_counters.push(counter(3, 0).key);
        assert_eq!(commit(store, &set), Outcome::Applied);
        assert_eq!(load(store, &counters).counters, []);
    });
}

#[test]
fn a_hold_that_was_pruned_meanwhile_is_not_lost() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        let hold = {
            let _ = account.top_up("payment", 10, now);
            account.commits = 0;
            account.hold("job", 5, 60, now)
        };
        let mut change = account.set();
        change.holds = hold.new_holds.clone();
        assert_eq!(commit(store, &hold), Outcome::Applied);
        tool_or_memory(store, "DELETE FROM hold");
        assert_eq!(commit(store, &change), Outcome::Applied);
        assert_eq!(everything(store, "a").holds, hold.new_holds);
    });
}

/// A statement on the store's own connection.
fn tool_or_memory(store: &SqliteStore, statement: &str) {
    store.writer().conn.execute_batch(statement).unwrap();
}

#[test]
fn nothing_is_known_to_have_failed_that_may_have_been_committed() {
    // A commit that fails for a reason that ends before anything is written is certain.
    let (folder, clock) = (Folder::new(), Arc::new(ManualClock::new()));
    let store = SqliteStore::open_with(
        folder.file("a.db"),
        settings(&clock).with_busy_timeout(Duration::from_millis(50)),
    )
    .unwrap();
    let mut account = Account::new("a");
    let set = account.top_up("payment", 10, clock.now());
    let other = tool(&folder.file("a.db"));
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(commit(&store, &set), Outcome::Unavailable(why) if why.contains("locked")));
    // Readers are not kept waiting by who writes.
    assert_eq!(load(&store, &ask("a")).account, None);
    other.execute_batch("ROLLBACK").unwrap();
    // Pages there are no more of: the disk is full.
    store.writer().conn.execute_batch("PRAGMA max_page_count = 1").unwrap();
    let sets: Vec<Set> =
        (0..200).map(|n| Account::new(&format!("account-{n}")).top_up("payment", 1, clock.now())).collect();
    let outcomes = store.commit(&sets);
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unavailable(why) if why.contains("full")))
    );
    assert_eq!(store.accounts(None, 10).unwrap(), []);
    store.writer().conn.execute_batch("PRAGMA max_page_count = 100000").unwrap();
    assert_eq!(commit(&store, &set), Outcome::Applied);
}
