//! Every target on some thousands of inputs, the same ones each time: what `cargo test` runs where there is no fuzzer.
//!
//! `FUZZ_INPUTS` sets how many inputs each target gets, 2,000 otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use billing_guard::{
    Amount, Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, IdempotencyKey, Ledger,
    LedgerFuture, MemoryLedger, PostKind, PostRequest, PriceBook, Refusal, Renderer, ResizeRequest, Shape,
    Statement, StatementRequest, SweepRequest, Swept, Unit, VoidRequest,
};
use billing_guard_fuzz::seeds::{TARGETS, Target};
use billing_guard_fuzz::{Tally, check_read_back, check_reading, ledger_commands_on};

/// SplitMix64: numbers that look random, the same for the same start.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Any byte, or as often one that stands in a seed, and so is likely to mean something.
    fn telling_byte(&mut self, seeds: &[&str]) -> u8 {
        let seed = seeds[self.below(seeds.len())].as_bytes();
        if self.below(2) == 0 { self.byte() } else { seed[self.below(seed.len())] }
    }

    /// A length: short ones more often, since what is read as one piece of text has limits.
    fn length(&mut self) -> usize {
        let most = self.below(600);
        self.below(most)
    }
}

/// The inputs of a target: its seeds, any bytes, bytes of the seeds, and seeds that were changed in a few places.
fn inputs(seeds: &'static [&'static str], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut numbers = Numbers(7);
    let unchanged = seeds.iter().map(|seed| seed.as_bytes().to_vec());
    unchanged.chain((0..count).map(move |index| match index % 4 {
        0 => (0..numbers.length()).map(|_| numbers.byte()).collect(),
        1 => (0..numbers.length()).map(|_| numbers.telling_byte(seeds)).collect(),
        _ => {
            let mut input = seeds[numbers.below(seeds.len())].as_bytes().to_vec();
            for _ in 0..=numbers.below(4) {
                mutate(&mut input, seeds, &mut numbers);
            }
            input
        }
    }))
}

fn mutate(input: &mut Vec<u8>, seeds: &[&str], numbers: &mut Numbers) {
    let at = numbers.below(input.len() + 1);
    let end = (at + numbers.below(12)).min(input.len());
    match numbers.below(7) {
        0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
        1 | 2 if at < input.len() => input[at] = numbers.telling_byte(seeds),
        3 => input.insert(at, numbers.telling_byte(seeds)),
        4 => drop(input.drain(at..end)),
        5 => input.extend_from_within(at..end),
        // The beginning of one and the end of another.
        _ => {
            let other = seeds[numbers.below(seeds.len())].as_bytes();
            input.truncate(at);
            input.extend_from_slice(&other[numbers.below(other.len())..]);
        }
    }
}

