//! What a refusal, a notice and a digest say in words: the [`Messages`] trait, and the built-in catalogues [`English`] and
//! [`German`].

mod english;
mod german;
mod reader;
mod written;

use std::borrow::Cow;
use std::fmt;

use crate::amount::Amount;
use crate::notice::Notice;
use crate::refusal::{Basis, Choice, Disclosed, RefusalKind};
use crate::spending::UsageDigest;

pub use english::{English, Wording};
pub use german::German;

/// Where in an answer a text will stand. The documented sentences differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// `message` and `readableMessage` of the flat envelope.
    Envelope,
    /// `error.message` beside an `error.code` in capitals.
    ErrorObject,
    /// `message` beside an `error` that is a word.
    ErrorString,
    /// Where clients search the text: `error.message` as OpenAI clients read it, and plain text. It contains
    /// `insufficient balance` or `insufficient credits`, in small letters, exactly if a top-up would help.
    Searched,
}

impl Place {
    /// Every place there is in this version.
    pub const ALL: &'static [Self] = &[Self::Envelope, Self::ErrorObject, Self::ErrorString, Self::Searched];
}

/// How the built-in catalogues speak to a reader. Neither presses, blames or counts down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tone {
    /// Matter-of-fact: says what is, of the service and of the balance.
    #[default]
    Neutral,
    /// Friendlier: the service says "we", and speaks to the reader.
    Warm,
}

impl Tone {
    /// Every tone there is in this version.
    pub const ALL: &'static [Self] = &[Self::Neutral, Self::Warm];
}

/// A catalogue of texts.
///
/// What it returns goes to the client as it is. It sees a refusal only as far as the client may read it ([`Disclosed`]), so
/// it cannot tell more. Ask to top up only if [`RefusalKind::top_up_helps`], and mind what [`Place::Searched`] promises.
///
/// Replace a whole catalogue, or a part: what is not replaced comes from the [`base`](Self::base).
///
/// ```
/// use std::borrow::Cow;
/// use std::sync::Arc;
/// use billing_guard::{Choice, Disclosed, German, Messages, Refusal, RefusalKind, Renderer, Shape, Tone};
///
/// /// German, but one text and one choice are the house's own.
/// #[derive(Debug)]
/// struct House(German);
///
/// impl Messages for House {
///     fn base(&self) -> &dyn Messages {
///         &self.0
///     }
///
///     fn readable_message(&self, told: &Disclosed<'_>) -> Option<Cow<'_, str>> {
///         match told.kind() {
///             RefusalKind::Duplicate => Some("Diese Anfrage haben wir schon.".into()),
///             _ => self.base().readable_message(told),
///         }
///     }
///
///     fn choice(&self, choice: &Choice) -> Cow<'_, str> {
///         match choice {
///             Choice::Contact { .. } => "Rufen Sie uns an".into(),
///             _ => self.base().choice(choice),
///         }
///     }
/// }
///
/// let house = Arc::new(House(German::new().with_tone(Tone::Warm)));
/// let renderer = Renderer::new(Shape::Text).with_messages(house);
/// let answer = renderer.render(&Refusal::Duplicate);
/// assert_eq!(answer.body(), "Diese Anfrage haben wir schon.\n".as_bytes());
/// assert_eq!(answer.header("content-language"), Some("de"));
/// ```
pub trait Messages: Send + Sync + fmt::Debug {
    /// The catalogue that says what this one does not: [`English`] by default. A catalogue that returns itself here has to
    /// say everything on its own.
    fn base(&self) -> &dyn Messages {
        const { &English::new() }
    }

    /// The text for the developer of the client.
    fn message(&self, told: &Disclosed<'_>, place: Place) -> Cow<'_, str> {
        self.base().message(told, place)
    }

    /// The text for the person who reads it, if it is not the same. Where a body has one text for both it is the
    /// developer's, and in plain text the reader's.
    fn readable_message(&self, told: &Disclosed<'_>) -> Option<Cow<'_, str>> {
        self.base().readable_message(told)
    }

    /// What a choice is called, as a button or a line of a list would say it.
    fn choice(&self, choice: &Choice) -> Cow<'_, str> {
        self.base().choice(choice)
    }

    /// What an amount to top up by is good for; `None` if there is nothing to say about it.
    fn basis(&self, basis: Basis) -> Option<Cow<'_, str>> {
        self.base().basis(basis)
    }

    /// An amount as a sentence writes it, such as `1,234.50 USD`.
    fn amount(&self, amount: Amount) -> Cow<'_, str> {
        self.base().amount(amount)
    }

    /// What a notice says: what there is and what it means. For the account's owner, since amounts are in it.
    fn notice(&self, notice: &Notice) -> Cow<'_, str> {
        self.base().notice(notice)
    }

    /// What a digest says: one paragraph of plain text. For the account's owner, since amounts and names are in it.
    fn digest(&self, digest: &UsageDigest) -> Cow<'_, str> {
        self.base().digest(digest)
    }

    /// The language of the texts, as `Content-Language` names it.
    fn language(&self) -> Cow<'static, str> {
        self.base().language()
    }
}

