//! CSV.

use billing_guard::export::Csv;
use billing_guard::{AccountId, ChargeRef, Entry, Labels};
use proptest::prelude::*;

use crate::history::{World, setting, steps};

fn export(account: &AccountId, entries: &[Entry]) -> String {
    let csv = Csv::new();
    let rows: String = entries.iter().map(|entry| csv.entry(account, entry).to_string()).collect();
    format!("{}{rows}", csv.header())
}

/// RFC 4180 by the letter: CR LF after each row, quotes only around a whole cell.
fn read(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        let mut cell = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let (part, after) = quoted.split_once('"').expect("a quote that ends");
                cell.push_str(part);
                match after.strip_prefix('"') {
                    Some(more) => (cell, quoted) = (cell + "\"", more),
                    None => break rest = after,
                }
            }
        } else {
            let end = rest.find([',', '\r']).expect("a row that ends");
            (cell, rest) = (rest[..end].to_owned(), &rest[end..]);
            assert!(!cell.contains(['"', '\n']), "{cell:?}");
        }
        row.push(cell);
        if let Some(next) = rest.strip_prefix("\r\n") {
            rows.push(std::mem::take(&mut row));
            rest = next;
        } else {
            rest = rest.strip_prefix(',').expect("a comma or the end of a row");
        }
    }
    assert!(row.is_empty());
    rows
}

/// The text that a cell stands for, without the apostrophes that make it harmless.
fn bare(cell: &str) -> String {
    cell.replace('\'', "")
}

fn check(account: &AccountId, entries: &[Entry]) {
    let rows = read(&export(account, entries));
    assert_eq!(rows.len(), entries.len() + 1);
    let header = &rows[0];
    for (row, entry) in rows[1..].iter().zip(entries) {
        assert_eq!(row.len(), header.len());
        let cell = |name: &str| row[header.iter().position(|column| column == name).unwrap()].as_str();
        let amount = |name: &str| entry.amount().unit().amount(cell(name)).unwrap();
        assert_eq!(bare(cell("account")), bare(account.as_str()));
        assert_eq!(cell("seq"), entry.seq().to_string());
        assert_eq!(cell("booked_at"), entry.booked_at().to_string());
        assert_eq!(cell("effective_at"), entry.effective_at().to_string());
        assert_eq!(cell("kind"), entry.kind().as_str());
        assert_eq!(cell("operation"), entry.operation().as_str());
        assert_eq!(bare(cell("key")), bare(entry.key().as_str()));
        assert_eq!(bare(cell("hold")), bare(entry.hold().map_or("", |key| key.as_str())));
        assert_eq!(amount("amount"), entry.amount());
        assert_eq!(cell("unit"), entry.amount().unit().to_string());
        assert_eq!(amount("balance_after"), entry.balance_after());
        assert_eq!(amount("uncollected"), entry.uncollected());
        assert_eq!(amount("refunded"), entry.refunded());
        let of = entry.refund_of().map(|of| match of {
            ChargeRef::Hold(key) => format!("hold:{key}"),
            ChargeRef::Charge(key) => format!("charge:{key}"),
        });
        assert_eq!(bare(cell("refund_of")), bare(&of.unwrap_or_default()));
        assert_eq!(cell("grant"), entry.grant().map(|id| id.to_string()).unwrap_or_default());
        assert_eq!(cell("grant_kind"), entry.terms().map_or("", |terms| terms.kind.as_str()));
        let label = entry.terms().and_then(|terms| terms.label.as_ref());
        assert_eq!(bare(cell("grant_label")), bare(label.map_or("", |label| label.as_str())));
        let labels = match cell("labels") {
            "" => Labels::default(),
            json => {
                let pairs: std::collections::BTreeMap<String, String> = serde_json::from_str(json).unwrap();
                Labels::new(pairs).unwrap()
            }
        };
        assert_eq!(labels, entry.labels());
        assert_eq!(cell("late"), entry.is_late().to_string());
        for cell in row.iter().flat_map(|cell| cell.split(';')) {
            let first = cell.trim_start_matches([' ', '"', '“']).chars().next().unwrap_or('x');
            let number = cell.trim().parse::<f64>().is_ok();
            assert!(number || !"=+-@＝＋－＠\t\r".contains(first), "{cell:?}");
        }
    }
}

#[test]
fn each_row_says_what_its_entry_says_and_runs_nowhere() {
    let tour = World::tour();
    check(&tour.account, &tour.entries(1_000));
}

#[test]
fn the_rows_are_what_another_reader_of_csv_finds() {
    let Some(python) = crate::tool("python3", "BILLING_GUARD_PYTHON", "BILLING_GUARD_REQUIRE_PYTHON") else {
        return;
    };
    let tour = World::tour();
    let text = export(&tour.account, &tour.entries(1_000));
    let script = "import csv, io, json, sys\n\
                  text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')\n\
                  print(json.dumps(list(csv.reader(text, strict=True))))";
    let output = crate::run(&python, &["-c", script], &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows, read(&text));
}

proptest! {
    #[test]
    fn so_it_is_for_any_history(setting in setting(), steps in steps()) {
        let world = World::after(&setting, &steps);
        check(&world.account, &world.entries(1_000));
    }
}
