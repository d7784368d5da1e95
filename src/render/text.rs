//! `Text`.

use std::borrow::Cow;

use super::Answer;
use crate::messages::Place;
use crate::refusal::Choice;

/// The sentence in one line, then one line for each choice.
pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::Searched);
    let readable = answer.readable_message(&message);
    let mut body = String::with_capacity(256);
    body.push_str(&one_line(&readable));
    body.push('\n');
    for choice in answer.told().choices() {
        body.push_str("- ");
        body.push_str(&one_line(&answer.choice(&choice)));
        if let Some(link) = choice.link() {
            body.push_str(": ");
            body.push_str(link.as_str());
        }
        if let Choice::TopUp(top_up) = &choice {
            for (index, one) in top_up.amounts().iter().enumerate() {
                body.push_str(if index == 0 { " (" } else { "; " });
                body.push_str(&one_line(&answer.amount(one.amount)));
                if let Some(basis) = answer.basis(one.basis) {
                    body.push_str(", ");
                    body.push_str(&one_line(&basis));
                }
                if let Some(link) = &one.link {
                    body.push_str(": ");
                    body.push_str(link.as_str());
                    // So that what follows is no part of the link.
                    body.push(' ');
                }
            }
            if !top_up.amounts().is_empty() {
                body.push(')');
            }
        }
        body.push('\n');
    }
    body.into_bytes()
}

/// A catalogue may be anybody's, and a line that is none would pass for a choice or another answer.
fn one_line(text: &str) -> Cow<'_, str> {
    // Of what is not ASCII only characters that begin with these two bytes can break a line. Without an early end the
    // search takes many bytes at a time.
    let suspicious = |byte: u8| byte.is_ascii_control() | (byte == 0xc2) | (byte == 0xe2);
    if !text.bytes().fold(false, |found, byte| found | suspicious(byte)) {
        return Cow::Borrowed(text);
    }
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    Cow::Owned(text.replace(breaks, " "))
}
