//! What a reader is told in English.

use crate::messages::Tone;
use crate::messages::reader::ReaderText;
use crate::messages::written::{self, Span};
use crate::refusal::{Disclosed, Disclosure, RefusalKind};

use super::STYLE;

pub(super) fn text(told: &Disclosed<'_>, tone: Tone) -> String {
    ReaderText {
        happened: format!("{}{}.", opening(told.kind(), tone), outcome(told, tone)),
        amounts: amounts(told),
        why: why(told, tone),
        fits: fits(told),
        question: question(told.kind(), tone),
    }
    .joined()
}

/// Whether this is how a text for a reader about that kind begins.
pub(super) fn begins(text: &str, kind: RefusalKind) -> bool {
    let rest = |tone| text.strip_prefix(opening(kind, tone));
    Tone::ALL.iter().filter_map(|tone| rest(*tone)).any(|rest| rest.starts_with([',', ':', ';']))
}

/// What happened. No two kinds have the same.
const fn opening(kind: RefusalKind, tone: Tone) -> &'static str {
    use RefusalKind as Kind;
    match (kind, tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => "The balance is not enough for this request",
        (Kind::InsufficientBalance, Tone::Warm) => "Your balance does not cover this request",
        (Kind::BalanceHeld, Tone::Neutral) => {
            "This request needs balance that is set aside for work still running"
        }
        (Kind::BalanceHeld, Tone::Warm) => {
            "This request needs balance that is still yours, but set aside for running work"
        }
        (Kind::TopUpPending, Tone::Neutral) => {
            "A top-up is on its way, but until it arrives the balance is not enough for this request"
        }
        (Kind::TopUpPending, Tone::Warm) => {
            "Your top-up is on its way, but until it arrives your balance does not cover this request"
        }
        (Kind::SpendCapReached, Tone::Neutral) => "This request would exceed a spending limit",
        (Kind::SpendCapReached, Tone::Warm) => {
            "There is not enough left under a spending limit for this request"
        }
        (Kind::RequestTooLarge, Tone::Neutral) => "This request is larger than any single request may be",
        (Kind::RequestTooLarge, Tone::Warm) => "This request is larger than we can take in one piece",
        (Kind::BudgetExceeded, Tone::Neutral) => "This request would cost more than the budget given with it",
        (Kind::BudgetExceeded, Tone::Warm) => {
            "The budget given with this request does not cover what it may cost"
        }
        (Kind::Duplicate, Tone::Neutral) => "This request was received before and is done or still running",
        (Kind::Duplicate, Tone::Warm) => "We already have this request, and it is done or still running",
        (Kind::KeyConflict, Tone::Neutral) => "The key of this request was used before for another one",
        (Kind::KeyConflict, Tone::Warm) => "We know the key of this request from another one",
        (Kind::Unavailable, Tone::Neutral) => "The service could not confirm this request at the moment",
        (Kind::Unavailable, Tone::Warm) => "Sorry, we could not confirm this request at the moment",
        (Kind::UnknownPrice, Tone::Neutral) => "The service has no price for this request",
        (Kind::UnknownPrice, Tone::Warm) => "Sorry, we have no price for this request",
        (Kind::WrongUnit, Tone::Neutral) => {
            "The service counts this request in another unit than the account"
        }
        (Kind::WrongUnit, Tone::Warm) => {
            "Sorry, our price for this request is in another unit than your account"
        }
        (Kind::Misconfigured, Tone::Neutral) => "The service is not set up correctly for this request",
        (Kind::Misconfigured, Tone::Warm) => "Sorry, our service is not set up correctly for this request",
        (Kind::HoldLost, Tone::Neutral) => {
            "The work for this request was done, but its accounting could not be finished"
        }
        (Kind::HoldLost, Tone::Warm) => {
            "We did the work for this request, but could not finish its accounting"
        }
    }
}

