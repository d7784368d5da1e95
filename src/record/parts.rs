//! The parts that records and lines of an export share, as JSON has them: numbers are text, amounts decimal text in the
//! unit of the record that they are part of.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Wrong;
use crate::amount::{Amount, Unit};
use crate::cap::{Counted, CounterKey};
use crate::clock::Timestamp;
use crate::content::{Content, Declared};
use crate::entry::{ChargeRef, Credit, EntryKind, Operation};
use crate::grant::{Draw, Grant, GrantKind, GrantTerms, Movement, Origin};
use crate::hold::HoldStatus;
use crate::id::{IdempotencyKey, Label, Labels, ScopeId};
use crate::period::Period;
use crate::text::{AsText, quoted};

#[derive(Serialize, Deserialize)]
#[serde(remote = "EntryKind", rename_all = "kebab-case")]
pub(crate) enum KindWord {
    Opening,
    Grant,
    TopUp,
    Charge,
    Refund,
    Adjustment,
    Expiry,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Operation", rename_all = "kebab-case")]
pub(crate) enum OperationWord {
    Hold,
    Charge,
    Credit,
    Time,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "HoldStatus", rename_all = "kebab-case")]
pub(crate) enum HoldStatusWord {
    Open,
    Captured,
    Voided,
    Expired,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "GrantKind", rename_all = "kebab-case")]
