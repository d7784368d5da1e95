//! What the models of genai-prices' catalogue are called by.

use serde::Deserialize;

/// What a name has to be like. Upper and lower case are the same.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Or(Vec<Self>),
    And(Vec<Self>),
    Regex(Pattern),
}

/// A pattern of those that the catalogue uses: letters, signs and digits from the beginning on, and perhaps up to the end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Pattern {
    /// `None` if it is written in a way that is not known. Nothing matches it then.
    pieces: Option<Vec<Piece>>,
    to_the_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Is(char),
    Digits(u32),
}

impl Clause {
    /// Whether a name in lower case is one of these.
    pub(super) fn holds(&self, model: &str) -> bool {
        match self {
            Self::Equals(text) => model == text.to_lowercase(),
            Self::StartsWith(text) => model.starts_with(&text.to_lowercase()),
            Self::EndsWith(text) => model.ends_with(&text.to_lowercase()),
            Self::Contains(text) => model.contains(&text.to_lowercase()),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.holds(model)),
            Self::And(clauses) => clauses.iter().all(|clause| clause.holds(model)),
            Self::Regex(pattern) => pattern.holds(model),
        }
    }

    /// Whether there is a pattern in it that is not known.
    pub(super) fn is_unclear(&self) -> bool {
        match self {
            Self::Or(clauses) | Self::And(clauses) => clauses.iter().any(Self::is_unclear),
            Self::Regex(pattern) => pattern.pieces.is_none(),
            _ => false,
        }
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        let inner = text.strip_prefix('^');
        let (inner, to_the_end) = match inner.and_then(|inner| inner.strip_suffix('$')) {
            Some(inner) => (Some(inner), true),
            None => (inner, false),
        };
        Self { pieces: inner.and_then(pieces), to_the_end }
    }
}

impl Pattern {
    fn holds(&self, name: &str) -> bool {
        let Some(pieces) = &self.pieces else { return false };
        let mut rest = name.chars();
        let fits = pieces.iter().all(|piece| match piece {
            Piece::Is(wanted) => rest.next() == Some(*wanted),
            Piece::Digits(count) => {
                (0..*count).all(|_| rest.next().is_some_and(|next| next.is_ascii_digit()))
            }
        });
        fits && (!self.to_the_end || rest.next().is_none())
    }
}

/// `None` if there is anything in it that is not known.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..)?;
        pieces.push(match first {
            '\\' => {
                let escaped = rest.chars().next()?;
                rest = rest.get(escaped.len_utf8()..)?;
                match escaped {
                    'd' => {
                        let counted = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                        let (count, after) = match counted {
                            Some((count, after)) => (u32::from(count.parse::<u8>().ok()?), after),
                            None => (1, rest),
                        };
                        rest = after;
                        Piece::Digits(count)
                    }
                    sign if sign.is_ascii_punctuation() => Piece::Is(sign),
                    _ => return None,
                }
            }
            plain if plain.is_ascii_alphanumeric() || "-_/:@ ".contains(plain) => Piece::Is(plain),
            _ => return None,
        });
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_digits_are_read_exactly() {
        for (pattern, matching, others) in [
            (
                "^gpt-5\\.6-sol-\\d{4}-\\d{2}-\\d{2}$",
                &["gpt-5.6-sol-2026-01-31", "gpt-5.6-sol-0000-00-00"][..],
                &[
                    "gpt-5.6-sol",
                    "gpt-5x6-sol-2026-01-31",
                    "gpt-5.6-sol-2026-01-311",
                    "gpt-5.6-sol-2026-1-31",
                    "x-gpt-5.6-sol-2026-01-31",
                ][..],
            ),
            (
                "^gemini-3\\.5-flash-\\d",
                &["gemini-3.5-flash-0", "gemini-3.5-flash-001-x"][..],
                &["gemini-3.5-flash-x", "gemini-3.5-flash-"][..],
            ),
            (
                "^x-ai/grok-4\\.3-\\d{8}$",
                &["x-ai/grok-4.3-20260101"][..],
                &["x-ai/grok-4.3-2026010", "x-ai/grok-4.3-202601011"][..],
            ),
        ] {
            let pattern = Pattern::from(pattern.to_owned());
            for name in matching {
                assert!(pattern.holds(name), "{name}");
            }
            for name in others {
                assert!(!pattern.holds(name), "{name}");
            }
        }
        for pattern in [
            "gpt",
            "^a|b$",
            "^a.b",
            "^a*",
            "^a+$",
            "^[ab]$",
            "^(a)$",
            "^a?",
            "^\\w",
            "^\\d{2,3}$",
            "^\\d{x}",
            "^\\d*$",
            "^\\",
            "(?i)^a",
            "^a^b",
            "^a$b",
        ] {
            let clause = Clause::Or(vec![Clause::Regex(Pattern::from(pattern.to_owned()))]);
            assert!(clause.is_unclear() && !clause.holds("a"), "{pattern}");
        }
    }
}
