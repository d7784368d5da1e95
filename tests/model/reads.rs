//! What can be read, compared with the model; and the sums, from what can be read alone.

use std::collections::BTreeMap;

use billing_guard::{
    BalanceRequest, CounterKey, CountersRequest, EntryKind, FindRequest, Found, HoldsRequest, Operation,
    Order, StatementRequest, SweepRequest, wait,
};

use super::run::{Run, account, key, scope};
use super::steps::Name;
use super::views::{self, micros, minor};

/// That two lists are the same; says where they are not.
fn same<T: PartialEq + std::fmt::Debug>(seen: &[T], expected: &[T], what: &str) {
    for index in 0..seen.len().max(expected.len()) {
        let (seen, expected) = (seen.get(index), expected.get(index));
        assert_eq!(seen, expected, "{what} {index}: the ledger left, the model right");
    }
}

impl Run {
    pub(crate) fn compare_find(&mut self, name: Name, operation: Operation) {
        let now = self.now();
        let (id, hold_key) = self.hold_named(name);
        let mut request =
            FindRequest::hold(id, if operation == Operation::Hold { hold_key } else { key(name.key) });
        request.operation = operation;
        let found = match wait(self.ledger.find(request.clone())).unwrap() {
            Found::Hold(hold) => (Some(views::hold(&hold)), None),
            Found::Entry(entry) => (None, Some(views::entry(&entry))),
            _ => (None, None),
        };
        let known = self.account(&request.account);
        known.due(now);
        assert_eq!(found, known.look_up(&request));
    }

    pub(crate) fn compare_sweep(&mut self, limit: u32) {
        let now = self.now();
        let mut due = (0, 0);
        for known in self.accounts.values_mut() {
            let (released, booked) = known.due(now);
            due = (due.0 + released, due.1 + booked);
        }
        let mut done = (0, 0);
        loop {
            let swept = wait(self.ledger.sweep(SweepRequest::new().with_limit(limit))).unwrap();
            assert!(swept.released() <= limit, "{swept:?}");
            assert!(swept.has_more() || (swept.released() < limit && swept.booked() < limit), "{swept:?}");
            done = (done.0 + swept.released(), done.1 + swept.booked());
            if !swept.has_more() {
                break;
            }
            assert!(swept.released() + swept.booked() > 0, "a sweep that has more does something");
        }
        assert_eq!(done, due, "released and booked by sweeps of at most {limit}");
    }

    pub(crate) fn compare_balance(&mut self, number: u8) {
        let (now, unit) = (self.now(), self.unit);
        let balance = wait(self.ledger.balance(BalanceRequest::new(account(number), unit))).unwrap();
        let known = self.account(&account(number));
        known.due(now);
        assert_eq!(minor(balance.posted()), known.posted());
        assert_eq!(minor(balance.held()), known.held());
        assert_eq!(minor(balance.available()), known.available());
        assert_eq!((balance.seq(), balance.open_holds() as usize), (known.seq, known.open_holds()));
        let grants: Vec<_> = balance.grants().iter().map(views::grant).collect();
        same(&grants, &known.grants(), "grant");
        assert_eq!(minor(balance.plain()), known.plain());
        assert_eq!(micros(balance.as_of()), known.time(now));
        known.recompute();
    }

    pub(crate) fn compare_statement(&mut self, number: u8, newest: bool, limit: u32) {
        let now = self.now();
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        let mut request = StatementRequest::new(account(number)).with_order(order).with_limit(limit);
        let mut seen = vec![];
        let seq = loop {
            let page = wait(self.ledger.statement(request.clone())).unwrap();
            assert!(page.entries().len() <= limit as usize);
            seen.extend(page.entries().iter().map(views::entry));
            match page.next() {
                Some(after) => request = request.with_after(after),
                None => break page.seq(),
            }
        };
        if newest {
            seen.reverse();
        }
        let known = self.account(&account(number));
        known.due(now);
        let entries: Vec<_> = (0..known.entries.len()).map(|index| known.entry(index)).collect();
        same(&seen, &entries, "entry");
        assert_eq!(seq, known.seq);
    }

    pub(crate) fn compare_holds(&mut self, number: u8, limit: u32) {
        let now = self.now();
        let mut request = HoldsRequest::new(account(number)).with_limit(limit);
        let mut seen = vec![];
        let seq = loop {
            let page = wait(self.ledger.holds(request.clone())).unwrap();
            assert!(page.holds().len() <= limit as usize);
            seen.extend(page.holds().iter().map(views::hold));
            match page.next() {
                Some(after) => request = request.with_after(after.clone()),
                None => break page.seq(),
            }
        };
        let known = self.account(&account(number));
        known.due(now);
        same(&seen, &known.open().collect::<Vec<_>>(), "open hold");
        assert_eq!(seq, known.seq);
    }

