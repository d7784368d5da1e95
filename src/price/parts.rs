//! Quantities that are counted within others.

use super::PriceError;
use super::schedule::Schedule;
use super::tariff::Tariff;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName};

/// Which quantities are within which, and what that means for those with a price.
///
/// What a price applies to is how much there is of its quantity apart from every priced part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) stated: Vec<(QuantityName, QuantityName)>,
    /// For each price, one bit for each price of a part, at any depth.
    within: Vec<u16>,
    /// The prices in an order in which parts come before what they are in.
    order: Vec<usize>,
    /// For each part without a price, one bit for each price of something that it is in.
    unpriced: Vec<(QuantityName, u16)>,
    /// Whether no priced part has priced parts.
    shallow: bool,
}

/// For each price of a tariff, the least and the most that there is of its quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extents([(Quantity, Quantity); Tariff::MAX_RATES]);

impl Parts {
    /// The most relations.
    pub(super) const MAX: usize = 128;
    /// The most uncertain quantities of which every combination is tried: each one more doubles them.
    const MAX_TRIED: usize = 6;

    pub(super) const fn new() -> Self {
        Self {
            stated: Vec::new(),
            within: Vec::new(),
            order: Vec::new(),
            unpriced: Vec::new(),
            shallow: true,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }

    /// States that the one is within the other. Tell it of the prices afterwards.
    pub(super) fn add(&mut self, part: QuantityName, whole: QuantityName) -> Result<(), PriceError> {
        let problem = if part == whole || self.all_within(&part).contains(&&*whole) {
            "that is within it"
        } else if self.stated.len() >= Self::MAX {
            "a tariff states at most 128 parts"
        } else {
            self.stated.push((part, whole));
            return Ok(());
        };
        Err(PriceError::InvalidPart { part: quoted(&part), whole: quoted(&whole), problem })
    }

    /// Tells it which quantities have a price.
    pub(super) fn relate(&mut self, rates: &[(QuantityName, Schedule)]) {
        if self.is_empty() {
            return;
        }
        let contents: Vec<Vec<&str>> = rates.iter().map(|(name, _)| self.all_within(name)).collect();
        let bits = |holds: &dyn Fn(usize) -> bool| {
            (0..rates.len()).filter(|index| holds(*index)).fold(0, |bits, index| bits | bit(index))
        };
        // What only counts events has no price, and is paid for in what it is part of.
        let has_price = |(_, schedule): &&(QuantityName, Schedule)| !matches!(schedule, Schedule::Counted);
        let priced = |index: usize| rates.get(index).filter(has_price).map_or("", |(name, _)| &**name);
        let within: Vec<u16> =
            contents.iter().map(|names| bits(&|index| names.contains(&priced(index)))).collect();
        // What is within something has fewer parts than that has.
        let mut order: Vec<usize> = (0..rates.len()).collect();
        order.sort_by_key(|index| within.get(*index).map(|bits| bits.count_ones()));
        let is_whole = |bits: &u16| {
            let parts = within.iter().enumerate().filter(|(index, _)| bits & bit(*index) != 0);
            parts.into_iter().any(|(_, bits)| *bits != 0)
        };
        let shallow = !within.iter().any(is_whole);
        let mut unpriced = Vec::<(QuantityName, u16)>::new();
        for (part, _) in &self.stated {
            if rates.iter().filter(has_price).any(|(name, _)| name == part)
                || unpriced.iter().any(|(name, _)| name == part)
            {
                continue;
            }
            let holds = |index: usize| contents.get(index).is_some_and(|names| names.contains(&&**part));
            unpriced.push((part.clone(), bits(&holds)));
        }
        (self.within, self.order, self.unpriced, self.shallow) = (within, order, unpriced, shallow);
    }

    /// The prices of what a quantity without a price is in.
    pub(super) fn wholes(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let bits = self.unpriced.iter().find(|(part, _)| part == name).map_or(0, |(_, bits)| *bits);
        (0..Tariff::MAX_RATES).filter(move |index| bits & bit(*index) != 0)
    }

    /// How much there is of each quantity apart from the priced parts of it.
    pub(super) fn apart(&self, all: &Extents) -> Result<Extents, PriceError> {
        let mut own = *all;
        for index in &self.order {
            let bits = self.within.get(*index).copied().unwrap_or(0);
            if bits == 0 {
                continue;
            }
            let (mut least, mut most) = all.get(*index);
            for part in (0..Tariff::MAX_RATES).filter(|part| bits & bit(*part) != 0) {
                let (part_least, part_most) = own.get(part);
                least = less(least, part_most)?;
                most = less(most, part_least)?;
            }
            own.set(*index, least, most);
        }
        Ok(own)
    }

    /// Quantities between these bounds of which one is the dearest, with every uncertain quantity that bears on another at
    /// its least or its most: a part that costs more than the rest raises a price, one that costs less lowers it.
    ///
    /// With parts of parts, other prices than those of one unit, or many uncertain quantities, it is the bounds
    /// themselves: then what each quantity can come to apart from its parts is priced at its own dearest, which is never
    /// less than the dearest of all together, and may be more.
    pub(super) fn corners(&self, all: &Extents, rates: &[(QuantityName, Schedule)]) -> Vec<Extents> {
        let related = |index: usize| {
            let of = self.within.get(index).is_some_and(|bits| *bits != 0);
            of || self.within.iter().any(|bits| bits & bit(index) != 0)
        };
        let uncertain: Vec<usize> = (0..rates.len())
            .filter(|index| all.get(*index).0 < all.get(*index).1 && related(*index))
            .collect();
        let each = |index: &usize| matches!(rates.get(*index), Some((_, Schedule::Each(_))));
        let simple =
            self.shallow && (0..rates.len()).filter(|index| related(*index)).all(|index| each(&index));
        if uncertain.is_empty() || !simple || uncertain.len() > Self::MAX_TRIED {
            return vec![*all];
        }
        let mut corners = vec![*all];
        for index in uncertain {
            let (least, most) = all.get(index);
            let mut others = corners.clone();
            corners.iter_mut().for_each(|corner| corner.set(index, least, least));
            others.iter_mut().for_each(|corner| corner.set(index, most, most));
            corners.append(&mut others);
        }
        corners
    }

    /// Everything that is within a quantity, at any depth.
    fn all_within<'a>(&'a self, whole: &'a str) -> Vec<&'a str> {
        let mut found = vec![whole];
        let mut next = 0;
        while let Some(known) = found.get(next).copied() {
            for (part, of) in &self.stated {
                if of == known && !found.contains(&&**part) {
                    found.push(part);
                }
            }
            next = next.saturating_add(1);
        }
        found.split_off(1)
    }
}

impl Extents {
    pub(super) fn get(&self, index: usize) -> (Quantity, Quantity) {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn set(&mut self, index: usize, least: Quantity, most: Quantity) {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = (least, most);
        }
    }

    /// There is at least this much.
    pub(super) fn raise(&mut self, index: usize, least: Quantity, most: Quantity) {
        let known = self.get(index);
        self.set(index, known.0.max(least), known.1.max(most));
    }
}

/// What is left, or none if there is not so much.
fn less(all: Quantity, part: Quantity) -> Result<Quantity, PriceError> {
    if all <= part {
        return Ok(Quantity::ZERO);
    }
    let inexact = || crate::usage::UsageError::Overflow { name: "what is left apart from parts".to_owned() };
    all.checked_sub(part).ok_or_else(|| inexact().into())
}

fn bit(index: usize) -> u16 {
    u32::try_from(index).ok().and_then(|index| 1_u16.checked_shl(index)).unwrap_or(0)
}
