//! A folder of a test's own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Removed with everything in it, unless it is to be looked at.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    pub(crate) fn within(parent: &std::path::Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("billing-guard-test-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        // As the system names it, whatever links lead there.
        Self { path: std::fs::canonicalize(path).unwrap(), is_kept: false }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Keeps it, for somebody to look at; gives its name.
    pub(crate) fn keep(&mut self) -> String {
        self.is_kept = true;
        self.path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
