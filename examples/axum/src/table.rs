//! The data that is sold: a table of weather readings made up at the start, and the one kind of SQL it understands.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One row.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reading {
    station: i64,
    hour: i64,
    celsius: i64,
}

/// All rows.
#[derive(Debug)]
pub struct Table(Vec<Reading>);

impl Table {
    /// How many rows are read at a time.
    const PAGE: usize = 1_000;

    /// A year's worth of made-up readings of 20 stations, every 18 hours: the same ones at each start.
    pub fn generate() -> Self {
        let mut noise = 1_u32;
        let readings = (0..10_000).map(|row| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Reading { station: row % 20, hour: row / 20 * 18, celsius: i64::from(noise >> 16) % 50 - 15 }
        });
        Self(readings.collect())
    }

    /// The rows, a page at a time.
    pub fn pages(&self) -> impl Iterator<Item = &[Reading]> {
        self.0.chunks(Self::PAGE)
    }

    /// How long reading all of it takes, when a page takes this long.
    pub fn reading_time(&self, page: Duration) -> Duration {
        page.saturating_mul(u32::try_from(self.pages().count()).unwrap_or(u32::MAX))
    }
}

/// `select * from readings`, optionally with `where <column> <operator> <whole number>`.
///
/// It is read together with the request's body: whoever has one has one that can run.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Select {
    condition: Option<Condition>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    column: fn(&Reading) -> i64,
    holds: fn(&i64, &i64) -> bool,
    value: i64,
}

impl Select {
    /// How long its text was.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether this row is asked for.
    pub fn matches(&self, row: &Reading) -> bool {
        self.condition.is_none_or(|Condition { column, holds, value }| holds(&column(row), &value))
    }
}

impl TryFrom<String> for Select {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let condition = match words.as_slice() {
            ["select", "*", "from", "readings"] => None,
            ["select", "*", "from", "readings", "where", column, operator, value] => Some(Condition {
                column: match *column {
                    "station" => |row| row.station,
                    "hour" => |row| row.hour,
                    "celsius" => |row| row.celsius,
                    _ => return Err("the columns are station, hour and celsius"),
                },
                holds: match *operator {
                    "<" => i64::lt,
                    "=" => i64::eq,
                    ">" => i64::gt,
                    _ => return Err("the operators are <, = and >"),
                },
                value: value.parse().map_err(|_| "compare with a whole number")?,
            }),
            _ => return Err("expected: select * from readings [where <column> <operator> <number>]"),
        };
        Ok(Self { condition, bytes: text.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(text: &str) -> Result<Select, &'static str> {
        Select::try_from(text.to_owned())
    }

    #[test]
    fn a_condition_selects_rows() {
        let table = Table::generate();
        let count = |text| {
            let select = select(text).unwrap();
            table.pages().flatten().filter(|row| select.matches(row)).count()
        };
        assert_eq!(count("select * from readings"), 10_000);
        assert_eq!(count("SELECT *  FROM readings\nWHERE station = 7"), 500);
        let (cold, zero, warm) = (
            count("select * from readings where celsius < 0"),
            count("select * from readings where celsius = 0"),
            count("select * from readings where celsius > 0"),
        );
        assert!(cold > 0 && zero > 0 && warm > 0);
        assert_eq!(cold + zero + warm, 10_000);
    }

    #[test]
    fn anything_else_is_named() {
        for text in
            ["", "drop table readings", "select * from readings where", "select celsius from readings"]
        {
            assert!(select(text).unwrap_err().starts_with("expected"), "{text}");
        }
        assert!(select("select * from readings where price > 1").unwrap_err().contains("columns"));
        assert!(select("select * from readings where hour ! 1").unwrap_err().contains("operators"));
        assert!(select("select * from readings where hour > 1e400").unwrap_err().contains("whole number"));
    }
}
