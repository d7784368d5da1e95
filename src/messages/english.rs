//! English.

use crate::refusal::{Basis, Choice};

pub(super) const fn choice(choice: &Choice) -> &'static str {
    match choice {
        Choice::TopUp(_) => "Top up the balance",
        Choice::AutoTopUp { .. } => "Set up automatic top-ups",
        Choice::ChangePlan { .. } => "Change the plan",
        Choice::SmallerRequest => "Send a smaller request",
        Choice::CheaperPrice => "Send it at a lower price",
        Choice::OtherAccount { .. } => "Use another account",
        Choice::ViewUsage { .. } => "See what the balance was spent on",
        Choice::Pricing { .. } => "See the prices",
        Choice::Alerts { .. } => "Be told in time next time",
        Choice::RemindLater { .. } => "Be reminded later",
        Choice::Contact { .. } => "Talk to us",
    }
}

pub(super) fn basis(basis: Basis) -> Option<String> {
    match basis {
        Basis::ThisRequest => Some("just enough for this request".to_owned()),
        Basis::Lasts(runway) => match runway.about_days() {
            1 => Some("about 1 day at your current rate".to_owned()),
            days => Some(format!("about {days} days at your current rate")),
        },
        Basis::MoreRequests(1) => Some("this request and 1 more like it".to_owned()),
        Basis::MoreRequests(more) => Some(format!("this request and {more} more like it")),
        Basis::Unstated => None,
    }
}
