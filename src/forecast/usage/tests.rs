//! The forecast as a whole: on work that ends after other work has begun, as it does in a server.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// About `median`, and the more sides the wider: the sum of four dice, from minus to plus so many octaves.
    fn around(&mut self, median: u64, octaves: u64) -> u64 {
        let sum: u64 = (0..4).map(|_| self.below(256 * octaves)).sum();
        let (whole, part) = (sum / 512, sum % 512);
        (((median * (512 + part)) << whole) / 512) >> octaves
    }
}

/// One piece of work: what it is, and how large.
#[derive(Clone, Copy)]
struct Work {
    path: KeyPath,
    units: u64,
}

struct Outcome {
    missed: Vec<bool>,
    held: u64,
    took: u64,
}

impl Outcome {
    fn share(misses: usize, count: usize) -> usize {
        (count - misses) * 1_000 / count
    }

    /// Of a thousand.
    fn coverage(&self) -> usize {
        Self::share(self.missed.iter().filter(|missed| **missed).count(), self.missed.len())
    }

    /// The worst of any thousand in a row.
    fn worst_window(&self) -> usize {
        let window = |window: &[bool]| Self::share(window.iter().filter(|missed| **missed).count(), 1_000);
        self.missed.windows(1_000).step_by(10).map(window).min().unwrap()
    }

    /// In hundredths.
    fn over_hold(&self) -> u64 {
        self.held * 100 / self.took
    }
}

const CEILING: u64 = 16_384;

/// Each begins one tick after the one before, and lasts a tick and a hundredth of its units.
fn run(forecast: &mut UsageForecast, work: &[Work]) -> Outcome {
    run_lasting(forecast, work, 1)
}

/// It lasts so many hundredths: as much runs at once as it lasts on average.
fn run_lasting(forecast: &mut UsageForecast, work: &[Work], hundredths: u64) -> Outcome {
    let mut running = BinaryHeap::new();
    let mut outcome = Outcome { missed: Vec::new(), held: 0, took: 0 };
    let mut predictions = Vec::new();
    for (now, Work { path, units }) in work.iter().enumerate() {
        while running.peek().is_some_and(|Reverse((end, _))| *end <= now) {
            let Some(Reverse((_, ended))) = running.pop() else { break };
            let Work { path, units } = &work[ended];
            forecast.learn(path, predictions[ended], *units);
        }
        let prediction = forecast.predict(path, CEILING);
        assert!(prediction.units() <= CEILING);
        predictions.push(prediction);
        outcome.missed.push(*units > prediction.units());
        outcome.held += prediction.units();
        outcome.took += units;
        running.push(Reverse((now + 1 + usize::try_from(units * hundredths).unwrap() / 100, now)));
    }
    outcome
}

fn chat() -> KeyPath {
    KeyPath::new("chat")
}

/// Forty customers, few of them large, whose work differs; what goes in says something about what comes out.
fn customers(dice: &mut Dice, count: usize) -> Vec<Work> {
    let one = |dice: &mut Dice| {
        let customer = dice.below(40).min(dice.below(40));
        let size = dice.around(400, 3);
        let median = 20 + 15 * (customer * 7 % 13) + size / 8;
        let path = chat().then(&customer.to_string()).sized(size);
        Work { path, units: dice.around(median, 3).min(CEILING) }
    };
    (0..count).map(|_| one(dice)).collect()
}

#[test]
fn as_many_predictions_suffice_as_are_meant_to() {
    for seed in 1..4 {
        for coverage in [900, 990, 995] {
            let settings = ForecastSettings::new().with_coverage_permille(coverage);
            let work = customers(&mut Dice(seed), 12_000);
            let outcome = run(&mut UsageForecast::new(settings), &work);
            assert!(outcome.coverage() >= usize::from(coverage), "{} {coverage}", outcome.coverage());
            let lowest = if coverage == 900 { 860 } else { 975 };
            assert!(outcome.worst_window() >= lowest, "{}", outcome.worst_window());
            // The ceiling is over 60 times what it takes.
            let most = if coverage == 900 { 300 } else { 550 };
            assert!(outcome.over_hold() <= most, "{} {coverage}", outcome.over_hold());
        }
    }
}

