//! Prices by ranges of a size.

use serde_json::value::RawValue;

use crate::price::Rate;
use crate::price::litellm::scope::Bounds;
use crate::price::object::Object;

/// A range's lower bound, if it has one, and what else it states.
pub(super) type Range<'a> = (Option<u64>, Vec<(String, &'a RawValue)>);

/// The ranges of a list, with what they are of, if they follow one on another: each begins where the one before it ends, or, of a number of results,
/// with the next.
pub(super) fn read(list: &RawValue) -> Option<(Bounds, Vec<Range<'_>>)> {
    let list: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let (mut kind, mut end, mut ranges) = (None, None, Vec::new());
    for tier in list {
        let mut bounds = None;
        let mut members = Vec::new();
        for (member, value) in Object::read(tier)?.0 {
            let of = match &*member {
                "range" => Bounds::Input,
                "max_results_range" => Bounds::Results,
                _ => {
                    members.push((member, value));
                    continue;
                }
            };
            let (from, until) = serde_json::from_str::<(&RawValue, &RawValue)>(value.get()).ok()?;
            if bounds.replace((of, whole(from)?, whole(until)?)).is_some() {
                return None;
            }
        }
        let (of, from, until) = bounds?;
        let step = u64::from(of == Bounds::Results);
        let follows = match end {
            None => from <= step,
            Some(end) => from.checked_sub(step) == Some(end),
        };
        if kind.replace(of).is_some_and(|before| before != of) || !follows || from >= until {
            return None;
        }
        ranges.push((end, members));
        end = Some(until);
    }
    Some((kind?, ranges))
}

/// A number without a fraction: `256000`, `256000.0`, `2.56e5`.
fn whole(number: &RawValue) -> Option<u64> {
    let number: Rate = number.get().parse().ok()?;
    number.to_string().parse().ok()
}
