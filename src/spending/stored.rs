//! The serde form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bin, Seen, Spending, Sums};
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::id::Labels;
use crate::text::AsText;

/// All fields are always there, so that formats without field names can store it too. Numbers are text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    v: u8,
    unit: Unit,
    bin: Bin,
    offset_minutes: i16,
    label: Option<Box<str>>,
    seen: Option<StoredSeen>,
    folded_until: Option<AsText<Timestamp>>,
    rows: Vec<StoredRow>,
    other: StoredSums,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSeen {
    seq: AsText<u64>,
    balance: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRow {
    start: AsText<Timestamp>,
    label: Option<Box<str>>,
    spent: StoredSums,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSums {
    charged: String,
    refunded: String,
    charges: AsText<u64>,
}

const VERSION: u8 = 1;

impl From<Spending> for Stored {
    fn from(spending: Spending) -> Self {
        let unit = spending.unit;
        let seen = |seen: Seen| StoredSeen { seq: AsText(seen.seq), balance: text(unit, seen.balance) };
        let rows = spending.rows.into_iter().map(|((start, label), sums)| StoredRow {
            start: AsText(start),
            label,
            spent: StoredSums::new(unit, sums),
        });
        Self {
            v: VERSION,
            unit,
            bin: spending.bin,
            offset_minutes: spending.offset_minutes,
            seen: spending.seen.map(seen),
            folded_until: spending.folded_until.map(AsText),
            rows: rows.collect(),
            other: StoredSums::new(unit, spending.other),
            label: spending.label,
        }
    }
}

impl TryFrom<Stored> for Spending {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if stored.v != VERSION {
            return Err(format!("the version {} of stored spending is not known: this reads 1", stored.v));
        }
        let unit = stored.unit;
        let mut spending = Self::new(unit, stored.bin);
        spending = spending.at_offset_minutes(stored.offset_minutes).map_err(|error| error.to_string())?;
        if let Some(name) = &stored.label {
            spending = spending.by_label(name).map_err(|error| error.to_string())?;
        }
        if stored.rows.len() > Self::MAX_ROWS {
            return Err(format!("{} rows are too many: at most 10,000", stored.rows.len()));
        }
        spending.other = stored.other.sums(unit)?;
        let (mut rows, mut total) = (BTreeMap::new(), spending.other);
        for row in stored.rows {
            let (start, sums) = (row.start.0, row.spent.sums(unit)?);
            if spending.start_of(start) != start {
                return Err(format!("no row begins at {start}"));
            }
            if let Some(value) = row.label.as_deref() {
                let name = spending.label.as_deref().ok_or("a row has a label where none is told apart")?;
                Labels::new([(name, value)]).map_err(|error| error.to_string())?;
            }
            total = total.checked_add(sums).ok_or("the sum of all rows does not fit")?;
            if rows.insert((start, row.label), sums).is_some() {
                return Err(format!("a row of {start} comes twice"));
            }
        }
        (spending.rows, spending.total) = (rows, total);
        if let Some(seen) = stored.seen {
            spending.seen = Some(Seen { seq: seen.seq.0, balance: minor(unit, &seen.balance)? });
        }
        spending.folded_until = stored.folded_until.map(|until| until.0);
        Ok(spending)
    }
}

impl StoredSums {
    fn new(unit: Unit, sums: Sums) -> Self {
        Self {
            charged: text(unit, sums.charged),
            refunded: text(unit, sums.refunded),
            charges: AsText(sums.charges),
        }
    }

    fn sums(&self, unit: Unit) -> Result<Sums, String> {
        let sums = Sums {
            charged: minor(unit, &self.charged)?,
            refunded: minor(unit, &self.refunded)?,
            charges: self.charges.0,
        };
        if sums.charged < 0 || sums.refunded < 0 {
            return Err("what was charged or refunded is less than nothing".to_owned());
        }
        Ok(sums)
    }
}

fn text(unit: Unit, minor: i64) -> String {
    unit.minor(minor).decimal().to_string()
}

fn minor(unit: Unit, text: &str) -> Result<i64, String> {
    unit.amount(text).map(crate::amount::Amount::minor).map_err(|error| error.to_string())
}
