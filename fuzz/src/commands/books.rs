//! The books of an account, read through the ledger's public methods.

use billing_guard::{
    AccountId, BalanceRequest, Entry, EntryKind, HoldState, HoldStatus, HoldsRequest, IdempotencyKey, Ledger,
    LedgerError, Order, StatementRequest, Timestamp, Unit, verify, wait,
};

/// Everything that reads show of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Book {
    /// `None` before the first change.
    pub(super) unit: Option<Unit>,
    pub(super) posted: i128,
    pub(super) held: i128,
    pub(super) seq: u64,
    pub(super) as_of: Timestamp,
    /// Oldest first.
    pub(super) entries: Vec<Entry>,
    /// Open ones; the one released first coming first.
    pub(super) holds: Vec<HoldState>,
}

impl Book {
    pub(super) const fn empty() -> Self {
        Self {
            unit: None,
            posted: 0,
            held: 0,
            seq: 0,
            as_of: Timestamp::from_micros(i64::MIN),
            entries: Vec::new(),
            holds: Vec::new(),
        }
    }

    pub(super) const fn available(&self) -> i128 {
        self.posted - self.held
    }

    pub(super) fn open_hold(&self, key: &IdempotencyKey) -> Option<&HoldState> {
        self.holds.iter().find(|hold| hold.key() == key)
    }

    /// The books at a later time, with every hold released that is due; `changed_at` is when they changed last. Says how
    /// many holds that were.
    pub(super) fn at(&self, now: Timestamp, changed_at: Timestamp) -> (Self, u32) {
        let as_of = now.max(changed_at);
        let mut book = Self { as_of, ..self.clone() };
        book.holds.retain(|hold| hold.release_at() > as_of);
        let released = self.holds.len() - book.holds.len();
        book.seq += u64::try_from(released).expect("few");
        book.held = sum_reserved(&book.holds);
        (book, u32::try_from(released).expect("few"))
    }

    /// Reads the books, and checks that they are right in themselves.
    pub(super) fn read(ledger: &dyn Ledger, account: &AccountId) -> Self {
        let balance = |unit| wait(ledger.balance(BalanceRequest::new(account.clone(), unit)));
        let balance = match balance(super::unit(false)) {
            Err(LedgerError::WrongUnit { expected, .. }) => balance(expected),
            answer => answer,
        };
        let balance = balance.expect("a balance in the account's unit");
        let oldest_first =
            StatementRequest::new(account.clone()).with_order(Order::OldestFirst).with_limit(1_000);
        let statement = wait(ledger.statement(oldest_first)).expect("a page");
        let page = wait(ledger.holds(HoldsRequest::new(account.clone()).with_limit(1_000))).expect("a page");
        assert!(statement.next().is_none() && page.next().is_none(), "more than a sequence can make");
        assert_eq!((statement.seq(), page.seq()), (balance.seq(), balance.seq()), "reads that do not agree");

        let book = Self {
            unit: (balance.seq() > 0).then(|| balance.posted().unit()),
            posted: balance.posted().minor().into(),
            held: balance.held().minor().into(),
            seq: balance.seq(),
            as_of: balance.as_of(),
            entries: statement.entries().to_vec(),
            holds: page.holds().to_vec(),
        };
        assert_eq!(i128::from(balance.available().minor()), book.available());
        assert_eq!(usize::try_from(balance.open_holds()).expect("few"), book.holds.len());
        book.check_entries();
        book.check_holds();
        let unit = balance.posted().unit();
        let audit = wait(verify(ledger, account, unit)).expect("an audit");
        assert_eq!(audit.discrepancies(), []);
        book
    }

    fn check_entries(&self) {
        let (mut posted, mut seq) = (0, 0);
        for (index, entry) in self.entries.iter().enumerate() {
            assert_eq!(Some(entry.amount().unit()), self.unit);
            posted += i128::from(entry.amount().minor());
            assert_eq!(i128::from(entry.balance_after().minor()), posted, "{entry:?}");
            assert!(entry.seq() > seq && entry.seq() <= self.seq, "out of order: {entry:?}");
            assert!(entry.booked_at() <= self.as_of, "booked in the future: {entry:?}");
            assert!(index == 0 || entry.kind() != EntryKind::Opening, "an opening in the middle");
            seq = entry.seq();
        }
        assert_eq!(posted, self.posted, "what is posted is the sum of the entries");
    }

    fn check_holds(&self) {
        for hold in &self.holds {
            assert_eq!((hold.status(), Some(hold.total().unit())), (HoldStatus::Open, self.unit));
            assert!(hold.release_at() > self.as_of, "due and still held: {hold:?}");
            assert!(hold.reserved().minor() >= 0, "{hold:?}");
        }
        let ordered = self.holds.is_sorted_by(|a, b| (a.release_at(), a.key()) < (b.release_at(), b.key()));
        assert!(ordered, "open holds are listed by when they are released, each once");
        assert_eq!(sum_reserved(&self.holds), self.held, "what is held is the sum of the open holds");
    }
}

fn sum_reserved(holds: &[HoldState]) -> i128 {
    holds.iter().map(|hold| i128::from(hold.reserved().minor())).sum()
}
