//! The rows of a ledger in a file, written by the driver alone: the least that a cycle can cost there.
//!
//! One connection with the store's own settings, statements that are kept ready, rows found by number. Nothing is looked
//! at, compared or proved. What is written is worked out from memory, and keys are made before the clock starts.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use billing_guard::IdempotencyKey;
use rusqlite::{Connection, params};

use crate::{Picks, held, used};

/// The store's settings of a connection that writes.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
    PRAGMA foreign_keys = OFF; PRAGMA mmap_size = 0; PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY; \
    PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864";

const UPDATE_ACCOUNT: &str = "UPDATE account SET unit = ?2, format = 1, commits = ?3, stamp = ?4, seq = ?5, time = ?6, \
    open_holds = ?7, posted = ?8, held = ?9, grants = NULL, turn_by = NULL, turn_until = NULL WHERE number = ?1";
/// Apart, since it is in an index and most of the time stays as it is.
const UPDATE_DUE: &str = "UPDATE account SET next_release = ?2, next_due = ?2 WHERE number = ?1";
const INSERT_HOLD: &str = "INSERT INTO hold (account, key, status, requested, minimum, total, captured, settled, refunded, \
    opened_at, ends_at, release_at, rev, late, kept_until, stamp, rest) \
    VALUES (?1, ?2, 'open', ?3, ?3, ?3, 0, 0, 0, ?4, ?5, ?6, 1, 0, ?7, ?8, NULL)";
const UPDATE_HOLD: &str = "UPDATE hold SET status = 'captured', total = ?3, captured = ?4, settled = ?4, refunded = 0, \
    ends_at = ?5, release_at = ?6, rev = 2, late = 0, kept_until = ?7, rest = NULL WHERE account = ?1 AND key = ?2";
const INSERT_ENTRY: &str = "INSERT INTO entry (account, seq, kind, operation, key, booked_at, amount, posted_after, \
    uncollected, refunded, late, stamp, rest) VALUES (?1, ?2, 'charge', 'hold', ?3, ?4, ?5, ?6, 0, 0, 0, ?7, NULL)";

/// In microseconds: the defaults of a hold.
const LIFETIME: i64 = 300_000_000;
const GRACE: i64 = 30_000_000;
const KEPT: i64 = 86_400_000_000;

/// A file with accounts in it, made by the store, that the driver goes on with alone.
#[derive(Debug)]
pub struct Raw {
    conn: Connection,
    accounts: Vec<Account>,
    /// Holds to be captured, oldest first.
    open: VecDeque<(usize, String)>,
    stamps: Picks,
    began: Instant,
}

#[derive(Debug)]
struct Account {
    number: i64,
    unit: String,
    commits: i64,
    seq: i64,
    release: i64,
    open_holds: i64,
    posted: i64,
    held: i64,
}

/// What one transaction writes: for each account the keys of holds to make and of holds to capture.
type Batch = Vec<(usize, Vec<String>, Vec<String>)>;

