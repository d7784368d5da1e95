//! What is written is read as it was, and no text does any harm.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::amount::Unit;
use crate::cap::{Counted, CounterKey};
use crate::clock::Timestamp;
use crate::content::{Content, Declared, Fields};
use crate::entry::{ChargeRef, Credit, Detail, Entry, EntryKind, Operation};
use crate::grant::{Draw, Grant, GrantKind, GrantTerms, Grants, Movement, Origin};
use crate::hold::{HoldState, HoldStatus};
use crate::id::{IdempotencyKey, Label, Labels, ScopeId};
use crate::period::Period;

/// Values of every kind that a record can have, more often plain than not.
pub(crate) mod any {
    use super::*;

    pub(crate) fn unit() -> BoxedStrategy<Unit> {
        ("[A-Za-z0-9]{1,7}", 0..=Unit::MAX_SCALE)
            .prop_map(|(code, scale)| Unit::new(&code, scale).unwrap())
            .boxed()
    }

    pub(crate) fn minor() -> BoxedStrategy<i64> {
        prop_oneof![3 => 0_i64..1_000, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)].boxed()
    }

    pub(crate) fn not_negative() -> BoxedStrategy<i64> {
        minor().prop_map(|minor| minor.checked_abs().unwrap_or(0)).boxed()
    }

    pub(crate) fn moment() -> BoxedStrategy<Timestamp> {
        prop_oneof![
            6 => any::<i64>(),
            4 => 1_780_000_000_000_000_i64..1_790_000_000_000_000,
            1 => Just(i64::MIN),
            1 => Just(i64::MAX),
        ]
        .prop_map(Timestamp::from_micros)
        .boxed()
    }

    pub(crate) fn key() -> BoxedStrategy<IdempotencyKey> {
        "[!-~]{1,255}".prop_map(|text| text.parse().unwrap()).boxed()
    }

    pub(crate) fn period() -> BoxedStrategy<Period> {
        let calendar = prop_oneof![
            Just(Period::day()),
            Just(Period::week()),
            Just(Period::month()),
            Just(Period::year())
        ];
        let near = -62_000_000_000_000_000_i64..250_000_000_000_000_000;
        let anchored = (calendar.clone(), near, -1_080_i16..=1_080).prop_map(|(period, anchor, offset)| {
            period.anchored_at(Timestamp::from_micros(anchor), offset).unwrap()
        });
        let rolling = (1_000_000_u64..60_000_000).prop_map(|bucket| {
            Period::rolling(std::time::Duration::from_micros(bucket.saturating_mul(60))).unwrap()
        });
        prop_oneof![calendar, anchored, rolling].boxed()
    }

    pub(crate) fn label() -> BoxedStrategy<Label> {
        "[ -~äß€😀]{1,64}".prop_map(|text| text.parse().unwrap()).boxed()
    }

    pub(crate) fn counter_key() -> BoxedStrategy<CounterKey> {
        let host = "[!-~]{1,128}".prop_map(|text| text.parse::<ScopeId>().unwrap());
        let scope = prop_oneof![4 => host, 1 => label().prop_map(|label| ScopeId::courtesy(&label))];
        (scope, period(), moment())
            .prop_map(|(scope, period, start)| CounterKey { scope, period, start })
            .boxed()
    }

    fn counted(unit: Unit) -> BoxedStrategy<Counted> {
        (counter_key(), minor(), minor())
            .prop_map(move |(key, held, used)| Counted { key, unit, held, used })
            .boxed()
    }

    fn origin(unit: Unit) -> BoxedStrategy<Arc<Origin>> {
        let kind = prop_oneof![
            Just(GrantKind::Courtesy),
            Just(GrantKind::Promotional),
            Just(GrantKind::Included),
            Just(GrantKind::Paid)
        ];
        let rest = (any::<u8>(), option::of(moment()), option::of(moment()), option::of(label()));
        (any::<u64>(), key(), kind, rest)
            .prop_map(move |(id, key, kind, rest)| {
                let (priority, starts_at, ends_at, label) = rest;
                Arc::new(Origin { id, key, unit, kind, priority, starts_at, ends_at, label })
            })
            .boxed()
    }

    pub(crate) fn grants(unit: Unit) -> BoxedStrategy<Grants> {
        let grant = (origin(unit), minor(), 1..=i64::MAX, not_negative(), any::<bool>()).prop_map(
            |(origin, original, remaining, held, started)| Grant {
                origin,
                original,
                remaining,
                held,
                started,
            },
        );
        vec(grant, 0..4)
            .prop_map(|list| {
                let mut grants = Grants::NONE;
                grants.change(|known| {
                    for grant in list {
                        if known.iter().all(|known| known.id() != grant.id()) {
                            known.push(grant);
                        }
                    }
                });
                grants
            })
            .boxed()
    }

    fn draw(unit: Unit) -> BoxedStrategy<Draw> {
        (option::of(origin(unit)), not_negative(), not_negative(), not_negative())
            .prop_map(move |(origin, held, used, refunded)| Draw { origin, unit, held, used, refunded })
            .boxed()
    }

    fn pairs(max: usize) -> BoxedStrategy<Vec<(String, String)>> {
        let pairs = vec(("[ -~äß€😀]{1,64}", "[ -~äß€😀]{0,128}"), 0..=max);
        prop_oneof![1 => Just(Vec::new()), 1 => pairs]
            .prop_map(|mut pairs| {
                let mut seen = std::collections::BTreeSet::new();
                pairs.retain(|(name, _)| seen.insert(name.clone()));
                pairs
            })
            .boxed()
    }

    /// What was declared, its content in any order.
    pub(crate) fn declared() -> BoxedStrategy<Declared> {
        (pairs(Content::MAX), pairs(Labels::MAX))
            .prop_map(|(content, labels)| {
                let mut fields = Fields::new();
                for (name, value) in content {
                    fields.name(&[&name]).text(&value).end();
                }
                Declared::new(&fields.finish(), &Labels::new(labels).unwrap())
            })
            .boxed()
    }

    pub(crate) fn hold() -> BoxedStrategy<HoldState> {
        let status = prop_oneof![
            Just(HoldStatus::Open),
            Just(HoldStatus::Captured),
            Just(HoldStatus::Voided),
            Just(HoldStatus::Expired)
        ];
        unit()
            .prop_flat_map(move |unit| {
                let rest = (vec(draw(unit), 0..3), vec(counted(unit), 0..3), declared());
                let facts = (key(), status.clone(), any::<(u32, bool)>());
                (facts, prop::array::uniform6(not_negative()), prop::array::uniform3(moment()), rest)
                    .prop_map(move |(facts, amounts, times, rest)| {
                        let (key, status, (rev, late)) = facts;
                        let [requested, minimum, total, captured, settled, refunded] = amounts;
                        let [opened_at, ends_at, release_at] = times;
                        let (draws, counted, declared) = rest;
                        HoldState {
                            key,
                            declared,
                            unit,
                            requested,
                            minimum,
                            total,
                            captured,
                            settled,
                            refunded,
                            opened_at,
                            ends_at,
                            release_at,
                            rev,
                            status,
                            late,
                            draws: draws.into_iter().collect(),
                            counted: (!counted.is_empty()).then(|| Arc::new(counted)),
                        }
                    })
            })
            .boxed()
    }

    fn credit(unit: Unit) -> BoxedStrategy<Credit> {
        (origin(unit), minor(), option::of(any::<u64>()), option::of(minor()), option::of(period()))
            .prop_map(move |(origin, named, grant, rollover, once_per)| {
                let rollover = rollover.map(|max| unit.minor(max));
                let terms = GrantTerms { rollover, once_per, ..origin.terms() };
                Credit { terms, named, grant }
            })
            .boxed()
    }

    fn detail(unit: Unit) -> BoxedStrategy<Detail> {
        let of = (any::<bool>(), key())
            .prop_map(|(hold, key)| if hold { ChargeRef::Hold(key) } else { ChargeRef::Charge(key) });
        (
            option::of(of.prop_map(Box::new)),
            option::of(moment()),
            option::of(credit(unit).prop_map(Box::new)),
            vec(draw(unit), 0..3),
            vec(counted(unit), 0..3),
        )
            .prop_map(|(of, effective_at, credit, draws, counted)| Detail {
                of,
                effective_at,
                credit,
                draws: draws.into_iter().collect(),
                counted,
            })
            .boxed()
    }

    /// Entries whose parts need not agree with each other.
    pub(crate) fn entry() -> BoxedStrategy<Entry> {
        let kind = prop_oneof![Just(EntryKind::Charge), Just(EntryKind::TopUp), Just(EntryKind::Refund)];
        let operation = prop_oneof![Just(Operation::Hold), Just(Operation::Charge), Just(Operation::Credit)];
        unit()
            .prop_flat_map(move |unit| {
                let movement =
                    (any::<u64>(), minor()).prop_map(move |(grant, amount)| Movement { grant, unit, amount });
                let rest =
                    (declared(), vec(movement, 0..3), prop_oneof![Just(Detail::default()), detail(unit)]);
                let facts = (key(), kind.clone(), operation.clone(), any::<u64>(), any::<bool>(), moment());
                (facts, prop::array::uniform4(minor()), rest).prop_map(move |(facts, amounts, rest)| {
                    let (key, kind, operation, seq, late, booked_at) = facts;
                    let [amount, posted_after, uncollected, refunded] = amounts;
                    let (declared, movements, detail) = rest;
                    Entry {
                        key,
                        declared,
                        unit,
                        seq,
                        booked_at,
                        amount,
                        posted_after,
                        uncollected,
                        refunded,
                        kind,
                        operation,
                        late,
                        movements: movements.into_iter().collect(),
                        detail: detail.kept(),
                    }
                })
            })
            .boxed()
    }

    /// Changes to a text, each at a place and with something else to put there.
    pub(crate) fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
        let put = prop_oneof![
            Just(String::new()),
            Just("\u{0}".to_owned()),
            Just("9".repeat(400)),
            Just("\"".to_owned()),
            Just("{".repeat(300)),
            Just("null".to_owned()),
            Just("-1".to_owned()),
            Just("1e99".to_owned()),
            ".{0,4}",
        ];
        vec((any::<prop::sample::Index>(), 0_usize..12, put), 1..4)
    }

    /// The text after the damage.
    pub(crate) fn damaged(text: &str, damage: &[(prop::sample::Index, usize, String)]) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for (place, length, put) in damage {
            let start = place.index(chars.len() + 1);
            let end = chars.len().min(start + length);
            chars.splice(start..end, put.chars());
        }
        chars.into_iter().collect()
    }
}

