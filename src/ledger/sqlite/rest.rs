//! Placeholder until the codec is merged.
use std::sync::Arc;

use crate::cap::Counted;
use crate::content::Declared;
use crate::entry::{Detail, Entry};
use crate::few::Few;
use crate::grant::{Draw, Grants, Movement};
use crate::hold::HoldState;

pub(super) fn write_grants(_: &Grants) -> Option<String> {
    None
}
pub(super) fn read_grants(text: Option<&str>) -> Result<Grants, String> {
    text.map_or(Ok(Grants::NONE), |text| Err(text.to_owned()))
}
pub(super) fn write_hold_rest(_: &HoldState) -> Option<String> {
    None
}
type HoldRest = (Declared, Few<Draw>, Option<Arc<Vec<Counted>>>);
pub(super) fn read_hold_rest(text: Option<&str>) -> Result<HoldRest, String> {
    text.map_or(Ok(Default::default()), |text| Err(text.to_owned()))
}
pub(super) fn write_entry_rest(_: &Entry) -> Option<String> {
    None
}
type EntryRest = (Declared, Few<Movement>, Option<Arc<Detail>>);
pub(super) fn read_entry_rest(text: Option<&str>) -> Result<EntryRest, String> {
    text.map_or(Ok(Default::default()), |text| Err(text.to_owned()))
}
