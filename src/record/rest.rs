//! What is rare in a record, as one text: grants of an account, and what a hold or an entry has beside its numbers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::parts::{CountedLine, CreditLine, DrawLine, GrantLine, MovementLine, OfLine, Pairs, declared};
use super::{RecordError, Wrong, json};
use crate::amount::Unit;
use crate::cap::Counted;
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::entry::{Detail, Entry};
use crate::few::Few;
use crate::grant::{Draw, Grant, Grants, Movement};
use crate::hold::HoldState;
use crate::text::AsText;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantsText {
    grants: Vec<GrantLine>,
}

/// The grants of an account; nothing if it has none.
pub(crate) fn write_grants(grants: &Grants) -> Option<String> {
    GrantsText::new(grants).map(|text| json::write(&text))
}

/// Grants as [`write_grants`] wrote them.
pub(crate) fn read_grants(text: Option<&str>, unit: Unit) -> Result<Grants, RecordError> {
    let Some(text) = text else { return Ok(Grants::NONE) };
    Ok(json::read::<GrantsText>(text)?.grants(unit)?)
}

impl GrantsText {
    pub(crate) fn new(grants: &Grants) -> Option<Self> {
        (!grants.is_empty()).then(|| Self { grants: grants.list().iter().map(GrantLine::new).collect() })
    }

    pub(crate) fn grants(self, unit: Unit) -> Result<Grants, Wrong> {
        let mut list = Few::None;
        for line in self.grants {
            let grant = line.grant(unit)?;
            if list.iter().any(|known: &Grant| known.id() == grant.id()) {
                return Err(Wrong::new("grants", format_args!("grant {} comes twice", grant.id())));
            }
            list.push(grant);
        }
        let mut grants = Grants::NONE;
        grants.change(|known| *known = list);
        Ok(grants)
    }
}

/// What only some holds have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HoldRest {
    pub(crate) declared: Declared,
    pub(crate) draws: Few<Draw>,
    pub(crate) counted: Option<Arc<Vec<Counted>>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HoldRestText {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    draws: Vec<DrawLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counted: Vec<CountedLine>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    content: Pairs,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    labels: Pairs,
}

/// What a hold has beside its numbers; nothing, at no cost, if it has only those.
pub(crate) fn write_hold_rest(hold: &HoldState) -> Option<String> {
    HoldRestText::new(hold).map(|text| json::write(&text))
}

/// The rest of a hold in this unit, as [`write_hold_rest`] wrote it.
pub(crate) fn read_hold_rest(text: Option<&str>, unit: Unit) -> Result<HoldRest, RecordError> {
    let Some(text) = text else { return Ok(HoldRest::default()) };
    Ok(json::read::<HoldRestText>(text)?.rest(unit)?)
}

impl HoldRestText {
    pub(crate) fn new(hold: &HoldState) -> Option<Self> {
        if hold.declared.is_empty() && hold.draws.is_empty() && hold.counted().is_empty() {
            return None;
        }
        Some(Self {
            draws: hold.draws.iter().map(DrawLine::new).collect(),
            counted: hold.counted().iter().map(CountedLine::new).collect(),
            content: Pairs::new(hold.content().iter()),
            labels: Pairs::new(hold.labels().iter()),
        })
    }

    pub(crate) fn rest(self, unit: Unit) -> Result<HoldRest, Wrong> {
        let counted =
            self.counted.iter().map(|line| line.counted(unit)).collect::<Result<Vec<Counted>, _>>()?;
        Ok(HoldRest {
            declared: declared(&self.content, &self.labels)?,
            draws: self.draws.into_iter().map(|line| line.draw(unit)).collect::<Result<_, _>>()?,
            counted: (!counted.is_empty()).then(|| Arc::new(counted)),
        })
    }
}

/// What only some entries have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryRest {
    pub(crate) declared: Declared,
    pub(crate) movements: Few<Movement>,
    pub(crate) detail: Option<Arc<Detail>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EntryRestText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effective_at: Option<AsText<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_of: Option<OfLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credit: Option<CreditLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) movements: Vec<MovementLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) draws: Vec<DrawLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) counted: Vec<CountedLine>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub(crate) content: Pairs,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub(crate) labels: Pairs,
}

/// What an entry has beside its numbers; nothing, at no cost, if it has only those.
pub(crate) fn write_entry_rest(entry: &Entry) -> Option<String> {
    EntryRestText::new(entry).map(|text| json::write(&text))
}

/// The rest of an entry in this unit, as [`write_entry_rest`] wrote it.
pub(crate) fn read_entry_rest(text: Option<&str>, unit: Unit) -> Result<EntryRest, RecordError> {
    let Some(text) = text else { return Ok(EntryRest::default()) };
    Ok(json::read::<EntryRestText>(text)?.rest(unit)?)
}

impl EntryRestText {
    pub(crate) fn new(entry: &Entry) -> Option<Self> {
        if entry.declared.is_empty() && entry.movements.is_empty() && entry.detail.is_none() {
            return None;
        }
        let detail = entry.detail.as_deref();
        Some(Self {
            effective_at: detail.and_then(|detail| detail.effective_at).map(AsText),
            refund_of: entry.refund_of().map(OfLine::new),
            credit: entry.credit().map(|credit| CreditLine::new(credit, entry.unit)),
            movements: entry.movements.iter().map(MovementLine::new).collect(),
            draws: entry.draws().iter().map(DrawLine::new).collect(),
            counted: entry.counted().iter().map(CountedLine::new).collect(),
            content: Pairs::new(entry.declared.content().iter()),
            labels: Pairs::new(entry.labels().iter()),
        })
    }

    pub(crate) fn rest(self, unit: Unit) -> Result<EntryRest, Wrong> {
        let detail = Detail {
            of: self.refund_of.map(OfLine::charge).transpose()?.map(Box::new),
            effective_at: self.effective_at.map(|at| at.0),
            credit: self.credit.map(|line| line.credit(unit)).transpose()?.map(Box::new),
            draws: self.draws.into_iter().map(|line| line.draw(unit)).collect::<Result<_, _>>()?,
            counted: self.counted.iter().map(|line| line.counted(unit)).collect::<Result<_, _>>()?,
        };
        Ok(EntryRest {
            declared: declared(&self.content, &self.labels)?,
            movements: self.movements.iter().map(|line| line.movement(unit)).collect::<Result<_, _>>()?,
            detail: detail.kept(),
        })
    }
}
