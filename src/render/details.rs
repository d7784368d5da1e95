//! What is told beside the sentence, under the same names in every shape.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Answer, rounded_up};
use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::id::Label;
use crate::refusal::{Choice, Claim, Disclosed, Offer, TopUp};
use crate::spending::{TopUse, TopUses};
use crate::text::AsText;
use crate::usage::{Quantity, Usage};

/// The details of an answer. What is not disclosed or not known is absent. Amounts are decimal text; all of them are in
/// `unit`, but those in an object that names another.
#[derive(Serialize)]
pub(super) struct DetailsView<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resets_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortfall: Option<Decimal>,
    /// In whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    released_in: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fits: Vec<FitView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternatives: Vec<AlternativeView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    included: Option<IncludedView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runway: Option<RunwayView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_uses: Option<TopUsesView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<WorkView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<OptionView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offers: Vec<OfferView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims: Vec<ClaimView<'a>>,
}

impl<'a> DetailsView<'a> {
    /// `None` if nothing was asked for.
    pub(super) fn of(answer: &'a Answer<'_>) -> Option<Self> {
        let told = answer.told();
        if told.is_plain() {
            return None;
        }
        let choices: Vec<Choice> = told.choices().collect();
        let unit = first_unit(told, &choices);
        Some(Self {
            reason: told.kind().as_str(),
            cap: told.cap_label().map(Label::as_str),
            resets_at: told.resets_at(),
            unit: unit.map(UnitCode),
            maximum: told.maximum().map(Decimal),
            requested: told.requested().map(Decimal),
            required: told.required().map(Decimal),
            available: told.available().map(Decimal),
            held: told.held().map(Decimal),
            shortfall: told.missing().map(Decimal),
            released_in: told.released_in().map(rounded_up),
            fits: told.fits().iter().map(|fit| FitView { name: &fit.name, quantity: fit.quantity }).collect(),
            alternatives: told
                .alternatives()
                .iter()
                .map(|one| AlternativeView {
                    label: one.label.as_str(),
                    estimate: Decimal(one.estimate),
                    unit: other_unit(unit, one.estimate),
                })
                .collect(),
            plan: told.plan().map(Label::as_str),
            included: told.included().map(|it| IncludedView {
                used: Decimal(it.used),
                included: Decimal(it.included),
                unit: other_unit(unit, it.included),
            }),
            runway: told.runway().map(|runway| RunwayView {
                at_least_days: runway.at_least_days(),
                about_days: runway.about_days(),
                at_most_days: runway.at_most_days(),
            }),
            top_uses: told.top_uses().map(|top| TopUsesView::new(top, unit)),
            work: told.work().map(|work| WorkView {
                charged: Decimal(work.charged),
                unit: other_unit(unit, work.charged),
                delivered: Delivered(&work.delivered),
            }),
            options: choices.iter().map(|choice| OptionView::new(answer, choice, unit)).collect(),
            offers: told.offers().map(OfferView::new).collect(),
            claims: told.claims().iter().map(ClaimView::new).collect(),
        })
    }
}

/// The unit of the first amount that is shown.
fn first_unit(told: &Disclosed<'_>, choices: &[Choice]) -> Option<Unit> {
    let in_choices =
        || choices.iter().find_map(|choice| amounts(choice)?.amounts().first().map(|one| one.amount));
    told.maximum()
        .or_else(|| told.required())
        .or_else(|| told.alternatives().first().map(|one| one.estimate))
        .or_else(|| told.included().map(|it| it.included))
        .or_else(|| told.top_uses().map(TopUses::total))
        .or_else(|| told.work().map(|work| work.charged))
        .or_else(in_choices)
        .map(Amount::unit)
}

/// The unit of this amount if it is not the one that stands beside all.
fn other_unit(unit: Option<Unit>, amount: Amount) -> Option<UnitCode> {
    (Some(amount.unit()) != unit).then(|| UnitCode(amount.unit()))
}

const fn amounts(choice: &Choice) -> Option<&TopUp> {
    match choice {
        Choice::TopUp(top_up) => Some(top_up),
        _ => None,
    }
}

/// An amount as the number alone, in text.
struct Decimal(Amount);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.decimal())
    }
}

struct UnitCode(Unit);

impl Serialize for UnitCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.code())
    }
}

#[derive(Serialize)]
struct FitView<'a> {
    name: &'a str,
    quantity: Quantity,
}

#[derive(Serialize)]
struct AlternativeView<'a> {
    label: &'a str,
    estimate: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
}

#[derive(Serialize)]
struct IncludedView {
    used: Decimal,
    included: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
}

#[derive(Serialize)]
struct RunwayView {
    at_least_days: u32,
    about_days: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_days: Option<u32>,
}

#[derive(Serialize)]
struct TopUsesView<'a> {
    label: &'a str,
    since: Timestamp,
    total: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
    uses: Vec<UseView<'a>>,
}

#[derive(Serialize)]
struct UseView<'a> {
    /// Null for what was spent without the label.
    value: Option<&'a str>,
    spent: Decimal,
}

impl<'a> TopUsesView<'a> {
    fn new(top: &'a TopUses, unit: Option<Unit>) -> Self {
        let view = |one: &'a TopUse| UseView { value: one.value(), spent: Decimal(one.spent()) };
        Self {
            label: top.label(),
            since: top.since(),
            total: Decimal(top.total()),
            unit: other_unit(unit, top.total()),
            uses: top.uses().iter().map(view).collect(),
        }
    }
}

#[derive(Serialize)]
struct WorkView<'a> {
    charged: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
    delivered: Delivered<'a>,
}

struct Delivered<'a>(&'a Usage);

impl Serialize for Delivered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, quantity) in self.0.iter() {
            map.serialize_entry(name, &AsText(quantity))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct OptionView<'a> {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amounts: Vec<TopUpAmountView<'a>>,
}

#[derive(Serialize)]
struct TopUpAmountView<'a> {
    amount: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<UnitCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl<'a> OptionView<'a> {
    fn new(answer: &'a Answer<'_>, choice: &Choice, unit: Option<Unit>) -> Self {
        let view = |top_up: &TopUp| {
            let view = top_up.amounts().iter().map(|one| TopUpAmountView {
                amount: Decimal(one.amount),
                unit: other_unit(unit, one.amount),
                basis: answer.basis(one.basis),
                link: one.link.as_ref().map(ToString::to_string),
            });
            view.collect()
        };
        Self {
            kind: choice.as_str(),
            text: answer.choice(choice).into_owned(),
            link: choice.link().map(ToString::to_string),
            plan: match choice {
                Choice::ChangePlan { plan, .. } => plan.as_ref().map(ToString::to_string),
                _ => None,
            },
            amounts: amounts(choice).map(view).unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
struct OfferView<'a> {
    text: &'a str,
    valid_until: Timestamp,
    terms: &'a str,
}

impl<'a> OfferView<'a> {
    fn new(offer: &'a Offer) -> Self {
        Self { text: offer.text().as_str(), valid_until: offer.valid_until(), terms: offer.terms().as_str() }
    }
}

#[derive(Serialize)]
struct ClaimView<'a> {
    text: &'a str,
    source: &'a str,
    as_of: Timestamp,
}

impl<'a> ClaimView<'a> {
    fn new(claim: &'a Claim) -> Self {
        Self { text: claim.text().as_str(), source: claim.source().as_str(), as_of: claim.as_of() }
    }
}
