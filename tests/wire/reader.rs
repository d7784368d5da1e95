//! A reader of every shape that knows the documents alone: nothing of the crate that writes them.

use billing_guard::{Place, Shape};
use serde_json::{Map, Value};

/// What one body says.
pub(crate) struct Read {
    pub(crate) message: String,
    pub(crate) status: Option<u64>,
    pub(crate) code: Option<String>,
    pub(crate) details: Map<String, Value>,
    /// Those beside the details.
    pub(crate) links: Vec<String>,
}

/// Which text stands in a shape, and whether it is the reader's.
pub(crate) fn text_of(shape: Shape) -> (Place, bool) {
    match shape {
        Shape::Flat | Shape::FlatWithError => (Place::Envelope, false),
        Shape::ErrorObject => (Place::ErrorObject, false),
        Shape::ErrorString => (Place::ErrorString, false),
        Shape::Text => (Place::Searched, true),
        _ => (Place::Searched, false),
    }
}

pub(crate) fn read(shape: Shape, body: &[u8]) -> Result<Read, String> {
    let body = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    match shape {
        Shape::Text => plain_text(body),
        Shape::Event => json(Shape::OpenAi, &event(body)?),
        _ => json(shape, body),
    }
}

fn plain_text(body: &str) -> Result<Read, String> {
    let mut lines = body.strip_suffix('\n').ok_or("no line feed at the end")?.split('\n');
    let message = lines.next().unwrap_or_default().to_owned();
    if let Some(odd) = lines.find(|line| !line.starts_with("- ")) {
        return Err(format!("{odd} is no choice"));
    }
    Ok(Read { message, status: None, code: None, details: Map::new(), links: Vec::new() })
}

/// The data of the one event in a stream, read as the standard of server-sent events has it.
pub(crate) fn event(stream: &str) -> Result<String, String> {
    let normal = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut name, mut data, mut dispatched) = (String::new(), Vec::new(), Vec::new());
    for line in normal.split('\n') {
        match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("event", value)) => value.clone_into(&mut name),
            Some(("data", value)) => data.push(value),
            None if line.is_empty() => {
                if !data.is_empty() {
                    dispatched.push((std::mem::take(&mut name), data.join("\n")));
                    data.clear();
                }
            }
            _ => return Err(format!("{line} is no field of ours")),
        }
    }
    match dispatched.as_slice() {
        [(name, data)] if name == "error" && !data.contains('\n') && normal.ends_with("\n\n") => {
            Ok(data.clone())
        }
        other => Err(format!("{other:?} is not one event of one line")),
    }
}

fn json(shape: Shape, body: &str) -> Result<Read, String> {
    let value: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let Value::Object(mut top) = value else { return Err("no object".into()) };
    let mut error = match top.get("error") {
        Some(Value::Object(error)) => error.clone(),
        _ => Map::new(),
    };
    let mut links = Vec::new();
    let (message, status, code, details) = match shape {
        Shape::Flat | Shape::FlatWithError => {
            let code = error.get("code").cloned();
            let all = ["data", "error", "name", "status", "readableMessage"];
            let (message, status) = (take(&mut top, "message")?, take(&mut top, "code")?);
            top.retain(|key, _| !all.contains(&key.as_str()));
            (message, Some(status), code, top)
        }
        Shape::ErrorObject | Shape::OpenAi => {
            let (message, code) = (take(&mut error, "message")?, take(&mut error, "code")?);
            (message, None, Some(code), object(error.remove("details")))
        }
        Shape::ErrorString => {
            let (message, code) = (take(&mut top, "message")?, take(&mut top, "error")?);
            (message, None, Some(code), object(top.remove("details")))
        }
        Shape::Anthropic => {
            assert_eq!(top["type"], "error");
            let mut details = object(error.remove("details"));
            let code = take(&mut details, "error_code")?;
            (take(&mut error, "message")?, None, Some(code), details)
        }
        Shape::Google => {
            let listed = error["details"].as_array().cloned().unwrap_or_default();
            let of_type = |name: &str| {
                let wanted = format!("type.googleapis.com/google.rpc.{name}");
                listed.iter().find(|one| one["@type"] == *wanted).cloned().unwrap_or_default()
            };
            let info = of_type("ErrorInfo");
            let help = of_type("Help");
            let urls = help["links"].as_array().cloned().unwrap_or_default();
            links.extend(urls.iter().filter_map(|link| link["url"].as_str().map(str::to_owned)));
            let details = object(info.get("metadata").cloned()).into_iter().map(|(name, value)| {
                let text = value.as_str().expect("metadata is text").to_owned();
                // What is no text elsewhere is JSON in it.
                let listed = [
                    "fits",
                    "alternatives",
                    "included",
                    "runway",
                    "top_uses",
                    "work",
                    "options",
                    "offers",
                    "claims",
                ];
                let number = name == "released_in";
                let value = if number || listed.contains(&name.as_str()) {
                    serde_json::from_str(&text).expect("JSON in text")
                } else {
                    Value::String(text)
                };
                (name, value)
            });
            let details = details.collect();
            (
                take(&mut error, "message")?,
                Some(take(&mut error, "code")?),
                Some(info["reason"].clone()),
                details,
            )
        }
        Shape::OpenRouter => {
            let mut details = object(error.remove("metadata"));
            take(&mut details, "remedy_hint")?;
            details.remove("limit_source");
            (take(&mut error, "message")?, Some(take(&mut error, "code")?), None, details)
        }
        Shape::Problem => {
            take(&mut top, "type")?;
            take(&mut top, "title")?;
            let (detail, status, code) =
                (take(&mut top, "detail")?, take(&mut top, "status")?, take(&mut top, "code")?);
            (detail, Some(status), Some(code), top)
        }
        other => return Err(format!("{other} is not JSON")),
    };
    Ok(Read {
        message: message.as_str().ok_or("the message is no text")?.to_owned(),
        status: status.map(|status| status.as_u64().ok_or("the status is no number")).transpose()?,
        code: code.and_then(|code| code.as_str().map(str::to_owned)),
        details,
        links,
    })
}

fn take(object: &mut Map<String, Value>, key: &str) -> Result<Value, String> {
    object.remove(key).ok_or_else(|| format!("{key} is missing"))
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
