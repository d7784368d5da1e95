//! Numbers, moments and names as a sentence writes them, in the way of one language.
//!
//! Numbers come from exact decimal text and only get other marks, so no digit is lost or rounded.

use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::usage::{Quantity, Usage};

/// The longest name that is written out, in characters. Labels are never longer.
const LONGEST_NAME: usize = 64;
/// So many names at most; of more there is an ellipsis. A sentence with sixteen of them is read by nobody.
pub(super) const MOST_NAMES: usize = 3;

/// How a language writes numbers and quotes names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) point: char,
    pub(super) group: char,
    pub(super) quotes: [char; 2],
}

impl Style {
    /// `1,234.50 USD`, with the places that people expect of it.
    pub(super) fn amount(self, amount: Amount) -> String {
        let text = amount.human().to_string();
        match text.split_once(' ') {
            Some((number, code)) => format!("{} {code}", self.number(number)),
            None => text,
        }
    }

    /// `1,234.5`
    pub(super) fn quantity(self, quantity: Quantity) -> String {
        self.number(&quantity.to_string())
    }

    /// Decimal text with this language's marks, the whole part in groups of three.
    pub(super) fn number(self, decimal: &str) -> String {
        let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut out = String::with_capacity(decimal.len().saturating_mul(2));
        out.push_str(sign);
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && whole.len().saturating_sub(index).is_multiple_of(3) {
                out.push(self.group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(self.point);
            out.push_str(fraction);
        }
        out
    }

    /// A name in this language's quotation marks, on one line whatever is in it: marks that would end the quotation
    /// become single ones, and what would break or turn the line becomes visible as a replacement character.
    pub(super) fn quoted(self, name: &str) -> String {
        let [open, close] = self.quotes;
        let mut out = String::with_capacity(name.len().saturating_add(8));
        out.push(open);
        out.extend(self.tame(name));
        out.push(close);
        out
    }

    /// The characters of a name that may stand in a sentence, and not too many of them.
    fn tame(self, name: &str) -> impl Iterator<Item = char> {
        let hostile = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        let tamed = move |c| match c {
            c if hostile(c) => char::REPLACEMENT_CHARACTER,
            c if c == '"' || self.quotes.contains(&c) => '\'',
            c => c,
        };
        let cut = name.chars().nth(LONGEST_NAME).map(|_| '…');
        name.chars().take(LONGEST_NAME).map(tamed).chain(cut)
    }

    /// What was delivered: `rows: 258, seconds: 1.5`. Right for any number of anything, since the names are the host's
    /// and nobody knows their plurals.
    pub(super) fn usage(self, usage: &Usage) -> String {
        let mut listed: Vec<String> = usage
            .iter()
            .take(MOST_NAMES)
            .map(|(name, quantity)| {
                format!("{}: {}", self.tame(name).collect::<String>(), self.quantity(quantity))
            })
            .collect();
        if usage.iter().count() > MOST_NAMES {
            listed.push("…".to_owned());
        }
        listed.join(", ")
    }
}

/// Items of a list with commas, and a word such as "or" before the last.
pub(super) fn listed(items: &[String], last: &str) -> String {
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// The minute in which a moment lies, rounded down: for what ends then, so that nobody comes too late.
pub(super) fn ending(at: Timestamp) -> Timestamp {
    const ALMOST_A_MINUTE: i64 = 59_999_999;
    Timestamp::from_micros(at.as_micros().saturating_sub(ALMOST_A_MINUTE))
}

/// A span of time in the largest unit in which it is a number that people take in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Seconds(u64),
    Minutes(u64),
    Hours(u64),
    Days(u64),
}

impl Span {
    /// Rounded up, so that whoever waits for so long has waited long enough; at least 1.
    pub(super) fn new(span: Duration) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 3_600;
        const DAY: u64 = 86_400;
        let seconds = span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0)).max(1);
        match seconds {
            0..=90 => Self::Seconds(seconds),
            91..=5_400 => Self::Minutes(seconds.div_ceil(MINUTE)),
            5_401..=172_800 => Self::Hours(seconds.div_ceil(HOUR)),
            _ => Self::Days(seconds.div_ceil(DAY)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use proptest::prelude::*;

    const ENGLISH: Style = Style { point: '.', group: ',', quotes: ['"', '"'] };
    const GERMAN: Style = Style { point: ',', group: '.', quotes: ['„', '“'] };

    #[test]
    fn numbers_have_the_marks_of_their_language() {
        for (decimal, english, german) in [
            ("0", "0", "0"),
            ("0.5", "0.5", "0,5"),
            ("-0.000001", "-0.000001", "-0,000001"),
            ("999", "999", "999"),
            ("1000", "1,000", "1.000"),
            ("-1000", "-1,000", "-1.000"),
            ("-100.50", "-100.50", "-100,50"),
            ("12345.6789", "12,345.6789", "12.345,6789"),
            ("18446744073709551615", "18,446,744,073,709,551,615", "18.446.744.073.709.551.615"),
        ] {
            assert_eq!(
                (ENGLISH.number(decimal).as_str(), GERMAN.number(decimal).as_str()),
                (english, german)
            );
        }
        let usd = Unit::new("USD", 6).unwrap();
        assert_eq!(GERMAN.amount(usd.amount("1234.5").unwrap()), "1.234,50 USD");
        assert_eq!(ENGLISH.amount(usd.minor(i64::MIN)), "-9,223,372,036,854.775808 USD");
        assert_eq!(GERMAN.amount(Unit::new("CREDITS", 0).unwrap().minor(1_000_000)), "1.000.000 CREDITS");
        assert_eq!(GERMAN.quantity("1200.75".parse().unwrap()), "1.200,75");
    }

    #[test]
    fn names_stay_in_their_quotation_marks_and_on_their_line() {
        assert_eq!(ENGLISH.quoted("Zürich pilot"), "\"Zürich pilot\"");
        assert_eq!(ENGLISH.quoted("a\". Pay. \"b"), "\"a'. Pay. 'b\"");
        assert_eq!(GERMAN.quoted("a“ b„ \"c"), "„a' b' 'c“");
        assert_eq!(ENGLISH.quoted("a\r\nb\u{2028}c\u{202e}"), "\"a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}\"");
        assert_eq!(ENGLISH.quoted(&"x".repeat(65)).chars().count(), 67);
        assert!(ENGLISH.quoted(&"x".repeat(65)).ends_with("x…\""));
        assert!(ENGLISH.quoted(&"x".repeat(64)).ends_with("x\""));
        let usage = Usage::new().with("rows", 1_000_u64).with("a\n\"", 1_u64);
        assert_eq!(GERMAN.usage(&usage), "rows: 1.000, a\u{fffd}': 1");
        let usage = usage.with("c", 2_u64);
        assert_eq!(ENGLISH.usage(&usage), "rows: 1,000, a\u{fffd}': 1, c: 2");
        assert_eq!(ENGLISH.usage(&usage.with("d", 3_u64)), "rows: 1,000, a\u{fffd}': 1, c: 2, …");
    }

    #[test]
    fn lists_end_with_a_word() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&items, "or"), "a, b or c");
        assert_eq!(listed(&items[..2], "or"), "a or b");
        assert_eq!(listed(&items[..1], "or"), "a");
        assert_eq!(listed(&[], "or"), "");
    }

    #[test]
    fn spans_are_rounded_up_in_a_unit_that_suits_them() {
        for (millis, span) in [
            (0, Span::Seconds(1)),
            (1_000, Span::Seconds(1)),
            (1_001, Span::Seconds(2)),
            (90_000, Span::Seconds(90)),
            (90_001, Span::Minutes(2)),
            (5_400_000, Span::Minutes(90)),
            (5_400_001, Span::Hours(2)),
            (172_800_000, Span::Hours(48)),
            (172_800_001, Span::Days(3)),
        ] {
            assert_eq!(Span::new(Duration::from_millis(millis)), span, "{millis}");
        }
        let _ = Span::new(Duration::MAX);
    }

    #[test]
    fn what_ends_is_said_to_end_in_the_minute_before() {
        for (micros, text) in [
            (1_767_225_600_000_000, "2026-01-01 00:00 UTC"),
            (1_767_225_659_999_999, "2026-01-01 00:00 UTC"),
            (1_767_225_660_000_000, "2026-01-01 00:01 UTC"),
        ] {
            assert_eq!(ending(Timestamp::from_micros(micros)).human(), text);
        }
    }

    proptest! {
        #[test]
        fn marks_change_no_digit(minor: i64, scale in 0..=Unit::MAX_SCALE) {
            let amount = Unit::new("USD", scale).unwrap().minor(minor);
            let plain = amount.human().to_string();
            let english = ENGLISH.amount(amount).replace(',', "");
            prop_assert_eq!(&english, &plain);
            let german = GERMAN.amount(amount).replace('.', "").replace(',', ".");
            prop_assert_eq!(&german, &plain);
        }

        #[test]
        fn any_name_stays_on_one_line_within_one_pair_of_marks(name in "\\PC{0,80}|[\"„“\n\u{2028}\u{202e}a]{0,80}") {
            for style in [ENGLISH, GERMAN] {
                let text = style.quoted(&name);
                let inner: String = text.chars().skip(1).take(text.chars().count() - 2).collect();
                prop_assert!(!inner.contains(['"', '\n', '\r', '\u{2028}', '\u{2029}', '\u{202e}']), "{}", text);
                prop_assert!(!inner.contains(style.quotes), "{}", text);
            }
        }
    }
}
