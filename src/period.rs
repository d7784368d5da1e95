//! stub
use crate::clock::Timestamp;
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(i64, bool);
impl Period {
    pub const fn day() -> Self {
        Self(86_400_000_000, false)
    }
    pub const fn week() -> Self {
        Self(604_800_000_000, false)
    }
    pub const fn month() -> Self {
        Self(2_592_000_000_000, false)
    }
    pub fn is_rolling(self) -> bool {
        self.1
    }
    pub fn start_of(self, t: Timestamp) -> Timestamp {
        Timestamp::from_micros(t.as_micros().div_euclid(self.0).saturating_mul(self.0))
    }
    pub fn end_of(self, t: Timestamp) -> Timestamp {
        Timestamp::from_micros(t.as_micros().saturating_add(self.0))
    }
    pub fn counts_from(self, t: Timestamp) -> Timestamp {
        self.start_of(t)
    }
    pub fn leaves_at(self, t: Timestamp) -> Timestamp {
        self.end_of(t)
    }
}
impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("day")
    }
}
