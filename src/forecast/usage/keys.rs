//! What is known under each key, and which keys to forget first.

use std::collections::HashMap;

use super::histogram::Histogram;
use super::margin::Margin;

/// No slot.
const NONE: u32 = u32::MAX;

/// What is known of one level of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) histogram: Histogram,
    /// Used where the level is a root.
    pub(super) margin: Margin,
}

impl Known {
    pub(super) const fn new() -> Self {
        Self { histogram: Histogram::new(), margin: Margin::new() }
    }
}

#[derive(Clone, Debug)]
struct Slot {
    key: u128,
    known: Known,
    /// The slots used next before and next after this one.
    older: u32,
    newer: u32,
}

/// A map of limited size that forgets what was used least recently. Looking up is no use.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    index: HashMap<u128, u32>,
    #[allow(clippy::vec_box, reason = "a list of slots that grows has room for twice as many as there are")]
    slots: Vec<Box<Slot>>,
    oldest: u32,
    newest: u32,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { index: HashMap::new(), slots: Vec::new(), oldest: NONE, newest: NONE }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, key: u128) -> Option<&Known> {
        let slot = self.index.get(&key)?;
        self.slot(*slot).map(|slot| &slot.known)
    }

    /// What is known under the key, which is now the last one used. A new key takes the place of the one least recently
    /// used if there are so many. `None` only if there may be none at all.
    pub(super) fn touch(&mut self, key: u128, capacity: usize) -> Option<&mut Known> {
        let known = self.index.get(&key).copied();
        let place = match known {
            Some(place) => place,
            None if self.slots.len() < capacity => self.append(key)?,
            None => self.replace_oldest(key)?,
        };
        if self.newest != place {
            self.unlink(place);
            self.link_newest(place);
        }
        self.slot_mut(place).map(|slot| &mut slot.known)
    }

    /// From the least recently used.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, &Known)> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slot(next)?;
            next = slot.newer;
            Some((slot.key, &slot.known))
        })
    }

    fn append(&mut self, key: u128) -> Option<u32> {
        let place = u32::try_from(self.slots.len()).ok().filter(|place| *place != NONE)?;
        self.slots.push(Box::new(Slot { key, known: Known::new(), older: NONE, newer: NONE }));
        self.index.insert(key, place);
        self.link_newest(place);
        Some(place)
    }

    fn replace_oldest(&mut self, key: u128) -> Option<u32> {
        let place = self.oldest;
        let slot = self.slot_mut(place)?;
        let replaced = std::mem::replace(&mut slot.key, key);
        slot.known = Known::new();
        self.index.remove(&replaced);
        self.index.insert(key, place);
        Some(place)
    }

    fn unlink(&mut self, place: u32) {
        let Some((older, newer)) = self.slot(place).map(|slot| (slot.older, slot.newer)) else { return };
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, place: u32) {
        let before = self.newest;
        if let Some(slot) = self.slot_mut(place) {
            (slot.older, slot.newer) = (before, NONE);
        }
        match self.slot_mut(before) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }

    fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(place).ok()?).map(|slot| &**slot)
    }

    fn slot_mut(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(place).ok()?).map(|slot| &mut **slot)
    }

    /// The bytes that are set aside for keys, by the capacities of the collections.
    #[cfg(test)]
    pub(super) fn storage(&self) -> usize {
        // A table with room for c entries has a power of two of buckets, at least c * 8 / 7, and a byte of control each.
        let buckets = (self.index.capacity() * 8).div_ceil(7).next_power_of_two();
        let table = buckets * (size_of::<(u128, u32)>() + 1);
        let list = self.slots.capacity() * size_of::<Box<Slot>>();
        // An allocator keeps a word for each piece and rounds up to 16.
        let piece = (size_of::<Slot>() + size_of::<usize>()).next_multiple_of(16);
        table + list + self.slots.len() * piece
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list that is searched from end to end.
        #[test]
        fn forgets_what_was_used_least_recently(
            uses in prop::collection::vec(0_u128..12, 0..200),
            capacity in 1_usize..9,
        ) {
            let (mut keys, mut list) = (Keys::new(), Vec::<(u128, u16)>::new());
            for (number, key) in (1_u16..).zip(uses) {
                let known = keys.touch(key, capacity).unwrap();
                let was = known.histogram.age;
                known.histogram.age = number;
                let place = list.iter().position(|(other, _)| *other == key);
                let before = place.map_or(0, |place| list.remove(place).1);
                prop_assert_eq!(was, before);
                if list.len() == capacity {
                    list.remove(0);
                }
                list.push((key, number));
                let found: Vec<_> =
                    keys.iter().map(|(key, known)| (key, known.histogram.age)).collect();
                prop_assert_eq!(&found, &list);
                prop_assert_eq!(keys.len(), list.len());
                for key in 0..12 {
                    prop_assert_eq!(keys.get(key).is_some(), list.iter().any(|(other, _)| *other == key));
                }
            }
        }
    }

    #[test]
    fn a_place_taken_over_knows_nothing_of_whose_it_was() {
        let mut keys = Keys::new();
        keys.touch(1, 1).unwrap().histogram.add(5);
        assert_eq!(*keys.touch(2, 1).unwrap(), Known::new());
        assert!(keys.get(1).is_none());
    }
}
