//! The replay's own prices: read from the table's text and multiplied in `i128`, by nothing of the library.

use std::collections::HashMap;
use std::path::Path;

use billing_guard::Unit;
use serde_json::value::RawValue;

use crate::Fault;

/// What a model costs: integers, all over 10 to the power of `places`, in dollars.
pub(crate) struct Price {
    per_request: i128,
    per_input: i128,
    per_output: i128,
    unit: Unit,
    /// How many of these make one step of the unit.
    per_step: i128,
}

impl Price {
    /// The model's price in a LiteLLM table.
    ///
    /// The unit has as many decimal places as the price per token, but at least 9 and at most the library's 12: then
    /// no cost needs rounding, except for prices finer than that.
    pub(crate) fn read(table: &str, path: &Path, model: &str) -> Result<Self, Fault> {
        let path = path.display();
        let models: HashMap<String, &RawValue> = serde_json::from_str(table)
            .map_err(|error| Fault::Input(format!("{path} is not a price table: {error}")))?;
        let entry =
            models.get(model).ok_or_else(|| Fault::Input(format!("{path} has no model {model:?}")))?;
        let entry: HashMap<String, &RawValue> = serde_json::from_str(entry.get()).map_err(|error| {
            Fault::Input(format!("{path}: the model {model:?} is not an object: {error}"))
        })?;
        let stated = |field: &str| {
            let text = entry.get(field).map(|value| value.get()).filter(|text| *text != "null");
            let bad =
                |text| Fault::Input(format!("{path}: {field} of the model {model:?} is no price: {text}"));
            text.map(|text| decimal(text).ok_or_else(|| bad(text))).transpose()
        };
        let needed = |field: &str| {
            let missing = || Fault::Input(format!("{path}: the model {model:?} has no {field}"));
            stated(field)?.ok_or_else(missing)
        };
        let input = needed("input_cost_per_token")?;
        let output = needed("output_cost_per_token")?;
        let request = stated("input_cost_per_request")?.unwrap_or((0, 0));

        let finest = input.1.max(output.1).max(request.1);
        let scale = finest.clamp(9, u32::from(Unit::MAX_SCALE));
        let places = finest.max(scale);
        let at_places = |(digits, own): (i128, u32)| {
            let scaled = 10_i128.checked_pow(places - own).and_then(|factor| digits.checked_mul(factor));
            scaled.ok_or_else(|| {
                Fault::Input(format!("{path}: the prices of {model:?} cannot be kept exactly"))
            })
        };
        Ok(Self {
            per_request: at_places(request)?,
            per_input: at_places(input)?,
            per_output: at_places(output)?,
            unit: Unit::new("USD", u8::try_from(scale)?)?,
            per_step: at_places((1, scale))?,
        })
    }

    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    /// What a request costs, in steps: rounded down, as its charge is. `None` if that is too much to count.
    pub(crate) fn charge(&self, input: u64, output: u64) -> Option<i64> {
        i64::try_from(self.exact(input, output)? / self.per_step).ok()
    }

    /// The same rounded up, as its hold is.
    pub(crate) fn ceiling(&self, input: u64, output: u64) -> Option<i64> {
        let exact = self.exact(input, output)?;
        i64::try_from(exact / self.per_step + i128::from(exact % self.per_step != 0)).ok()
    }

    fn exact(&self, input: u64, output: u64) -> Option<i128> {
        let input = self.per_input.checked_mul(i128::from(input))?;
        let output = self.per_output.checked_mul(i128::from(output))?;
        self.per_request.checked_add(input)?.checked_add(output)
    }
}

/// A JSON number that is not negative, as digits and decimal places, with the fewest of both.
fn decimal(text: &str) -> Option<(i128, u32)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits: i128 = digits.parse().ok()?;
    let mut places = i64::try_from(fraction.len()).ok()? - i64::from(exponent.parse::<i16>().ok()?);
    if digits == 0 {
        return Some((0, 0));
    }
    while digits % 10 == 0 {
        digits /= 10;
        places -= 1;
    }
    match u32::try_from(places) {
        Ok(places) => Some((digits, places)),
        Err(_) => {
            let factor = 10_i128.checked_pow(u32::try_from(-places).ok()?)?;
            Some((digits.checked_mul(factor)?, 0))
        }
    }
}
