//! The answer of a ledger: there already, or on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::error::LedgerError;

type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The answer of a ledger or guard: there already, or a boxed future. `Send`, `Unpin` and `'static`.
///
/// The change it answers for was submitted by the call that returned it. Dropping it undoes nothing.
#[must_use = "the change was submitted, but whether it succeeded is known only from the answer"]
pub struct LedgerFuture<T, E = LedgerError>(State<T, E>);

enum State<T, E> {
    Ready(Option<Result<T, E>>),
    Boxed(Boxed<T, E>),
}

impl<T, E> LedgerFuture<T, E> {
    /// An answer that is there.
    pub const fn ready(answer: Result<T, E>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    /// An answer that is on its way.
    pub fn boxed(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Self {
        Self(State::Boxed(Box::pin(future)))
    }

    /// The answer if it is there already; else the future, to wait for.
    ///
    /// # Errors
    /// The future itself.
    pub fn into_ready(self) -> Result<Result<T, E>, Self> {
        match self.0 {
            State::Ready(Some(answer)) => Ok(answer),
            state => Err(Self(state)),
        }
    }

    /// The same answer turned into another by `f`, at once if it is there.
    pub fn map<U, F>(
        self,
        f: impl FnOnce(Result<T, E>) -> Result<U, F> + Send + 'static,
    ) -> LedgerFuture<U, F>
    where
        T: 'static,
        E: 'static,
    {
        match self.0 {
            State::Ready(Some(answer)) => LedgerFuture::ready(f(answer)),
            State::Ready(None) => LedgerFuture(State::Ready(None)),
            State::Boxed(future) => LedgerFuture::boxed(async move { f(future.await) }),
        }
    }
}

// Nothing in it is ever pinned in place: the boxed future has its own pin.
impl<T, E> Unpin for LedgerFuture<T, E> {}

impl<T, E> Future for LedgerFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            // Polled again after its answer was taken, it stays pending for ever, as a fused future does.
            State::Ready(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            State::Boxed(future) => future.as_mut().poll(context),
        }
    }
}

impl<T, E> fmt::Debug for LedgerFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            State::Ready(_) => "LedgerFuture(ready)",
            State::Boxed(_) => "LedgerFuture(on its way)",
        })
    }
}

/// Blocks the thread until a future has its answer: for hosts without a runtime. No executor, no dependency.
///
/// Do not call it from async code; `.await` there.
///
/// ```
/// assert_eq!(billing_guard::wait(async { 7 }), 7);
/// ```
pub fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    // The usual answer is there at once, and then no waker is needed.
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return output;
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_parks_until_another_thread_answers() {
        let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let flag = Arc::clone(&done);
        std::thread::spawn(move || {
            // The no-op waker of the first poll, then the real one.
            let waker = [receiver.recv().unwrap(), receiver.recv().unwrap()][1].clone();
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
            waker.wake();
        });
        let answer = wait(LedgerFuture::<u8>::boxed(std::future::poll_fn(move |context| {
            if done.load(std::sync::atomic::Ordering::SeqCst) {
                return Poll::Ready(Ok(7));
            }
            let _ = sender.send(context.waker().clone());
            Poll::Pending
        })));
        assert_eq!(answer, Ok(7));
    }

    #[test]
    fn a_future_fits_any_executor() {
        fn bounds<T: Send + Unpin + 'static>(_: &T) {}
        let mut future = LedgerFuture::<u8>::ready(Ok(1)).map(|answer| answer.map(u16::from));
        bounds(&future);
        assert_eq!(wait(&mut future), Ok(1));
        let mapped = LedgerFuture::<u8>::boxed(async { Ok(2) }).map(|answer| answer.map(u16::from));
        assert_eq!(wait(mapped), Ok(2));
    }
}
