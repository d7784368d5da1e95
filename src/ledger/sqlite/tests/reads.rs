//! Snapshots, pages, what is due and what is pruned.

use super::*;
use crate::cap::{Counter, CounterKey};
use crate::ledger::request::{HoldsCursor, Order};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Pruned};
use crate::limits::Limits;
use crate::period::Period;

/// An account with holds that are released after so many seconds.
fn with_holds(store: &SqliteStore, name: &str, holds: &[(&str, u64)], now: Timestamp) -> Account {
    let mut account = Account::new(name);
    assert_eq!(commit(store, &account.top_up("payment", 1_000, now)), Outcome::Applied);
    for (key_text, seconds) in holds {
        assert_eq!(commit(store, &account.hold(key_text, 1, *seconds, now)), Outcome::Applied);
    }
    account
}

fn keys(holds: &[HoldRecord]) -> Vec<&str> {
    holds.iter().map(|hold| hold.hold().key().as_str()).collect()
}

#[test]
fn due_holds_come_in_order_bounded_with_the_time_of_the_next() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let after = |seconds| now.saturating_add(Duration::from_secs(seconds));
        with_holds(store, "a", &[("z", 20), ("b", 10), ("c", 20), ("d", 30), ("a", 20)], now);
        with_holds(store, "other", &[("x", 5)], now);
        let due = |by: u64, limit| {
            let found = load(store, &Ask::new(id("a"), after(by), limit));
            let names = keys(&found.due).join(" ");
            (names, found.next_release)
        };
        assert_eq!(due(9, 10), (String::new(), Some(after(10))));
        assert_eq!(due(10, 10), ("b".into(), Some(after(20))));
        assert_eq!(due(29, 10), ("b a c z".into(), Some(after(30))));
        assert_eq!(due(29, 3), ("b a c".into(), Some(after(20))));
        assert_eq!(due(29, 0), (String::new(), Some(after(10))));
        assert_eq!(due(30, 10), ("b a c z d".into(), None));
    });
}

#[test]
fn a_hold_that_is_closed_is_due_no_more() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        assert_eq!(commit(store, &account.top_up("payment", 100, now)), Outcome::Applied);
        let hold = account.hold("job", 10, 60, now);
        assert_eq!(commit(store, &hold), Outcome::Applied);
        assert_eq!(keys(&load(store, &ask("a")).due), ["job"]);
        let capture = account.capture(&hold.new_holds[0], 10, now);
        assert_eq!(commit(store, &capture), Outcome::Applied);
        let found = load(store, &ask("a"));
        assert_eq!((found.due, found.next_release), (vec![], None));
        let query = OpenHoldsQuery { account: id("a"), after: None, limit: 10 };
        assert_eq!(store.open_holds(&query).unwrap().rows, []);
        assert_eq!(keys(&store.holds(&id("a"), None, 10).unwrap().rows), ["job"]);
    });
}

#[test]
fn open_holds_page_by_time_then_key() {
    in_file_and_memory(|store, clock| {
        let account =
            with_holds(store, "a", &[("z", 20), ("b", 10), ("c", 20), ("d", 30), ("a", 20)], clock.now());
        let mut query = OpenHoldsQuery { account: id("a"), after: None, limit: 2 };
        let mut found = Vec::new();
        loop {
            let page = store.open_holds(&query).unwrap();
            assert_eq!(page.seq, account.state.seq);
            assert!(page.rows.len() <= 2);
            let Some(last) = page.rows.last() else { break };
            query.after =
                Some(HoldsCursor { release_at: last.hold().release_at(), key: last.hold().key().clone() });
            found.extend(keys(&page.rows).into_iter().map(str::to_owned));
        }
        assert_eq!(found, ["b", "a", "c", "z", "d"]);
        let page = store.holds(&id("a"), Some(&key("b")), 2).unwrap();
        assert_eq!(keys(&page.rows), ["c", "d"]);
        let none = store.open_holds(&OpenHoldsQuery { account: id("none"), ..query }).unwrap();
        assert_eq!((none.rows, none.seq), (vec![], 0));
    });
}

