//! Reading request traces.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::args::Args;
use crate::{Fault, read_file};

/// Who published the trace, which says how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Azure,
    Mooncake,
    Servegen,
    Vidur,
    /// Any file with columns that are named on the command line.
    Generic,
}

/// One request.
pub(crate) struct Row {
    /// Where in the file, from 1.
    pub(crate) line: usize,
    /// When it begins, in microseconds since a moment of the trace's own.
    pub(crate) time: u64,
    pub(crate) client: Option<u64>,
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// Requests that are replayed together.
pub(crate) struct Trace {
    /// The file's name.
    pub(crate) name: String,
    /// In the order in which they begin.
    pub(crate) rows: Vec<Row>,
}

impl Trace {
    /// All traces that were asked for; one if they are to be joined.
    pub(crate) fn read(args: &Args) -> Result<Vec<Self>, Fault> {
        let read = |path: &PathBuf| {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            Ok(Self { name, rows: rows(path, args)? })
        };
        let traces = args.traces.iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
        Ok(if args.join { vec![Self::joined(traces)] } else { traces })
    }

    /// Each begins when all requests of the one before have begun, and nobody's requests are told apart.
    fn joined(traces: Vec<Self>) -> Self {
        let (mut names, mut rows, mut end) = (Vec::new(), Vec::new(), 0);
        for trace in traces {
            let first = trace.rows.first().map_or(0, |row| row.time);
            let begin = end;
            rows.extend(trace.rows.into_iter().map(|row| {
                let time = (row.time - first).saturating_add(begin);
                end = end.max(time);
                Row { time, client: None, ..row }
            }));
            names.push(trace.name);
        }
        Self { name: names.join(" + "), rows }
    }
}

/// What the columns that are read are called; there may be others.
#[derive(Clone)]
pub(crate) struct Columns {
    /// Of seconds, or of dates with times of day. Read if the file has it.
    time: Option<Cow<'static, str>>,
    input: Cow<'static, str>,
    output: Cow<'static, str>,
    client: Option<Cow<'static, str>>,
}

impl Columns {
    /// From `input=NAME,output=NAME` and so on; `None` for anything else.
    pub(crate) fn read(list: &str) -> Option<Self> {
        let (mut time, mut input, mut output, mut client) = (None, None, None, None);
        for item in list.split(',') {
            let (role, name) = item.split_once('=')?;
            let role = match role.trim() {
                "time" => &mut time,
                "input" => &mut input,
                "output" => &mut output,
                "customer" => &mut client,
                _ => return None,
            };
            let name = name.trim();
            if name.is_empty() || role.replace(Cow::Owned(name.to_owned())).is_some() {
                return None;
            }
        }
        Some(Self { time, input: input?, output: output?, client })
    }
}

/// The members that are read of a line of a Mooncake trace.
#[derive(Deserialize)]
struct MooncakeLine {
    /// In milliseconds.
    timestamp: Option<u64>,
    input_length: u64,
    output_length: u64,
}

impl Kind {
    const KNOWN: [Self; 4] = [Self::Azure, Self::Mooncake, Self::Servegen, Self::Vidur];

    const fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::Servegen => "servegen",
            Self::Vidur => "vidur",
            Self::Generic => "generic",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().chain([Self::Generic]).find(|kind| kind.name() == name)
    }

