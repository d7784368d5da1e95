//! The proof of an account's books, from what any ledger shows of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::account::Balance;
use crate::amount::Unit;
use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::entry::{Entry, EntryKind};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::Ledger;
use crate::ledger::request::{BalanceRequest, CountersRequest, HoldsRequest, Order, StatementRequest};
use crate::limits::Limits;

/// How often an account that changes while it is read is read again.
const ATTEMPTS: u32 = 100;

/// Something in an account's books that does not agree with the rest. It can name ids and amounts: for the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discrepancy {
    /// Entries do not come in the order of their numbers, or beyond the account's latest.
    #[error("entry {seq} comes after {after}")]
    Order {
        /// The entry.
        seq: u64,
        /// What it comes after.
        after: u64,
    },
    /// An entry states another balance than the entries up to it come to.
    #[error("entry {seq} states a balance of {stated}, not {computed}")]
    BalanceAfter {
        /// The entry.
        seq: u64,
        /// What it states.
        stated: i64,
        /// What the entries come to.
        computed: i128,
    },
    /// The account states another number than its rows come to.
    #[error("{what} is {stated}, not {computed}")]
    Total {
        /// Which number: `posted`, `held`, `open holds`.
        what: &'static str,
        /// What the account states.
        stated: i64,
        /// What its rows come to.
        computed: i128,
    },
    /// A grant states another number than entries or holds come to.
    #[error("{what} of grant {grant} is {stated}, not {computed}")]
    Grant {
        /// The [id](crate::Grant::id).
        grant: u64,
        /// Which number: `what remains`, `what is held`.
        what: &'static str,
        /// What the grant states; nothing for one that is not there.
        stated: i64,
        /// What entries or holds come to.
        computed: i128,
    },
    /// A hold does not agree with itself or with the entries made from it.
    #[error("{what} of hold {key} is {stated}, not {computed}")]
    Hold {
        /// Which hold.
        key: IdempotencyKey,
        /// Which number.
        what: &'static str,
        /// What the hold states.
        stated: i64,
        /// What its parts or entries come to.
        computed: i128,
    },
    /// A counter states another number than entries or holds come to.
    #[error("{what} of counter {} {} from {} is {stated}, not {computed}", .key.scope, .key.period, .key.start)]
    Counter {
        /// Which counter.
        key: CounterKey,
        /// Which number: `what is used`, `what is held`.
        what: &'static str,
        /// What the counter states; nothing for one that is not there.
        stated: i64,
        /// What entries or holds come to.
        computed: i128,
    },
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    balance: Balance,
    entries: u64,
    complete: bool,
    discrepancies: Vec<Discrepancy>,
}

impl Audit {
    /// Whether everything agrees.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.discrepancies.is_empty()
    }

    /// What does not.
    #[must_use]
    pub fn discrepancies(&self) -> &[Discrepancy] {
        &self.discrepancies
    }

    /// The balance that was proved or disproved.
    #[must_use]
    pub const fn balance(&self) -> &Balance {
        &self.balance
    }

    /// How many entries were read.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether the whole history was there. Where old entries were folded into an opening one, that is taken as it
    /// stands, and counters that reach back before it are checked for being at least what is known.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }
}

/// Recomputes everything about an account from its entries, open holds and counters, and names what does not agree.
///
/// It reads the whole history in pages and keeps none of it: for a nightly check, and for a ledger of your own. Changes that
/// are made meanwhile do not disturb it, unless they come faster than balance, holds and counters can be read.
///
/// ```
/// use billing_guard::{AccountId, LedgerExt, MemoryLedger, Unit, verify, wait};
///
/// let usd = Unit::new("USD", 2)?;
/// let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
/// wait(ledger.hold_amount(&account, "req-1".parse()?, usd.amount("3")?))?;
/// let audit = wait(verify(&ledger, &account, usd))?;
/// assert!(audit.is_clean(), "{:?}", audit.discrepancies());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What the ledger's reads answer; [`LedgerError::Unavailable`] if the account never stood still for long enough.
pub async fn verify(ledger: &dyn Ledger, account: &AccountId, unit: Unit) -> Result<Audit, LedgerError> {
    for _ in 0..ATTEMPTS {
        let balance = ledger.balance(BalanceRequest::new(account.clone(), unit)).await?;
        let mut books = Books::new(balance);
        if read_holds(ledger, account, &mut books).await?
            && read_counters(ledger, account, &mut books).await?
            && read_entries(ledger, account, &mut books).await?
        {
            return Ok(books.close());
        }
    }
    Err(LedgerError::Unavailable { detail: "the account changed whenever it was read".to_owned() })
}