/// What ran and what was charged.
fn outcome(told: &Disclosed<'_>, tone: Tone) -> String {
    let kind = told.kind();
    if told.work_was_done() {
        let stopped = match kind {
            RefusalKind::HoldLost => ": ",
            _ => ", so it stopped part-way: ",
        };
        let Some(work) = told.work() else {
            return match kind {
                // Nobody knows more here.
                RefusalKind::HoldLost => ": whatever was charged for it is listed in your usage".to_owned(),
                _ => format!("{stopped}what was delivered until then was charged, and nothing else"),
            };
        };
        let charged = STYLE.amount(work.charged);
        let delivered = match work.delivered.is_empty() {
            true => String::new(),
            false => format!(" ({})", STYLE.usage(&work.delivered)),
        };
        return format!("{stopped}{charged} was charged for what was delivered{delivered}, and nothing else");
    }
    match (kind, tone) {
        (RefusalKind::Duplicate, Tone::Neutral) => ", so it did not run again and nothing was charged twice",
        (RefusalKind::Duplicate, Tone::Warm) => ", so we did not run it again and nothing was charged twice",
        (RefusalKind::KeyConflict, Tone::Neutral) => {
            ", so this one did not run and nothing was charged for it"
        }
        (RefusalKind::KeyConflict, Tone::Warm) => {
            ", so we did not run this one and nothing was charged for it"
        }
        // The outcome may be unknown, so it is not said that nothing ran.
        (RefusalKind::Unavailable, _) => "; sent again with the same key, it is charged once at most",
        (_, Tone::Neutral) => ", so it did not run and nothing was charged",
        (_, Tone::Warm) => ", so we did not run it and nothing was charged",
    }
    .to_owned()
}

fn amounts(told: &Disclosed<'_>) -> Option<String> {
    let needed = STYLE.amount(told.required()?);
    let available = STYLE.amount(told.available()?);
    let what = if told.work_was_done() { "The next part" } else { "It" };
    let mut text = format!("{what} needs at least {needed}, and {available} is available");
    if let Some(held) = told.held() {
        text.push_str(&format!("; {} more is set aside for running work", STYLE.amount(held)));
        if let Some(wait) = told.released_in() {
            text.push_str(&format!(", some of it for {} at most", span(Span::new(wait))));
        }
    }
    text.push('.');
    Some(text)
}

pub(super) fn span(span: Span) -> String {
    let (number, one, many) = match span {
        Span::Seconds(number) => (number, "second", "seconds"),
        Span::Minutes(number) => (number, "minute", "minutes"),
        Span::Hours(number) => (number, "hour", "hours"),
        Span::Days(number) => (number, "day", "days"),
    };
    format!("{} {}", STYLE.number(&number.to_string()), if number == 1 { one } else { many })
}

