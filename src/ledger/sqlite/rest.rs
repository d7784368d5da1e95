//! Placeholder until the codec is merged.
use std::sync::Arc;

use crate::amount::Unit;
use crate::cap::Counted;
use crate::content::Declared;
use crate::entry::{Detail, Entry};
use crate::few::Few;
use crate::grant::{Draw, Grants, Movement};
use crate::hold::HoldState;

pub(super) fn write_grants(_: &Grants) -> Option<String> {
    None
}
pub(super) fn read_grants(text: Option<&str>, _: Unit) -> Result<Grants, String> {
    text.map_or(Ok(Grants::NONE), |text| Err(text.to_owned()))
}
pub(super) fn write_hold_rest(_: &HoldState) -> Option<String> {
    None
}
#[derive(Default)]
pub(super) struct HoldRest {
    pub(super) declared: Declared,
    pub(super) draws: Few<Draw>,
    pub(super) counted: Option<Arc<Vec<Counted>>>,
}
#[derive(Default)]
pub(super) struct EntryRest {
    pub(super) declared: Declared,
    pub(super) movements: Few<Movement>,
    pub(super) detail: Option<Arc<Detail>>,
}
pub(super) fn read_hold_rest(text: Option<&str>, _: Unit) -> Result<HoldRest, String> {
    text.map_or(Ok(Default::default()), |text| Err(text.to_owned()))
}
pub(super) fn write_entry_rest(_: &Entry) -> Option<String> {
    None
}
pub(super) fn read_entry_rest(text: Option<&str>, _: Unit) -> Result<EntryRest, String> {
    text.map_or(Ok(Default::default()), |text| Err(text.to_owned()))
}