/// Whether all open holds were read as they stood at the balance.
async fn read_holds(
    ledger: &dyn Ledger,
    account: &AccountId,
    books: &mut Books,
) -> Result<bool, LedgerError> {
    let mut request = HoldsRequest::new(account.clone()).with_limit(Limits::MAX_PAGE);
    loop {
        let page = ledger.holds(request.clone()).await?;
        if page.seq() != books.balance.seq {
            return Ok(false);
        }
        page.holds().iter().for_each(|hold| books.hold(hold));
        match page.next() {
            Some(next) => request = request.with_after(next.clone()),
            None => return Ok(true),
        }
    }
}

async fn read_counters(
    ledger: &dyn Ledger,
    account: &AccountId,
    books: &mut Books,
) -> Result<bool, LedgerError> {
    let mut request = CountersRequest::new(account.clone()).with_limit(Limits::MAX_PAGE);
    loop {
        let page = ledger.counters(request.clone()).await?;
        if page.seq() != books.balance.seq {
            return Ok(false);
        }
        page.counters().iter().for_each(|counter| books.counter(counter));
        match page.next() {
            Some(next) => request = request.with_after(next.clone()),
            None => return Ok(true),
        }
    }
}

/// Whether all entries up to the balance were read. Later ones are left out, so that a long history can be read while the
/// account is in use.
async fn read_entries(
    ledger: &dyn Ledger,
    account: &AccountId,
    books: &mut Books,
) -> Result<bool, LedgerError> {
    let request = StatementRequest::new(account.clone()).with_order(Order::OldestFirst);
    let mut request = request.with_limit(Limits::MAX_PAGE);
    loop {
        let page = ledger.statement(request.clone()).await?;
        for entry in page.entries() {
            let later = entry.seq > books.balance.seq;
            if entry.kind == EntryKind::Opening && (later || books.entries > 0) {
                // History was folded while it was read.
                return Ok(false);
            }
            if later && page.seq() > books.balance.seq {
                return Ok(true);
            }
            books.entry(entry);
        }
        match page.next() {
            Some(next) => request = request.with_after(next),
            None => return Ok(true),
        }
    }
}

/// The account as its rows come to: open holds first, then entries from the oldest on; counters at any time.
pub(crate) struct Books {
    balance: Balance,
    entries: u64,
    last_seq: u64,
    posted: i128,
    /// When history before was folded; nothing known was booked after it.
    opening: Option<Timestamp>,
    remaining: BTreeMap<u64, i128>,
    drawn: BTreeMap<u64, i128>,
    holds: BTreeMap<IdempotencyKey, OpenHold>,
    held: i128,
    used: BTreeMap<CounterKey, i128>,
    counted: BTreeMap<CounterKey, i128>,
    counters: Vec<Counter>,
    discrepancies: Vec<Discrepancy>,
}

struct OpenHold {
    opened_at: Timestamp,
    captured: i64,
    /// By entries of its key booked later than it was made.
    charged: i128,
    /// By those booked in the very moment in which it was made: they may be of an earlier hold, whose key was forgotten.
    charged_at_once: i128,
}

impl Books {
    pub(crate) fn new(balance: Balance) -> Self {
        Self {
            balance,
            entries: 0,
            last_seq: 0,
            posted: 0,
            opening: None,
            remaining: BTreeMap::new(),
            drawn: BTreeMap::new(),
            holds: BTreeMap::new(),
            held: 0,
            used: BTreeMap::new(),
            counted: BTreeMap::new(),
            counters: Vec::new(),
            discrepancies: Vec::new(),
        }
    }

    pub(crate) fn hold(&mut self, hold: &HoldState) {
        add(&mut self.held, hold.reserve());
        let (key, opened_at, captured) = (hold.key.clone(), hold.opened_at, hold.captured);
        let sum = |part: fn(&crate::grant::Draw) -> i64| {
            hold.draws().iter().fold(0_i128, |sum, draw| sum.saturating_add(part(draw).into()))
        };
        let mut claims = vec![("whether it is open", i64::from(hold.is_open()), 1)];
        if !hold.draws().is_empty() {
            claims.push(("what is set aside", hold.reserve(), sum(|draw| draw.held)));
            claims.push(("what was captured", hold.captured, sum(|draw| draw.used)));
            claims.push(("what was refunded", hold.refunded, sum(|draw| draw.refunded)));
        }
        for (what, stated, computed) in claims {
            if i128::from(stated) != computed {
                self.discrepancies.push(Discrepancy::Hold { key: key.clone(), what, stated, computed });
            }
        }
        for draw in hold.draws() {
            if let Some(id) = draw.id() {
                add(self.drawn.entry(id).or_default(), draw.held);
            }
        }
        for counted in hold.counted() {
            add(self.counted.entry(counted.key.clone()).or_default(), counted.held);
        }
        self.holds.insert(key, OpenHold { opened_at, captured, charged: 0, charged_at_once: 0 });
    }

