//! What a file holds, compared with what was asked and acknowledged.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use billing_guard::store::Store as _;
use billing_guard::{
    Entry, FindRequest, Found, HoldState, HoldStatus, IdempotencyKey, Ledger, LedgerError, Limits, Order,
    SqliteSettings, SqliteStore, StatementRequest, StoreLedger, verify, wait,
};
use rusqlite::Connection;

use super::work::{ACCOUNTS, Answer, Kind, Note, Operation, SqliteLedger, account, perform, unit};

/// Everything in a file.
#[derive(Debug)]
pub(crate) struct Books {
    /// By account and number.
    entries: HashMap<(u64, u64), Entry>,
    /// By account and key.
    holds: HashMap<(u64, String), HoldState>,
}

/// What is known of a file from the notes of all that wrote to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    asked: HashSet<Operation>,
    acknowledged: HashMap<Operation, Answer>,
    refused: HashSet<Operation>,
}

impl Expected {
    /// Adds notes.
    pub(crate) fn add(&mut self, notes: Vec<Note>) {
        for note in notes {
            match note {
                Note::Asked(operation) => drop(self.asked.insert(operation)),
                Note::Acknowledged(operation, answer) => {
                    self.acknowledged.insert(operation, answer);
                }
                Note::Refused(operation) => drop(self.refused.insert(operation)),
            }
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// What was asked and never answered.
    pub(crate) fn open(&self) -> Vec<Operation> {
        let is_open =
            |asked: &&Operation| !self.acknowledged.contains_key(*asked) && !self.refused.contains(*asked);
        self.asked.iter().filter(is_open).cloned().collect()
    }

    /// A refusal that no longer stands: the same was asked again, and applied.
    pub(crate) fn forget_refusal(&mut self, operation: &Operation) {
        self.refused.remove(operation);
    }

    /// What was answered, of those whose key begins with this.
    pub(crate) fn of(&self, name: &str) -> Vec<(Operation, Answer)> {
        let named = self.acknowledged.iter().filter(|(operation, _)| operation.key.starts_with(name));
        named.map(|(operation, answer)| (operation.clone(), *answer)).collect()
    }
}

/// Looks at a file as SQLite alone sees it: sound, and its totals the sums of its rows.
pub(crate) fn inspect(file: &Path) -> Result<(), String> {
    let said = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let conn = Connection::open(file).map_err(said)?;
    let sound: String = conn.query_row("PRAGMA integrity_check", (), |row| row.get(0)).map_err(said)?;
    if sound != "ok" {
        return Err(format!("{}: {sound}", file.display()));
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'account'";
    if conn.query_row(tables, (), |row| row.get::<_, u32>(0)).map_err(said)? == 0 {
        // Nobody has written to it yet.
        return Ok(());
    }
    let wrong = "SELECT count(*) FROM account a \
         WHERE posted <> (SELECT coalesce(sum(amount), 0) FROM entry WHERE account = a.number) \
         OR held <> (SELECT coalesce(sum(total - captured), 0) FROM hold WHERE account = a.number AND status = 'open') \
         OR open_holds <> (SELECT count(*) FROM hold WHERE account = a.number AND status = 'open') \
         OR seq < (SELECT coalesce(max(seq), 0) FROM entry WHERE account = a.number)";
    match conn.query_row(wrong, (), |row| row.get::<_, u32>(0)).map_err(said)? {
        0 => Ok(()),
        wrong => Err(format!("{}: {wrong} accounts do not add up", file.display())),
    }
}

/// Opens a file as the next process would.
pub(crate) fn open(file: &Path, settings: SqliteSettings) -> Result<SqliteLedger, String> {
    SqliteStore::open_with(file, settings).map(StoreLedger::new).map_err(|error| error.to_string())
}

impl Books {
    /// Reads everything; what is there must agree with itself.
    pub(crate) fn read(ledger: &SqliteLedger) -> Result<Self, String> {
        let mut books = Self { entries: HashMap::new(), holds: HashMap::new() };
        for number in 0..ACCOUNTS {
            let audit =
                wait(verify(ledger, &account(number), unit())).map_err(|error| format!("{error:?}"))?;
            if !audit.is_clean() {
                return Err(format!("account {number}: {:?}", audit.discrepancies()));
            }
            books.read_entries(ledger, number).map_err(|error| format!("{error:?}"))?;
            let mut after = None;
            loop {
                let page = ledger.store().holds(&account(number), after.as_ref(), Limits::MAX_PAGE);
                let rows = page.map_err(|error| error.to_string())?.rows;
                let Some(last) = rows.last() else { break };
                after = Some(last.hold().key().clone());
                for row in rows {
                    let hold = row.hold().clone();
                    books.holds.insert((number, hold.key().to_string()), hold);
                }
            }
        }
        Ok(books)
    }

    fn read_entries(&mut self, ledger: &SqliteLedger, number: u64) -> Result<(), LedgerError> {
        let request = StatementRequest::new(account(number)).with_order(Order::OldestFirst);
        let mut request = request.with_limit(Limits::MAX_PAGE);
        loop {
            let page = wait(ledger.statement(request.clone()))?;
            for entry in page.entries() {
                self.entries.insert((number, entry.seq()), entry.clone());
            }
            match page.next() {
                Some(next) => request = request.with_after(next),
                None => return Ok(()),
            }
        }
    }

    /// Whether everything acknowledged is there with its numbers, and nothing that was not asked for, nor twice.
    pub(crate) fn hold_all(&self, expected: &Expected) -> Result<(), String> {
        for (operation, answer) in &expected.acknowledged {
            self.holds_one(operation, answer.seq)?;
        }
        let mut seen = HashSet::new();
        for ((number, seq), entry) in &self.entries {
            let kind = match entry.hold() {
                Some(_) => Kind::Capture,
                None if entry.amount().minor() > 0 => Kind::TopUp,
                None => Kind::Charge,
            };
            let amount = entry.amount().minor().abs();
            let operation = Operation { kind, account: *number, key: entry.key().to_string(), amount };
            if !expected.asked.contains(&operation) {
                return Err(format!("entry {seq} was never asked for: {entry:?}"));
            }
            if expected.refused.contains(&operation) {
                return Err(format!("entry {seq} was refused: {entry:?}"));
            }
            if !seen.insert(operation) {
                return Err(format!("entry {seq} is there twice: {entry:?}"));
            }
        }
        for ((number, key), hold) in &self.holds {
            let was_asked = |kind, amount| {
                let key = key.clone();
                let operation = Operation { kind, account: *number, key, amount };
                expected.asked.contains(&operation) && !expected.refused.contains(&operation)
            };
            let requested = hold.requested().minor();
            let ended_as_asked = match hold.status() {
                HoldStatus::Open => true,
                HoldStatus::Captured => was_asked(Kind::Capture, hold.captured().minor()),
                HoldStatus::Voided => was_asked(Kind::Void, requested),
                _ => false,
            };
            if !was_asked(Kind::Hold, requested) || !ended_as_asked {
                return Err(format!("this was never asked for: {hold:?}"));
            }
        }
        Ok(())
    }

    /// Whether an operation was applied.
    pub(crate) fn has(&self, operation: &Operation) -> bool {
        self.holds_one(operation, 0).is_ok()
    }

    /// Whether an operation is there, with this number unless it is 0.
    fn holds_one(&self, operation: &Operation, seq: u64) -> Result<(), String> {
        let Operation { kind, account, key, amount } = operation;
        let lost = |found: String| Err(format!("lost: {operation:?}, number {seq}; {found}"));
        let signed = match kind {
            Kind::TopUp => *amount,
            Kind::Charge => -amount,
            Kind::Hold | Kind::Capture | Kind::Void => {
                let hold = self.holds.get(&(*account, key.clone()));
                let is_there = hold.is_some_and(|hold| match kind {
                    Kind::Hold => hold.requested().minor() == *amount,
                    Kind::Capture => {
                        hold.status() == HoldStatus::Captured && hold.captured().minor() == *amount
                    }
                    _ => hold.status() == HoldStatus::Voided,
                });
                // A capture of nothing leaves no entry.
                if !is_there || *kind != Kind::Capture || *amount == 0 {
                    return if is_there { Ok(()) } else { lost(format!("{hold:?}")) };
                }
                -amount
            }
        };
        let entry = if seq == 0 {
            self.entries.iter().find(|((number, _), entry)| {
                number == account
                    && entry.key().as_str() == key
                    && entry.hold().is_some() == (*kind == Kind::Capture)
            })
        } else {
            self.entries.get_key_value(&(*account, seq))
        };
        match entry.map(|(_, entry)| entry) {
            Some(entry) if entry.key().as_str() == key && entry.amount().minor() == signed => Ok(()),
            other => lost(format!("{other:?}")),
        }
    }
}

/// What the ledger itself says of an operation.
pub(crate) fn is_found(ledger: &SqliteLedger, operation: &Operation) -> Result<bool, String> {
    let (id, key) = (account(operation.account), IdempotencyKey::new(&operation.key).unwrap());
    let request = match operation.kind {
        Kind::TopUp => FindRequest::credit(id, key),
        Kind::Charge => FindRequest::charge(id, key),
        Kind::Hold | Kind::Capture | Kind::Void => FindRequest::hold(id, key),
    };
    let found = wait(ledger.find(request)).map_err(|error| format!("{operation:?}: {error:?}"))?;
    Ok(match (operation.kind, found) {
        (_, Found::NotApplied) => false,
        (Kind::Capture, Found::Hold(hold)) => hold.status() == HoldStatus::Captured,
        (Kind::Void, Found::Hold(hold)) => hold.status() == HoldStatus::Voided,
        _ => true,
    })
}

/// Asks again for what was acknowledged: the same answer, as a replay.
pub(crate) fn repeat_acknowledged(
    ledger: &SqliteLedger,
    acknowledged: &[(Operation, Answer)],
) -> Result<(), String> {
    for (operation, first) in acknowledged {
        let has_entry = matches!(operation.kind, Kind::TopUp | Kind::Charge);
        match perform(ledger, operation) {
            Ok(answer)
                if answer.is_replay
                    && answer.amount == operation.amount
                    && (!has_entry || answer.seq == first.seq)
                    && is_found(ledger, operation)? => {}
            other => return Err(format!("{operation:?}, answered {first:?}, asked again: {other:?}")),
        }
    }
    Ok(())
}

/// Asks again for what was never answered: what the file has is a replay, all else is new, and is there once afterwards.
pub(crate) fn repeat_open(
    ledger: &SqliteLedger,
    books: &Books,
    expected: &mut Expected,
) -> Result<(), String> {
    let mut open = expected.open();
    // Holds before what ends them.
    open.sort_by_key(|operation| operation.kind);
    for operation in open {
        let was_there = books.has(&operation);
        if is_found(ledger, &operation)? != was_there {
            return Err(format!("{operation:?}: in the books is it {was_there}, found the opposite"));
        }
        match perform(ledger, &operation) {
            Ok(answer) if answer.is_replay == was_there => {
                let seq = if was_there { 0 } else { answer.seq };
                expected.acknowledged.insert(operation, Answer { seq, ..answer });
            }
            Err(LedgerError::Insufficient(_)) if !was_there => {
                expected.refused.insert(operation);
            }
            other => return Err(format!("{operation:?}, in the books {was_there}, asked again: {other:?}")),
        }
    }
    Books::read(ledger)?.hold_all(expected)
}
