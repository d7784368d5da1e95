//! Checkpoints: the log is taken into the file, so that it can start anew.
//!
//! By the connection that writes, after its commits, and not by SQLite itself, which says nothing of one that fails. That matters: a
//! checkpoint that could not go to the end of the log, since somebody was reading, counts as done without a sync. If
//! the sync of a later one fails, the system may take those pages for written although they are not, and no
//! checkpoint writes them again. Nothing is lost as long as the log is not started anew, so from then on nothing is written. Who
//! opens the file when nobody has it open any more takes the whole log into it.

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::commit::is_busy;
use crate::ledger::store::StoreError;

/// A checkpoint is made when the log has grown by so many pages of 4 KiB: 16 MiB. Each costs two syncs.
const PAGES_APART: i64 = 4_096;
/// A log that was longer is cut to this when it starts anew, in bytes.
pub(super) const LONGEST_LOG: u64 = 64 << 20;
/// The same in pages: each has a head of 24 bytes in the log.
const LONGEST_LOG_PAGES: i64 = (64 << 20) / (4_096 + 24);

/// What is known of the log by the connection that writes.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// How many pages there were in the log at the latest one, however that one ended.
    tried: i64,
    /// Why nothing may be written any more.
    failed: Option<String>,
}

/// The log, in pages.
struct Log {
    pages: i64,
    /// So many of them are in the file.
    done: i64,
}

impl Checkpoints {
    pub(super) const fn new() -> Self {
        Self { tried: 0, failed: None }
    }

    /// An error if one has failed. Then nothing may be written.
    pub(super) fn may_write(&self) -> Result<(), StoreError> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(StoreError::Unavailable(format!(
                "the disk failed while the log was taken into the file ({error}); nothing that was answered is lost, but nothing \
                 more is written until all who have the file open have closed it and it is opened again"
            ))),
        }
    }

    /// After a commit: makes one if the log has grown enough.
    pub(super) fn keep_short(&mut self, conn: &Connection) {
        // Only looks: if even that fails, the next commit says why.
        let Ok(log) = checkpoint(conn, "NOOP") else { return };
        if log.pages < self.tried {
            // It has started anew.
            self.tried = 0;
        }
        let grown = log.pages.saturating_sub(log.done.max(self.tried));
        let made = if log.pages > LONGEST_LOG_PAGES {
            // It has, because somebody is reading all the time. Others wait now, but only for a little while.
            let _ = conn.busy_timeout(Duration::from_millis(200));
            let made = checkpoint(conn, "TRUNCATE");
            let _ = conn.busy_timeout(Duration::ZERO);
            made
        } else if grown >= PAGES_APART {
            checkpoint(conn, "PASSIVE")
        } else {
            return;
        };
        self.tried = log.pages;
        if let Err(error) = made
            && !is_harmless(&error)
        {
            // Closing the file must not make another one. It fails only for a connection that is closed.
            let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            self.failed = Some(error.to_string());
        }
    }
}

/// Whether a later one makes up for it: it was not begun, or a page was not written and is known not to be.
fn is_harmless(error: &rusqlite::Error) -> bool {
    is_busy(error) || matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::OutOfMemory))
}

/// Makes one, and gives what the log is like then. That somebody was in its way is no error.
fn checkpoint(conn: &Connection, kind: &str) -> rusqlite::Result<Log> {
    let mut pragma = conn.prepare_cached(&format!("PRAGMA main.wal_checkpoint({kind})"))?;
    pragma.query_row((), |row| Ok(Log { pages: row.get(1)?, done: row.get(2)? }))
}
