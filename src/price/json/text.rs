//! JSON as people would write it: what fits on a line stands on one.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// What is written.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Self>),
    Object(Vec<(Cow<'static, str>, Self)>),
    /// An object of which each member has a line of its own.
    Block(Vec<(Cow<'static, str>, Self)>),
}

/// The longest line with more than one value.
const WIDTH: usize = 110;

impl Json {
    /// The text of a value that is written out.
    pub(super) fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// An object with fields that the form names.
    pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// The same with each field on a line of its own.
    pub(super) fn block(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Block(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Object(fields) | Self::Block(fields) => fields.is_empty(),
            _ => false,
        }
    }

    /// The whole text, which ends with a line break.
    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0, 0);
        out.push('\n');
        out
    }

    /// Writes it where `column` characters of its line are taken, with what is inside indented by two more than `depth`.
    fn write(&self, out: &mut String, depth: usize, column: usize) {
        if self.is_empty() || !self.has_block() {
            let start = out.len();
            self.write_in_line(out);
            let length = out.len().saturating_sub(start);
            if self.is_empty() || column.saturating_add(length) <= WIDTH {
                return;
            }
            out.truncate(start);
        }
        let inner = depth.saturating_add(2);
        let mut lines = Lines { out, depth: inner, first: true };
        match self {
            Self::List(items) => {
                lines.out.push('[');
                for item in items {
                    lines.begin();
                    item.write(lines.out, inner, inner);
                }
                lines.end(depth, ']');
            }
            Self::Object(fields) | Self::Block(fields) => {
                lines.out.push('{');
                for (name, value) in fields {
                    lines.begin();
                    write_text(lines.out, name);
                    lines.out.push_str(": ");
                    let column = inner.saturating_add(name.len()).saturating_add(4);
                    value.write(lines.out, inner, column);
                }
                lines.end(depth, '}');
            }
            // Too long for a line, but it is only one value.
            _ => self.write_in_line(lines.out),
        }
    }

    fn write_in_line(&self, out: &mut String) {
        match self {
            Self::Text(text) => write_text(out, text),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    item.write_in_line(out);
                }
                out.push(']');
            }
            Self::Object(fields) | Self::Block(fields) if fields.is_empty() => out.push_str("{}"),
            Self::Object(fields) | Self::Block(fields) => {
                out.push_str("{ ");
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    write_text(out, name);
                    out.push_str(": ");
                    value.write_in_line(out);
                }
                out.push_str(" }");
            }
        }
    }

    fn has_block(&self) -> bool {
        match self {
            Self::Block(_) => true,
            Self::List(items) => items.iter().any(Self::has_block),
            Self::Object(fields) => fields.iter().any(|(_, value)| value.has_block()),
            _ => false,
        }
    }
}

/// Values one below the other.
struct Lines<'a> {
    out: &'a mut String,
    depth: usize,
    first: bool,
}

impl Lines<'_> {
    fn begin(&mut self) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.next(self.depth);
    }

    fn end(&mut self, depth: usize, bracket: char) {
        self.next(depth);
        self.out.push(bracket);
    }

    fn next(&mut self, depth: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', depth));
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            // Most of these JSON forbids, and none can be seen.
            character if character.is_control() => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
}
