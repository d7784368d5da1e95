//! Whether a path still leads to the file that is open.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file, known by more than its name. Elsewhere than on Unix a file that is open keeps its name.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    /// The number of the device and of the file; none where the system does not tell.
    number: Option<(u64, u64)>,
}

impl Presence {
    /// Of a file that was just opened.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), number: number(path).ok().flatten() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was written to a file without its name would be lost with the process.
    ///
    /// # Errors
    /// What is wrong, if the file was deleted, moved or replaced.
    pub(super) fn check(&self) -> Result<(), String> {
        match number(&self.path) {
            Ok(found) if found == self.number => Ok(()),
            Ok(_) => Err(format!("{} was replaced while it was in use", self.path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(format!("{} was deleted or moved while it was in use", self.path.display()))
            }
            // That it cannot be looked at says nothing.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<Option<(u64, u64)>> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|file| Some((file.dev(), file.ino())))
}

#[cfg(not(unix))]
fn number(_: &Path) -> std::io::Result<Option<(u64, u64)>> {
    Ok(None)
}