fn run((name, target, seeds): Target) {
    let count = std::env::var("FUZZ_INPUTS").map_or(2_000, |count| count.parse().expect("a number"));
    for input in inputs(seeds, count) {
        if let Err(panic) = catch_unwind(|| target(&input)) {
            eprintln!("{name} failed on b\"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    }
}

#[test]
fn amounts_are_what_their_text_says() {
    run(TARGETS[0]);
}

#[test]
fn refusals_are_read_back_as_they_were_written_and_no_body_panics() {
    run(TARGETS[1]);
}

#[test]
fn the_books_are_right_after_every_command() {
    run(TARGETS[2]);
}

#[test]
fn price_tables_are_read_or_their_faults_are_named() {
    run(TARGETS[3]);
}

/// Otherwise nothing would be checked but that nothing panics.
#[test]
fn the_seeds_of_price_tables_are_what_they_are_meant_for() {
    let (_, _, seeds) = TARGETS[3];
    let usd = Unit::new("USD", 6).unwrap();
    let [full, small, faulty, litellm, genai] = seeds else { panic!("{}", seeds.len()) };
    assert_eq!(PriceBook::from_json(full).unwrap().len(), 4);
    assert_eq!(PriceBook::from_json(small).unwrap().len(), 1);
    assert_eq!(PriceBook::validate(faulty).len(), 3);
    assert_eq!(PriceBook::from_litellm(litellm, usd).unwrap().book.len(), 1);
    assert_eq!(PriceBook::from_genai_prices(genai, usd).unwrap().book.len(), 1);
}

/// Otherwise little would be checked: few bytes make a history in which much succeeds.
#[test]
fn the_commands_come_to_every_end() {
    let mut tally = Tally::new();
    for input in inputs(TARGETS[2].2, 2_000) {
        for (end, count) in ledger_commands_on(&input, |ledger| Box::new(ledger)) {
            *tally.entry(end).or_default() += count;
        }
    }
    println!("{tally:#?}");
    for change in ["hold", "resize", "capture", "void", "post"] {
        for end in ["applied", "applied once of twice", "refused", "dropped"] {
            let count = tally.get(&format!("{change} {end}")).copied().unwrap_or(0);
            assert!(count >= 20, "{change} {end}: {count}");
        }
    }
    for end in ["hold repeated", "capture repeated", "post repeated", "capture late", "sweep released"] {
        assert!(tally.get(end).is_some_and(|count| *count >= 20), "{end}: {tally:?}");
    }
}

#[test]
#[ignore = "writes files: where the real fuzzer begins"]
fn write_the_seeds_as_a_corpus() {
    for (name, _, seeds) in TARGETS {
        let folder = [env!("CARGO_MANIFEST_DIR"), "corpus", name].iter().collect::<std::path::PathBuf>();
        std::fs::create_dir_all(&folder).unwrap();
        for (index, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index}")), seed).unwrap();
        }
    }
}

/// Whether something panics, as a target does when a property is broken.
fn is_noticed<T>(check: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(check)).is_err()
}

#[test]
fn an_amount_that_is_not_what_the_text_says_is_noticed() {
    let unit = Unit::new("USD", 6).unwrap();
    let cent = |minor| Ok::<Amount, _>(unit.minor(minor));
    assert!(!is_noticed(|| check_reading("0.01", unit, &cent(10_000))));
    assert!(is_noticed(|| check_reading("0.01", unit, &cent(10_001))));
    assert!(is_noticed(|| check_reading("0.01", unit, &cent(-10_000))));
    // Rounded, and wrapped.
    assert!(is_noticed(|| check_reading("0.0100001", unit, &cent(10_000))));
    assert!(is_noticed(|| check_reading("9223372036854.775808", unit, &cent(i64::MIN))));
    assert!(is_noticed(|| check_reading("0.01", unit, &unit.amount("x"))));
}

#[test]
fn an_answer_that_is_read_as_another_is_noticed() {
    let answer = Renderer::new(Shape::Flat).render(&Refusal::Duplicate);
    assert!(!is_noticed(|| check_read_back(&Refusal::Duplicate, Shape::Flat, &answer)));
    assert!(is_noticed(|| check_read_back(&Refusal::KeyConflict, Shape::Flat, &answer)));
    assert!(is_noticed(|| check_read_back(&Refusal::Duplicate, Shape::FlatWithError, &answer)));
    let renamed = Renderer::new(Shape::ErrorString);
    let renamed = renamed.with_error_code(Refusal::Duplicate.kind(), "Twice").unwrap();
    let answer = renamed.render(&Refusal::Duplicate);
    assert!(is_noticed(|| check_read_back(&Refusal::Duplicate, Shape::ErrorString, &answer)));
}

#[test]
fn a_ledger_that_breaks_a_promise_is_noticed() {
    for lie in [
        Lie::None,
        Lie::LendsToAnyone,
        Lie::ForgetsKeys,
        Lie::RefusesForAFee,
        Lie::CapturesTheRest,
        Lie::SweepsNothing,
        Lie::HidesAHold,
    ] {
        let (_, _, seeds) = TARGETS[2];
        let noticed = inputs(seeds, 300)
            .any(|input| is_noticed(|| ledger_commands_on(&input, |ledger| Box::new(Liar { ledger, lie }))));
        assert_eq!(noticed, lie != Lie::None, "{lie:?}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    None,
    /// Holds go as far below zero as they like.
    LendsToAnyone,
    /// A posting that is repeated is booked again.
    ForgetsKeys,
    /// A void that is refused costs something.
    RefusesForAFee,
    /// A capture takes all of a hold, whatever was asked.
    CapturesTheRest,
    SweepsNothing,
    /// A page of holds leaves one out.
    HidesAHold,
}

/// A ledger with one fault.
#[derive(Debug)]
struct Liar {
    ledger: MemoryLedger,
    lie: Lie,
}

impl Ledger for Liar {
    fn hold(&self, mut request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        if self.lie == Lie::LendsToAnyone {
            request.debt_limit = request.amount.unit().minor(i64::MAX);
        }
        self.ledger.hold(request)
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.resize(request)
    }

    fn capture(&self, mut request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        if self.lie == Lie::CapturesTheRest {
            request.total = request.total.unit().minor(request.total.minor().max(1_000));
        }
        self.ledger.capture(request)
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        let account = request.account.clone();
        let answer = self.ledger.void(request);
        if self.lie != Lie::RefusesForAFee {
            return answer;
        }
        let answer = answer.into_ready().expect("memory answers at once");
        if answer.is_err() {
            let fee = Unit::new("USD", 6).unwrap().minor(-1);
            let fee = PostRequest::new(account, IdempotencyKey::unique(), PostKind::Adjustment, fee);
            drop(self.ledger.post(fee));
        }
        LedgerFuture::ready(answer)
    }

    fn post(&self, mut request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        if self.lie == Lie::ForgetsKeys {
            request.key = IdempotencyKey::unique();
        }
        self.ledger.post(request)
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.ledger.find(request)
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.ledger.balance(request)
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.ledger.statement(request)
    }

    fn holds(&self, mut request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        if self.lie == Lie::HidesAHold && request.after.is_none() {
            let first = HoldsRequest::new(request.account.clone()).with_limit(1);
            let page = self.ledger.holds(first).into_ready().expect("memory answers at once").unwrap();
            request.after = page.next().cloned();
        }
        self.ledger.holds(request)
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.ledger.counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        if self.lie == Lie::SweepsNothing {
            return LedgerFuture::ready(Ok(Swept::default()));
        }
        self.ledger.sweep(request)
    }
}