#[test]
fn knowing_the_customer_and_the_size_saves_much() {
    let work = customers(&mut Dice(5), 12_000);
    let told = run(&mut UsageForecast::new(ForecastSettings::new()), &work);
    let blind: Vec<_> = work.iter().map(|work| Work { path: chat(), ..*work }).collect();
    let blind = run(&mut UsageForecast::new(ForecastSettings::new()), &blind);
    assert!(blind.coverage() >= 990);
    assert!(100 * told.over_hold() < 95 * blind.over_hold(), "{} {}", told.over_hold(), blind.over_hold());
}

#[test]
fn work_that_changes_under_one_key_is_followed() {
    let regimes = [(100, 2), (30, 1), (400, 2), (50, 4), (1_500, 1), (100, 3), (700, 2)];
    for turn in 0..regimes.len() {
        let mut dice = Dice(9);
        let mut work = Vec::new();
        for (median, octaves) in regimes.iter().cycle().skip(turn).take(regimes.len()) {
            let one = || Work { path: chat(), units: dice.around(*median, *octaves).min(CEILING) };
            work.extend(std::iter::repeat_with(one).take(6_000));
        }
        let outcome = run(&mut UsageForecast::new(ForecastSettings::new()), &work);
        assert!(outcome.coverage() >= 990, "{}", outcome.coverage());
        assert!(outcome.worst_window() >= 930, "{}", outcome.worst_window());
    }
}

#[test]
fn hundreds_may_run_at_once_from_the_start() {
    for seed in 1..4 {
        let work = customers(&mut Dice(seed), 12_000);
        let mean = work.iter().map(|work| work.units).sum::<u64>() / 12_000;
        let few = run_lasting(&mut UsageForecast::new(ForecastSettings::new()), &work, 1);
        let hundreds = run_lasting(&mut UsageForecast::new(ForecastSettings::new()), &work, 50_000 / mean);
        assert!(hundreds.coverage() >= 990, "{}", hundreds.coverage());
        assert!(hundreds.worst_window() >= 970, "{}", hundreds.worst_window());
        assert!(hundreds.over_hold() < 2 * few.over_hold(), "{} {}", hundreds.over_hold(), few.over_hold());
    }
}

#[test]
fn what_is_always_the_same_is_held_nearly_exactly() {
    for units in [1, 2, 7, 100, 999, 16_000] {
        let mut forecast = UsageForecast::new(ForecastSettings::new());
        let work = vec![Work { path: chat(), units }; 20_000];
        let outcome = run(&mut forecast, &work);
        assert_eq!(outcome.coverage(), 1_000);
        let held = forecast.predict(&chat(), u64::MAX).units();
        assert!(held >= units && held <= units + units / 8 + 1, "{held} for {units}");
    }
}

#[test]
fn too_little_known_is_the_ceiling() {
    for (coverage, enough) in [(500, 10), (900, 10), (990, 30), (999, 300)] {
        let settings = ForecastSettings::new().with_coverage_permille(coverage);
        let mut forecast = UsageForecast::new(settings);
        for _ in 0..enough {
            let prediction = forecast.predict(&chat(), 77);
            assert_eq!((prediction.units(), prediction.is_cold()), (77, true));
            assert_eq!(forecast.quantile(&chat(), 500), None);
            forecast.learn(&chat(), prediction, 3);
        }
        // Once it has aged a little, the last few samples weigh less than one each.
        let mut prediction = forecast.predict(&chat(), 77);
        for _ in 0..100 {
            forecast.learn(&chat(), prediction, 3);
            prediction = forecast.predict(&chat(), 77);
        }
        assert!(!prediction.is_cold() && prediction.units() < 10, "{coverage} {prediction:?}");
        assert!(forecast.quantile(&chat(), 500) == Some(3));
        // A customer never seen goes by what is known of all.
        let unseen = chat().then("someone").sized(5);
        assert_eq!(forecast.predict(&unseen, 77), prediction);
        assert!(forecast.predict(&KeyPath::new("code"), 77).is_cold());
    }
}

#[test]
fn what_was_cut_teaches_only_where_the_prediction_was_held() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    run(&mut forecast, &customers(&mut Dice(3), 3_000));
    let before = serde_json::to_string(&forecast).unwrap();
    let prediction = forecast.predict(&chat(), CEILING);
    let all = prediction.units();
    forecast.learn_stopped(&chat(), prediction, all - 1);
    assert_eq!(serde_json::to_string(&forecast).unwrap(), before);
    forecast.learn_stopped(&chat(), prediction, all);
    assert!(forecast.predict(&chat(), CEILING).units() > all);
    // What could not have taken more is known, and no prediction would have sufficed for more.
    let mut cold = UsageForecast::new(ForecastSettings::new());
    let prediction = cold.predict(&chat(), 10);
    cold.learn_stopped(&chat(), prediction, 9);
    assert_eq!(cold.keys(), 0);
    cold.learn_stopped(&chat(), prediction, 10);
    assert_eq!(cold.known(&chat()).unwrap().next_step(0).map(scale::units_at), Some(10));
}