#[test]
fn entries_page_from_either_end() {
    in_file_and_memory(|store, clock| {
        let mut account = Account::new("a");
        for count in 0..5 {
            let set = account.top_up(&format!("payment-{count}"), 1, clock.now());
            assert_eq!(commit(store, &set), Outcome::Applied);
        }
        let page = |order, after| {
            let query = EntriesQuery { account: id("a"), order, after, limit: 2 };
            let page = store.entries(&query).unwrap();
            assert_eq!(page.seq, 5);
            page.rows.iter().map(|record| record.entry().seq()).collect::<Vec<_>>()
        };
        assert_eq!(page(Order::OldestFirst, None), [1, 2]);
        assert_eq!(page(Order::OldestFirst, Some(2)), [3, 4]);
        assert_eq!(page(Order::OldestFirst, Some(5)), [0_u64; 0]);
        assert_eq!(page(Order::OldestFirst, Some(u64::MAX)), [0_u64; 0]);
        assert_eq!(page(Order::NewestFirst, None), [5, 4]);
        assert_eq!(page(Order::NewestFirst, Some(2)), [1]);
        assert_eq!(page(Order::NewestFirst, Some(0)), [0_u64; 0]);
        assert_eq!(page(Order::NewestFirst, Some(u64::MAX)), [5, 4]);
    });
}

#[test]
fn counters_come_in_the_order_of_their_keys_not_of_their_text() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let rolling = |seconds| Period::rolling(Duration::from_secs(seconds)).unwrap();
        // As text "rolling 3600s" comes before "rolling 60s", and "day" before both.
        let mut wanted = Vec::new();
        for scope in ["b", "a", "courtesy"] {
            for period in [Period::month(), rolling(3_600), Period::day(), rolling(60)] {
                for start in [5, -3, 4] {
                    let key = CounterKey {
                        scope: scope.parse().unwrap(),
                        period,
                        start: Timestamp::from_micros(start * 100_000_000_000),
                    };
                    wanted.push(Counter { key, unit: usd(0).unit(), used: 1, held: 0, told: 0 });
                }
            }
        }
        let mut account = Account::new("x");
        let mut set = account.top_up("payment", 1, now);
        set.counters = wanted.clone();
        assert_eq!(commit(store, &set), Outcome::Applied);
        wanted.sort_by(|a, b| a.key.cmp(&b.key));
        for limit in [1, 2, 5, 12, 13, 100] {
            let mut query = CountersQuery { account: id("x"), scope: None, after: None, limit };
            let mut found = Vec::new();
            loop {
                let page = store.counters(&query).unwrap();
                assert!(page.rows.len() <= limit as usize);
                let Some(last) = page.rows.last() else { break };
                query.after = Some(last.key.clone());
                found.extend(page.rows);
            }
            assert_eq!(found, wanted);
        }
        let query = CountersQuery { account: id("x"), scope: "b".parse().ok(), after: None, limit: 100 };
        assert_eq!(store.counters(&query).unwrap().rows, wanted[12..24]);
    });
}

#[test]
fn accounts_and_what_is_due_come_in_order() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let after = |seconds| now.saturating_add(Duration::from_secs(seconds));
        with_holds(store, "c", &[("k", 10)], now);
        with_holds(store, "a", &[("k", 20)], now);
        with_holds(store, "d", &[("k", 10)], now);
        with_holds(store, "b", &[], now);
        // Fenced and nothing else: it does not exist.
        assert_eq!(commit(store, &Account::new("fenced").set()), Outcome::Applied);
        let names = |accounts: Vec<AccountId>| {
            accounts.iter().map(|account| account.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(store.accounts(None, 10).unwrap()), ["a", "b", "c", "d"]);
        assert_eq!(names(store.accounts(Some(&id("b")), 1).unwrap()), ["c"]);
        let due = |by, after: Option<&(Timestamp, AccountId)>, limit| store.due(by, after, limit).unwrap();
        let all = [(after(10), id("c")), (after(10), id("d")), (after(20), id("a"))];
        assert_eq!(due(after(9), None, 10), []);
        assert_eq!(due(after(10), None, 10), all[..2]);
        assert_eq!(due(Timestamp::MAX, None, 10), all);
        assert_eq!(due(Timestamp::MAX, Some(&all[0]), 1), all[1..2]);
        assert_eq!(due(Timestamp::MAX, Some(&all[2]), 10), []);
    });
}