    /// The columns of a known kind with a header; `None` for lines of JSON.
    const fn columns(self) -> Option<Columns> {
        let (time, input, output, client) = match self {
            Self::Azure => (Some("TIMESTAMP"), "ContextTokens", "GeneratedTokens", None),
            Self::Servegen => (Some("t_s"), "input_tokens", "output_tokens", Some("client")),
            Self::Vidur => (None, "num_prefill_tokens", "num_decode_tokens", None),
            Self::Mooncake | Self::Generic => return None,
        };
        const fn named(name: Option<&'static str>) -> Option<Cow<'static, str>> {
            match name {
                Some(name) => Some(Cow::Borrowed(name)),
                None => None,
            }
        }
        Some(Columns {
            time: named(time),
            input: Cow::Borrowed(input),
            output: Cow::Borrowed(output),
            client: named(client),
        })
    }

    /// Whether a file of this kind, with the columns given if it is a generic one, can begin with this line.
    fn begins_with(self, line: &str, given: Option<&Columns>) -> bool {
        let own = self.columns();
        match given.or(own.as_ref()) {
            None => line.starts_with('{'),
            Some(columns) => {
                let names: Vec<_> = fields(line).collect();
                // The time of a known kind may be missing; what was named on the command line must be there.
                let time = columns.time.as_ref().filter(|_| given.is_some());
                [time, Some(&columns.input), Some(&columns.output), columns.client.as_ref()]
                    .into_iter()
                    .flatten()
                    .all(|name| names.contains(&name.as_ref()))
            }
        }
    }
}

/// All requests of the trace, in the order in which they begin. The kind is told from the first line, and must be the one
/// given, if one is.
fn rows(path: &Path, args: &Args) -> Result<Vec<Row>, Fault> {
    let given = args.kind;
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
    let found = match &args.columns {
        Some(columns) => Some(Kind::Generic).filter(|kind| kind.begins_with(first, Some(columns))),
        None => Kind::KNOWN.into_iter().find(|kind| kind.begins_with(first, None)),
    };
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
    let header = match args.columns.clone().or_else(|| kind.columns()) {
        Some(columns) => lines.next().map(|(_, line)| Header::read(line, columns)),
        None => None,
    };
    let mut clients = HashMap::new();
    let mut arrivals = Arrivals::new();
    let mut rows = lines
        .map(|(number, line)| {
            let row = match &header {
                Some(header) => header.row(number, line, &mut arrivals, &mut clients),
                None => json_row(number, line, &mut arrivals),
            };
            row.map_err(|problem| {
                Fault::Input(format!("{path}, line {number}: {problem} in {}", excerpt(line)))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Err(Fault::Input(format!("{path} has no requests")));
    }
    rows.sort_by_key(|row| row.time);
    Ok(rows)
}

/// Where the columns are.
struct Header {
    count: usize,
    time: Option<Place>,
    input: Place,
    output: Place,
    client: Option<Place>,
    /// Whether customers may be called anything, not only by numbers.
    any_client: bool,
}

/// Which column, and what it is called.
type Place = (usize, Cow<'static, str>);

impl Header {
    /// The line has all the columns that are needed: it was recognised by them.
    fn read(line: &str, columns: Columns) -> Self {
        let find = |name: &str| fields(line).position(|field| field == name);
        let place = |name: Cow<'static, str>| (find(&name).unwrap_or(usize::MAX), name);
        let any_client = matches!(columns.client, Some(Cow::Owned(_)));
        Self {
            count: fields(line).count(),
            time: columns.time.map(place).filter(|(index, _)| *index != usize::MAX),
            input: place(columns.input),
            output: place(columns.output),
            client: columns.client.map(place),
            any_client,
        }
    }

    fn row(
        &self,
        line: usize,
        text: &str,
        arrivals: &mut Arrivals,
        clients: &mut HashMap<String, u64>,
    ) -> Result<Row, String> {
        let fields: Vec<_> = fields(text).collect();
        if fields.len() != self.count {
            return Err(format!("{} columns instead of {}", fields.len(), self.count));
        }
        let field = |place: &Place| fields.get(place.0).copied().unwrap_or_default();
        let number =
            |place: &Place| field(place).parse().map_err(|_| format!("{} is not a whole number", place.1));
        let client = match &self.client {
            Some(place) if self.any_client => {
                let next = clients.len() as u64;
                Some(*clients.entry(field(place).to_owned()).or_insert(next))
            }
            Some(place) => Some(number(place)?),
            None => None,
        };
        let time = match &self.time {
            Some(place) => micros(field(place))
                .ok_or_else(|| format!("{} is neither seconds nor a date with a time", place.1))?,
            None => arrivals.next(),
        };
        Ok(Row { line, time, client, input: number(&self.input)?, output: number(&self.output)? })
    }
}

fn json_row(line: usize, text: &str, arrivals: &mut Arrivals) -> Result<Row, String> {
    let row: MooncakeLine = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let time = match row.timestamp {
        Some(millis) => millis.checked_mul(1_000).ok_or("timestamp is too late")?,
        None => arrivals.next(),
    };
    Ok(Row { line, time, client: None, input: row.input_length, output: row.output_length })
}

/// Times for requests that have none: five in a second, at random, the same in every run.
struct Arrivals {
    state: u64,
    seconds: f64,
}

impl Arrivals {
    const PER_SECOND: f64 = 5.0;

    const fn new() -> Self {
        Self { state: 1, seconds: 0.0 }
    }

    fn next(&mut self) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
        self.seconds -= (1.0 - uniform).ln() / Self::PER_SECOND;
        let micros = Duration::try_from_secs_f64(self.seconds).unwrap_or_default().as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX / 4)
    }
}

/// Seconds, or a date with a time of day such as `2023-11-16 18:15:46.68`, in microseconds. A zone is left out: all times of
/// a trace are in the same.
fn micros(text: &str) -> Option<u64> {
    if let Some((date, time)) = text.split_once([' ', 'T']) {
        let time = time.split(['+', 'Z']).next()?;
        let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let mut time = time.splitn(3, ':');
        let (hour, minute) = (time.next()?.parse::<u64>().ok()?, time.next()?.parse::<u64>().ok()?);
        let in_range = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if !in_range || hour > 23 || minute > 59 {
            return None;
        }
        let second = micros(time.next()?).filter(|micros| *micros < 61_000_000)?;
        // Days since a first of March: the leap day is the last of a year.
        let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
        return Some(((days * 24 + hour) * 60 + minute) * 60_000_000 + second);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    // Room is left for how long a request takes.
    let limit = |micros: &u64| *micros < u64::MAX / 4;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?).filter(limit)
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
