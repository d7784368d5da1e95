//! What a database of your own has to do to become a ledger: implement [`Store`], and give it to a
//! [`StoreLedger`](crate::StoreLedger).

pub use crate::ledger::store::asks::{Ask, Snapshot, Turn};
pub use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Page, Pruned};
pub use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord, Stamp, TurnRecord, Version};
pub use crate::ledger::store::sets::{Outcome, Set};
pub use crate::ledger::store::transfer::{
    ExportError, ImportError, ImportFault, Transferred, export, import,
};
pub use crate::ledger::store::{Store, StoreError};
pub use crate::record::RecordError;
