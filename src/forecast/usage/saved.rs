//! A forecast as it is written down.

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::keys::{Keys, Known};
use super::margin::Margin;
use super::{ForecastSettings, UsageForecast};

const VERSION: u32 = 1;

/// All of a forecast, with its keys from the one least recently learned of.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    usage_forecast: u32,
    coverage_permille: u16,
    capacity: u32,
    keys: Vec<SavedKey>,
    /// A sum over everything before it, as hexadecimal digits: no damage goes unnoticed, not even to one digit of a number.
    check: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedKey {
    /// Hexadecimal digits.
    key: String,
    margin: u32,
    burst: u32,
    age: u16,
    low: u8,
    /// Pairs of a cell and its weight.
    cells: Vec<(u8, u16)>,
}

/// Why what was saved is no forecast.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("a usage forecast of version {found}: only version {VERSION} can be read")]
    Version { found: u32 },
    #[error(
        "the usage forecast was changed or damaged since it was saved: its check is {found:?}, not {computed:?}"
    )]
    Check { found: String, computed: String },
    #[error(
        "the usage forecast has impossible settings: coverage_permille {coverage_permille}, capacity {capacity}"
    )]
    Settings { coverage_permille: u16, capacity: u32 },
    #[error("the usage forecast has {keys} keys; its capacity is {capacity}")]
    TooMany { keys: usize, capacity: u32 },
    #[error("keys[{index}] of the usage forecast: {what}")]
    Key { index: usize, what: &'static str },
}

impl From<UsageForecast> for Saved {
    fn from(forecast: UsageForecast) -> Self {
        let keys = forecast.keys.iter().map(|(key, known)| {
            let ((margin, burst), histogram) = (known.margin.parts(), &known.histogram);
            let (age, low) = (histogram.age, histogram.low);
            SavedKey {
                key: format!("{key:032x}"),
                margin,
                burst,
                age,
                low,
                cells: histogram.cells().collect(),
            }
        });
        let mut saved = Self {
            usage_forecast: VERSION,
            coverage_permille: forecast.settings.coverage_permille,
            capacity: forecast.settings.capacity,
            keys: keys.collect(),
            check: String::new(),
        };
        saved.check = saved.computed_check();
        saved
    }
}

impl TryFrom<Saved> for UsageForecast {
    type Error = Damage;

    fn try_from(saved: Saved) -> Result<Self, Damage> {
        if saved.usage_forecast != VERSION {
            return Err(Damage::Version { found: saved.usage_forecast });
        }
        let computed = saved.computed_check();
        if saved.check != computed {
            return Err(Damage::Check { found: saved.check, computed });
        }
        let (coverage_permille, capacity) = (saved.coverage_permille, saved.capacity);
        let settings =
            ForecastSettings::new().with_coverage_permille(coverage_permille).with_capacity(capacity);
        if (settings.coverage_permille, settings.capacity) != (coverage_permille, capacity) {
            return Err(Damage::Settings { coverage_permille, capacity });
        }
        let mut forecast = Self::new(settings);
        if saved.keys.len() > forecast.capacity() {
            return Err(Damage::TooMany { keys: saved.keys.len(), capacity });
        }
        for (index, key) in saved.keys.iter().enumerate() {
            key.enter(&mut forecast.keys).map_err(|what| Damage::Key { index, what })?;
        }
        Ok(forecast)
    }
}

impl Saved {
    /// FNV-1a with 64 bits over all numbers, one after the other.
    fn computed_check(&self) -> String {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        let mut enter = |bytes: &[u8]| {
            for byte in bytes {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        enter(&self.coverage_permille.to_be_bytes());
        enter(&self.capacity.to_be_bytes());
        for key in &self.keys {
            enter(key.key.as_bytes());
            enter(&key.margin.to_be_bytes());
            enter(&key.burst.to_be_bytes());
            enter(&key.age.to_be_bytes());
            enter(&[key.low]);
            for (cell, weight) in &key.cells {
                enter(&[*cell]);
                enter(&weight.to_be_bytes());
            }
        }
        format!("{state:016x}")
    }
}

impl SavedKey {
    fn enter(&self, keys: &mut Keys) -> Result<(), &'static str> {
        let key = u128::from_str_radix(&self.key, 16).ok().filter(|key| format!("{key:032x}") == self.key);
        let key = key.ok_or("its key is not 32 hexadecimal digits")?;
        let margin = Margin::from_parts(self.margin, self.burst).ok_or("its margin or burst is too large")?;
        let histogram = Histogram::from_cells(self.age, self.low, &self.cells)
            .ok_or("its age, low or cells are not those of a histogram")?;
        if keys.get(key).is_some() {
            return Err("its key is there twice");
        }
        let place = keys.touch(key, usize::MAX).ok_or("there is no room for it")?;
        *place = Known { histogram, margin };
        Ok(())
    }
}
