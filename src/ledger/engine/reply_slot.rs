//! Where a caller finds its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::LedgerError;

struct State<T> {
    answer: Option<Result<T, LedgerError>>,
    waker: Option<Waker>,
    is_promised: bool,
}

/// Gives the answer. Dropped without one, it says that there will be none.
pub(super) struct Giver<T>(Arc<Mutex<State<T>>>);

/// Waits for the answer.
pub(super) struct Taker<T>(Arc<Mutex<State<T>>>);

pub(super) fn pair<T>() -> (Giver<T>, Taker<T>) {
    let state = Arc::new(Mutex::new(State { answer: None, waker: None, is_promised: true }));
    (Giver(Arc::clone(&state)), Taker(state))
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Giver<T> {
    pub(super) fn give(self, answer: Result<T, LedgerError>) {
        self.put(answer);
    }

    fn put(&self, answer: Result<T, LedgerError>) {
        let waker = {
            let mut state = lock(&self.0);
            if !state.is_promised {
                return;
            }
            state.is_promised = false;
            state.answer = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.put(Err(LedgerError::Unavailable {
            detail: "the ledger was closed, or its store panicked".to_owned(),
        }));
    }
}

impl<T> Future for Taker<T> {
    type Output = Result<T, LedgerError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0);
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}
