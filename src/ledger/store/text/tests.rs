//! Whole records come back as they were.

use proptest::prelude::*;

use super::*;
use crate::record::tests::any;

fn stamps() -> impl Strategy<Value = Stamp> {
    prop::array::uniform16(0_u8..).prop_map(Stamp::from_bytes)
}

fn accounts() -> impl Strategy<Value = AccountRecord> {
    let numbers = (0_u64.., 0_u64.., 0_u32..);
    let fits = |(posted, held): &(i64, i64)| posted.checked_sub(*held).is_some();
    let sums = (any::minor(), any::not_negative()).prop_filter("fits", fits);
    let parts = any::unit().prop_flat_map(|unit| (Just(unit), any::grants(unit)));
    let told = (any::minor(), any::moment(), any::minor(), 0_u64..)
        .prop_map(|(lowest, at, top_up, top_up_seq)| Told { lowest, at, top_up, top_up_seq });
    (parts, numbers, sums, any::moment(), any::moment(), told, stamps()).prop_map(
        |((unit, grants), (commits, seq, open_holds), (posted, held), time, next_due, told, stamp)| {
            let state = AccountState { unit, seq, time, next_due, open_holds, posted, held, grants, told };
            AccountRecord { state, version: Version { commits, stamp }, format: FORMAT }
        },
    )
}

fn counters() -> impl Strategy<Value = Counter> {
    (any::counter_key(), any::unit(), any::minor(), any::minor(), any::minor())
        .prop_map(|(key, unit, used, held, told)| Counter { key, unit, used, held, told })
}

fn holds() -> impl Strategy<Value = HoldRecord> {
    (any::hold(), stamps(), any::moment()).prop_map(|(hold, stamp, kept_until)| HoldRecord {
        hold,
        stamp,
        kept_until,
    })
}

/// The entry as one that a ledger could write.
fn top_up(entry: Entry) -> Entry {
    let (mut detail, mut movements) = (entry.detail.as_deref().cloned().unwrap_or_default(), entry.movements);
    detail.of = None;
    for (movement, grant) in movements.iter_mut().zip(1..) {
        (movement.grant, movement.amount) = (grant, movement.amount.max(1));
    }
    Entry {
        kind: EntryKind::TopUp,
        operation: Operation::Credit,
        seq: entry.seq.max(1),
        posted_after: entry.amount,
        refunded: 0,
        late: false,
        movements,
        detail: detail.kept(),
        ..entry
    }
}

proptest! {
    #[test]
    fn accounts_come_back(record in accounts()) {
        prop_assert_eq!(AccountRecord::from_text(&record.to_text()), Ok(record));
    }

    #[test]
    fn holds_come_back(record in holds()) {
        let text = record.to_text();
        let read = HoldRecord::from_text(&text);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        // The order of content too, to which equality is blind.
        prop_assert_eq!(read.unwrap().to_text(), text);
    }

    #[test]
    fn entries_come_back((entry, stamp) in (any::entry(), stamps())) {
        let record = EntryRecord { entry: top_up(entry), stamp };
        prop_assert_eq!(EntryRecord::from_text(&record.to_text()), Ok(record));
    }

    #[test]
    fn entries_come_back_unless_they_contradict_themselves((entry, stamp) in (any::entry(), stamps())) {
        let record = EntryRecord { entry, stamp };
        let read = EntryRecord::from_text(&record.to_text());
        match sound::contradiction(&record.entry) {
            None => prop_assert_eq!(read, Ok(record)),
            Some(wrong) => prop_assert_eq!(read, Err(wrong.into())),
        }
    }

    #[test]
    fn counters_come_back(counter in counters()) {
        prop_assert_eq!(Counter::from_text(&counter.to_text()), Ok(counter));
    }

    #[test]
    fn no_damage_does_any_harm(
        account in accounts(),
        hold in holds(),
        (entry, stamp) in (any::entry(), stamps()),
        counter in counters(),
        damage in any::damage(),
    ) {
        let entry = EntryRecord { entry, stamp };
        for text in [account.to_text(), hold.to_text(), entry.to_text(), counter.to_text()] {
            let text = any::damaged(&text, &damage);
            let errors = [
                AccountRecord::from_text(&text).err(),
                HoldRecord::from_text(&text).err(),
                EntryRecord::from_text(&text).err(),
                Counter::from_text(&text).err(),
            ];
            for error in errors.into_iter().flatten() {
                let message = error.to_string();
                prop_assert!(!message.chars().any(char::is_control) && message.len() < 2_000, "{}", message);
            }
        }
    }

    #[test]
    fn no_text_does_any_harm(text in ".*") {
        prop_assert!(AccountRecord::from_text(&text).is_err());
        prop_assert!(HoldRecord::from_text(&text).is_err());
        prop_assert!(EntryRecord::from_text(&text).is_err());
        prop_assert!(Counter::from_text(&text).is_err());
    }
}

