//! Clause 6 broken: captures that take too much or lose what they could not take, and what is given back wrongly.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::hold::{HoldStatus, LateCapture, OverCapture};
use crate::ledger::request::CaptureMode;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a capture above its hold takes what other holds set aside",
        &[],
        Hooks {
            capture: |request, account| {
                let own = account.holds.get(&request.key).map_or(0, |hold| hold.reserve());
                if request.over != OverCapture::Reject
                    && !request.debt_limit.is_negative()
                    && account.state.held > own
                {
                    request.over = OverCapture::Debt;
                    let others = account.state.held - own;
                    request.debt_limit = request.debt_limit.unit().minor(request.debt_limit.minor() + others);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture above its hold is taken for what the hold has",
        &[],
        Hooks {
            capture: |request, account| {
                if let Some(hold) = account.holds.get(&request.key)
                    && request.over == OverCapture::Reject
                    && request.total.minor() > hold.total
                {
                    request.total = hold.total();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture may go into debt unasked",
        &[],
        Hooks {
            capture: |request, _| {
                if request.over == OverCapture::UpToAvailable {
                    request.over = OverCapture::Debt;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture that may go into debt goes no further than the balance",
        &[],
        Hooks {
            capture: |request, _| {
                if request.over == OverCapture::Debt {
                    request.over = OverCapture::UpToAvailable;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what could not be collected is not on the entry",
        &[],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(entry) = &mut changes.entry {
                    entry.uncollected = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what could not be collected is forgotten on the hold",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Capture(request), Some(hold)) = (ask, &mut changes.hold)
                    && request.mode == CaptureMode::Partial
                {
                    hold.settled = hold.settled.min(hold.captured);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a partial capture is added to those before",
        &[],
        Hooks {
            capture: |request, account| {
                if let Some(hold) = account.holds.get(&request.key)
                    && request.mode == CaptureMode::Partial
                    && request.total.minor() > 0
                    && hold.captured > 2
                {
                    request.total = hold.unit.minor(request.total.minor() + hold.captured);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture of nothing leaves its hold open",
        &[],
        Hooks {
            capture: |request, _| {
                if request.total.is_zero() {
                    request.mode = CaptureMode::Partial;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture is paid from the hold that it lost",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Capture(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.status == HoldStatus::Expired
                {
                    hold.status = HoldStatus::Open;
                    hold.release_at = crate::clock::Timestamp::MAX;
                    view.state.held += hold.reserve();
                    view.state.open_holds += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture is refused by nobody",
        &[],
        Hooks {
            capture: |request, _| {
                if request.late == LateCapture::Reject {
                    request.late = LateCapture::IfAvailable;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture goes into debt unasked",
        &[],
        Hooks {
            capture: |request, _| {
                if request.late == LateCapture::IfAvailable {
                    request.late = LateCapture::Debt;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a voided hold can be captured when its time is over",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Capture(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.status == HoldStatus::Voided
                    && hold.release_at <= view.now
                {
                    hold.status = HoldStatus::Expired;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold of which part was captured can be voided",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Void(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.is_open()
                {
                    hold.total -= hold.captured;
                    hold.captured = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize does not look at the revision",
        &[],
        Hooks {
            resize: |request, account| {
                request.rev = account.holds.get(&request.key).map_or(request.rev, |hold| hold.rev);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize is added to what is held",
        &[],
        Hooks {
            resize: |request, account| {
                if let (Some(total), Some(hold)) = (request.total, account.holds.get(&request.key))
                    && total.minor() > hold.total
                    && hold.captured > 0
                {
                    request.total = Some(hold.unit.minor(total.minor() + hold.captured));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize that is refused makes the hold last longer all the same",
        &[],
        Hooks {
            refuses: |ask, _, view, account| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &view.hold)
                    && let (Some(lifetime), Some(stored)) =
                        (request.lifetime, account.holds.get_mut(&hold.key))
                {
                    stored.ends_at = view.now.saturating_add(lifetime);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a charge can be refunded again and again",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Post(_), Some(charge)) = (ask, &mut view.charge) {
                    charge.refunded = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "of a hold can be refunded what was never collected",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut view.hold) {
                    hold.captured = hold.captured.max(hold.settled);
                }
            },
            stores: |ask, changes, _, account| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut changes.hold) {
                    hold.captured = account.holds.get(&hold.key).map_or(0, |known| known.captured);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund makes room for another capture of the same",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut changes.hold) {
                    hold.settled -= hold.refunded - view.hold.as_ref().map_or(0, |known| known.refunded);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an adjustment can be refunded",
        &[],
        Hooks {
            sees: |ask, view, account| {
                if let Ask::Post(request) = ask
                    && let crate::ledger::request::PostKind::Refund {
                        of: crate::entry::ChargeRef::Charge(key),
                        ..
                    } = &request.kind
                    && view.charge.is_none()
                {
                    view.charge = account.posting(crate::entry::Operation::Credit, key).cloned();
                }
            },
            ..HONEST
        },
    ),
];
