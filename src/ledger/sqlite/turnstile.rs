//! Fairness between processes that write to one file.
//!
//! SQLite's write lock has no queue: of two processes that write back to back, the one that has just committed gets it again
//! thousands of times in a row. So whoever wants it takes a second lock first, and keeps that while it waits. Who has just
//! committed has to wait for the second lock then, and the two take turns. It is only about fairness: SQLite's own lock keeps
//! writers apart, so one who cannot have the turnstile goes on without it.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that is waited for it.
const PATIENCE: Duration = Duration::from_millis(250);

/// The lock, on a file beside the database. The system releases it when a process ends, however it does.
#[derive(Debug)]
pub(super) struct Turnstile(Option<File>);

/// The turnstile, taken. Dropping it lets the next one wait.
#[derive(Debug)]
pub(super) struct Pass<'a>(Option<&'a File>);

impl Turnstile {
    /// None at all: for a database that only this store has.
    pub(super) const NONE: Self = Self(None);

    /// On the file with the database's name and `-turn`, made if need be. None if it cannot be.
    pub(super) fn beside(database: &Path) -> Self {
        if !cfg!(unix) {
            return Self::NONE;
        }
        let mut name = database.as_os_str().to_owned();
        name.push("-turn");
        Self(File::options().create(true).truncate(false).write(true).open(name).ok())
    }

    /// Waits for it, but not long, and then goes on without it: whoever has it may stand still.
    pub(super) fn enter(&self, now: Instant) -> Pass<'_> {
        let Some(file) = &self.0 else { return Pass(None) };
        let deadline = now.checked_add(PATIENCE).unwrap_or(now);
        let mut pause = Pause::new();
        loop {
            match lock(file) {
                Ok(()) => return Pass(Some(file)),
                Err(Refused::Taken) if Instant::now() < deadline => pause.wait(),
                Err(_) => return Pass(None),
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.0 {
            unlock(file);
        }
    }
}

/// Pauses that grow from 50 µs to 1 ms: short beside a write to disk, long beside a look at a lock.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) const fn new() -> Self {
        Self(Duration::from_micros(50))
    }

    pub(super) fn wait(&mut self) {
        std::thread::sleep(self.0);
        self.0 = self.0.saturating_mul(2).min(Duration::from_millis(1));
    }
}

/// Why a lock was not given.
#[cfg_attr(not(unix), allow(dead_code, reason = "there is no lock to be taken"))]
enum Refused {
    Taken,
    Unsupported,
}

#[cfg(unix)]
fn lock(file: &File) -> Result<(), Refused> {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR => Refused::Taken,
        _ => Refused::Unsupported,
    })
}

#[cfg(unix)]
fn unlock(file: &File) {
    // It fails only for a file that is not open.
    let _ = rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
}

#[cfg(not(unix))]
fn lock(_: &File) -> Result<(), Refused> {
    Err(Refused::Unsupported)
}

#[cfg(not(unix))]
fn unlock(_: &File) {}
