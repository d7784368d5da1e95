//! Clause 3 broken: work that is lost with its future.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{HONEST, Hooks, Method};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "nothing is done before its answer is asked for",
        &["dropped_unpolled_futures_have_been_applied", "void_works_before_any_answer_came"],
        Hooks { waits_for_poll: |_| true, ..HONEST },
    ),
    Fault::new(
        "a void is done when its answer is asked for",
        &["dropped_unpolled_futures_have_been_applied"],
        Hooks { waits_for_poll: |method| method == Method::Void, ..HONEST },
    ),
    Fault::new(
        "a resize is done when its answer is asked for",
        &["dropped_unpolled_futures_have_been_applied"],
        Hooks { waits_for_poll: |method| method == Method::Resize, ..HONEST },
    ),
    Fault::new(
        "a sweep is done when its answer is asked for",
        &["dropped_unpolled_futures_have_been_applied"],
        Hooks { waits_for_poll: |method| method == Method::Sweep, ..HONEST },
    ),
    Fault::new(
        "a refused hold that nobody waits for is tried again with less",
        &["a_dropped_refusal_changed_nothing"],
        Hooks { retries_what_was_dropped: true, ..HONEST },
    ),
];
