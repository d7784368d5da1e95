//! What a customer should hear before the balance is short, in English.

use crate::messages::Tone;
use crate::messages::written;
use crate::notice::Notice;
use crate::runway::Runway;

use super::STYLE;

pub(super) fn text(notice: &Notice, tone: Tone) -> String {
    let warm = tone == Tone::Warm;
    match notice {
        Notice::LowBalance { threshold, balance } => {
            let (threshold, balance) = (STYLE.amount(*threshold), STYLE.amount(*balance));
            let rest = runs_on(tone);
            match tone {
                Tone::Neutral => {
                    format!("The balance is {balance}, below the {threshold} set for this notice. {rest}")
                }
                Tone::Warm => {
                    format!(
                        "Your balance is {balance}, below the {threshold} at which we let you know. {rest}"
                    )
                }
            }
        }
        Notice::LowShare { percent, top_up, balance } => {
            let (top_up, balance) = (STYLE.amount(*top_up), STYLE.amount(*balance));
            let whose = if warm { "Your" } else { "The" };
            let latest = if warm { "your latest top-up" } else { "the latest top-up" };
            format!(
                "{whose} balance is {balance}, less than {percent}% of {latest} of {top_up}. {}",
                runs_on(tone)
            )
        }
        Notice::LessThanLargestRequest { largest, balance } => {
            let (largest, balance) = (STYLE.amount(*largest), STYLE.amount(*balance));
            let whose = if warm { "Your" } else { "The" };
            let refused = match tone {
                Tone::Neutral => "that one may be refused",
                Tone::Warm => "we may have to refuse that one",
            };
            format!(
                "{whose} balance is {balance}, and the largest request that is expected needs {largest}. \
                 Smaller ones run as before, but {refused}."
            )
        }
        Notice::ShortRunway { days, runway, balance } => {
            let whose = if warm { "Your" } else { "The" };
            let rate = if warm { "your current rate" } else { "the current rate" };
            let set = match tone {
                Tone::Neutral => format!("This notice is set for less than {}.", self::days((*days).into())),
                Tone::Warm => format!("We let you know below {}.", self::days((*days).into())),
            };
            format!(
                "{whose} balance of {} lasts {}{} at {rate}. {set}",
                STYLE.amount(*balance),
                about(*runway),
                between(*runway)
            )
        }
        Notice::CapNearlyReached { label, percent, used, limit, resets_at } => {
            let (used, limit) = (STYLE.amount(*used), STYLE.amount(*limit));
            let named = label.as_ref().map(|label| format!(" {}", STYLE.quoted(label.as_str())));
            let until = match resets_at {
                Some(at) => format!("until it resets on {}", at.human()),
                None => "whatever the balance".to_owned(),
            };
            let reached = match tone {
                Tone::Neutral => "Once it is reached, requests that it applies to are refused",
                Tone::Warm => "Once it is reached, we refuse requests that it applies to",
            };
            format!(
                "At least {percent}% of the spending limit{} is spent: {used} of {limit}. {reached} {until}.",
                named.unwrap_or_default()
            )
        }
        Notice::CreditEndsSoon { label, remaining, ends_at } => {
            let whose = if warm { "your" } else { "the" };
            let named = label.as_ref().map(|label| format!(" {}", STYLE.quoted(label.as_str())));
            format!(
                "{} of {whose} credit{} ends on {} if it is not used before. The rest of {whose} balance stays.",
                STYLE.amount(*remaining),
                named.unwrap_or_default(),
                written::ending(*ends_at).human()
            )
        }
        Notice::HoldEndsSoon { ends_at, .. } => {
            let free = if warm { "is yours to use again" } else { "comes free" };
            format!(
                "What is set aside for a piece of running work {free} on {}. \
                 If the work takes longer, it may no longer be covered.",
                written::ending(*ends_at).human()
            )
        }
        Notice::ToppedUpAutomatically { amount, balance } => {
            let (amount, balance) = (STYLE.amount(*amount), STYLE.amount(*balance));
            match tone {
                Tone::Neutral => format!(
                    "The balance was topped up automatically by {amount}, as agreed, and stands at {balance}. \
                     Nothing needs to be done."
                ),
                Tone::Warm => format!(
                    "As agreed, we topped up your balance by {amount}, and it stands at {balance}. \
                     There is nothing you need to do."
                ),
            }
        }
        Notice::AutoTopUpFailed { retry_at } => {
            let failed = match tone {
                Tone::Neutral => "An automatic top-up did not go through, and nothing was paid.",
                Tone::Warm => "We could not top up your balance automatically, and you paid nothing.",
            };
            match (retry_at, tone) {
                (Some(at), _) => format!("{failed} The next attempt is on {}.", at.human()),
                (None, Tone::Neutral) => {
                    format!(
                        "{failed} The next attempt follows once the payment details are confirmed or changed."
                    )
                }
                (None, Tone::Warm) => {
                    format!("{failed} We try again once you have confirmed or changed your payment details.")
                }
            }
        }
        Notice::AutoTopUpAtCeiling { ceiling, left, missing } => {
            let (ceiling, left, missing) =
                (STYLE.amount(*ceiling), STYLE.amount(*left), STYLE.amount(*missing));
            let agreed = if warm { "you agreed to" } else { "agreed" };
            format!(
                "An automatic top-up would have to be at least {missing}, and {left} is left of the {ceiling} {agreed} for \
                 a month. None was made, and nothing was paid."
            )
        }
        Notice::CourtesyGiven { amount } => {
            let amount = STYLE.amount(*amount);
            match tone {
                Tone::Neutral => format!(
                    "{amount} was added as a courtesy, so that work begun can be finished. It costs nothing."
                ),
                Tone::Warm => format!(
                    "We added {amount} as a courtesy, so that you can finish what you began. It costs you nothing."
                ),
            }
        }
    }
}

const fn runs_on(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "Requests run as before as long as it covers them.",
        Tone::Warm => "Your requests run as before as long as it covers them.",
    }
}

pub(super) fn days(days: u64) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{} days", STYLE.number(&days.to_string())),
    }
}

/// `about 7 days`, as it stands in a sentence.
pub(super) fn about(runway: Runway) -> String {
    match runway.about_days() {
        0 => "less than a day".to_owned(),
        about => format!("about {}", days(about.into())),
    }
}

/// How sure that is, where it is not one number.
pub(super) fn between(runway: Runway) -> String {
    let least = u64::from(runway.at_least_days());
    match runway.at_most_days().map(u64::from) {
        Some(most) if most == least => String::new(),
        Some(most) => format!(" (between {} and {})", STYLE.number(&least.to_string()), days(most)),
        None if least == 0 => String::new(),
        None => format!(" ({} or more)", days(least)),
    }
}