/// The rest in the order in which it was given: equality of content does not look at the order.
fn fields(declared: &Declared) -> Vec<(String, String)> {
    declared.content().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

proptest! {
    #[test]
    fn grants_are_read_as_they_were((unit, grants) in any::unit().prop_flat_map(|unit| (Just(unit), any::grants(unit)))) {
        let text = write_grants(&grants);
        prop_assert_eq!(text.is_none(), grants.is_empty());
        prop_assert_eq!(read_grants(text.as_deref(), unit), Ok(grants.clone()));
        let read = read_grants(text.as_deref(), unit).unwrap();
        prop_assert_eq!(read.next_turn(), grants.next_turn());
    }

    #[test]
    fn the_rest_of_a_hold_is_read_as_it_was(hold in any::hold()) {
        let text = write_hold_rest(&hold);
        let read = read_hold_rest(text.as_deref(), hold.unit).unwrap();
        prop_assert_eq!(fields(&read.declared), fields(&hold.declared));
        prop_assert_eq!((&read.declared, &read.draws, &read.counted), (&hold.declared, &hold.draws, &hold.counted));
        let again = HoldState { declared: read.declared, draws: read.draws, counted: read.counted, ..hold };
        prop_assert_eq!(write_hold_rest(&again), text);
    }

    #[test]
    fn the_rest_of_an_entry_is_read_as_it_was(entry in any::entry()) {
        let text = write_entry_rest(&entry);
        let read = read_entry_rest(text.as_deref(), entry.unit).unwrap();
        prop_assert_eq!(fields(&read.declared), fields(&entry.declared));
        prop_assert_eq!((&read.declared, &read.movements, &read.detail), (&entry.declared, &entry.movements, &entry.detail));
    }

    #[test]
    fn no_text_does_any_harm(text in prop_oneof![".*", "[{}\\[\\]\":,a-z0-9]{0,64}"]) {
        let unit = Unit::new("USD", 6).unwrap();
        let _ = (read_grants(Some(&text), unit), read_hold_rest(Some(&text), unit), read_entry_rest(Some(&text), unit));
    }

    #[test]
    fn no_damage_does_any_harm(
        (unit, grants) in any::unit().prop_flat_map(|unit| (Just(unit), any::grants(unit))),
        hold in any::hold(),
        entry in any::entry(),
        damage in any::damage(),
    ) {
        for text in [write_grants(&grants), write_hold_rest(&hold), write_entry_rest(&entry)].into_iter().flatten() {
            let text = any::damaged(&text, &damage);
            let errors = [
                read_grants(Some(&text), unit).err(),
                read_hold_rest(Some(&text), unit).err(),
                read_entry_rest(Some(&text), unit).err(),
            ];
            for error in errors.into_iter().flatten() {
                let message = error.to_string();
                prop_assert!(!message.chars().any(char::is_control) && message.len() < 2_000, "{}", message);
            }
        }
    }
}

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

#[test]
fn a_plain_record_has_no_rest() {
    assert_eq!(write_grants(&Grants::NONE), None);
    assert_eq!(read_grants(None, usd()), Ok(Grants::NONE));
    assert_eq!(read_hold_rest(None, usd()), Ok(rest::HoldRest::default()));
    assert_eq!(read_entry_rest(None, usd()), Ok(rest::EntryRest::default()));
    // One that is empty although it need not be there reads the same.
    assert_eq!(read_hold_rest(Some("{}"), usd()), Ok(rest::HoldRest::default()));
}

#[test]
fn the_forms_stay_as_they_are() {
    let text = concat!(
        r#"{"draws":[{"held":"1","used":"0.5","refunded":"0"},{"origin":{"grant":"7","key":"k","kind":"included","#,
        r#""priority":5,"ends_at":"2027-01-01T00:00:00.000000Z","label":"Plan"},"held":"0","used":"2","refunded":"1"}],"#,
        r#""counted":[{"scope":"courtesy Welcome","period":"month at +05:45","start":"2026-01-01T00:00:00.000000Z","#,
        r#""held":"1","used":"0"}],"content":{"z":"1","a":"2"},"labels":{"user":"ana"}}"#,
    );
    let rest = read_hold_rest(Some(text), usd()).unwrap();
    assert_eq!(rest.draws[1].held().to_string(), "0 USD/2");
    assert_eq!(fields(&rest.declared), [("z".into(), "1".into()), ("a".into(), "2".into())]);
    assert_eq!(rest.declared.labels().get("user"), Some("ana"));
    assert_eq!(rest.counted.unwrap()[0].key.scope.to_string(), "courtesy Welcome");

    let grants = concat!(
        r#"{"grants":[{"origin":{"grant":"3","key":"welcome","kind":"promotional","priority":128,"#,
        r#""starts_at":"2027-01-01T00:00:00.000000Z"},"original":"5","remaining":"4.5","held":"1","started":false}]}"#,
    );
    let read = read_grants(Some(grants), usd()).unwrap();
    assert_eq!(read.next_turn().to_string(), "2027-01-01T00:00:00.000000Z");
    assert_eq!(write_grants(&read).as_deref(), Some(grants));
}

#[test]
fn what_is_wrong_is_named() {
    let draw = |origin: &str, held: &str| {
        read_hold_rest(
            Some(&format!(r#"{{"draws":[{{{origin}"held":"{held}","used":"0","refunded":"0"}}]}}"#)),
            usd(),
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(draw("", "0.001"), r#"draws is wrong: "0.001" has more decimal places than USD/2 keeps"#);
    assert_eq!(
        draw("", "9e9"),
        r#"draws is wrong: "9e9" is not an amount: expected digits with an optional sign and point, as in 12.50 (or 12.5 USD/6 with its unit)"#
    );
    let error = draw(r#""origin":{"grant":"-7"},"#, "1");
    assert!(error.starts_with(r#"not a record: "-7": invalid digit"#), "{error}");
    assert!(error.ends_with(r#"after "{\"draws\":[{\"origin\":{\"grant\":\"-7\"}""#), "{error}");

    let error = |text| read_entry_rest(Some(text), usd()).unwrap_err().to_string();
    assert!(error("[]").starts_with(r#"not a record: expected a JSON object, not "[]""#), "{}", error("[]"));
    assert!(error(r#"{"colour":1}"#).starts_with("not a record: unknown field `colour`, expected one of"));
    let twice = error(r#"{"content":{"a":"1","a":"2"}}"#);
    assert!(twice.starts_with(r#"not a record: duplicate name "a""#), "{twice}");
    let hold = error(r#"{"refund_of":{"operation":"time","key":"k"}}"#);
    assert_eq!(hold, "refund_of is wrong: is no charge");
    let label = error(r#"{"labels":{"user":"a\nb"}}"#);
    assert!(label.starts_with(r#"labels is wrong: "a\nb" is not a label value"#), "{label}");

    let grant = |id: &str, remaining: &str, held: &str| {
        format!(
            r#"{{"origin":{{"grant":"{id}","key":"k","kind":"paid","priority":1}},"original":"5","remaining":"{remaining}","held":"{held}","started":true}}"#
        )
    };
    let error = |grants: &[String]| {
        read_grants(Some(&format!(r#"{{"grants":[{}]}}"#, grants.join(","))), usd()).unwrap_err().to_string()
    };
    assert_eq!(
        error(&[grant("3", "0", "0")]),
        "grants is wrong: grant 3 has 0 left, and a used-up grant is none"
    );
    assert_eq!(
        error(&[grant("3", "1", "-1")]),
        "grants is wrong: grant 3 has -1 held, which is less than nothing"
    );
    let twice = error(&[grant("3", "1", "0"), grant("4", "1", "0"), grant("3", "2", "0")]);
    assert_eq!(twice, "grants is wrong: grant 3 comes twice");
}
