//! Reading request traces.

use std::path::Path;

use serde::Deserialize;

use crate::{Fault, read_file};

/// Who published the trace, which says how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Azure,
    Mooncake,
    Servegen,
    Vidur,
}

/// One request.
pub(crate) struct Row {
    /// Where in the file, from 1.
    pub(crate) line: usize,
    pub(crate) client: Option<u64>,
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// The columns that are read; there may be others.
struct Columns {
    input: &'static str,
    output: &'static str,
    client: Option<&'static str>,
}

/// The members that are read of a line of a Mooncake trace.
#[derive(Deserialize)]
struct MooncakeLine {
    input_length: u64,
    output_length: u64,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Azure, Self::Mooncake, Self::Servegen, Self::Vidur];

    const fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::Servegen => "servegen",
            Self::Vidur => "vidur",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The columns of a kind with a header; `None` for lines of JSON.
    const fn columns(self) -> Option<Columns> {
        let (input, output, client) = match self {
            Self::Azure => ("ContextTokens", "GeneratedTokens", None),
            Self::Servegen => ("input_tokens", "output_tokens", Some("client")),
            Self::Vidur => ("num_prefill_tokens", "num_decode_tokens", None),
            Self::Mooncake => return None,
        };
        Some(Columns { input, output, client })
    }

    /// Whether a file of this kind can begin with this line.
    fn begins_with(self, line: &str) -> bool {
        match self.columns() {
            None => line.starts_with('{'),
            Some(columns) => {
                let names: Vec<_> = fields(line).collect();
                [Some(columns.input), Some(columns.output), columns.client]
                    .into_iter()
                    .flatten()
                    .all(|name| names.contains(&name))
            }
        }
    }
}

/// All requests of the trace. The kind is told from the first line, and must be the one given, if one is.
pub(crate) fn read(path: &Path, given: Option<Kind>) -> Result<Vec<Row>, Fault> {
    let text = read_file(path)?;
    let path = path.display();
    // Empty lines hold no request; many files end with one.
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .peekable();
    let Some((_, first)) = lines.peek().copied() else {
        return Err(Fault::Input(format!("{path} is empty")));
    };
    let found = Kind::ALL.into_iter().find(|kind| kind.begins_with(first));
    let kind = match (given, found) {
        (None, Some(found)) => found,
        (Some(given), Some(found)) if given == found => given,
        (Some(given), _) => {
            let (given, begins) = (given.name(), excerpt(first));
            let found =
                found.map_or(String::new(), |found| format!(", as a trace of kind {} does", found.name()));
            return Err(Fault::Input(format!(
                "{path} is not a trace of kind {given}: it begins with {begins}{found}"
            )));
        }
        (None, None) => {
            let begins = excerpt(first);
            return Err(Fault::Input(format!(
                "{path} is not a trace of a known kind: it begins with {begins}"
            )));
        }
    };
    let header = match kind.columns() {
        Some(columns) => lines.next().map(|(_, line)| Header::read(line, &columns)),
        None => None,
    };
    let rows = lines
        .map(|(number, line)| {
            let row = match &header {
                Some(header) => header.row(number, line),
                None => json_row(number, line),
            };
            row.map_err(|problem| {
                Fault::Input(format!("{path}, line {number}: {problem} in {}", excerpt(line)))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Err(Fault::Input(format!("{path} has no requests")));
    }
    Ok(rows)
}

/// Where the columns are.
struct Header {
    count: usize,
    input: (usize, &'static str),
    output: (usize, &'static str),
    client: Option<(usize, &'static str)>,
}

impl Header {
    /// The line has all the columns: it was recognised by them.
    fn read(line: &str, columns: &Columns) -> Self {
        let place = |name| (fields(line).position(|field| field == name).unwrap_or(usize::MAX), name);
        Self {
            count: fields(line).count(),
            input: place(columns.input),
            output: place(columns.output),
            client: columns.client.map(place),
        }
    }

    fn row(&self, line: usize, text: &str) -> Result<Row, String> {
        let fields: Vec<_> = fields(text).collect();
        if fields.len() != self.count {
            return Err(format!("{} columns instead of {}", fields.len(), self.count));
        }
        let number = |(index, name): (usize, &str)| {
            let field = fields.get(index).copied().unwrap_or_default();
            field.parse().map_err(|_| format!("{name} is not a whole number"))
        };
        Ok(Row {
            line,
            client: self.client.map(number).transpose()?,
            input: number(self.input)?,
            output: number(self.output)?,
        })
    }
}

fn json_row(line: usize, text: &str) -> Result<Row, String> {
    let row: MooncakeLine = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Row { line, client: None, input: row.input_length, output: row.output_length })
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim)
}

/// The beginning of a line, quoted.
fn excerpt(line: &str) -> String {
    const MOST: usize = 60;
    let mut start: String = line.chars().take(MOST).collect();
    if start.len() < line.len() {
        start.push_str("...");
    }
    format!("{start:?}")
}