#[test]
fn stopped_work_does_not_make_the_forecast_sink() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    let mut dice = Dice(8);
    let mut stopped = 0;
    for _ in 0..30_000 {
        let (units, prediction) = (dice.around(200, 3), forecast.predict(&chat(), CEILING));
        if units > prediction.units() {
            stopped += 1;
            forecast.learn_stopped(&chat(), prediction, prediction.units());
        } else {
            forecast.learn(&chat(), prediction, units);
        }
    }
    assert!(stopped <= 300, "{stopped}");
}

/// What came of holds that begin small and grow until they suffice: how often they grew, of a hundred pieces of work.
fn run_growing(forecast: &mut UsageForecast, work: &[Work]) -> (Outcome, usize) {
    let mut ending = BinaryHeap::new();
    let mut outcome = Outcome { missed: Vec::new(), held: 0, took: 0 };
    let mut extensions = 0;
    for (now, Work { path, units }) in work.iter().enumerate() {
        while ending.peek().is_some_and(|Reverse((end, _, _))| *end <= now) {
            let Some(Reverse((_, ended, begun))) = ending.pop() else { break };
            let Work { path, units } = &work[ended];
            let prediction =
                Prediction { units: begun, ceiling: CEILING, basis: Basis::Beginning { cold: false } };
            forecast.learn(path, prediction, *units);
        }
        let begun = forecast.begin(path, CEILING).units();
        let mut held = begun;
        while held < *units {
            held = forecast.further(path, held, CEILING);
            extensions += 1;
        }
        outcome.held += held;
        outcome.took += units;
        ending.push(Reverse((now + 1 + usize::try_from(*units).unwrap() / 100, now, begun)));
    }
    (outcome, extensions * 100 / work.len())
}

#[test]
fn a_hold_that_grows_ends_up_little_above_what_it_takes() {
    for seed in 1..4 {
        let work = customers(&mut Dice(seed), 12_000);
        let (grown, extensions) = run_growing(&mut UsageForecast::new(ForecastSettings::new()), &work);
        let at_once = run(&mut UsageForecast::new(ForecastSettings::new()), &work);
        assert!(extensions <= 60, "{extensions}");
        assert!(grown.over_hold() <= 160, "{}", grown.over_hold());
        assert!(grown.over_hold() < at_once.over_hold() / 2);
    }
}

#[test]
fn a_hold_for_what_is_always_the_same_never_grows() {
    for units in [1, 2, 7, 100, 999, 16_000] {
        let mut forecast = UsageForecast::new(ForecastSettings::new());
        let begun = forecast.begin(&chat(), CEILING);
        assert_eq!((begun.units(), begun.is_cold()), (CEILING / 16, true));
        forecast.learn(&chat(), begun, units);
        for _ in 0..3_000 {
            let begun = forecast.begin(&chat(), CEILING);
            assert!(!begun.is_cold());
            assert!(
                begun.units() >= units && begun.units() <= units + units / 8 + 1,
                "{begun:?} for {units}"
            );
            forecast.learn(&chat(), begun, units);
        }
    }
}

#[test]
fn a_hold_grows_to_where_others_ended_and_beyond_it_by_half() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    assert_eq!(forecast.further(&chat(), 100, CEILING), 150);
    assert_eq!(forecast.further(&chat(), 0, CEILING), 1);
    assert_eq!(forecast.further(&chat(), CEILING - 1, CEILING), CEILING);
    assert_eq!(forecast.further(&chat(), u64::MAX - 1, u64::MAX), u64::MAX);
    for number in 0..1_000 {
        let begun = forecast.begin(&chat(), CEILING);
        forecast.learn(&chat(), begun, if number % 10 == 0 { 1_000 } else { 100 });
    }
    let begun = forecast.begin(&chat(), CEILING).units();
    assert!((100..=112).contains(&begun), "{begun}");
    // Once it is more than the usual, it is as much as the few.
    let grown = forecast.further(&chat(), begun, CEILING);
    assert!((1_000..=1_125).contains(&grown), "{grown}");
    assert_eq!(forecast.further(&chat(), begun, 500), 500);
    assert_eq!(forecast.further(&chat(), 2_000, CEILING), 3_000);
}

