//! What the runs on a ledger in a file share: a folder on the disk, load from many tasks, the same rows written by
//! the driver alone, and another project's ledger.

pub mod files;
pub mod load;
pub mod others;
pub mod raw;
