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

/// A ledger with the usual settings: it gives up only after seconds.
fn patient(file: &Path) -> SqliteLedger {
    books::open(file, SqliteSettings::new()).unwrap()
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
        // On a machine that is busy with other things it may take longer than the hold lasts; then it says nothing.
        let told = [1_500, 6_000, 30_000].into_iter().any(|millis| {
            for suffix in ["", "-wal", "-shm", "-turn"] {
                let _ = std::fs::remove_file(beside(file, suffix));
            }
            rules.set_wall(0);
            set_wall_clock(file, rules, Duration::from_millis(millis))
        });
        assert!(told, "too slow to tell");
    });
}

/// Whether it was quick enough to tell.
fn set_wall_clock(file: &Path, rules: &Rules, lifetime: Duration) -> bool {
    let wall = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_secs()).unwrap()
    };
    let (ledger, before) = (patient(file), wall());
    // The hold begins between these.
    let began = Instant::now();
    hold_all(&ledger, lifetime);
    let held = Instant::now();
    for offset in [HOUR, -HOUR, 0, 24 * HOUR] {
        rules.set_wall(offset);
        let shown = wall() - before;
        assert!(
            (offset..offset + 120).contains(&shown),
            "the clock was not set: {shown} instead of {offset}"
        );
        // Both who had it open, and who opens it now.
        for (ledger, name) in [(&ledger, "here"), (&patient(file), "there")] {
            let (answer, status) = (charge(ledger, &format!("{name}{offset}")), status(ledger));
            if began.elapsed() >= lifetime {
                return false;
            }
            assert!(is_held(&answer), "{name}, {offset}: {answer:?}");
            assert_eq!(status, HoldStatus::Open);
        }
    }
    for offset in [-HOUR, HOUR] {
        rules.set_wall(offset);
        let other = patient(file);
        sleep(lifetime.saturating_sub(held.elapsed()) + Duration::from_millis(20));
        let ledger = if offset < 0 { &ledger } else { &other };
        if offset < 0 {
            charge(ledger, "after").unwrap();
        }
        assert_eq!(status(ledger), HoldStatus::Expired);
        assert!(wait(verify(ledger, &account(0), unit())).unwrap().is_clean());
    }
    true
}

#[test]
fn a_process_that_stood_still_past_the_end_of_a_hold_knows_that_it_is_over() {
    let test = "clock::a_process_that_stood_still_past_the_end_of_a_hold_knows_that_it_is_over";
    if let Some(file) = as_other() {
        let ledger = patient(&file);
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
        other.stop();
        other.tell(how);
        if how != "alone" {
            sleep(Duration::from_millis(750).saturating_sub(began.elapsed()));
            charge(&patient(&file), "first").unwrap();
        }
        sleep(Duration::from_millis(2_000).saturating_sub(began.elapsed()));
        other.go_on();
        other.ends_well();
    }
}
