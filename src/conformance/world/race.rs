//! Many threads that ask at once.

use std::sync::Barrier;
use std::thread;

use crate::conformance::failed::{Checked, Failed};

/// How many threads.
pub(crate) const THREADS: usize = 16;

/// Runs this in each of the threads, all beginning together, and gives what each answered, in the order of their
/// numbers.
#[track_caller]
pub(crate) fn at_once<T: Send>(run: impl Fn(usize) -> T + Sync) -> Checked<Vec<T>> {
    let start = Barrier::new(THREADS);
    let (start, run) = (&start, &run);
    let answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn(move || {
                    start.wait();
                    run(number)
                })
            })
            .collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut given = vec![];
    for answer in answers {
        match answer {
            Ok(answer) => given.push(answer),
            Err(payload) => {
                let what = crate::conformance::message(&*payload);
                return Err(Failed::new(format_args!("a thread panicked: {what}")));
            }
        }
    }
    Ok(given)
}