impl Raw {
    /// Reads what there is.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let conn = Connection::open(path).expect("a file");
        // A copy begins with another journal.
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).expect("a mode");
        assert_eq!(mode, "wal");
        conn.execute_batch(SETTINGS).expect("settings");
        conn.set_prepared_statement_cache_capacity(64);
        let read = "SELECT number, unit, commits, seq, next_release, open_holds, posted, held FROM account ORDER BY id";
        let mut read = conn.prepare(read).expect("a query");
        let account = |row: &rusqlite::Row<'_>| {
            Ok(Account {
                number: row.get(0)?,
                unit: row.get(1)?,
                commits: row.get(2)?,
                seq: row.get(3)?,
                release: row.get(4)?,
                open_holds: row.get(5)?,
                posted: row.get(6)?,
                held: row.get(7)?,
            })
        };
        let accounts = read.query_map((), account).expect("rows").map(|row| row.expect("a row")).collect();
        drop(read);
        Self { conn, accounts, open: VecDeque::new(), stamps: Picks::new(4), began: Instant::now() }
    }

    /// How many cycles a second are written for so long, so many commands to a transaction: half of them make holds, half
    /// capture those made the longest ago. Accounts are picked at random among the first `accounts`. Also gives how many it was.
    pub fn batches(
        &mut self,
        commands: f64,
        accounts: usize,
        picks: &mut Picks,
        lasting: Duration,
    ) -> (f64, usize) {
        // As many holds are open as are made in a batch, so that no hold is captured in the batch that makes it.
        let half = ((commands / 2.0).round() as usize).max(1);
        let first = self.prepare(half, 0, accounts, picks);
        self.write(first);
        let (mut took, mut cycles) = (Duration::ZERO, 0);
        while took < lasting {
            let batch = self.prepare(half, half, accounts, picks);
            took += self.write(batch);
            cycles += half;
        }
        let last = self.prepare(0, half, accounts, picks);
        self.write(last);
        (cycles as f64 / took.as_secs_f64(), cycles)
    }

    /// The same with each cycle a transaction of its own.
    pub fn cycles(&mut self, accounts: usize, picks: &mut Picks, lasting: Duration) -> f64 {
        let (mut took, mut cycles) = (Duration::ZERO, 0);
        while took < lasting {
            let key = IdempotencyKey::unique().as_str().to_owned();
            took += self.write(vec![(picks.below(accounts), vec![key.clone()], vec![key])]);
            cycles += 1;
        }
        f64::from(cycles) / took.as_secs_f64()
    }

    /// The same with each hold and each capture a transaction of its own.
    pub fn steps(&mut self, accounts: usize, picks: &mut Picks, lasting: Duration) -> f64 {
        let (mut took, mut cycles) = (Duration::ZERO, 0);
        while took < lasting {
            let (account, key) = (picks.below(accounts), IdempotencyKey::unique().as_str().to_owned());
            took += self.write(vec![(account, vec![key.clone()], Vec::new())]);
            took += self.write(vec![(account, Vec::new(), vec![key])]);
            cycles += 1;
        }
        f64::from(cycles) / took.as_secs_f64()
    }

    fn prepare(&mut self, holds: usize, captures: usize, accounts: usize, picks: &mut Picks) -> Batch {
        let (mut batch, mut places): (Batch, HashMap<usize, usize>) = (Vec::new(), HashMap::new());
        let mut place = |batch: &mut Batch, account: usize| {
            *places.entry(account).or_insert_with(|| {
                batch.push((account, Vec::new(), Vec::new()));
                batch.len() - 1
            })
        };
        for _ in 0..captures {
            let (account, key) = self.open.pop_front().expect("an open hold");
            let at = place(&mut batch, account);
            batch[at].2.push(key);
        }
        for _ in 0..holds {
            let (account, key) = (picks.below(accounts), IdempotencyKey::unique().as_str().to_owned());
            self.open.push_back((account, key.clone()));
            let at = place(&mut batch, account);
            batch[at].1.push(key);
        }
        batch
    }

    /// Writes a batch in one transaction, and says how long it took.
    fn write(&mut self, batch: Batch) -> Duration {
        let start = Instant::now();
        self.transaction(batch).expect("a transaction");
        start.elapsed()
    }

    fn transaction(&mut self, batch: Batch) -> rusqlite::Result<()> {
        let conn = &self.conn;
        let now = 1_700_000_000_000_000 + self.began.elapsed().as_micros() as i64;
        let (total, captured) = (held().minor(), used().minor());
        let (ends_at, release_at) = (now + LIFETIME, now + LIFETIME + GRACE);
        let stamps = &mut self.stamps;
        let mut half = || (stamps.below(usize::MAX) as u64).to_le_bytes();
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut update_account = conn.prepare_cached(UPDATE_ACCOUNT)?;
        let mut update_due = conn.prepare_cached(UPDATE_DUE)?;
        let mut insert_hold = conn.prepare_cached(INSERT_HOLD)?;
        let mut update_hold = conn.prepare_cached(UPDATE_HOLD)?;
        let mut insert_entry = conn.prepare_cached(INSERT_ENTRY)?;
        for (account, holds, captures) in batch {
            let stamp = [half(), half()].as_flattened().to_owned();
            let account = &mut self.accounts[account];
            account.commits += 1;
            let release = account.release;
            for key in holds {
                account.seq += 1;
                account.held += total;
                account.open_holds += 1;
                account.release = account.release.min(release_at);
                let values = params![account.number, key, total, now, ends_at, release_at, i64::MAX, stamp];
                insert_hold.execute(values)?;
            }
            for key in captures {
                account.seq += 1;
                account.held -= total;
                account.posted -= captured;
                account.open_holds -= 1;
                let values = params![account.number, key, total, captured, ends_at, release_at, now + KEPT];
                update_hold.execute(values)?;
                let values = params![account.number, account.seq, key, now, -captured, account.posted, stamp];
                insert_entry.execute(values)?;
            }
            update_account.execute(params![
                account.number,
                account.unit,
                account.commits,
                stamp,
                account.seq,
                now,
                account.open_holds,
                account.posted,
                account.held,
            ])?;
            if account.release != release {
                update_due.execute(params![account.number, account.release])?;
            }
        }
        conn.execute_batch("COMMIT")
    }
}

#[cfg(test)]
mod tests {
    use billing_guard::{AccountId, Ledger as _, LedgerExt as _, StatementRequest, wait};

    use super::*;
    use crate::sqlite::files::Folder;
    use crate::sqlite::load;
    use crate::{account_texts, usd};

    #[test]
    fn what_the_driver_writes_the_ledger_reads_as_its_own() {
        let (folder, texts) = (Folder::new(), account_texts(3));
        let (path, copy) = (folder.file("a.db"), folder.file("b.db"));
        let ledger = load::open(&path, 3);
        load::top_up(ledger.as_ref(), &texts, 1);
        ledger.store().backup_to(&copy).expect("a copy");
        let (mut raw, mut picks) = (Raw::open(&copy), Picks::new(1));
        let lasting = Duration::from_millis(20);
        let (_, cycles) = raw.batches(9.0, 3, &mut picks, lasting);
        assert!(raw.cycles(3, &mut picks, lasting) > 0.0 && raw.steps(3, &mut picks, lasting) > 0.0);
        drop(raw);

        let ledger = load::open(&copy, 3);
        let mut charges = 0;
        for text in &texts {
            let id = AccountId::new(text).expect("an account id");
            let balance = wait(ledger.balance_of(&id, usd())).expect("a balance");
            assert_eq!((balance.held(), balance.open_holds()), (usd().zero(), 0));
            let page = wait(ledger.statement(StatementRequest::new(id))).expect("a statement");
            let latest = page.entries().first().expect("an entry");
            assert_eq!(latest.balance_after(), balance.posted());
            charges += (1_000_000_000_000 - balance.posted().minor()) / used().minor();
        }
        assert!(charges as usize > cycles);
    }
}
