//! Copies of a database that is in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::open::{Place, SqliteError};
use crate::ledger::store::records::{Stamp, Stamps};

/// Copies a database as it is at one moment to a file that does not exist yet. Readers and writers of it go on.
pub(super) fn copy(conn: &Connection, target: &Path, patience: Duration) -> Result<Stamp, SqliteError> {
    if target.exists() {
        return Err(SqliteError::Exists { path: target.to_owned() });
    }
    // Under another name until it is whole, so that nobody takes half a copy for one.
    let part = named(target, "-part");
    let place = Place { path: &part, patience };
    match File::options().write(true).create_new(true).open(&part) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(SqliteError::Exists { path: part });
        }
        Err(error) => {
            return Err(SqliteError::CannotOpen { path: part, reason: error.to_string() });
        }
    }
    let copied = write(conn, place).and_then(|incarnation| {
        // Unlike a renamed one, a linked file never replaces another.
        fs::hard_link(&part, target).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => SqliteError::Exists { path: target.to_owned() },
            _ => place.failed(&error),
        })?;
        Ok(incarnation)
    });
    // It has two names now, or none that is of use.
    let removed = fs::remove_file(&part).map_err(|error| place.failed(&error));
    let incarnation = copied?;
    removed?;
    sync_folder(target).map_err(|error| place.failed(&error))?;
    Ok(incarnation)
}

/// Fills the file, which is empty. It becomes another incarnation, since from here on it has a history of its own.
fn write(conn: &Connection, place: Place<'_>) -> Result<Stamp, SqliteError> {
    let file = place.file();
    let Some(name) = file.to_str() else {
        let reason = "its name is not UTF-8".to_owned();
        return Err(SqliteError::CannotOpen { path: place.path.to_owned(), reason });
    };
    conn.execute("VACUUM INTO ?1", [name])
        .map_err(|error| SqliteError::Failed { path: place.path.to_owned(), reason: error.to_string() })?;
    let incarnation = Stamps::unique().next();
    let copy = place.connect(false)?;
    copy.execute_batch("PRAGMA synchronous = FULL; PRAGMA journal_mode = MEMORY")
        .map_err(|error| place.error(&error))?;
    copy.execute("UPDATE meta SET incarnation = ?1", [incarnation.to_bytes()])
        .map_err(|error| place.error(&error))?;
    copy.close().map_err(|(_, error)| place.error(&error))?;
    File::options()
        .write(true)
        .open(place.path)
        .and_then(|file| file.sync_all())
        .map_err(|error| place.failed(&error))?;
    Ok(incarnation)
}

/// A file's new name is durable once its folder is.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn named(file: &Path, more: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(more);
    name.into()
}
