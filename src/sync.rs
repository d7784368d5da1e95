//! The locks and atomics of everything in which threads meet: std's.
//!
//! Tests of interleavings build the crate with `--cfg shuttle` and get shuttle's instead, which let a scheduler decide
//! which thread goes on at each of them.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