#[test]
fn only_what_is_kept_no_longer_is_pruned_and_no_more_than_the_limit() {
    in_file_and_memory(|store, clock| {
        let now = clock.now();
        let mut account = Account::new("a");
        let mut first = account.top_up("payment", 100, now);
        let counter = |start: i64, held| Counter {
            key: CounterKey {
                scope: "team".parse().unwrap(),
                period: Period::day(),
                start: Timestamp::from_micros(start),
            },
            unit: usd(0).unit(),
            used: 1,
            held,
            told: 0,
        };
        first.counters = vec![counter(0, 0), counter(86_400_000_000, 1)];
        assert_eq!(commit(store, &first), Outcome::Applied);
        for count in 0..3 {
            let hold = account.hold(&format!("job-{count}"), 10, 60, now);
            assert_eq!(commit(store, &hold), Outcome::Applied);
            let capture = account.capture(&hold.new_holds[0], 10, now);
            assert_eq!(commit(store, &capture), Outcome::Applied);
        }
        assert_eq!(commit(store, &account.hold("open", 10, 60, now)), Outcome::Applied);
        let kept = now.saturating_add(Limits::KEY_RETENTION);
        let before = load(store, &ask("a")).account;
        let prune = |at, limit| store.prune(&id("a"), at, limit).unwrap();

        let early = Timestamp::from_micros(kept.as_micros() - 1);
        assert_eq!(prune(early, 10), Pruned { holds: 0, counters: 1, more: false });
        assert_eq!(prune(kept, 2), Pruned { holds: 2, counters: 0, more: true });
        assert_eq!(prune(kept, 2), Pruned { holds: 1, counters: 0, more: false });
        // What is open, and what something is held in, stays for ever.
        assert_eq!(prune(Timestamp::from_micros(i64::MAX - 1), 2), Pruned::default());
        assert_eq!(keys(&store.holds(&id("a"), None, 10).unwrap().rows), ["open"]);
        assert_eq!(load(store, &ask("a")).account, before);
        assert_eq!(store.prune(&id("none"), kept, 2).unwrap(), Pruned::default());
    });
}

#[test]
fn the_queries_use_their_indexes() {
    let store = SqliteStore::in_memory().unwrap();
    let plan = |query: &str| {
        let writer = store.writer();
        let mut explain = writer.conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let rows = explain.query_map((), |row| row.get::<_, String>(3)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for (query, index) in [
        (
            "SELECT * FROM hold WHERE account = 1 AND status = 'open' ORDER BY release_at, key LIMIT 2",
            "hold_open",
        ),
        (
            "SELECT * FROM hold WHERE account = 1 AND status = 'open' AND (release_at, key) > (1, 'k') \
             ORDER BY release_at, key LIMIT 2",
            "hold_open",
        ),
        (
            "SELECT key FROM hold WHERE account = 1 AND status <> 'open' AND kept_until <= 5 ORDER BY kept_until LIMIT 2",
            "hold_closed",
        ),
        (
            "SELECT * FROM entry WHERE account = 1 AND operation = 'credit' AND key = 'k' AND operation IN ('charge', 'credit')",
            "entry_key",
        ),
        (
            "SELECT next_due, id FROM account WHERE next_due < 9223372036854775807 AND next_due <= 9 \
             AND (next_due, id) > (1, 'a') ORDER BY next_due, id LIMIT 2",
            "account_due",
        ),
    ] {
        let plan = plan(query);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}