    pub(crate) fn compare_counters(&mut self, number: u8, of: Option<u8>, limit: u32) {
        let now = self.now();
        let mut request = CountersRequest::new(account(number)).with_limit(limit);
        request.scope = of.map(scope);
        let mut seen = vec![];
        let seq = loop {
            let page = wait(self.ledger.counters(request.clone())).unwrap();
            assert!(page.counters().len() <= limit as usize);
            seen.extend(page.counters().iter().map(views::counter));
            match page.next() {
                Some(after) => request = request.with_after(after.clone()),
                None => break page.seq(),
            }
        };
        assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "by scope, period and start: {seen:?}");
        let latest = self.latest;
        let known = self.account(&account(number));
        known.due(now);
        let mut counters = known.counters();
        counters.retain(|(place, ..)| of.is_none_or(|of| place.scope == scope(of).as_str()));
        for (place, count) in &seen {
            let expected = counters.iter().find(|(known, ..)| known == place).map(|(_, count, _)| *count);
            assert_eq!(Some(*count), expected, "{place:?}");
        }
        // What counts nothing need not be there, and what is over may be forgotten.
        for (place, count, kept_until) in counters {
            let may_go = (count.used, count.held) == (0, 0) || kept_until <= latest;
            assert!(
                may_go || seen.iter().any(|(seen, _)| *seen == place),
                "{place:?} of {count:?} is not there"
            );
        }
        assert_eq!(seq, known.seq);
    }

    /// Everything that can be read of an account.
    pub(crate) fn compare(&mut self, number: u8) {
        self.compare_balance(number);
        self.compare_statement(number, false, 1_000);
        self.compare_holds(number, 1_000);
        self.compare_counters(number, None, 1_000);
    }

    /// The sums of clause 9, from what the ledger shows, without the model; answers the number of the latest change.
    pub(crate) fn check_sums(&self, number: u8) -> u64 {
        let balance = wait(self.ledger.balance(BalanceRequest::new(account(number), self.unit))).unwrap();
        let page = wait(self.ledger.statement(StatementRequest::new(account(number)).with_limit(1_000)));
        let page = page.unwrap();
        let entries = page.entries();
        let sum: i128 = entries.iter().map(|entry| minor(entry.amount())).sum();
        assert_eq!(sum, minor(balance.posted()));
        let page = wait(self.ledger.holds(HoldsRequest::new(account(number)).with_limit(1_000))).unwrap();
        let holds = page.holds();
        let sum: i128 = holds.iter().map(|hold| minor(hold.reserved())).sum();
        assert_eq!((sum, holds.len()), (minor(balance.held()), balance.open_holds() as usize));
        assert_eq!(minor(balance.available()), minor(balance.posted()) - minor(balance.held()));

        let mut plain = minor(balance.posted());
        for grant in balance.grants().iter().filter(|grant| grant.has_started()) {
            let movements = entries.iter().flat_map(billing_guard::Entry::movements);
            let movements = movements.filter(|movement| movement.grant() == grant.id());
            assert!(
                movements.map(|movement| minor(movement.amount())).sum::<i128>() == minor(grant.remaining())
            );
            let draws = holds.iter().flat_map(billing_guard::HoldState::draws);
            let draws = draws.filter(|draw| draw.grant() == Some(grant.id()));
            assert_eq!(draws.map(|draw| minor(draw.held())).sum::<i128>(), minor(grant.held()));
            plain -= minor(grant.remaining());
        }
        assert_eq!(minor(balance.plain()), plain);
        for hold in holds.iter().filter(|hold| !hold.draws().is_empty()) {
            let drawn: i128 = hold.draws().iter().map(|draw| minor(draw.held())).sum();
            assert_eq!(drawn, minor(hold.reserved()));
        }

        let folded = entries.iter().any(|entry| entry.kind() == EntryKind::Opening);
        let page =
            wait(self.ledger.counters(CountersRequest::new(account(number)).with_limit(1_000))).unwrap();
        let mut held: BTreeMap<&CounterKey, i128> = BTreeMap::new();
        for counted in holds.iter().flat_map(billing_guard::HoldState::counted) {
            *held.entry(counted.key()).or_default() += minor(counted.held());
        }
        let mut used: BTreeMap<&CounterKey, i128> = BTreeMap::new();
        for counted in entries.iter().flat_map(billing_guard::Entry::counted) {
            *used.entry(counted.key()).or_default() += minor(counted.used());
        }
        for counter in page.counters() {
            assert_eq!(minor(counter.held()), held.remove(counter.key()).unwrap_or(0));
            let used = used.remove(counter.key()).unwrap_or(0).min(i128::from(i64::MAX));
            assert!(folded || minor(counter.used()) == used, "{counter:?}");
        }
        balance.seq()
    }
}
