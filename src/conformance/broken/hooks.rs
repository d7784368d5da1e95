//! Where a ledger can be broken: before, between and after everything it does.

use crate::account::{Applied, Balance};
use crate::cap::Counter;
use crate::captured::Captured;
use crate::clock::Timestamp;
use crate::conformance::broken::ledger::Account;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement};
use crate::ledger::request::{
    CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostRequest, ResizeRequest,
    StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::rules::{AccountState, Changes};

/// What is being decided or booked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask<'a> {
    Hold(&'a HoldRequest),
    Resize(&'a ResizeRequest),
    Capture(&'a CaptureRequest),
    Void,
    Post(&'a PostRequest),
    /// The release of a hold that is due.
    Release,
    /// A start or end of credit.
    Turn,
}

/// The methods that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Hold,
    Resize,
    Capture,
    Void,
    Post,
    Sweep,
}

/// On which occasion something that became due can be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Decision,
    /// A rule asked for it.
    Demand,
    Read,
    Sweep,
}

/// What became due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Release,
    Turn,
}

/// What a ledger does when its store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenCut {
    SaysSo,
    /// Takes a store that does not answer for one that has nothing.
    LooksEmpty,
    /// The same for reads alone.
    ShowsNothing,
    /// Says that nothing was applied, and applies it.
    AppliesAllTheSame,
    /// Applies it after the store is back, before the next change.
    AppliesLater,
    /// Does not say which request it is that nobody knows of.
    MixesKeysUp,
}

/// What a rule is shown of an account.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: AccountState,
    pub(super) counters: Vec<Counter>,
    /// The hold that the request names.
    pub(super) hold: Option<HoldState>,
    /// The entry that has the request's key already.
    pub(super) entry: Option<Entry>,
    /// The charge that a refund names.
    pub(super) charge: Option<Entry>,
    pub(super) now: Timestamp,
}

/// What is done at each step; an honest ledger does nothing more.
pub(super) struct Hooks {
    // The request, before it is looked at. The account is as it stands, before what is due is booked.
    pub(super) hold: fn(&mut HoldRequest, &mut Account) -> Result<(), LedgerError>,
    pub(super) resize: fn(&mut ResizeRequest, &mut Account) -> Result<(), LedgerError>,
    pub(super) capture: fn(&mut CaptureRequest, &mut Account) -> Result<(), LedgerError>,
    pub(super) void: fn(&mut VoidRequest, &mut Account) -> Result<(), LedgerError>,
    pub(super) post: fn(&mut PostRequest, &mut Account) -> Result<(), LedgerError>,
    pub(super) statement: fn(&mut StatementRequest),
    pub(super) holds: fn(&mut HoldsRequest),
    pub(super) counters: fn(&mut CountersRequest),
    pub(super) sweep: fn(&mut SweepRequest),
    /// What the rule is shown.
    pub(super) sees: fn(Ask<'_>, &mut View, &mut Account),
    /// What it decided, before that is stored; the account is as it was before.
    pub(super) stores: fn(Ask<'_>, &mut Changes, &View, &mut Account),
    /// The answer, by all that answers have in common.
    pub(super) answers: fn(Ask<'_>, &mut Applied<()>, &View, &Account),
    pub(super) receipt: fn(&mut Captured),
    /// A refusal; what is booked then is booked.
    pub(super) refuses: fn(Ask<'_>, &mut LedgerError, &View, &mut Account),
    pub(super) shows_balance: fn(&mut Balance, &Account),
    pub(super) shows_statement: fn(&mut Statement, &StatementRequest, &Account),
    pub(super) shows_holds: fn(&mut HoldsPage, &HoldsRequest, &Account),
    pub(super) shows_counters: fn(&mut CountersPage, &CountersRequest, &Account),
    pub(super) finds: fn(&mut Found, &FindRequest, &Account),
    /// When a hold is due.
    pub(super) due_at: fn(&HoldState) -> Timestamp,
    pub(super) books: fn(Occasion, Due) -> bool,
    /// Before a sweep looks at an account.
    pub(super) sweeps: fn(&mut Account, Timestamp),
    /// Which methods do nothing until their answer is asked for.
    pub(super) waits_for_poll: fn(Method) -> bool,
    /// Does again, in its own time, what was refused and nobody waited for.
    pub(super) retries_what_was_dropped: bool,
    /// Lets go of the account between looking and storing.
    pub(super) lets_go: bool,
    /// Keeps an account that was made for a request even if that is refused.
    pub(super) keeps_refused: bool,
    /// Knows nothing to show of an account that nobody has paid into.
    pub(super) refuses_strangers: bool,
    /// Looks for the rows of all accounts in one place.
    pub(super) one_for_all: bool,
    pub(super) when_cut: WhenCut,
}

/// An honest ledger.
pub(super) const HONEST: Hooks = Hooks {
    hold: |_, _| Ok(()),
    resize: |_, _| Ok(()),
    capture: |_, _| Ok(()),
    void: |_, _| Ok(()),
    post: |_, _| Ok(()),
    statement: |_| {},
    holds: |_| {},
    counters: |_| {},
    sweep: |_| {},
    sees: |_, _, _| {},
    stores: |_, _, _, _| {},
    answers: |_, _, _, _| {},
    receipt: |_| {},
    refuses: |_, _, _, _| {},
    shows_balance: |_, _| {},
    shows_statement: |_, _, _| {},
    shows_holds: |_, _, _| {},
    shows_counters: |_, _, _| {},
    finds: |_, _, _| {},
    due_at: |hold| hold.release_at,
    books: |_, _| true,
    sweeps: |_, _| {},
    waits_for_poll: |_| false,
    retries_what_was_dropped: false,
    lets_go: false,
    keeps_refused: false,
    refuses_strangers: false,
    one_for_all: false,
    when_cut: WhenCut::SaysSo,
};