    pub(crate) fn counter(&mut self, counter: &Counter) {
        self.counters.push(counter.clone());
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        let (seq, stated) = (entry.seq, entry.posted_after);
        if seq <= self.last_seq || seq > self.balance.seq {
            self.discrepancies.push(Discrepancy::Order { seq, after: self.last_seq });
        }
        self.last_seq = seq;
        self.entries = self.entries.saturating_add(1);
        add(&mut self.posted, entry.amount);
        if i128::from(stated) != self.posted {
            self.discrepancies.push(Discrepancy::BalanceAfter { seq, stated, computed: self.posted });
            // Told once; the entries after it are judged by themselves.
            self.posted = stated.into();
        }
        if entry.kind == EntryKind::Opening {
            self.opening = Some(entry.booked_at);
        }
        for movement in entry.movements() {
            add(self.remaining.entry(movement.grant).or_default(), movement.amount);
        }
        for counted in entry.counted() {
            add(self.used.entry(counted.key.clone()).or_default(), counted.used);
        }
        // A key may have been forgotten and used again since.
        if let Some(hold) = entry.hold().and_then(|key| self.holds.get_mut(key)) {
            let charged = entry.amount.saturating_neg();
            match entry.booked_at.cmp(&hold.opened_at) {
                Ordering::Less => {}
                Ordering::Equal => add(&mut hold.charged_at_once, charged),
                Ordering::Greater => add(&mut hold.charged, charged),
            }
        }
    }

    pub(crate) fn close(mut self) -> Audit {
        let open = i64::try_from(self.holds.len()).unwrap_or(i64::MAX);
        for (what, stated, computed) in [
            ("posted", self.balance.posted, self.posted),
            ("held", self.balance.held, self.held),
            ("open holds", self.balance.open_holds.into(), open.into()),
        ] {
            if i128::from(stated) != computed {
                self.discrepancies.push(Discrepancy::Total { what, stated, computed });
            }
        }
        let is_known_since = |at: Timestamp| self.opening.is_none_or(|opening| opening < at);
        for (key, hold) in &self.holds {
            let stated = hold.captured;
            let most = hold.charged.saturating_add(hold.charged_at_once);
            let computed = i128::from(stated).min(most).max(hold.charged);
            if is_known_since(hold.opened_at) && i128::from(stated) != computed {
                let (key, what) = (key.clone(), "what its entries charged");
                self.discrepancies.push(Discrepancy::Hold { key, what, stated, computed });
            }
        }
        for grant in self.balance.grants.list() {
            let id = grant.origin.id;
            let moved = self.remaining.remove(&id).unwrap_or_default();
            let drawn = self.drawn.remove(&id).unwrap_or_default();
            let remains = if grant.started { grant.remaining } else { 0 };
            for (what, stated, computed) in
                [("what remains", remains, moved), ("what is held", grant.held, drawn)]
            {
                if i128::from(stated) != computed {
                    self.discrepancies.push(Discrepancy::Grant { grant: id, what, stated, computed });
                }
            }
        }
        // Grants that are not there must have come to nothing.
        for (what, rest) in [("what remains", &self.remaining), ("what is held", &self.drawn)] {
            for (grant, computed) in rest.iter().filter(|(_, computed)| **computed != 0) {
                let (grant, computed) = (*grant, *computed);
                self.discrepancies.push(Discrepancy::Grant { grant, what, stated: 0, computed });
            }
        }
        for counter in &self.counters {
            let used = self.used.remove(&counter.key).unwrap_or_default();
            let held = self.counted.remove(&counter.key).unwrap_or_default();
            let forgotten = !is_known_since(counter.key.start) && i128::from(counter.used) > used;
            for (what, stated, computed) in
                [("what is used", counter.used, used), ("what is held", counter.held, held)]
            {
                if i128::from(stated) != computed
                    && !(forgotten && what == "what is used")
                    && !is_over(&counter.key, &self.balance)
                {
                    let key = counter.key.clone();
                    self.discrepancies.push(Discrepancy::Counter { key, what, stated, computed });
                }
            }
        }
        for (what, rest) in [("what is used", &self.used), ("what is held", &self.counted)] {
            for (key, computed) in rest.iter().filter(|(_, computed)| **computed != 0) {
                if !is_over(key, &self.balance) {
                    let (key, computed) = (key.clone(), *computed);
                    self.discrepancies.push(Discrepancy::Counter { key, what, stated: 0, computed });
                }
            }
        }
        Audit {
            balance: self.balance,
            entries: self.entries,
            complete: self.opening.is_none(),
            discrepancies: self.discrepancies,
        }
    }
}

/// Whether a counter may have been forgotten by then.
fn is_over(key: &CounterKey, balance: &Balance) -> bool {
    key.kept_until() <= balance.as_of
}

fn add(sum: &mut i128, amount: i64) {
    *sum = sum.saturating_add(amount.into());
}

#[cfg(test)]
mod tests;
