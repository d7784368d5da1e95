//! `Event`: one server-sent event.

use super::{Answer, open_ai};

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let mut event = b"event: error\ndata: ".to_vec();
    // Compact JSON escapes line feeds and carriage returns, so this is one line.
    event.append(&mut open_ai::body(answer));
    event.extend_from_slice(b"\n\n");
    event
}