#[test]
fn what_a_hold_began_with_is_no_claim() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    run(&mut forecast, &customers(&mut Dice(3), 3_000));
    let margin = |forecast: &UsageForecast| forecast.keys.get(chat().levels()[0]).unwrap().margin;
    let before = margin(&forecast);
    let begun = forecast.begin(&chat(), CEILING);
    let text_before = text(&forecast);
    // Stopped where it began or anywhere, since it could not grow: how much it would have taken is not known.
    forecast.learn_stopped(&chat(), begun, begun.units());
    forecast.learn_stopped(&chat(), begun, CEILING - 1);
    assert_eq!(text(&forecast), text_before);
    for units in [0, 10 * begun.units()] {
        forecast.learn(&chat(), begun, units);
        assert_eq!(margin(&forecast), before);
    }
    let text_before = text(&forecast);
    forecast.learn_stopped(&chat(), begun, CEILING);
    assert_ne!(text(&forecast), text_before);
    assert_eq!(margin(&forecast), before);
    // The margin is that of what was predicted.
    let prediction = forecast.predict(&chat(), CEILING);
    forecast.learn(&chat(), prediction, 10 * prediction.units());
    assert_ne!(margin(&forecast), before);
}

#[test]
fn it_forgets_keys_beyond_its_capacity_but_not_their_root() {
    let settings = ForecastSettings::new().with_capacity(100);
    let mut forecast = UsageForecast::new(settings);
    for customer in 0..1_000_u64 {
        let path = chat().then(&customer.to_string());
        for _ in 0..40 {
            let prediction = forecast.predict(&path, CEILING);
            forecast.learn(&path, prediction, 10 + 10 * (customer % 2));
        }
        assert!(forecast.keys() <= 100);
    }
    assert_eq!(forecast.keys(), 100);
    let usual = |customer: &str| forecast.quantile(&chat().then(customer), 500).unwrap();
    // Of one that is remembered its own, of one that is not that of all.
    assert!(usual("999") > 17 && usual("998") < 12, "{} {}", usual("999"), usual("998"));
    assert_eq!((usual("0"), usual("1")), (usual("nobody"), usual("nobody")));

    let fewer = forecast.clone().with_settings(settings.with_capacity(64));
    assert_eq!((fewer.keys(), fewer.settings().capacity()), (64, 64));
    assert_eq!(fewer.quantile(&chat().then("999"), 500), Some(usual("999")));
    assert!(!fewer.predict(&chat(), CEILING).is_cold());
    let same = forecast.clone().with_settings(settings.with_coverage_permille(999));
    assert_eq!((same.keys(), same.settings().coverage_permille()), (100, 999));
}

#[test]
fn the_particular_is_forgotten_before_the_general() {
    let mut forecast = UsageForecast::new(ForecastSettings::new().with_capacity(64));
    let (path, cold) = (chat().then("ana").sized(5), Prediction { units: 5, ceiling: 5, basis: Basis::Cold });
    forecast.learn(&path, cold, 5);
    let mut done = 0;
    // With three keys there is room for 61 others; each one more drives out the next.
    for (others, wanted) in
        [(61, [true; 3]), (62, [true, true, false]), (63, [true, false, false]), (64, [false; 3])]
    {
        for other in done..others {
            forecast.learn(&KeyPath::new(&other.to_string()), cold, 5);
        }
        done = others;
        let known = [0, 1, 2].map(|level| forecast.keys.get(path.levels()[level]).is_some());
        assert_eq!(known, wanted, "beside {others}");
    }
}

#[test]
fn a_key_takes_at_most_600_bytes() {
    for keys in [1_000, 20_000, 33_000] {
        let mut forecast = UsageForecast::new(ForecastSettings::new().with_capacity(keys));
        for customer in 0..2 * keys {
            let path = chat().then(&customer.to_string());
            let prediction = forecast.predict(&path, CEILING);
            forecast.learn(&path, prediction, 5);
        }
        let each = forecast.keys.storage() / forecast.keys();
        assert!(each <= 450, "{each}");
    }
}

