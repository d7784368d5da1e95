//! An account's history as text for other programs: a spreadsheet, a warehouse, an accountant.
//!
//! * [`Csv`]: one row for each entry, for reading.
//! * [`JsonLines`]: one JSON object for each entry, complete; [`parse_line`] reads it back into an equal [`Entry`].
//! * [`Journal`]: plain-text accounting. Every transaction is balanced, and asserts the balance that the ledger had.
//!
//! Each turns one entry at a time into something to [`Display`](std::fmt::Display), which [`write!`] puts into a string, a file or
//! a response. So an export works page by page in constant memory, and can be resumed after the last entry written: in
//! [`Order::OldestFirst`](crate::Order::OldestFirst), the journal from the beginning of the history.
//!
//! Nothing is atomic over pages. If an entry of the kind [`Opening`](crate::EntryKind::Opening) comes later than as the first of an
//! export, the ledger has folded entries meanwhile that were not read yet: begin again. What was
//! [refunded](crate::Entry::refunded) of a charge is as it was when the entry was read.
//!
//! ```
//! use std::fmt::Write;
//! use billing_guard::export::Csv;
//! use billing_guard::{AccountId, Ledger, LedgerExt, MemoryLedger, Order, StatementRequest, Unit, wait};
//!
//! let usd = Unit::new("USD", 6)?;
//! let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
//! for payment in ["payment-1", "payment-2", "payment-3"] {
//!     wait(ledger.top_up(&account, payment.parse()?, usd.amount("10")?))?;
//! }
//!
//! let csv = Csv::new();
//! let mut out = csv.header().to_string();
//! let mut request = StatementRequest::new(account.clone()).with_order(Order::OldestFirst).with_limit(2);
//! loop {
//!     let page = wait(ledger.statement(request.clone()))?;
//!     for entry in page.entries() {
//!         write!(out, "{}", csv.entry(&account, entry))?;
//!     }
//!     let Some(next) = page.next() else { break };
//!     request = request.with_after(next);
//! }
//! assert_eq!(out.lines().count(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Entry`]: crate::Entry

mod csv;
mod journal;
mod json_lines;
mod line;

pub use csv::Csv;
pub use journal::Journal;
pub use json_lines::{JsonLines, LineError, MAX_LINE, parse_line};