fn why(told: &Disclosed<'_>, tone: Tone) -> String {
    use RefusalKind as Kind;
    match (told.kind(), tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => {
            "Balances are paid for in advance, so that nobody ends up owing money unexpectedly."
        }
        (Kind::InsufficientBalance, Tone::Warm) => {
            "Credit here is paid for in advance, so that no request leaves you with an unexpected bill."
        }
        (Kind::BalanceHeld, Tone::Neutral) => {
            "Running work sets aside the most it may cost, so that no money is spent twice, and gives back what it does not use."
        }
        (Kind::BalanceHeld, Tone::Warm) => {
            "Running work sets aside the most it may cost, so that your money is never spent twice, and what it does not use comes back to you."
        }
        (Kind::TopUpPending, Tone::Neutral) => {
            "A top-up can be spent once it has arrived, so that nobody ends up owing money unexpectedly."
        }
        (Kind::TopUpPending, Tone::Warm) => {
            "A top-up can be spent once it has arrived, so that you never owe money unexpectedly; there is nothing else you need to do."
        }
        (Kind::SpendCapReached, tone) => {
            let limit = match told.cap_label() {
                Some(label) => format!("The limit {}", STYLE.quoted(label.as_str())),
                None => "The limit".to_owned(),
            };
            return match tone {
                Tone::Neutral => format!("{limit} was set to keep spending within a plan, whatever the balance."),
                Tone::Warm => {
                    format!("{limit} was set so that spending stays as planned, whatever your balance is.")
                }
            };
        }
        (Kind::RequestTooLarge, Tone::Neutral) => {
            "That limit keeps a single request from using up a balance unnoticed."
        }
        (Kind::RequestTooLarge, Tone::Warm) => {
            "We have that limit so that a single request cannot use up your balance unnoticed."
        }
        (Kind::BudgetExceeded, Tone::Neutral) => {
            "A request stays within its budget, so that it never costs more than was meant for it."
        }
        (Kind::BudgetExceeded, Tone::Warm) => {
            "We keep requests within their budgets, so that none costs you more than you meant it to."
        }
        (Kind::Duplicate, Tone::Neutral) => {
            "Requests are told apart by their keys, so that a repeat is never charged twice."
        }
        (Kind::Duplicate, Tone::Warm) => {
            "We tell requests apart by their keys, so that you are never charged twice for the same thing."
        }
        (Kind::KeyConflict, Tone::Neutral) => {
            "A key stands for one request, so that a repeat is recognised and never charged twice."
        }
        (Kind::KeyConflict, Tone::Warm) => {
            "A key stands for one request, so that we recognise a repeat and never charge you twice."
        }
        (Kind::Unavailable, Tone::Neutral) => {
            "The cause is in the service and not in the balance; requests are confirmed one by one, so that none is charged twice."
        }
        (Kind::Unavailable, Tone::Warm) => {
            "The cause is on our side and not your balance; we confirm requests one by one, so that none is charged twice."
        }
        (Kind::UnknownPrice, Tone::Neutral) => {
            "Work without a price is not started, so that nobody is charged an unknown amount; this is for the service to put right."
        }
        (Kind::UnknownPrice, Tone::Warm) => {
            "We start no work without a price, so that you are never charged an unknown amount; this is for us to put right."
        }
        (Kind::WrongUnit, Tone::Neutral) => {
            "Amounts are not converted, so that nobody is charged at a rate that was not agreed; this is for the service to put right."
        }
        (Kind::WrongUnit, Tone::Warm) => {
            "We do not convert amounts, so that you are never charged at a rate that was not agreed; this is for us to put right."
        }
        (Kind::Misconfigured, Tone::Neutral) => {
            "Work that cannot be accounted for is not started, so that nobody is charged wrongly; this is for the service to put right."
        }
        (Kind::Misconfigured, Tone::Warm) => {
            "We start no work that we cannot account for, so that you are never charged wrongly; this is for us to put right."
        }
        (Kind::HoldLost, Tone::Neutral) => {
            "Work is charged from the amount set aside for it, so that no charge comes unexpectedly; this is for the service to put right."
        }
        (Kind::HoldLost, Tone::Warm) => {
            "We charge work from the amount set aside for it, so that no charge surprises you; this is for us to put right."
        }
    }
    .to_owned()
}

