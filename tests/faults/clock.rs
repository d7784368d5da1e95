//! Clocks that are set, and processes that stand still: a hold ends when it ends.

use std::thread::sleep;
use std::time::{Instant, SystemTime};

use billing_guard::{
    CaptureRequest, FindRequest, Found, HoldRequest, HoldStatus, IdempotencyKey, LateCapture, Ledger as _,
    ShortReason, verify,
};

use super::files::{Other, as_other, hear};
use super::*;

const HOUR: i64 = 3_600;

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// 100 paid in, and all of it held for so long.
fn hold_all(ledger: &SqliteLedger, lifetime: Duration) {
    wait(ledger.top_up(&account(0), key("paid"), unit().minor(100))).unwrap();
    let request = HoldRequest::new(account(0), key("job"), unit().minor(100)).with_lifetime(lifetime);
    wait(ledger.hold(request.with_grace(Duration::ZERO))).unwrap();
}

/// Tries to spend what is held.
fn charge(ledger: &SqliteLedger, name: &str) -> Result<(), LedgerError> {
    wait(ledger.charge(&account(0), key(name), unit().minor(60))).map(|_| ())
}

fn status(ledger: &SqliteLedger) -> HoldStatus {
    match wait(ledger.find(FindRequest::hold(account(0), key("job")))).unwrap() {
        Found::Hold(hold) => hold.status(),
        other => panic!("{other:?}"),
    }
}

fn is_held(answer: &Result<(), LedgerError>) -> bool {
    matches!(answer, Err(LedgerError::Insufficient(short)) if short.reason() == ShortReason::Held)
}

#[test]
fn a_wall_clock_that_is_set_an_hour_either_way_ends_no_hold_early_and_none_late() {
    let test = "clock::a_wall_clock_that_is_set_an_hour_either_way_ends_no_hold_early_and_none_late";
    in_trouble(test, |file, rules| {
        let lifetime = Duration::from_millis(1_500);
        let wall = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            i64::try_from(since.as_secs()).unwrap()
        };
        let ledger = open(file);
        let began = Instant::now();
        hold_all(&ledger, lifetime);
        let before = wall();
        for offset in [HOUR, -HOUR, 0, 24 * HOUR] {
            rules.set_wall(offset);
            assert!(wall().abs_diff(before + offset) < 3, "the clock was not set");
            // Both who had it open, and who opens it now.
            for (ledger, name) in [(&ledger, "here"), (&open(file), "there")] {
                let answer = charge(ledger, &format!("{name}{offset}"));
                assert!(is_held(&answer), "{name}, {offset}: {answer:?}");
                assert_eq!(status(ledger), HoldStatus::Open);
            }
            assert!(began.elapsed() < lifetime, "too slow to tell");
        }
        for offset in [-HOUR, HOUR] {
            rules.set_wall(offset);
            let other = open(file);
            sleep(lifetime.saturating_sub(began.elapsed()) + Duration::from_millis(20));
            let ledger = if offset < 0 { &ledger } else { &other };
            if offset < 0 {
                charge(ledger, "after").unwrap();
            }
            assert_eq!(status(ledger), HoldStatus::Expired);
            assert!(wait(verify(ledger, &account(0), unit())).unwrap().is_clean());
        }
    });
}

#[test]
fn a_process_that_stood_still_past_the_end_of_a_hold_knows_that_it_is_over() {
    let test = "clock::a_process_that_stood_still_past_the_end_of_a_hold_knows_that_it_is_over";
    if let Some(file) = as_other() {
        let ledger = open(&file);
        hold_all(&ledger, Duration::from_millis(700));
        println!("\nheld");
        // It remembers the account as it was. What is asked now it is asked while it is stopped.
        let asked = hear();
        let capture = CaptureRequest::new(account(0), key("job"), unit().minor(50));
        let captured = wait(ledger.capture(capture.with_late(LateCapture::Reject)));
        assert!(matches!(captured, Err(LedgerError::HoldExpired(_))), "{captured:?}");
        let charged = charge(&ledger, "second");
        match asked.as_str() {
            "alone" => charged.unwrap(),
            // Somebody spent it meanwhile.
            _ => assert!(
                matches!(&charged, Err(LedgerError::Insufficient(short)) if short.available().minor() == 40),
                "{charged:?}"
            ),
        }
        assert_eq!(status(&ledger), HoldStatus::Expired);
        assert!(wait(verify(&ledger, &account(0), unit())).unwrap().is_clean());
        return;
    }
    for how in ["alone", "with another"] {
        let folder = Folder::new();
        let file = folder.file("ledger.db");
        let mut other = Other::start(test, &file);
        other.says("held");
        let began = Instant::now();
        other.signal("STOP");
        other.tell(how);
        if how != "alone" {
            let ledger = open(&file);
            let answer = charge(&ledger, "early");
            assert!(is_held(&answer) || began.elapsed() > Duration::from_millis(600), "{answer:?}");
            sleep(Duration::from_millis(750).saturating_sub(began.elapsed()));
            charge(&ledger, "first").unwrap();
        }
        sleep(Duration::from_millis(2_000).saturating_sub(began.elapsed()));
        other.signal("CONT");
        other.ends_well();
    }
}
