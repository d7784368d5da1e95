//! What is to be expected of an account, from what is known of it; and of work, from work like it.

mod burn_profile;
mod burn_rate;
mod usage;

pub use burn_profile::{BurnProfile, BurnProfileError, RunsOut};
pub use burn_rate::BurnRate;
pub use usage::path::KeyPath;
pub use usage::{ForecastSettings, Prediction, UsageForecast};
