//! The prices in force, which can be exchanged while work is done.

use std::fmt;
use std::sync::Arc;

use crate::price::PriceBook;
use crate::sync::{PoisonError, RwLock, RwLockReadGuard};

/// A price book that is read for each job and seldom exchanged. What was read of it stays as it is: a tariff is shared,
/// and never changed.
pub(crate) struct Prices(RwLock<Arc<PriceBook>>);

impl Prices {
    pub(super) fn new(book: PriceBook) -> Self {
        Self(RwLock::new(Arc::new(book)))
    }

    /// For the moment it takes to price a job.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Arc<PriceBook>> {
        // Whoever panicked while it was locked had not begun to exchange it, or was done: that is one step.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn in_force(&self) -> Arc<PriceBook> {
        Arc::clone(&self.read())
    }

    /// Gives those that were in force.
    pub(super) fn set(&self, book: PriceBook) -> Arc<PriceBook> {
        let mut in_force = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *in_force, Arc::new(book))
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.in_force().fmt(f)
    }
}
