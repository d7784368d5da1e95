//! Question: how much memory does each thing take?
//!
//! Counts what is asked of the allocator (its own overhead not included). An id's text is not counted: 13 bytes for
//! an account, 32 for a key. Hash tables double, so what an item takes depends on the count: with 64 shards they do
//! so near 917,000 items, so 950,000 is close to the worst, and 800,000 fills them well.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use billing_guard::{
    AccountId, Amount, HoldRequest, IdempotencyKey, Ledger, LedgerExt, MemoryLedger, MemorySettings,
    SystemClock, wait,
};
use billing_guard_peers::{Effort, Table, Target, cycle, held, usd};

/// The system's allocator, counting bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ACCOUNT_TEXT: usize = 13;
const KEY_TEXT: usize = 32;

/// Runs something and says how many bytes it left in use.
fn left_by(work: impl FnOnce()) -> f64 {
    let before = IN_USE.load(Ordering::Relaxed);
    work();
    IN_USE.load(Ordering::Relaxed) as f64 - before as f64
}

/// The id is dropped by whoever calls, so what is counted is the ledger's alone.
fn account(index: usize) -> AccountId {
    AccountId::new(format!("acct_{index:08}")).expect("an account id")
}

fn new_ledger(retained_keys: usize) -> MemoryLedger {
    MemoryLedger::with_clock(
        MemorySettings::new().with_retained_keys(retained_keys),
        Arc::new(SystemClock::new()),
    )
}

fn top_up(ledger: &dyn Ledger, accounts: usize) {
    for index in 0..accounts {
        wait(ledger.top_up(&account(index), IdempotencyKey::unique(), usd().minor(1_000_000_000)))
            .expect("a top-up");
    }
}

/// Opens a hold for each index given.
fn open(ledger: &dyn Ledger, amount: Amount, accounts: impl Iterator<Item = usize>) {
    let lifetime = std::time::Duration::from_secs(24 * 60 * 60);
    for index in accounts {
        let request =
            HoldRequest::new(account(index), IdempotencyKey::unique(), amount).with_lifetime(lifetime);
        wait(ledger.hold(request)).expect("a hold");
    }
}

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("bytes in use, without the texts of ids", effort);
    for full in [800_000, 950_000, 1_000_000] {
        let accounts = effort.pick(full, full / 100);
        let each = |bytes: f64, texts: usize, count: usize| bytes / count as f64 - texts as f64;

        let ledger = new_ledger(0);
        let bytes = left_by(|| open(&ledger, usd().zero(), 0..accounts));
        let created = each(bytes, ACCOUNT_TEXT + KEY_TEXT, accounts);
        table.line(
            &format!("{accounts}: account without entries and its first open hold"),
            created,
            Target::None,
            "",
        );
        let bytes = left_by(|| open(&ledger, usd().zero(), 0..accounts));
        let second = each(bytes, KEY_TEXT, accounts);
        table.line(&format!("{accounts}: second open hold of each"), second, Target::AtMost(256.0), "");
        drop(ledger);

        let ledger = new_ledger(0);
        let bytes = left_by(|| top_up(&ledger, accounts));
        let topped = each(bytes, ACCOUNT_TEXT + KEY_TEXT, accounts);
        table.line(
            &format!("{accounts}: account with one kept top-up and its key"),
            topped,
            Target::None,
            "",
        );
        let bytes = left_by(|| open(&ledger, held(), 0..accounts));
        let first = each(bytes, KEY_TEXT, accounts);
        table.line(&format!("{accounts}: first open hold of each"), first, Target::AtMost(256.0), "");
        table.line(
            &format!("{accounts}: account alone (the first line less a hold)"),
            created - first,
            Target::AtMost(256.0),
            "",
        );
        table.line(
            &format!("{accounts}: kept entry and its key (the difference)"),
            topped - (created - first),
            Target::None,
            "",
        );
        drop(ledger);

        // Spread over so few accounts that what an account costs is nothing.
        let ledger = new_ledger(0);
        top_up(&ledger, 1_000);
        let bytes = left_by(|| open(&ledger, held(), (0..accounts).map(|index| index % 1_000)));
        let many = each(bytes, KEY_TEXT, accounts);
        table.line(&format!("{accounts}: open hold, all of 1000 accounts"), many, Target::AtMost(256.0), "");
        drop(ledger);

        let retained = effort.pick(full / 8, full / 800);
        let ledger = new_ledger(retained);
        top_up(&ledger, 1_000);
        // Captures of nothing leave no entry: what stays is the closed hold and its key.
        let close = || {
            for index in 0..retained * 4 / 3 {
                let (id, key) = (account(index % 1_000), IdempotencyKey::unique());
                wait(ledger.hold_amount(&id, key.clone(), held())).expect("a hold");
                wait(ledger.void_hold(&id, key)).expect("a void");
            }
        };
        let bytes = left_by(close);
        table.line(
            &format!("{retained}: closed hold with its retained key"),
            each(bytes, KEY_TEXT, retained),
            Target::None,
            "",
        );
        let entries = retained * 8;
        let bytes = left_by(|| {
            for index in 0..entries {
                cycle(&ledger, account(index % 1_000), IdempotencyKey::unique());
            }
        });
        table.line(
            &format!("{entries}: entry of a capture, its key held by none but it"),
            each(bytes, KEY_TEXT, entries),
            Target::None,
            "",
        );
    }
}
