//! Clause 4 broken while the store is away.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{HONEST, Hooks, WhenCut};

/// To be found by the checks of outages.
pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a store that is away looks like an empty one",
        &[
            "out_of_reach_a_store_never_looks_like_an_empty_balance",
            "out_of_reach_a_store_shows_nothing_that_was_not_so",
            "what_was_called_not_applied_was_not_applied",
        ],
        Hooks { when_cut: WhenCut::LooksEmpty, ..HONEST },
    ),
    Fault::new(
        "a store that is away is shown as an empty one",
        &["out_of_reach_a_store_shows_nothing_that_was_not_so"],
        Hooks { when_cut: WhenCut::ShowsNothing, ..HONEST },
    ),
    Fault::new(
        "what is called not applied is applied all the same",
        &["what_was_called_not_applied_was_not_applied"],
        Hooks { when_cut: WhenCut::AppliesAllTheSame, ..HONEST },
    ),
    Fault::new(
        "what nobody knows of is applied after it was found not to be",
        &["asked_again_with_the_same_key_it_is_done_once"],
        Hooks { when_cut: WhenCut::AppliesLater, ..HONEST },
    ),
    Fault::new(
        "what nobody knows of has another key",
        &[
            "out_of_reach_a_store_never_looks_like_an_empty_balance",
            "what_was_called_not_applied_was_not_applied",
        ],
        Hooks { when_cut: WhenCut::MixesKeysUp, ..HONEST },
    ),
];
