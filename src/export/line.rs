//! What a JSON line has, and how it becomes an entry again.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::amount::Unit;
use crate::cap::{Counted, CounterKey};
use crate::clock::Timestamp;
use crate::content::{Content, Declared};
use crate::entry::{ChargeRef, Credit, Detail, Entry, EntryKind, Operation};
use crate::grant::{Draw, GrantKind, GrantTerms, Movement, Origin};
use crate::id::{AccountId, IdempotencyKey, Label, Labels, ScopeId};
use crate::period::Period;
use crate::text::{AsText, quoted};

/// The fields in the order in which they are written. Numbers are text, amounts decimal text in `unit`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) v: u8,
    account: AccountId,
    seq: AsText<u64>,
    booked_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effective_at: Option<AsText<Timestamp>>,
    #[serde(with = "KindWord")]
    kind: EntryKind,
    #[serde(with = "OperationWord")]
    operation: Operation,
    key: IdempotencyKey,
    unit: Unit,
    amount: String,
    balance_after: String,
    uncollected: String,
    refunded: String,
    late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_of: Option<OfLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit: Option<CreditLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    movements: Vec<MovementLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    draws: Vec<DrawLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<CountedLine>,
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    content: Pairs,
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    labels: Pairs,
    /// The checksum of all the others, as they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EntryKind", rename_all = "kebab-case")]
enum KindWord {
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
enum OperationWord {
    Hold,
    Charge,
    Credit,
    Time,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "GrantKind", rename_all = "kebab-case")]
