//! What counts under which cap (clause 8).

use billing_guard::{Cap, Caps, Label, Limits, Period};

use super::{Account, Count, Counted, Entry, Hold, NEVER, No, Place, at, micros, minor, stamp};

impl Place {
    /// Where something counts that happens now.
    fn of(cap: &Cap, now: i128) -> Self {
        Self { scope: cap.scope.to_string(), period: cap.period, start: at(cap.period.start_of(stamp(now))) }
    }

    /// The same count, in the present stretch of time.
    fn at_present(&self, now: i128) -> Self {
        Self { start: at(self.period.start_of(stamp(now))), ..self.clone() }
    }

    fn is_about(&self, other: &Self) -> bool {
        self.scope == other.scope && self.period == other.period
    }

    /// When it can be forgotten.
    pub(crate) fn kept_until(&self, held: i128) -> i128 {
        let start = stamp(self.start);
        if self.period.is_rolling() {
            at(self.period.leaves_at(start))
        } else if held > 0 {
            NEVER
        } else {
            at(self.period.end_of(start)) + micros(Limits::MAX_LIFETIME) + micros(Limits::MAX_GRACE)
        }
    }
}

/// Adds to one of a list of counts.
fn add(counted: &mut Vec<Counted>, place: &Place, held: i128, used: i128) {
    if let Some(known) = counted.iter_mut().find(|known| known.place == *place) {
        known.held += held;
        known.used += used;
    } else {
        counted.push(Counted { place: place.clone(), held, used });
    }
}

/// What a list counts in, each scope and period once.
fn subjects(counted: &[Counted]) -> Vec<Place> {
    let mut subjects: Vec<Place> = vec![];
    for counted in counted {
        if !subjects.iter().any(|known| known.is_about(&counted.place)) {
            subjects.push(counted.place.clone());
        }
    }
    subjects
}

impl Account {
    /// What is left under all caps for something that needs at least `required`; none that is below nothing.
    pub(super) fn room(&self, caps: &Caps, required: i128, now: i128) -> Result<i128, No> {
        let mut room = NEVER;
        for cap in caps.iter() {
            let Some(limit) = cap.limit.map(minor) else { continue };
            let stretches = self.in_view(cap, now);
            let used: i128 = stretches.iter().map(|(_, count)| count.used).sum();
            let held: i128 = stretches.iter().map(|(_, count)| count.held).sum();
            if required > 0 && used + held + required > limit {
                return Err(No::Capped {
                    scope: cap.scope.clone(),
                    period: cap.period,
                    label: cap.label.clone(),
                    limit,
                    used: used.min(super::MAX),
                    held: held.min(super::MAX),
                    required,
                    resets_at: Self::resets_at(cap, &stretches, limit - required, now),
                    seq: self.seq,
                    as_of: now,
                });
            }
            room = room.min((limit - used - held).max(0));
        }
        Ok(room)
    }

    /// What counts towards a cap now, the earliest first.
    fn in_view(&self, cap: &Cap, now: i128) -> Vec<(Place, Count)> {
        let place = Place::of(cap, now);
        let first =
            if cap.period.is_rolling() { at(cap.period.counts_from(stamp(now))) } else { place.start };
        let range = Place { start: first, ..place.clone() }..=place;
        self.counters.range(range).map(|(place, count)| (place.clone(), *count)).collect()
    }

    /// When there is room for what leaves so much, if nothing else is spent.
    fn resets_at(cap: &Cap, stretches: &[(Place, Count)], leaves: i128, now: i128) -> Option<i128> {
        if leaves < 0 {
            return None;
        }
        if !cap.period.is_rolling() {
            return Some(at(cap.period.end_of(cap.period.start_of(stamp(now)))));
        }
        let mut counts: i128 = stretches.iter().map(|(_, count)| count.used + count.held).sum();
        for (place, count) in stretches {
            counts -= count.used + count.held;
            if counts <= leaves {
                return Some(at(cap.period.leaves_at(stamp(place.start))));
            }
        }
        unreachable!("nothing counts when all has left")
    }

    /// A hold that is made or grows counts in the caps of the request and in all it counts in already.
    pub(super) fn count_held(&mut self, hold: &mut Hold, caps: &Caps, amount: i128, now: i128) {
        let mut places: Vec<Place> = caps.iter().map(|cap| Place::of(cap, now)).collect();
        for subject in subjects(&hold.counted) {
            if !places.iter().any(|place| place.is_about(&subject)) {
                places.push(subject.at_present(now));
            }
        }
        for place in places {
            add(&mut hold.counted, &place, amount, 0);
            self.counters.entry(place).or_default().held += amount;
        }
    }

    /// What of a hold is captured turns into used where it counts as held, the earliest first.
    pub(super) fn count_captured(&mut self, hold: &mut Hold, amount: i128, entry: &mut Vec<Counted>) {
        for subject in subjects(&hold.counted) {
            let mut left = amount;
            let mut here: Vec<&mut Counted> =
                hold.counted.iter_mut().filter(|counted| counted.place.is_about(&subject)).collect();
            here.sort_by_key(|counted| counted.place.start);
            for counted in here {
                let part = counted.held.min(left);
                left -= part;
                counted.held -= part;
                counted.used += part;
                let count = self.counters.get_mut(&counted.place).unwrap();
                count.held -= part;
                count.used += part;
                add(entry, &counted.place, 0, part);
            }
        }
    }

    /// What is captured above a hold or late counts now.
    pub(super) fn count_above(&mut self, hold: &mut Hold, amount: i128, now: i128, entry: &mut Vec<Counted>) {
        for subject in subjects(&hold.counted) {
            let place = subject.at_present(now);
            add(&mut hold.counted, &place, 0, amount);
            self.counters.entry(place.clone()).or_default().used += amount;
            add(entry, &place, 0, amount);
        }
    }

    /// What a hold does not need is given back where it was held, the latest first.
    pub(super) fn count_back(&mut self, hold: &mut Hold, amount: i128) {
        for subject in subjects(&hold.counted) {
            let mut left = amount;
            let mut here: Vec<&mut Counted> =
                hold.counted.iter_mut().filter(|counted| counted.place.is_about(&subject)).collect();
            here.sort_by_key(|counted| -counted.place.start);
            for counted in here {
                let part = counted.held.min(left);
                left -= part;
                counted.held -= part;
                self.counters.get_mut(&counted.place).unwrap().held -= part;
            }
        }
    }

    /// A courtesy counts under its label.
    pub(super) fn count_courtesy(&mut self, entry: &mut Entry, label: &Label, period: Period, now: i128) {
        let start = at(period.start_of(stamp(now)));
        let place = Place { scope: format!("courtesy {label}"), period, start };
        self.counters.entry(place.clone()).or_default().used += entry.named;
        add(&mut entry.counted, &place, 0, entry.named);
    }

    /// A charge in one step.
    pub(super) fn count_charge(&mut self, entry: &mut Entry, caps: &Caps, amount: i128, now: i128) {
        for cap in caps.iter() {
            let place = Place::of(cap, now);
            self.counters.entry(place.clone()).or_default().used += amount;
            add(&mut entry.counted, &place, 0, amount);
        }
    }
}
