//! Holds that begin with what such work usually takes, and grow along what the forecast has learned.

use billing_guard::Holding;

use super::*;

fn growing() -> (Arc<dyn Ledger>, Guard) {
    guard_with(10_000_000, Policy::new().with_holding(Holding::Grow))
}

fn job() -> Job {
    Job::new("answer").at_most("words", 4_000_u64)
}

/// Does a piece of work of so many words, in steps of ten; how much was held for it at first and in the end, and how often it
/// grew.
fn run(guard: &Guard, count: u64) -> (i64, i64, u32) {
    let mut hold = wait(guard.hold(&account(), job())).unwrap();
    let (first, mut growths) = (hold.amount().minor(), 0);
    let mut left = count;
    while left > 0 {
        let (step, before) = (left.min(10), hold.amount());
        assert!(matches!(wait(hold.spend(&words(step))).unwrap(), Cover::Within { .. }));
        growths += u32::from(hold.amount() != before);
        left -= step;
    }
    let last = hold.amount().minor();
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged().minor(), i64::try_from(count).unwrap());
    (first, last, growths)
}

#[test]
fn before_anything_is_known_it_begins_with_a_sixteenth_and_grows_by_half() {
    let (_, guard) = growing();
    let mut hold = wait(guard.hold(&account(), job())).unwrap();
    assert_eq!(hold.amount(), cents(250));
    wait(hold.spend(&words(300))).unwrap();
    assert_eq!(hold.amount(), cents(450));
    wait(hold.spend(&words(3_000))).unwrap();
    // Not beyond its bound, unless that is used.
    assert_eq!(hold.amount(), cents(4_000));
    wait(hold.spend(&words(800))).unwrap();
    assert_eq!(hold.amount(), cents(4_100));
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(4_100));
}

#[test]
fn it_goes_along_what_such_work_took() {
    let (_, guard) = growing();
    // Short ones and, one in five, long ones.
    let lengths = |number: u64| if number.is_multiple_of(5) { 1_000 + number } else { 100 + number / 10 };
    for number in 0..200 {
        run(&guard, lengths(number));
    }
    let (first, last, growths) = run(&guard, 100);
    assert!((100..=130).contains(&first), "{first}");
    assert_eq!((last, growths), (first, 0));
    // What takes longer than the short ones is going to be a long one.
    let (_, last, growths) = run(&guard, 1_050);
    assert!((1_100..=1_400).contains(&last) && growths <= 2, "{last} after {growths}");
    // And one that is longer than any before it still goes on.
    let (_, last, growths) = run(&guard, 2_500);
    assert!((2_500..=4_000).contains(&last) && growths <= 6, "{last} after {growths}");
}

#[test]
fn what_was_exhausted_teaches_nothing_about_how_long_such_work_is() {
    let (_, guard) = growing();
    for _ in 0..100 {
        run(&guard, 400);
    }
    let begins = |guard: &Guard| wait(guard.hold(&account(), job())).unwrap().amount();
    let before = begins(&guard);
    for _ in 0..100 {
        let mut hold =
            wait(guard.hold(&account(), job().down_to("words", 5_u64).with_budget(cents(40)))).unwrap();
        while let Cover::Within { .. } = wait(hold.spend(&words(20))).unwrap() {}
        assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(40));
    }
    assert_eq!(begins(&guard), before);
    // Where it ends by itself it does.
    for _ in 0..300 {
        run(&guard, 40);
    }
    assert!(begins(&guard).minor() < before.minor());
}

#[test]
fn it_grows_to_what_there_is_and_no_further() {
    let (_, guard) = guard_with(1_000, Policy::new().with_holding(Holding::Grow));
    let mut hold = wait(guard.hold(&account(), job())).unwrap();
    let mut delivered = 0;
    while let Cover::Within { .. } = wait(hold.spend(&words(7))).unwrap() {
        delivered += 7;
    }
    assert_eq!((delivered, hold.amount()), (994, cents(1_000)));
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(994));
}

#[test]
fn several_quantities_and_ones_that_nobody_spoke_of() {
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let tariff = Tariff::new().per_unit("words", "0.01").unwrap().per_unit("images", "1").unwrap();
    let guard = Guard::builder(ledger, PriceBook::new(usd()))
        .price("page", tariff.per_unit("searches", "0.50").unwrap().per_unit("prompts", "0.10").unwrap())
        .policy(Policy::new().with_holding(Holding::Grow))
        .build()
        .unwrap();
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(1_000_000))).unwrap();
    let job =
        || Job::new("page").exact("prompts", 3_u64).at_most("words", 1_600_u64).at_most("images", 32_u64);
    let mut hold = wait(guard.hold(&account(), job())).unwrap();
    // A sixteenth of each, and all of what is certain.
    assert_eq!(hold.amount(), cents(30 + 100 + 200));
    wait(hold.spend(&words(200).with("prompts", 3_u64).with("images", 1_u64))).unwrap();
    // 330 for what is used: so it need not grow.
    assert_eq!(hold.amount(), cents(330));
    // Words go half as much further, images stay.
    wait(hold.spend(&words(20))).unwrap();
    assert_eq!(hold.amount(), cents(30 + 330 + 200));
    // A search that nobody spoke of is paid for, beside all that is expected.
    wait(hold.spend(&Usage::new().with("searches", 6_u64).with("images", 1_u64))).unwrap();
    assert_eq!(hold.amount(), cents(30 + 330 + 200 + 300));
    let receipt = wait(hold.capture_recorded()).unwrap();
    assert_eq!(receipt.charged(), cents(30 + 220 + 200 + 300));
}