enum GrantKindWord {
    Courtesy,
    Promotional,
    Included,
    Paid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfLine {
    #[serde(with = "OperationWord")]
    operation: Operation,
    key: IdempotencyKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditLine {
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
struct MovementLine {
    grant: AsText<u64>,
    amount: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawLine {
    /// None for plain credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<OriginLine>,
    held: String,
    used: String,
    refunded: String,
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
struct CountedLine {
    scope: String,
    period: Period,
    start: AsText<Timestamp>,
    held: String,
    used: String,
}

/// Named texts, in their order, each name once.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn new<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
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

impl Line {
    /// The format that is written, and the only one that is read.
    pub(super) const VERSION: u8 = 1;

    pub(super) fn new(account: &AccountId, entry: &Entry) -> Self {
        let text = |minor: i64| entry.unit.minor(minor).decimal().to_string();
        let none = Detail::default();
        let detail = entry.detail.as_deref().unwrap_or(&none);
        Self {
            v: Self::VERSION,
            account: account.clone(),
            seq: AsText(entry.seq),
            booked_at: AsText(entry.booked_at),
            effective_at: detail.effective_at.map(AsText),
            kind: entry.kind,
            operation: entry.operation,
            key: entry.key.clone(),
            unit: entry.unit,
            amount: text(entry.amount),
            balance_after: text(entry.posted_after),
            uncollected: text(entry.uncollected),
            refunded: text(entry.refunded),
            late: entry.late,
            refund_of: detail.of.as_deref().map(OfLine::new),
            credit: detail.credit.as_ref().map(|credit| CreditLine {
                grant: credit.grant.map(AsText),
                named: text(credit.named),
                kind: credit.terms.kind,
                priority: credit.terms.priority,
                starts_at: credit.terms.starts_at.map(AsText),
                ends_at: credit.terms.ends_at.map(AsText),
                label: credit.terms.label.clone(),
                rollover: credit.terms.rollover.map(|max| max.decimal().to_string()),
                once_per: credit.terms.once_per,
            }),
            movements: entry.movements.iter().map(|it| MovementLine::new(it, text)).collect(),
            draws: detail.draws.iter().map(|it| DrawLine::new(it, text)).collect(),
            counted: detail.counted.iter().map(|it| CountedLine::new(it, text)).collect(),
            content: Pairs::new(entry.declared.content().iter()),
            labels: Pairs::new(entry.labels().iter()),
            check: None,
        }
    }

    /// The entry it stands for; what is wrong, by the name of the field.
    pub(super) fn entry(self) -> Result<(AccountId, Entry), Wrong> {
        let unit = self.unit;
        let read = |field, text: &str| minor(unit, field, text);
        let credit = self.credit.map(|line| line.credit(unit)).transpose()?;
        let detail = Detail {
            of: self.refund_of.map(OfLine::charge).transpose()?.map(Box::new),
            effective_at: self.effective_at.map(|at| at.0),
            credit: credit.map(Box::new),
            draws: self.draws.into_iter().map(|line| line.draw(unit)).collect::<Result<_, _>>()?,
            counted: self.counted.iter().map(|line| line.counted(unit)).collect::<Result<_, _>>()?,
        };
        let content = Content::new(self.content.0).map_err(|error| Wrong::new("content", error))?;
        let labels = Labels::new(self.labels.0).map_err(|error| Wrong::new("labels", error))?;
        let entry = Entry {
            key: self.key,
            declared: Declared::new(&content, &labels),
            unit,
            seq: self.seq.0,
            booked_at: self.booked_at.0,
            amount: read("amount", &self.amount)?,
            posted_after: read("balance_after", &self.balance_after)?,
            uncollected: read("uncollected", &self.uncollected)?,
            refunded: read("refunded", &self.refunded)?,
            kind: self.kind,
            operation: self.operation,
            late: self.late,
            movements: self.movements.iter().map(|line| line.movement(unit)).collect::<Result<_, _>>()?,
            detail: detail.kept(),
        };
        contradiction(&entry).map_or(Ok((self.account, entry)), Err)
    }
}

impl OfLine {
    fn new(of: &ChargeRef) -> Self {
        let (operation, key) = match of {
            ChargeRef::Hold(key) => (Operation::Hold, key),
            ChargeRef::Charge(key) => (Operation::Charge, key),
        };
        Self { operation, key: key.clone() }
    }

    fn charge(self) -> Result<ChargeRef, Wrong> {
        match self.operation {
            Operation::Hold => Ok(ChargeRef::Hold(self.key)),
            Operation::Charge => Ok(ChargeRef::Charge(self.key)),
            Operation::Credit | Operation::Time => Err(Wrong::new("refund_of", "is no charge")),
        }
    }
}

impl CreditLine {
    fn credit(self, unit: Unit) -> Result<Credit, Wrong> {
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
    fn new(movement: &Movement, text: impl Fn(i64) -> String) -> Self {
        Self { grant: AsText(movement.grant), amount: text(movement.amount) }
    }

    fn movement(&self, unit: Unit) -> Result<Movement, Wrong> {
        Ok(Movement { grant: self.grant.0, unit, amount: minor(unit, "movements", &self.amount)? })
    }
}

impl DrawLine {
    fn new(draw: &Draw, text: impl Fn(i64) -> String) -> Self {
        let origin = draw.origin.as_deref().map(|origin| OriginLine {
            grant: AsText(origin.id),
            key: origin.key.clone(),
            kind: origin.kind,
            priority: origin.priority,
            starts_at: origin.starts_at.map(AsText),
            ends_at: origin.ends_at.map(AsText),
            label: origin.label.clone(),
        });
        Self { origin, held: text(draw.held), used: text(draw.used), refunded: text(draw.refunded) }
    }

    fn draw(self, unit: Unit) -> Result<Draw, Wrong> {
        let read = |text: &str| minor(unit, "draws", text);
        let origin = self.origin.map(|line| Origin {
            id: line.grant.0,
            key: line.key,
            unit,
            kind: line.kind,
            priority: line.priority,
            starts_at: line.starts_at.map(|at| at.0),
            ends_at: line.ends_at.map(|at| at.0),
            label: line.label,
        });
        Ok(Draw {
            origin: origin.map(Into::into),
            unit,
            held: read(&self.held)?,
            used: read(&self.used)?,
            refunded: read(&self.refunded)?,
        })
    }
}

impl CountedLine {
    fn new(counted: &Counted, text: impl Fn(i64) -> String) -> Self {
        Self {
            scope: counted.key.scope.to_string(),
            period: counted.key.period,
            start: AsText(counted.key.start),
            held: text(counted.held),
            used: text(counted.used),
        }
    }

    fn counted(&self, unit: Unit) -> Result<Counted, Wrong> {
        let read = |text: &str| minor(unit, "counted", text);
        let scope = ScopeId::stored(&self.scope).map_err(|error| Wrong::new("counted", error))?;
        let key = CounterKey { scope, period: self.period, start: self.start.0 };
        Ok(Counted { key, unit, held: read(&self.held)?, used: read(&self.used)? })
    }
}

/// What is wrong with which field.
pub(super) struct Wrong {
    pub(super) field: &'static str,
    pub(super) what: String,
}

impl Wrong {
    fn new(field: &'static str, what: impl fmt::Display) -> Self {
        Self { field, what: what.to_string() }
    }
}

fn minor(unit: Unit, field: &'static str, text: &str) -> Result<i64, Wrong> {
    unit.amount(text).map(crate::amount::Amount::minor).map_err(|error| Wrong::new(field, error))
}

/// What no ledger writes, as far as one entry alone can show it.
fn contradiction(entry: &Entry) -> Option<Wrong> {
    let belongs = match entry.kind {
        EntryKind::Charge => matches!(entry.operation, Operation::Hold | Operation::Charge),
        EntryKind::Grant | EntryKind::TopUp => {
            matches!(entry.operation, Operation::Credit | Operation::Time)
        }
        EntryKind::Refund | EntryKind::Adjustment => entry.operation == Operation::Credit,
        EntryKind::Opening | EntryKind::Expiry => entry.operation == Operation::Time,
    };
    let takes = matches!(entry.kind, EntryKind::Charge | EntryKind::Expiry);
    let (of_hold, movements) = (entry.operation == Operation::Hold, entry.movements());
    let moved: BTreeSet<u64> = movements.iter().map(|movement| movement.grant).collect();
    let negative = |draw: &Draw| draw.held < 0 || draw.used < 0 || draw.refunded < 0;
    let wrong = |field, what| Some(Wrong::new(field, what));
    if entry.seq == 0 {
        wrong("seq", "the first change is 1")
    } else if !belongs {
        wrong("operation", "is not one that makes an entry of this kind")
    } else if entry.refund_of().is_some() != (entry.kind == EntryKind::Refund) {
        wrong("refund_of", "a refund has it, and nothing else")
    } else if entry.posted_after.checked_sub(entry.amount).is_none() {
        wrong("balance_after", "no balance was there before")
    } else if entry.kind == EntryKind::Opening && entry.amount != entry.posted_after {
        wrong("balance_after", "an opening entry is all there was before")
    } else if takes && entry.amount > 0 {
        wrong("amount", "a charge or an expiry adds nothing")
    } else if entry.kind == EntryKind::Refund && entry.amount <= 0 {
        wrong("amount", "a refund gives something back")
    } else if entry.refunded < 0 || (entry.kind != EntryKind::Charge && entry.refunded != 0) {
        wrong("refunded", "is part of a charge")
    } else if entry.late && !of_hold {
        wrong("late", "only a capture can be late")
    } else if moved.len() < movements.len() || movements.iter().any(|movement| movement.amount == 0) {
        wrong("movements", "names a grant twice, or for nothing")
    } else if entry.draws().iter().any(negative) {
        wrong("draws", "must not be negative")
    } else {
        None
    }
}
