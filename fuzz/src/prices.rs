//! Text of price books and price tables.

use std::sync::Arc;

use billing_guard::{Labels, PriceBook, Tariff, Timestamp, Unit, Usage};

/// Reads the bytes as a book's own JSON and as the two tables that are published. No text panics. What is read as a book
/// has no faults, reads back as it was written, and holds enough for what is charged; what is not has a fault with a text.
pub fn price_tables(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let usd = Unit::new("USD", 6).expect("a valid unit");
    let faults = PriceBook::validate(&text);
    match PriceBook::from_json(&text) {
        Ok(book) => {
            assert!(faults.is_empty(), "{faults:?}");
            let again = PriceBook::from_json(&book.to_json()).expect("what was written");
            // What a book was made of may be written in more than one way, but only once.
            assert_eq!(again.to_json(), book.to_json());
            check_prices(&book);
        }
        Err(error) => {
            assert_eq!(error.faults, faults);
            assert!(faults.iter().all(|fault| !fault.to_string().is_empty()) && !faults.is_empty());
        }
    }
    if let Ok(import) = PriceBook::from_litellm(&text, usd) {
        check_prices(&import.book);
    }
    if let Ok(import) = PriceBook::from_genai_prices(&text, usd) {
        check_prices(&import.book);
    }
}

/// Of each tariff: what is charged for some usage is not more than was held for it.
fn check_prices(book: &PriceBook) {
    let moments = ["2026-03-07T23:30:00.000000Z", "2027-01-01T05:59:59.999999Z"];
    for name in book.names().take(8) {
        let tariff = book.tariff(name).expect("it is there");
        for moment in moments {
            let moment = moment.parse::<Timestamp>().expect("a time");
            for count in [0_u64, 1, 101, 250_000] {
                check_charge(&tariff, moment, count, book.unit());
            }
        }
    }
}

fn check_charge(tariff: &Arc<Tariff>, moment: Timestamp, count: u64, unit: Unit) {
    let tariff = tariff.at(moment, &Labels::default());
    let names: Vec<String> = tariff.rates().map(|(name, _)| name.to_owned()).take(4).collect();
    let usage = names.iter().fold(Usage::new(), |usage, name| usage.with(name.clone(), count));
    let (Ok(charge), Ok(ceiling)) = (tariff.charge(&usage, unit), tariff.ceiling(&usage, unit)) else {
        return;
    };
    assert!(charge.minor() <= ceiling.minor(), "{charge} of {ceiling} for {usage:?}");
    let lines = tariff.charge_lines(&usage, unit).expect("it has a price");
    assert_eq!(lines.iter().map(|line| line.amount.minor()).sum::<i64>(), charge.minor());
}