fn fits(told: &Disclosed<'_>) -> Option<String> {
    // When the request itself would fit.
    let unchanged = match told.kind() {
        RefusalKind::InsufficientBalance => "should fit after a top-up",
        RefusalKind::BalanceHeld => "may fit once some of that work is done",
        RefusalKind::TopUpPending => "should fit once the top-up is there",
        RefusalKind::SpendCapReached => {
            return Some(match told.resets_at() {
                Some(at) => {
                    format!(
                        "A smaller request may fit, and {} should fit again from {} on.",
                        this(told),
                        at.human()
                    )
                }
                None => "A smaller request may fit.".to_owned(),
            });
        }
        RefusalKind::RequestTooLarge => {
            return Some(format!("Requests of up to {} fit.", STYLE.amount(told.maximum()?)));
        }
        RefusalKind::BudgetExceeded => return Some("A smaller request may fit.".to_owned()),
        _ => return None,
    };
    let smaller =
        told.fits().iter().take(written::MOST_NAMES).map(|fit| {
            format!("with {} at {} or less", STYLE.quoted(&fit.name), STYLE.quantity(fit.quantity))
        });
    let cheaper = told.alternatives().iter().take(written::MOST_NAMES).map(|other| {
        let label = STYLE.quoted(other.label.as_str());
        match told.level() {
            Disclosure::Nothing | Disclosure::WhatFits => format!("at the price of {label}"),
            _ => format!("at the price of {label} (at most {})", STYLE.amount(other.estimate)),
        }
    });
    let ways: Vec<String> = smaller.chain(cheaper).collect();
    Some(match (told.level(), ways.is_empty()) {
        // Whether anything smaller fits is not disclosed.
        (Disclosure::Nothing, _) => format!("A smaller request may fit, and {} {unchanged}.", this(told)),
        (_, true) if told.work_was_done() => format!("The next part {unchanged}."),
        (_, true) => format!("This request {unchanged}."),
        (_, false) => {
            let what = if told.work_was_done() { "The next part" } else { "It" };
            format!("{what} would fit {}; unchanged, it {unchanged}.", written::listed(&ways, "or"))
        }
    })
}

/// What was refused, beside a smaller request: of work that was begun it is what would have come next.
const fn this(told: &Disclosed<'_>) -> &'static str {
    if told.work_was_done() { "the next part of this one" } else { "this one" }
}

const fn question(kind: RefusalKind, tone: Tone) -> &'static str {
    use RefusalKind as Kind;
    match (kind, tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => "Were you expecting more balance?",
        (Kind::InsufficientBalance, Tone::Warm) => "Were you expecting more in your balance?",
        (Kind::BalanceHeld, Tone::Neutral) => "Would trying again in a moment do?",
        (Kind::BalanceHeld, Tone::Warm) => "Would you like to try again in a moment?",
        (Kind::TopUpPending, Tone::Neutral) => "Can this request wait for the top-up?",
        (Kind::TopUpPending, Tone::Warm) => "Would you like to send it again once the top-up is there?",
        (Kind::SpendCapReached, Tone::Neutral) => "Is this limit still the right one?",
        (Kind::SpendCapReached, Tone::Warm) => "Is this still the right limit for you?",
        (Kind::RequestTooLarge, Tone::Neutral) => "Can this one be split up?",
        (Kind::RequestTooLarge, Tone::Warm) => "Would smaller requests work for you too?",
        (Kind::BudgetExceeded, Tone::Neutral) => "Should the budget be larger, or the request smaller?",
        (Kind::BudgetExceeded, Tone::Warm) => {
            "Would you rather raise the budget, or make the request smaller?"
        }
        (Kind::Duplicate, Tone::Neutral) => "Was a new request meant, with a key of its own?",
        (Kind::Duplicate, Tone::Warm) => "Did you mean to send a new request, with a key of its own?",
        (Kind::KeyConflict, Tone::Neutral) => "Can it be sent again with a key of its own?",
        (Kind::KeyConflict, Tone::Warm) => "Would you like to send it again with a key of its own?",
        (Kind::Unavailable, Tone::Neutral) => "Can it be sent again in a moment?",
        (Kind::Unavailable, Tone::Warm) => "Would you like to try again in a moment?",
        (Kind::UnknownPrice | Kind::WrongUnit | Kind::Misconfigured, Tone::Neutral) => {
            "Would you like to report this?"
        }
        (Kind::UnknownPrice | Kind::WrongUnit | Kind::Misconfigured, Tone::Warm) => {
            "Would you like to let us know about it?"
        }
        (Kind::HoldLost, Tone::Neutral) => "Does your usage show what you expected?",
        (Kind::HoldLost, Tone::Warm) => "Does your usage look right to you?",
    }
}