#[test]
fn settings_are_kept_within_their_limits() {
    let coverage = |permille| ForecastSettings::new().with_coverage_permille(permille).coverage_permille();
    assert_eq!([0, 499, 500, 999, 1_000, u16::MAX].map(coverage), [500, 500, 500, 999, 999, 999]);
    let capacity = |keys| ForecastSettings::new().with_capacity(keys).capacity();
    assert_eq!([0, 63, 64, u32::MAX].map(capacity), [64, 64, 64, u32::MAX]);
    assert_eq!(ForecastSettings::default(), ForecastSettings::new());
}

/// What can be seen of a forecast: its text has everything in it.
fn text(forecast: &UsageForecast) -> String {
    serde_json::to_string(forecast).unwrap()
}

#[test]
fn two_forecasts_become_one_that_knows_both() {
    let (early, late) = (customers(&mut Dice(1), 4_000), customers(&mut Dice(2), 4_000));
    let only = |path: KeyPath, work: &[Work]| -> Vec<Work> {
        work.iter().map(|work| Work { path, units: work.units }).collect()
    };
    let (mut one, mut two) =
        (UsageForecast::new(ForecastSettings::new()), UsageForecast::new(ForecastSettings::new()));
    run(&mut one, &early);
    run(&mut one, &only(KeyPath::new("mail"), &early));
    run(&mut two, &late);
    run(&mut two, &only(KeyPath::new("code"), &late));
    let (mut ab, mut ba) = (one.clone(), two.clone());
    ab.merge(&two);
    ba.merge(&one);
    for work in early.iter().chain(&late) {
        let [both, reversed] = [&ab, &ba].map(|forecast| forecast.predict(&work.path, CEILING));
        assert_eq!(both, reversed);
        let parts = [&one, &two].map(|forecast| forecast.predict(&work.path, CEILING).units());
        assert!(both.units() >= parts[0].min(parts[1]) * 2 / 3 && both.units() <= parts[0].max(parts[1]) * 2);
    }
    // What only one of them knew is as that one knew it.
    for (kind, whose) in [("mail", &one), ("code", &two)] {
        let kind = KeyPath::new(kind);
        assert_eq!(ab.predict(&kind, CEILING), whose.predict(&kind, CEILING));
    }
    let mut same = one.clone();
    same.merge(&UsageForecast::new(ForecastSettings::new()));
    assert_eq!(text(&same).len(), text(&one).len());
    let mut copy = UsageForecast::new(ForecastSettings::new());
    copy.merge(&one);
    assert_eq!(text(&copy), text(&one));
    assert!(run(&mut ab, &customers(&mut Dice(4), 4_000)).coverage() >= 990);
}

#[test]
fn a_saved_forecast_goes_on_as_if_nothing_had_been() {
    let work = customers(&mut Dice(6), 6_000);
    let (first, second) = work.split_at(3_000);
    let mut forecast =
        UsageForecast::new(ForecastSettings::new().with_capacity(200).with_coverage_permille(980));
    run(&mut forecast, first);
    let mut again: UsageForecast = serde_json::from_str(&text(&forecast)).unwrap();
    assert_eq!(again.settings(), forecast.settings());
    let outcomes = [&mut forecast, &mut again].map(|forecast| run(forecast, second));
    assert_eq!((outcomes[0].held, &outcomes[0].missed), (outcomes[1].held, &outcomes[1].missed));
    assert_eq!(text(&forecast), text(&again));
    let empty = UsageForecast::new(ForecastSettings::new());
    assert_eq!(serde_json::from_str::<UsageForecast>(&text(&empty)).unwrap().keys(), 0);
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    run(&mut forecast, &customers(&mut Dice(6), 8));
    let whole = text(&forecast);
    assert!(serde_json::from_str::<UsageForecast>(&whole).is_ok());
    for place in 0..whole.len() {
        assert!(serde_json::from_str::<UsageForecast>(&whole[..place]).is_err(), "cut at {place}");
        for byte in ["0", "7", "f", "x", "\"", ","] {
            if whole[place..=place] != *byte {
                let damaged = format!("{}{byte}{}", &whole[..place], &whole[place + 1..]);
                assert!(serde_json::from_str::<UsageForecast>(&damaged).is_err(), "{byte} at {place}");
            }
        }
    }
}