const COUNTER: &str = concat!(
    r#"{"format":1,"scope":"team/blue","period":"day","start":"2026-01-01T00:00:00.000000Z","#,
    r#""unit":"USD/6","used":"1.25","held":"3","told":"1"}"#,
);
const ACCOUNT: &str = concat!(
    r#"{"format":1,"commits":"3","stamp":"000102030405060708090a0b0c0d0e0f","unit":"USD/6","seq":"4","#,
    r#""time":"2026-01-01T00:00:00.000000Z","next_due":"2026-01-01T00:05:30.000000Z","#,
    r#""open_holds":"1","posted":"12.5","held":"3","lowest_told":"12.5","#,
    r#""told_at":"2026-01-01T00:00:00.000000Z","top_up":"12.5","top_up_seq":"1"}"#,
);

#[test]
fn a_newer_format_is_refused_by_both_numbers_whatever_else_it_has() {
    let newer = |format: &str| {
        let text = format!(r#"{{"new":{{"a":[1]}},"format":{format}}}"#);
        let errors = [
            AccountRecord::from_text(&text).unwrap_err(),
            HoldRecord::from_text(&text).unwrap_err(),
            EntryRecord::from_text(&text).unwrap_err(),
            Counter::from_text(&text).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| *error == errors[0]));
        errors[0].clone()
    };
    assert_eq!(newer("2"), RecordError::NewerFormat { found: 2, known: 1 });
    assert_eq!(newer("65535"), RecordError::NewerFormat { found: 65_535, known: 1 });
    assert_eq!(
        newer("2").to_string(),
        "a record of format 2 cannot be read by this version, which knows formats up to 1"
    );
    assert!(matches!(newer("0"), RecordError::Invalid { field: "format", .. }));
    assert!(newer("65536").to_string().contains("65536"));
    assert!(Counter::from_text("{}").unwrap_err().to_string().contains("missing field `format`"));
    assert_eq!(
        StoreError::from(RecordError::NewerFormat { found: 2, known: 1 }),
        StoreError::NewerFormat { found: 2, known: 1 }
    );
}

#[test]
fn what_is_wrong_is_named() {
    let counter =
        |from: &str, to: &str| Counter::from_text(&COUNTER.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(counter("team/blue", "two words").starts_with(r#"scope is wrong: "two words""#));
    assert!(counter("1.25", "1.0000001").starts_with(r#"used is wrong: "1.0000001""#));
    let start = counter("2026-01-01T00", "2026-13-01T00");
    assert!(start.contains(r#"2026-13-01T00:00:00.000000Z" is not a moment"#), "{start}");
    assert!(start.contains(r#"\"start\":\""#), "{start}");

    let account = |from: &str, to: &str| {
        AccountRecord::from_text(&ACCOUNT.replacen(from, to, 1)).unwrap_err().to_string()
    };
    for stamp in ["+00102030405060708090a0b0c0d0e0f", "00102030405060708090a0b0c0d0e0f", "ABCD", ""] {
        let error = account("000102030405060708090a0b0c0d0e0f", stamp);
        assert!(error.starts_with(&format!("stamp is wrong: \"{stamp}\" is not one")), "{error}");
    }
    assert_eq!(account(r#""held":"3""#, r#""held":"-3""#), "held is wrong: -3 of 12.5 posted cannot be held");
    // The most that is held leaves room for a debt of the smallest step, and for no more.
    let most = |posted: &str| {
        let sums = format!(r#""posted":"{posted}","held":"9223372036854.775807""#);
        AccountRecord::from_text(&ACCOUNT.replacen(r#""posted":"12.5","held":"3""#, &sums, 1))
    };
    assert!(most("-0.000001").is_ok());
    assert!(most("-0.000002").unwrap_err().to_string().contains("cannot be held"));
}
