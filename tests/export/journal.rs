//! Plain-text accounting, as hledger sees it.

use std::collections::BTreeMap;

use billing_guard::export::Journal;
use billing_guard::{ChargeRef, Entry, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

use crate::history::{Setting, Step, World, setting, setting_of, steps};

fn hledger() -> Option<String> {
    crate::tool("hledger", "BILLING_GUARD_HLEDGER", "BILLING_GUARD_REQUIRE_HLEDGER")
}

/// The journal of some accounts, one after the other.
fn export(worlds: &[&World], limit: u32) -> String {
    let journal = Journal::new();
    let mut text = String::new();
    for world in worlds {
        text += &journal.header(world.unit).to_string();
        for entry in world.entries(limit) {
            text += &journal.entry(&world.account, &entry).to_string();
        }
    }
    text
}

/// Whether hledger finds nothing wrong: all transactions balanced, all balances as asserted.
fn passes(program: &str, journal: &str) -> Result<(), String> {
    let output = crate::run(program, &["-f", "-", "check"], journal);
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What hledger says stands in each account, as text; `total` for all of them.
fn balances(program: &str, journal: &str) -> BTreeMap<String, String> {
    let output = crate::run(program, &["-f", "-", "balance", "--flat", "-O", "csv"], journal);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let unquoted = |cell: &str| cell.trim_matches('"').replace("\"\"", "\"");
    let row = |line: &str| {
        let (account, balance) = line.split_once("\",\"").unwrap();
        (unquoted(account), unquoted(balance))
    };
    text.lines().skip(1).map(row).collect()
}

/// How an account id stands in a journal, worked out anew.
fn written(id: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@".contains(&byte);
    id.bytes()
        .map(|byte| if harmless(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// hledger's journal is the ledger's: per customer, per grant, and over all.
fn agrees(program: &str, worlds: &[&World]) {
    // Reading what an account has books what is due.
    let parts: Vec<_> = worlds.iter().map(|world| world.parts()).collect();
    let journal = export(worlds, 1_000);
    passes(program, &journal).unwrap_or_else(|error| panic!("{error}\n{journal}"));
    let output = crate::run(program, &["-f", "-", "print", "-O", "json"], &journal);
    let mut transactions: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // Printed by date; in the order of the file here.
    transactions.sort_by_key(|transaction| transaction["tindex"].as_u64());
    let entries: Vec<_> = worlds.iter().flat_map(|world| world.entries(1_000)).collect();
    assert_eq!(transactions.len(), entries.len(), "{journal}");
    for (transaction, entry) in transactions.iter().zip(&entries) {
        says_what_its_entry_says(transaction, entry);
    }
    let mut balances = balances(program, &journal);
    assert_eq!(balances.remove("total").unwrap_or_else(|| "0".to_owned()), "0", "{journal}");
    let mut wanted = BTreeMap::new();
    for (world, (posted, grants)) in worlds.iter().zip(parts) {
        let customer = format!("liabilities:customers:{}", written(world.account.as_str()));
        let plain =
            grants.iter().fold(i128::from(posted), |plain, (_, remaining)| plain - i128::from(*remaining));
        let parts = grants.into_iter().map(|(id, remaining)| (format!("grants:{id}"), i128::from(remaining)));
        for (part, remaining) in
            parts.chain([("plain".to_owned(), plain)]).filter(|(_, remaining)| *remaining != 0)
        {
            let amount = world.unit.minor(i64::try_from(-remaining).unwrap());
            wanted.insert(format!("{customer}:{part}"), amount);
        }
    }
    let found: Vec<_> = balances.keys().filter(|name| name.starts_with("liabilities:")).collect();
    assert_eq!(found, wanted.keys().collect::<Vec<_>>(), "{journal}");
    for (account, amount) in wanted {
        // Written `USD -12.500000`, or with the commodity in quotes.
        let (commodity, number) = balances[&account].rsplit_once(' ').unwrap();
        assert_eq!(commodity.trim_matches('"'), amount.unit().code(), "{journal}");
        assert_eq!(amount.unit().amount(number).unwrap(), amount, "{account}\n{journal}");
    }
}

/// Text as it was before it was made harmless.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

/// What hledger understood of one transaction, in the words of the entry.
fn says_what_its_entry_says(transaction: &Value, entry: &Entry) {
    let day = |at: Timestamp| at.to_string().split_once('T').unwrap().0.to_owned();
    assert_eq!(transaction["tcode"], entry.seq().to_string());
    assert_eq!(transaction["tdescription"], entry.kind().as_str());
    assert_eq!(transaction["tstatus"], "Unmarked");
    assert_eq!(transaction["tdate"], day(entry.booked_at()));
    let second = transaction["tdate2"].as_str().map_or_else(|| day(entry.booked_at()), str::to_owned);
    assert_eq!(second, day(entry.effective_at()));

    let mut tags = vec![
        ("key".to_owned(), entry.key().to_string()),
        ("operation".to_owned(), entry.operation().as_str().to_owned()),
        ("booked".to_owned(), entry.booked_at().to_string()),
    ];
    let mut tag = |name: &str, value: Option<String>| {
        tags.extend(value.map(|value| (name.to_owned(), value)));
    };
    let elsewhen = Some(entry.effective_at()).filter(|at| *at != entry.booked_at());
    tag("effective", elsewhen.map(|at| at.to_string()));
    let of = entry.refund_of().map(|of| match of {
        ChargeRef::Hold(key) => format!("hold {key}"),
        ChargeRef::Charge(key) => format!("charge {key}"),
    });
    tag("refund-of", of);
    let uncollected = Some(entry.uncollected()).filter(|amount| !amount.is_zero());
    tag("uncollected", uncollected.map(|amount| amount.decimal().to_string()));
    tag("late", entry.is_late().then(|| "yes".to_owned()));
    tag("grant", entry.grant().map(|id| id.to_string()));
    tag("grant-kind", entry.terms().map(|terms| terms.kind.as_str().to_owned()));
    tag("grant-label", entry.terms().and_then(|terms| terms.label.as_ref()).map(ToString::to_string));
    for (name, value) in entry.labels().iter() {
        tags.push((format!("label-{name}"), value.to_owned()));
    }
    let found = transaction["ttags"].as_array().unwrap().iter();
    let found: Vec<_> =
        found.map(|tag| (decoded(tag[0].as_str().unwrap()), decoded(tag[1].as_str().unwrap()))).collect();
    assert_eq!(found, tags);

    let postings = transaction["tpostings"].as_array().unwrap();
    let moved = entry.movements().iter().map(|movement| i128::from(movement.amount().minor())).sum::<i128>();
    let plain = moved != i128::from(entry.amount().minor()) || entry.movements().is_empty();
    assert_eq!(postings.len(), entry.movements().len() + usize::from(plain) + 2, "and an assertion");
    assert!(postings.iter().all(|posting| posting["pcomment"] == "" && posting["pdate"].is_null()));
}

#[test]
fn hostile_text_means_nothing_to_hledger() {
    let Some(program) = hledger() else { return };
    for texts in 0..8 {
        let steps = (0..20).map(|index| match index % 4 {
            0 => Step::Credit {
                kind: 2,
                amount: 40,
                priority: 128,
                label: Some(index),
                starts_in: 0,
                ends_in: 900_000,
                rollover: None,
            },
            1 => Step::Hold { amount: 10, debt: 0, capped: false, lifetime: 60 },
            2 => Step::Capture { back: 0, total: 8, partial: false, debt: 0 },
            _ => Step::Refund { of_hold: true, back: 0, amount: 3, ended: 0 },
        });
        let world = World::after(&setting_of(texts * 5), &steps.collect::<Vec<_>>());
        assert_eq!(world.entries(1_000).len(), 15);
        agrees(&program, &[&world]);
    }
}

#[test]
fn hledger_finds_the_balances_of_the_ledger() {
    let Some(program) = hledger() else { return };
    agrees(&program, &[&World::tour()]);
}

#[test]
fn hledger_finds_what_was_changed_or_left_out() {
    let Some(program) = hledger() else { return };
    let tour = World::tour();
    let journal = export(&[&tour], 1_000);
    let transactions: Vec<&str> = journal.split_inclusive("\n\n").collect();
    assert!(transactions.len() > 15);
    for left_out in 1..transactions.len() - 1 {
        if !transactions[left_out].contains("revenue:usage") {
            continue;
        }
        let rest = [&transactions[..left_out], &transactions[left_out + 1..]].concat().concat();
        assert!(passes(&program, &rest).is_err(), "{rest}");
    }
    let changed = journal.replacen("revenue:usage  \"USD\" -", "revenue:usage  \"USD\" -1", 1);
    assert!(passes(&program, &changed).is_err());
}

#[test]
fn folded_history_begins_with_what_it_came_to() {
    let Some(program) = hledger() else { return };
    let credit = |kind, label| Step::Credit {
        kind,
        amount: 50,
        priority: 128,
        label: Some(label),
        starts_in: 0,
        ends_in: 0,
        rollover: None,
    };
    let mut steps = vec![credit(1, 1), credit(2, 2), Step::Adjust(7)];
    steps.extend((0..9).map(|_| Step::Charge { amount: 6, debt: 0, capped: false }));
    let world = World::after(&Setting { retained: 4, ..setting_of(3) }, &steps);
    agrees(&program, &[&world]);
    // Read before and after some were folded, it does not add up, and hledger says so.
    let whole = World::after(&setting_of(3), &steps);
    let early: String = export(&[&whole], 1_000).split_inclusive("\n\n").take(4).collect();
    assert_eq!(passes(&program, &early), Ok(()));
    assert!(passes(&program, &(early + &export(&[&world], 1_000))).is_err());
}

#[test]
fn an_export_in_pages_is_that_in_one_go() {
    let tour = World::tour();
    for limit in [1, 2, 7] {
        assert_eq!(export(&[&tour], limit), export(&[&tour], 1_000));
    }
}

proptest! {
    // Each runs hledger twice.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(10)))]

    #[test]
    fn so_it_is_for_any_history(
        (one, its_steps) in (setting(), steps()),
        (other, other_steps) in (setting(), steps()),
    ) {
        let Some(program) = hledger() else { return Ok(()) };
        let one = World::after(&one, &its_steps);
        let other = World::after(&other, &other_steps);
        if one.account != other.account && one.unit.code() != other.unit.code() {
            agrees(&program, &[&one, &other]);
        } else {
            agrees(&program, &[&one]);
        }
    }
}
