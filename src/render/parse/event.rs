//! One server-sent event.

/// The names of the fields that an event can begin with; a line that begins with a colon is a comment.
const FIELDS: [&str; 4] = ["event", "data", "id", "retry"];

/// Whether the text is an event, and not plain text.
pub(super) fn begins(text: &str) -> bool {
    let first = text.lines().next().and_then(|line| line.split_once(':'));
    first.is_some_and(|(field, _)| field.is_empty() || FIELDS.contains(&field))
}

/// The data of the only event in a text, if it may be that of an error: one with another name is none.
pub(super) fn data(text: &str) -> Option<String> {
    let mut data = String::new();
    let mut is_over = false;
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        if line.is_empty() {
            is_over = !data.is_empty();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" | "id" | "retry" => {}
            // Of several events none says what became of the whole.
            _ if is_over => return None,
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "event" if value == "error" => {}
            _ => return None,
        }
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_from_text() {
        for text in ["data:1", "event: error\r\ndata: 1", ": ping", "id: 7\ndata: 1", "retry: 1\n", "data:"] {
            assert!(begins(text), "{text}");
        }
        for text in ["", "data", "{\"data\": 1}", "Event: no", "error: data", "InsufficientBalanceError: no"]
        {
            assert!(!begins(text), "{text}");
        }
    }

    #[test]
    fn data_is_that_of_one_error() {
        for (text, wanted) in [
            ("event: error\ndata: {}\n\n", Some("{}\n")),
            ("data: {}", Some("{}\n")),
            ("data:{}", Some("{}\n")),
            ("data:  {}", Some(" {}\n")),
            (": ping\n\nid: 1\r\nevent: error\rdata: {\r\ndata:}\r\n\r\n: over\n", Some("{\n}\n")),
            ("event: error\n\n", Some("")),
            ("data", Some("\n")),
            ("event: message\ndata: {}", None),
            ("event:error\ndata: {}\n\ndata: {}", None),
            ("data: {}\n\nevent: error\n", None),
            ("data: {}\nfoo: bar", None),
        ] {
            assert_eq!(data(text).as_deref(), wanted, "{text:?}");
        }
    }
}
