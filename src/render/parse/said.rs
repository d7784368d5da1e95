//! What names and sentences tell.

use super::fields::Status;
use super::{Recognized, Shape};
use crate::messages::kind_said_by;
use crate::refusal::RefusalKind;
use crate::render::codes;

/// One line of plain text, and one more for each choice.
pub(super) fn in_text(status: Status, text: &str) -> Option<Recognized> {
    let mut lines = text.lines();
    let text = lines.next()?.trim_end();
    // Markup and pages are another service's way to speak.
    let is_markup = text.starts_with(['<', '[', '"']) || text.contains('\r');
    if text.len() > Recognized::MAX_TEXT || is_markup || !lines.all(|line| line.starts_with("- ")) {
        return None;
    }
    let split = text.split_once(": ").filter(|(name, _)| kind_named(status, name).is_some());
    let (name, sentence) = split.map_or((None, text), |(name, rest)| (Some(name), rest));
    let (kind, certain) = told(status, name, sentence)?;
    Some(Recognized {
        certain,
        name: name.map(str::to_owned),
        ..Recognized::certainly(kind, Some(Shape::Text), text.to_owned())
    })
}

/// The kind that a name, if there is one, and a text tell together, and whether they tell it for certain.
pub(super) fn told(status: Status, name: Option<&str>, text: &str) -> Option<(RefusalKind, bool)> {
    let searched = has_searched_words(text).then_some(RefusalKind::InsufficientBalance);
    let said = kind_said_by(text).or(searched).filter(|kind| can_come_with(status, *kind));
    let Some(name) = name else {
        return said.map(|kind| (kind, true));
    };
    match (kind_named(status, name)?, said) {
        // An ordinary rate limit has this name as well.
        (Name::RateLimit, Some(RefusalKind::BalanceHeld)) => Some((RefusalKind::BalanceHeld, true)),
        (Name::RateLimit, _) => None,
        (Name::Of(shared), Some(kind)) if shared.name() == kind.name() => Some((kind, true)),
        (Name::Of(kind), _) => Some((kind, kind.name() != RefusalKind::InsufficientBalance.name())),
    }
}

/// Whether the text contains what clients search for.
pub(super) fn has_searched_words(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("insufficient balance") || lower.contains("insufficient credits")
}

/// What a name in the table stands for.
pub(super) enum Name {
    /// Held as a 429, or somebody's ordinary rate limit.
    RateLimit,
    /// This kind, or another one of the same name.
    Of(RefusalKind),
}

pub(super) fn kind_named(status: Status, name: &str) -> Option<Name> {
    if status.is(codes::HELD_AS_429.0) && name == codes::HELD_AS_429.1 {
        return Some(Name::RateLimit);
    }
    let mut kinds = RefusalKind::ALL.iter();
    kinds.find(|kind| status.is(kind.status()) && kind.name() == name).map(|kind| Name::Of(*kind))
}

pub(super) fn can_come_with(status: Status, kind: RefusalKind) -> bool {
    codes::statuses(kind).any(|one| status.is(one))
}
