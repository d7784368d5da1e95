//! What is to be expected of an account, from what is known of it.

mod burn_rate;

pub use burn_rate::BurnRate;