#[test]
fn an_error_names_what_is_wrong() {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    forecast.learn(&chat(), Prediction { units: 5, ceiling: 5, basis: Basis::Cold }, 5);
    let whole = text(&forecast);
    let error = |text: &str| serde_json::from_str::<UsageForecast>(text).unwrap_err().to_string();
    let key = format!("{:032x}", chat().levels()[0]);
    // With its check put right, as whoever writes such a file by hand would.
    let righted = |text: String| match error(&text).split_once(", not \"") {
        Some((_, check)) => {
            let old = whole.split_once("\"check\":\"").unwrap().1;
            text.replace(&old[..16], &check[..16])
        }
        None => text,
    };
    for (from, to, named) in [
        ("\"usage_forecast\":1", "\"usage_forecast\":2", "version 2"),
        ("\"check\":\"", "\"check\":\"0", "damaged"),
        ("\"coverage_permille\":990", "\"coverage_permille\":1000", "coverage_permille 1000"),
        ("\"capacity\":100000", "\"capacity\":0", "capacity 0"),
        ("\"low\":0", "\"low\":60", "keys[0] of the usage forecast: its age, low or cells"),
        ("\"burst\":10485", "\"burst\":4000000000", "keys[0] of the usage forecast: its margin or burst"),
        (key.as_str(), "chat", "keys[0] of the usage forecast: its key"),
        ("\"age\"", "\"years\"", "years"),
    ] {
        assert!(whole.contains(from), "{whole}");
        let text =
            if named == "damaged" { whole.replace(from, to) } else { righted(whole.replace(from, to)) };
        let error = error(&text);
        assert!(error.contains(named), "{error} does not name {named}");
    }
    let (start, rest) = whole.split_once("\"keys\":[").unwrap();
    let (entry, end) = rest.split_once("],\"check").unwrap();
    let twice = righted(format!("{start}\"keys\":[{entry},{entry}],\"check{end}"));
    assert!(
        error(&twice).contains("keys[1] of the usage forecast: its key is there twice"),
        "{}",
        error(&twice)
    );
    let many = vec![entry; 65].join(",");
    let many = righted(format!("{start}\"keys\":[{many}],\"check{end}").replace("100000", "64"));
    assert!(error(&many).contains("65 keys; its capacity is 64"), "{}", error(&many));
}

proptest! {
    /// No quantity, ceiling or path makes it fail, and no prediction is above its ceiling.
    #[test]
    fn any_quantity_can_be_learned(
        work in prop::collection::vec((0_u8..6, any::<u64>(), any::<u64>(), any::<bool>()), 0..300),
        shift in 0_u32..64,
    ) {
        let mut forecast = UsageForecast::new(ForecastSettings::new().with_capacity(64));
        for (customer, units, ceiling, stopped) in work {
            let path = chat().then(&customer.to_string()).sized(units >> shift);
            let prediction = forecast.predict(&path, ceiling);
            prop_assert!(prediction.units() <= ceiling);
            if stopped {
                forecast.learn_stopped(&path, prediction, units >> shift);
            } else {
                forecast.learn(&path, prediction, units >> shift);
            }
            let begun = forecast.begin(&path, ceiling);
            prop_assert!(begun.units() <= ceiling);
            let further = forecast.further(&path, units, ceiling);
            prop_assert!(further <= ceiling && (further > units || units >= ceiling));
            let quantiles = [0, 100, 500, 900, 1_000].map(|permille| forecast.quantile(&path, permille));
            prop_assert!(quantiles.is_sorted());
        }
        let again: UsageForecast = serde_json::from_str(&text(&forecast)).unwrap();
        prop_assert_eq!(text(&again), text(&forecast));
    }

    /// Whatever becomes of one byte of it, it is an error, or the same as before: never another forecast.
    #[test]
    fn no_damaged_byte_makes_another_forecast(
        work in prop::collection::vec((0_u8..4, 0_u64..5_000), 1..60),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        how in 0_u8..3,
    ) {
        let mut forecast = UsageForecast::new(ForecastSettings::new());
        for (customer, units) in work {
            let path = chat().then(&customer.to_string());
            let prediction = forecast.predict(&path, CEILING);
            forecast.learn(&path, prediction, units);
        }
        let whole = serde_json::to_vec(&forecast).unwrap();
        let (mut damaged, place) = (whole.clone(), place.index(whole.len()));
        match how {
            0 => damaged[place] = byte,
            1 => damaged.insert(place, byte),
            _ => {
                damaged.remove(place);
            }
        }
        if let Ok(read) = serde_json::from_slice::<UsageForecast>(&damaged) {
            prop_assert_eq!(text(&read), text(&forecast), "{} at {}", how, place);
            // Only a space between two parts, or what was there anyway.
            prop_assert!(damaged == whole || how == 1 && byte.is_ascii_whitespace());
        }
    }
}