pub(crate) enum GrantKindWord {
    Courtesy,
    Promotional,
    Included,
    Paid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfLine {
    #[serde(with = "OperationWord")]
    operation: Operation,
    key: IdempotencyKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant: Option<AsText<u64>>,
    named: String,
    #[serde(with = "GrantKindWord")]
    kind: GrantKind,
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_at: Option<AsText<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<AsText<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollover: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    once_per: Option<Period>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MovementLine {
    grant: AsText<u64>,
    amount: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrawLine {
    /// None for plain credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<OriginLine>,
    held: String,
    used: String,
    refunded: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantLine {
    origin: OriginLine,
    original: String,
    remaining: String,
    held: String,
    started: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginLine {
    grant: AsText<u64>,
    key: IdempotencyKey,
    #[serde(with = "GrantKindWord")]
    kind: GrantKind,
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_at: Option<AsText<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<AsText<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountedLine {
    scope: String,
    period: Period,
    start: AsText<Timestamp>,
    held: String,
    used: String,
}

/// Named texts, in their order, each name once.
#[derive(Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn new<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn list(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let (mut pairs, mut names) = (Vec::new(), BTreeSet::new());
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if !names.insert(name.clone()) {
                        let twice = format_args!("duplicate name {}", quoted(&name));
                        return Err(serde::de::Error::custom(twice));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl OfLine {
    pub(crate) fn new(of: &ChargeRef) -> Self {
        let (operation, key) = match of {
            ChargeRef::Hold(key) => (Operation::Hold, key),
            ChargeRef::Charge(key) => (Operation::Charge, key),
        };
        Self { operation, key: key.clone() }
    }

    pub(crate) fn charge(self) -> Result<ChargeRef, Wrong> {
        match self.operation {
            Operation::Hold => Ok(ChargeRef::Hold(self.key)),
            Operation::Charge => Ok(ChargeRef::Charge(self.key)),
            Operation::Credit | Operation::Time => Err(Wrong::new("refund_of", "is no charge")),
        }
    }
}

impl CreditLine {
    pub(crate) fn new(credit: &Credit, unit: Unit) -> Self {
        Self {
            grant: credit.grant.map(AsText),
            named: text(unit.minor(credit.named)),
            kind: credit.terms.kind,
            priority: credit.terms.priority,
            starts_at: credit.terms.starts_at.map(AsText),
            ends_at: credit.terms.ends_at.map(AsText),
            label: credit.terms.label.clone(),
            rollover: credit.terms.rollover.map(text),
            once_per: credit.terms.once_per,
        }
    }

    pub(crate) fn credit(self, unit: Unit) -> Result<Credit, Wrong> {
        let rollover = self.rollover.map(|max| minor(unit, "rollover", &max)).transpose()?;
        let terms = GrantTerms {
            kind: self.kind,
            priority: self.priority,
            starts_at: self.starts_at.map(|at| at.0),
            ends_at: self.ends_at.map(|at| at.0),
            label: self.label,
            rollover: rollover.map(|max| unit.minor(max)),
            once_per: self.once_per,
        };
        let named = minor(unit, "named", &self.named)?;
        Ok(Credit { terms, named, grant: self.grant.map(|id| id.0) })
    }
}

impl MovementLine {
    pub(crate) fn new(movement: &Movement) -> Self {
        Self { grant: AsText(movement.grant), amount: text(movement.amount()) }
    }

    pub(crate) fn movement(&self, unit: Unit) -> Result<Movement, Wrong> {
        Ok(Movement { grant: self.grant.0, unit, amount: minor(unit, "movements", &self.amount)? })
    }
}

impl OriginLine {
    fn new(origin: &Origin) -> Self {
        Self {
            grant: AsText(origin.id),
            key: origin.key.clone(),
            kind: origin.kind,
            priority: origin.priority,
            starts_at: origin.starts_at.map(AsText),
            ends_at: origin.ends_at.map(AsText),
            label: origin.label.clone(),
        }
    }

    fn origin(self, unit: Unit) -> Arc<Origin> {
        Arc::new(Origin {
            id: self.grant.0,
            key: self.key,
            unit,
            kind: self.kind,
            priority: self.priority,
            starts_at: self.starts_at.map(|at| at.0),
            ends_at: self.ends_at.map(|at| at.0),
            label: self.label,
        })
    }
}

impl GrantLine {
    pub(crate) fn new(grant: &Grant) -> Self {
        Self {
            origin: OriginLine::new(&grant.origin),
            original: text(grant.original()),
            remaining: text(grant.remaining()),
            held: text(grant.held()),
            started: grant.started,
        }
    }

    pub(crate) fn grant(self, unit: Unit) -> Result<Grant, Wrong> {
        let origin = self.origin.origin(unit);
        let read = |text: &str| minor(unit, "grants", text);
        let (original, remaining) = (read(&self.original)?, read(&self.remaining)?);
        let grant = Grant { origin, original, remaining, held: read(&self.held)?, started: self.started };
        let wrong =
            |what: fmt::Arguments<'_>| Wrong::new("grants", format_args!("grant {} {what}", grant.id()));
        if grant.remaining <= 0 {
            Err(wrong(format_args!("has {} left, and a used-up grant is none", self.remaining)))
        } else if grant.held < 0 {
            Err(wrong(format_args!("has {} held, which is less than nothing", self.held)))
        } else {
            Ok(grant)
        }
    }
}

impl DrawLine {
    pub(crate) fn new(draw: &Draw) -> Self {
        Self {
            origin: draw.origin.as_deref().map(OriginLine::new),
            held: text(draw.held()),
            used: text(draw.used()),
            refunded: text(draw.refunded()),
        }
    }

    pub(crate) fn draw(self, unit: Unit) -> Result<Draw, Wrong> {
        let read = |text: &str| minor(unit, "draws", text);
        Ok(Draw {
            origin: self.origin.map(|line| line.origin(unit)),
            unit,
            held: read(&self.held)?,
            used: read(&self.used)?,
            refunded: read(&self.refunded)?,
        })
    }
}

impl CountedLine {
    pub(crate) fn new(counted: &Counted) -> Self {
        Self {
            scope: counted.key.scope.to_string(),
            period: counted.key.period,
            start: AsText(counted.key.start),
            held: text(counted.held()),
            used: text(counted.used()),
        }
    }

    pub(crate) fn counted(&self, unit: Unit) -> Result<Counted, Wrong> {
        let read = |text: &str| minor(unit, "counted", text);
        let scope = ScopeId::stored(&self.scope).map_err(|error| Wrong::new("counted", error))?;
        let key = CounterKey { scope, period: self.period, start: self.start.0 };
        Ok(Counted { key, unit, held: read(&self.held)?, used: read(&self.used)? })
    }
}

/// What was declared, its content in the order in which it was given.
pub(crate) fn declared(content: &Pairs, labels: &Pairs) -> Result<Declared, Wrong> {
    let content = Content::stored(&content.list()).map_err(|error| Wrong::new("content", error))?;
    let labels = Labels::new(labels.list()).map_err(|error| Wrong::new("labels", error))?;
    Ok(Declared::new(&content, &labels))
}

/// The number alone: the unit is that of the record.
pub(crate) fn text(amount: Amount) -> String {
    amount.decimal().to_string()
}

pub(crate) fn minor(unit: Unit, field: &'static str, text: &str) -> Result<i64, Wrong> {
    unit.amount(text).map(Amount::minor).map_err(|error| Wrong::new(field, error))
}