/// The kind of refusal that a built-in catalogue says this about, to anyone, in any place, wording or tone. Each kind has
/// sentences of its own, so there is at most one.
pub(crate) fn kind_said_by(text: &str) -> Option<RefusalKind> {
    let said = |kind: &&RefusalKind| english::says(text, **kind) || german::says(text, **kind);
    RefusalKind::ALL.iter().find(said).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::error::Shortfall;
    use crate::refusal::{Details, Disclosure, InsufficientBalance, Refusal, Work};
    use crate::usage::Usage;
    use std::time::Duration;

    fn refusal(kind: RefusalKind) -> Refusal {
        let usd = Unit::new("USD", 2).unwrap();
        let short = |posted, held| {
            let short = Shortfall::new(usd.minor(700), Timestamp::default()).with_posted(usd.minor(posted));
            InsufficientBalance::new(short.and_then(|short| short.with_held(usd.minor(held))).unwrap())
        };
        match kind {
            RefusalKind::InsufficientBalance => short(500, 0).into(),
            RefusalKind::BalanceHeld => short(900, 400).into(),
            RefusalKind::TopUpPending => short(500, 0).with_top_up_pending(Duration::from_secs(3)).into(),
            RefusalKind::SpendCapReached => Refusal::SpendCapReached {
                label: Some("Test key".parse().unwrap()),
                resets_at: Some(Timestamp::default()),
            },
            RefusalKind::RequestTooLarge => Refusal::RequestTooLarge { maximum: usd.minor(250) },
            RefusalKind::BudgetExceeded => Refusal::BudgetExceeded,
            RefusalKind::Duplicate => Refusal::Duplicate,
            RefusalKind::KeyConflict => Refusal::KeyConflict,
            RefusalKind::Unavailable => Refusal::unavailable(),
            RefusalKind::UnknownPrice => Refusal::UnknownPrice,
            RefusalKind::WrongUnit => Refusal::WrongUnit,
            RefusalKind::Misconfigured => Refusal::Misconfigured,
            RefusalKind::HoldLost => Refusal::HoldLost,
        }
    }

    /// Every built-in catalogue, in every wording and tone.
    fn catalogues() -> Vec<Box<dyn Messages>> {
        let credits = English::new().with_wording(Wording::Credits);
        let mut all: Vec<Box<dyn Messages>> =
            vec![Box::new(English::new()), Box::new(credits), Box::new(German::new())];
        for tone in Tone::ALL {
            all.push(Box::new(English::new().with_tone(*tone)));
            all.push(Box::new(German::new().with_tone(*tone)));
        }
        all
    }

    #[test]
    fn every_text_says_which_kind_it_is_about_and_no_other() {
        let usd = Unit::new("USD", 2).unwrap();
        let work = Work::new(Usage::new().with("rows", 3_u64), usd.minor(120));
        for kind in RefusalKind::ALL {
            let refusal = refusal(*kind);
            assert_eq!(refusal.kind(), *kind);
            for details in [Details::new(), Details::new().with_work(work.clone())] {
                for level in [Disclosure::Nothing, Disclosure::Amounts] {
                    let told = Disclosed::new(&refusal, &details, level, Timestamp::default());
                    for messages in catalogues() {
                        let mut texts: Vec<_> =
                            Place::ALL.iter().map(|place| messages.message(&told, *place)).collect();
                        texts.extend(messages.readable_message(&told));
                        for text in texts {
                            let said: Vec<_> = RefusalKind::ALL
                                .iter()
                                .filter(|kind| english::says(&text, **kind) || german::says(&text, **kind))
                                .collect();
                            assert_eq!(said, [kind], "{text}");
                            assert_eq!(kind_said_by(&text), Some(*kind), "{text}");
                            assert_eq!(kind_said_by(&format!("Indeed. {text}")), None, "{text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_sentence_that_goes_on_differently_is_somebody_elses() {
        let details = Details::new();
        for kind in RefusalKind::ALL {
            let refusal = refusal(*kind);
            let told = Disclosed::new(&refusal, &details, Disclosure::Nothing, Timestamp::default());
            for messages in catalogues() {
                for place in Place::ALL {
                    let text = messages.message(&told, *place);
                    // Of two of them what follows the first sentence is a name, a time or an amount, which may be anything.
                    let first = match kind {
                        RefusalKind::RequestTooLarge | RefusalKind::SpendCapReached => {
                            text.split_inclusive('.').next().unwrap()
                        }
                        _ => &text,
                    };
                    assert_eq!(kind_said_by(first), Some(*kind), "{first}");
                    assert_eq!(kind_said_by(&format!("{first} Indeed.")), None, "{first}");
                    assert_eq!(kind_said_by(first.trim_end_matches('.')), None, "{first}");
                }
            }
        }
    }

    #[test]
    fn what_a_catalogue_does_not_say_its_base_says() {
        #[derive(Debug)]
        struct Nothing;
        impl Messages for Nothing {}
        #[derive(Debug)]
        struct OnGerman(German);
        impl Messages for OnGerman {
            fn base(&self) -> &dyn Messages {
                &self.0
            }
        }
        let warm = German::new().with_tone(Tone::Warm);
        let notice = Notice::HoldEndsSoon { key: "k".parse().unwrap(), ends_at: Timestamp::default() };
        let pairs: [(&dyn Messages, &dyn Messages); 2] =
            [(&Nothing, &English::new()), (&OnGerman(warm), &warm)];
        for (part, whole) in pairs {
            let (refusal, details) = (refusal(RefusalKind::Duplicate), Details::new());
            let told = Disclosed::new(&refusal, &details, Disclosure::Nothing, Timestamp::default());
            assert_eq!(part.message(&told, Place::Searched), whole.message(&told, Place::Searched));
            assert_eq!(part.readable_message(&told), whole.readable_message(&told));
            assert_eq!(part.choice(&Choice::SmallerRequest), whole.choice(&Choice::SmallerRequest));
            assert_eq!(part.basis(Basis::ThisRequest), whole.basis(Basis::ThisRequest));
            let amount = Unit::new("USD", 2).unwrap().minor(123_450);
            assert_eq!(part.amount(amount), whole.amount(amount));
            assert_eq!(part.notice(&notice), whole.notice(&notice));
            assert_eq!(part.language(), whole.language());
        }
    }
}
