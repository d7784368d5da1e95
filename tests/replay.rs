//! The replay example, run as a user runs it.
//!
//! `cargo test` builds the examples too, into the folder beside that of this test's own executable, and that is where
//! the example is looked for. With `--test` or `--all-targets` cargo builds none that can be run: then this test does.
//!
//! The last tests replay the real traces, from the folder named by the environment variable `BILLING_GUARD_DATA`.
//! Without it they say that they were skipped.

use std::cmp::Ordering;
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use billing_guard::{Amount, Unit};
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The shape of the real table, with prices that are easy to compute by hand and one that no unit can count.
const PRICES: &str = r#"{
    "sample_spec": { "input_cost_per_token": 0.0, "output_cost_per_token": 0.0 },
    "plain": { "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "mode": "chat" },
    "odd": { "input_cost_per_token": 4.5000000000000003e-07, "output_cost_per_token": 0.0000017 },
    "per-call": { "input_cost_per_request": 0.005, "input_cost_per_token": 0, "output_cost_per_token": 1e-05 },
    "embedding": { "input_cost_per_token": 1e-07, "output_cost_per_token": null },
    "images": { "input_cost_per_image": 0.04 }
}"#;

/// What a report has, in this order.
const FIELDS: [&str; 20] = [
    "trace",
    "requests",
    "admitted",
    "refused",
    "false_refusals",
    "overspend",
    "uncollected",
    "bound",
    "cut",
    "cut_tokens",
    "charged",
    "prepaid",
    "stranded",
    "coverage",
    "worst_window_coverage",
    "over_hold_ratio",
    "extensions_per_request",
    "mean_locked",
    "elapsed_s",
    "cycles_per_s",
];

const KINDS: [&str; 4] = ["azure", "mooncake", "servegen", "vidur"];

fn example() -> std::result::Result<&'static Path, String> {
    static PATH: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let folder = own.parent().and_then(Path::parent).ok_or("the test's executable is in no folder")?;
        let path = folder.join("examples").join(format!("replay{}", std::env::consts::EXE_SUFFIX));
        if !is_current(&path) {
            build(folder)?;
        }
        Ok(path)
    });
    path.as_deref().map_err(Clone::clone)
}

/// Whether it was built, and after the last change of the files that cargo says it was built from.
fn is_current(path: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let Ok(sources) = std::fs::read_to_string(path.with_extension("d")) else { return false };
    let Some((_, sources)) = sources.split_once(": ") else { return false };
    let built = changed(path);
    // A space in a path is written with a backslash, and such a path is not found: then it is built again.
    built.is_some()
        && sources
            .split_whitespace()
            .all(|source| changed(Path::new(source)).is_some_and(|at| Some(at) <= built))
}

/// Builds the example into the folder of a profile, where this test was built.
fn build(folder: &Path) -> std::result::Result<(), String> {
    let target = folder.parent().ok_or("the folder of the profile is in no folder")?;
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--example", "replay", "--profile", profile, "--target-dir"]).arg(target);
    let output = cargo.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn replay(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
    Ok(Command::new(example()?).args(args).output()?)
}

/// A folder of its own for a test, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Result<Self> {
        let name = format!("replay-{test}-{}", std::process::id());
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir_all(&folder.0)?;
        folder.file("prices.json", PRICES)?;
        Ok(folder)
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A trace of this kind with these requests: client, input tokens, output tokens.
    fn trace(&self, kind: &str, requests: &[(u64, u64, u64)]) -> Result<PathBuf> {
        let mut text = match kind {
            "azure" => "TIMESTAMP,ContextTokens,GeneratedTokens\n".to_owned(),
            "servegen" => "t_s,client,input_tokens,output_tokens\n".to_owned(),
            "vidur" => "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n".to_owned(),
            _ => String::new(),
        };
        for (client, input, output) in requests {
            text += &match kind {
                "azure" => format!("2023-11-16 18:15:46.6805900,{input},{output}\n"),
                "servegen" => format!("0.15,{client},{input},{output}\n"),
                "vidur" => format!("{input},{output},{},1.5\n", input + output),
                _ => format!(
                    "{{\"timestamp\": 0, \"input_length\": {input}, \"output_length\": {output}, \"hash_ids\": [1]}}\n"
                ),
            };
        }
        self.file(&format!("{kind}.trace"), &text)
    }

    /// Runs with the folder's prices.
    fn run(&self, trace: &Path, model: &str, more: &[&str]) -> Result<Output> {
        let prices = self.0.join("prices.json");
        let mut args: Vec<&OsStr> = vec![
            "--trace".as_ref(),
            trace.as_os_str(),
            "--prices".as_ref(),
            prices.as_os_str(),
            "--model".as_ref(),
            model.as_ref(),
        ];
        args.extend(more.iter().map(|arg| OsStr::new(*arg)));
        replay(args)
    }

    /// The report of a run that must succeed.
    fn report(&self, trace: &Path, model: &str, more: &[&str]) -> Result<Report> {
        let more: Vec<_> = more.iter().copied().chain(["--json"]).collect();
        Report::of(&self.run(trace, model, &more)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it is in the build's own folder for such things and disturbs nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Report(Value);

impl Report {
    fn of(output: &Output) -> Result<Self> {
        let (out, err) = (String::from_utf8(output.stdout.clone())?, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {out} {err}", output.status);
        assert_eq!(err, "");
        let positions: Vec<_> = FIELDS.iter().map(|field| out.find(&format!("\"{field}\":"))).collect();
        assert!(positions.is_sorted() && positions.iter().all(Option::is_some), "{out}");
        let value: Value = serde_json::from_str(&out)?;
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(FIELDS.len()), "{out}");
        Ok(Self(value))
    }

    fn count(&self, field: &str) -> Result<u64> {
        Ok(self.0[field].as_u64().ok_or_else(|| format!("{field} is not a count: {self:?}"))?)
    }

    fn amount(&self, field: &str) -> Result<Amount> {
        let text = self.0[field].as_str().ok_or_else(|| format!("{field} is not a text: {self:?}"))?;
        Ok(Unit::new("USD", 12)?.amount(text)?)
    }

    fn is_at_most(&self, less: &str, more: &str) -> Result<bool> {
        Ok(self.amount(less)?.checked_cmp(self.amount(more)?)? != Ordering::Greater)
    }

    /// What must be so however the threads ran. The example has compared its books with the ledger's by then.
    fn check(&self, requests: u64, cut: bool) -> Result {
        assert_eq!(self.count("requests")?, requests, "{self:?}");
        assert_eq!(self.count("admitted")? + self.count("refused")?, requests, "{self:?}");
        assert!(self.count("false_refusals")? <= self.count("refused")?, "{self:?}");
        assert!(self.is_at_most("charged", "prepaid")?, "{self:?}");
        assert!(self.is_at_most("overspend", "bound")?, "{self:?}");
        assert!(self.is_at_most("uncollected", "bound")?, "{self:?}");
        if cut {
            assert!(self.amount("overspend")?.is_zero(), "{self:?}");
            assert!(self.amount("uncollected")?.is_zero(), "{self:?}");
        } else {
            assert_eq!((self.count("cut")?, self.count("cut_tokens")?), (0, 0), "{self:?}");
        }
        Ok(())
    }

    fn assert_fields(&self, wanted: &Value) {
        for (field, value) in wanted.as_object().into_iter().flatten() {
            assert_eq!(self.0[field], *value, "{field} of {self:?}");
        }
    }
}

/// Each costs 0.0035 with the model `plain`: 0.0025 for its input, 0.001 for its output.
const FOUR: [(u64, u64, u64); 4] = [(1, 1_000, 100); 4];

/// Requests of many sizes, the same in every run; about one in six has more output than 400 tokens.
fn many(count: u64) -> Vec<(u64, u64, u64)> {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..count).map(|_| (next(12), next(3_000), next(480))).collect()
}

#[test]
fn the_figures_are_those_computed_by_hand() -> Result {
    let folder = Folder::new("hand")?;
    let trace = folder.trace("azure", &FOUR)?;
    // One thread, which holds all four before it captures the first.
    for (more, wanted) in [
        // Held exactly: half of the money pays for half of the work.
        (
            "--max-output 100",
            serde_json::json!({ "admitted": 2, "refused": 2, "false_refusals": 0, "overspend": "0",
                "uncollected": "0", "bound": "0", "charged": "0.007", "prepaid": "0.007", "stranded": 0.0,
                "coverage": 1.0, "over_hold_ratio": 1.0, "extensions_per_request": 0.0 }),
        ),
        // Held too generously, at 0.005: two holds leave 0.004, and 0.0035 would have done.
        (
            "--max-output 250 --prepaid-share 1",
            serde_json::json!({ "admitted": 2, "refused": 2, "false_refusals": 2, "charged": "0.007",
                "prepaid": "0.014", "stranded": 0.5, "over_hold_ratio": 1.428571 }),
        ),
        // Held too tightly, at 0.003, and 0.0003 are left to pay for what is beyond the two holds, 0.001.
        (
            "--max-output 50 --prepaid-share 0.45",
            serde_json::json!({ "admitted": 2, "refused": 2, "overspend": "0.0007", "uncollected": "0.0007",
                "bound": "0.001", "charged": "0.0063", "prepaid": "0.0063", "coverage": 0.0,
                "over_hold_ratio": 0.857143 }),
        ),
        // The same, cut.
        (
            "--max-output 50 --prepaid-share 0.45 --cut",
            serde_json::json!({ "admitted": 2, "refused": 2, "overspend": "0", "uncollected": "0",
                "bound": "0.001", "cut": 2, "cut_tokens": 100, "charged": "0.006", "prepaid": "0.0063",
                "stranded": 0.047619 }),
        ),
        // Nobody has anything.
        (
            "--prepaid-share 0",
            serde_json::json!({ "admitted": 0, "refused": 4, "false_refusals": 0, "charged": "0",
                "prepaid": "0", "stranded": null, "coverage": null, "over_hold_ratio": null,
                "extensions_per_request": null, "cycles_per_s": 0.0 }),
        ),
        // Four accounts in turns, each with what half a request costs.
        ("--accounts 4", serde_json::json!({ "admitted": 0, "refused": 4, "prepaid": "0.007" })),
        // Looking first and charging later, everyone finds the balance there.
        (
            "--max-output 100 --self-test",
            serde_json::json!({ "admitted": 4, "refused": 0, "overspend": "0.007", "bound": "0",
                "charged": "0.014", "prepaid": "0.007" }),
        ),
    ] {
        let mut more: Vec<_> = more.split(' ').chain(["--threads", "1"]).collect();
        if !more.contains(&"--accounts") {
            more.extend(["--accounts", "1"]);
        }
        let report = folder.report(&trace, "plain", &more)?;
        println!("{more:?}");
        assert_eq!(report.count("requests")?, 4);
        report.assert_fields(&wanted);
    }
    Ok(())
}

#[test]
fn every_kind_of_trace_is_read_named_or_not() -> Result {
    let folder = Folder::new("kinds")?;
    for kind in KINDS {
        let trace = folder.trace(kind, &FOUR)?;
        for named in [&[][..], &["--trace-kind", kind]] {
            let more = [&["--max-output", "100", "--accounts", "1"], named].concat();
            let report = folder.report(&trace, "plain", &more)?;
            report.check(4, false)?;
            report.assert_fields(&serde_json::json!({ "admitted": 2, "prepaid": "0.007" }));
        }
    }
    // Only the columns that are needed, in another order, with the line ends of another system.
    let trace = folder.file("few.csv", "num_decode_tokens,num_prefill_tokens\r\n100,1000\r\n\r\n")?;
    folder
        .report(&trace, "plain", &["--prepaid-share", "1", "--max-output", "100"])?
        .assert_fields(&serde_json::json!({ "requests": 1, "charged": "0.0035" }));
    // A client's requests go to one account: 1 and 3 share the second of two.
    let trace = folder.trace("servegen", &[(1, 1_000, 100), (3, 1_000, 100)])?;
    folder
        .report(&trace, "plain", &["--accounts", "2", "--max-output", "100"])?
        .assert_fields(&serde_json::json!({ "admitted": 1, "refused": 1 }));
    Ok(())
}

#[test]
fn the_promises_hold_from_any_number_of_threads() -> Result {
    let folder = Folder::new("promises")?;
    let requests = many(3_000);
    for kind in KINDS {
        let trace = folder.trace(kind, &requests)?;
        for threads in ["1", "2", "8"] {
            let common = ["--threads", threads, "--accounts", "5", "--max-output", "400"];
            folder.report(&trace, "plain", &common)?.check(3_000, false)?;
            folder.report(&trace, "plain", &[&common[..], &["--cut"]].concat())?.check(3_000, true)?;
            // However the threads run: an account that is prepaid for less than its work is let below zero by
            // whichever request comes last.
            let broken = folder.report(&trace, "plain", &[&common[..], &["--self-test"]].concat())?;
            assert!(!broken.is_at_most("overspend", "uncollected")?, "{broken:?}");
        }
    }
    Ok(())
}

#[test]
fn prices_too_fine_for_any_unit_and_prices_per_request_add_up_too() -> Result {
    let folder = Folder::new("odd")?;
    let trace = folder.trace("azure", &many(500))?;
    for model in ["odd", "per-call"] {
        let common = ["--max-output", "400", "--accounts", "3"];
        folder.report(&trace, model, &common)?.check(500, false)?;
        folder.report(&trace, model, &[&common[..], &["--cut"]].concat())?.check(500, true)?;
    }
    // 0.005 for the request, and 0.001 for its output.
    let trace = folder.trace("azure", &[(0, 7, 100)])?;
    folder
        .report(&trace, "per-call", &["--prepaid-share", "1", "--max-output", "100"])?
        .assert_fields(&serde_json::json!({ "charged": "0.006" }));
    // 1,000 at 4.5000000000000003e-07 and 100 at 1.7e-06, rounded down to a millionth of a millionth.
    let trace = folder.trace("azure", &[(0, 1_000, 100)])?;
    folder
        .report(&trace, "odd", &["--prepaid-share", "1.01", "--max-output", "100"])?
        .assert_fields(&serde_json::json!({ "charged": "0.00062" }));
    Ok(())
}

#[test]
fn the_table_says_the_same() -> Result {
    let folder = Folder::new("table")?;
    let trace = folder.trace("vidur", &FOUR)?;
    let more = ["--max-output", "50", "--accounts", "1", "--threads", "1", "--prepaid-share", "0.45"];
    let output = folder.run(&trace, "plain", &more)?;
    assert!(output.status.success());
    let table = String::from_utf8(output.stdout)?;
    // The trace is named in the first line.
    assert_eq!(table.lines().count(), FIELDS.len(), "{table}");
    assert!(table.starts_with("vidur.trace at the price of plain"), "{table}");
    let value = |name: &str| table.lines().find_map(|line| Some(line.trim().strip_prefix(name)?.trim()));
    for (name, wanted) in [
        ("requests", "4"),
        ("admitted", "2"),
        ("refused", "2 (50.00 %)"),
        ("overspend", "0.0007 USD"),
        ("bound", "0.001 USD"),
        ("charged", "0.0063 USD"),
        ("coverage", "0"),
    ] {
        assert_eq!(value(name), Some(wanted), "{name}: {table}");
    }
    Ok(())
}

#[test]
fn a_self_test_that_finds_nothing_fails() -> Result {
    let folder = Folder::new("nothing")?;
    let trace = folder.trace("azure", &FOUR)?;
    let output = folder.run(&trace, "plain", &["--self-test", "--prepaid-share", "1"])?;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr)?;
    assert!(error.contains("found no overspend"), "{error}");
    Ok(())
}

/// Runs what must be refused with exit code 2, a message that has all of these in it, and nothing else.
fn assert_refused(output: &Output, named: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty(), "{output:?}");
    for name in named {
        assert!(error.contains(name), "{name} is not in: {error}");
    }
}

#[test]
fn a_wrong_file_is_named() -> Result {
    let folder = Folder::new("files")?;
    let azure = folder.trace("azure", &FOUR)?;
    let missing = folder.0.join("no-such.csv");
    assert_refused(&folder.run(&missing, "plain", &[])?, &["no-such.csv"]);
    assert_refused(&folder.run(&folder.0, "plain", &[])?, &["cannot read", &folder.0.to_string_lossy()]);

    for kind in KINDS {
        for other in KINDS {
            let trace = folder.trace(kind, &FOUR)?;
            let output = folder.run(&trace, "plain", &["--trace-kind", other])?;
            if kind == other {
                assert!(output.status.success());
            } else {
                assert_refused(&output, &[&format!("{kind}.trace"), &format!("not a trace of kind {other}")]);
            }
        }
    }
    let unknown = folder.file("unknown.csv", "when,tokens\n1,2\n")?;
    assert_refused(&folder.run(&unknown, "plain", &[])?, &["unknown.csv", "known kind", "when,tokens"]);
    for kind in KINDS {
        let output = folder.run(&unknown, "plain", &["--trace-kind", kind])?;
        assert_refused(&output, &["unknown.csv", kind, "when,tokens"]);
    }

    for (name, text, named) in [
        ("empty.csv", "", "is empty"),
        ("header.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "has no requests"),
        ("short.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2,3\n1,2\n", "line 3"),
        ("long.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2,3,4\n", "line 2"),
        ("word.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,many,3\n", "ContextTokens"),
        ("minus.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2,-3\n", "GeneratedTokens"),
        ("half.csv", "num_prefill_tokens,num_decode_tokens\n\n2,1.5\n", "line 3: num_decode_tokens"),
        ("client.csv", "t_s,client,input_tokens,output_tokens\n0,x,1,1\n", "line 2: client"),
        ("cut.jsonl", "{\"input_length\": 1, \"output_length\": 1}\n{\"input_len", "line 2"),
        ("field.jsonl", "{\"input_length\": 1, \"output_tokens\": 1}\n", "output_length"),
        ("much.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,18446744073709551615,1\n", "line 2"),
    ] {
        let trace = folder.file(name, text)?;
        assert_refused(&folder.run(&trace, "plain", &[])?, &[name, named]);
    }

    for (model, named) in [
        ("unheard-of", "unheard-of"),
        ("sample_spec", "sample_spec"),
        ("embedding", "output_cost_per_token"),
        ("images", "input_cost_per_token"),
    ] {
        assert_refused(&folder.run(&azure, model, &[])?, &["prices.json", model, named]);
    }
    for (text, named) in [
        ("{", "not a price table"),
        ("[1]", "not a price table"),
        (r#"{ "plain": 3 }"#, "plain"),
        (
            r#"{ "plain": { "input_cost_per_token": -1, "output_cost_per_token": 1 } }"#,
            "input_cost_per_token",
        ),
        (
            r#"{ "plain": { "input_cost_per_token": "1", "output_cost_per_token": 1 } }"#,
            "input_cost_per_token",
        ),
        (
            r#"{ "other": { "input_cost_per_image": -1 },
                 "plain": { "input_cost_per_token": 1, "output_cost_per_token": 1 } }"#,
            "other",
        ),
    ] {
        folder.file("prices.json", text)?;
        assert_refused(&folder.run(&azure, "plain", &[])?, &["prices.json", named]);
    }
    std::fs::remove_file(folder.0.join("prices.json"))?;
    assert_refused(&folder.run(&azure, "plain", &[])?, &["cannot read", "prices.json"]);
    Ok(())
}

#[test]
fn a_wrong_argument_is_named_and_the_usage_shown() -> Result {
    let files = ["--trace", "a.csv", "--prices", "p.json", "--model", "m"];
    for (more, named) in [
        (&["--frobnicate"][..], "--frobnicate"),
        (&["loose"], "loose"),
        (&["--accounts"], "--accounts"),
        (&["--accounts", "0"], "--accounts"),
        (&["--accounts", "many"], "many"),
        (&["--threads", "0"], "--threads"),
        (&["--threads", "1025"], "1025"),
        (&["--max-output", "-1"], "--max-output"),
        (&["--max-output", "4294967296"], "4294967296"),
        (&["--prepaid-share", "-0.5"], "-0.5"),
        (&["--prepaid-share", "half"], "half"),
        (&["--prepaid-share", "1000.1"], "1000.1"),
        (&["--prepaid-share", "1."], "--prepaid-share"),
        (&["--prepaid-share", "0.1234567891"], "--prepaid-share"),
        (&["--trace-kind", "parquet"], "parquet"),
        (&["--json", "--json"], "--json is given twice"),
        (&["--max-output", "longer"], "longer"),
        (&["--hold", "balance"], "balance"),
        (&["--hold", "forecast", "--speed", "max"], "--speed cannot be max"),
        (&["--hold", "forecast", "--coverage", "0.49"], "0.49"),
        (&["--hold", "forecast", "--coverage", "1"], "--coverage"),
        (&["--hold", "forecast", "--coverage", "0.9999"], "0.9999"),
        (&["--hold", "forecast", "--coverage", "0.9x"], "0.9x"),
        (&["--hold", "grow", "--speed", "max"], "--speed cannot be max"),
        (&["--coverage", "0.9"], "--coverage is for --hold forecast"),
        (&["--hold", "ceiling", "--shrink", "50"], "--shrink is for --hold forecast"),
        (&["--hold", "forecast", "--shrink", "0"], "--shrink"),
        (&["--hold", "forecast", "--shrink", "1001"], "1001"),
        (&["--speed", "0"], "--speed"),
        (&["--speed", "fast"], "fast"),
        (&["--trace-kind", "generic"], "--columns"),
        (&["--columns", "input=a,output=b"], "--trace-kind generic"),
        (&["--columns", "input=a"], "input=a"),
        (&["--columns", "input=a,output=b,colour=c"], "colour"),
        (&["--columns", "input=a,output=b,input=c"], "input=c"),
        (&["--columns", "input=,output=b"], "input="),
        (&["--join"], "--join needs more than one --trace"),
        (&["--plot"], "--plot needs a value"),
        (&["--plot", "p.svg", "--speed", "max"], "--speed cannot be max"),
        (&["--plot", "p.svg", "--self-test"], "--self-test"),
    ] {
        assert_refused(&replay(files.iter().chain(more))?, &[named, "Usage: replay"]);
    }
    for left_out in [0, 2, 4] {
        let rest = files.iter().enumerate().filter(|(index, _)| index / 2 != left_out / 2);
        let output = replay(rest.map(|(_, arg)| *arg))?;
        assert_refused(&output, &[&format!("{} is missing", files[left_out])]);
    }
    let help = replay(["--help"])?;
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout)?;
    assert!(text.starts_with("Usage: replay") && text.contains("--self-test"), "{text}");
    Ok(())
}

/// A trace with columns of its own: seconds, customer, input and output tokens.
fn generic(
    folder: &Folder,
    requests: impl IntoIterator<Item = (u64, &'static str, u64, u64)>,
) -> Result<PathBuf> {
    let mut text = "who,when,prompt,note,answer\n".to_owned();
    for (seconds, customer, input, output) in requests {
        text += &format!("{customer},{seconds}.5,{input},,{output}\n");
    }
    folder.file("generic.csv", &text)
}

const COLUMNS: [&str; 4] =
    ["--trace-kind", "generic", "--columns", "time=when,input=prompt,output=answer,customer=who"];

#[test]
fn any_file_with_named_columns_is_read() -> Result {
    let folder = Folder::new("generic")?;
    // Each costs 0.0035: one customer has two of three, and prepaid for one of them.
    let trace = generic(&folder, [(0, "ana", 1_000, 100), (1, "bob", 1_000, 100), (2, "ana", 1_000, 100)])?;
    let more = [&COLUMNS[..], &["--accounts", "2", "--max-output", "100"]].concat();
    let wanted = serde_json::json!({ "requests": 3, "admitted": 1, "refused": 2, "prepaid": "0.00525" });
    folder.report(&trace, "plain", &more)?.assert_fields(&wanted);
    // Without times and customers.
    let more = ["--trace-kind", "generic", "--columns", "output=answer,input=prompt", "--prepaid-share", "1"];
    let more = [&more[..], &["--accounts", "1", "--max-output", "100"]].concat();
    folder.report(&trace, "plain", &more)?.assert_fields(&serde_json::json!({ "admitted": 3 }));

    let missing =
        folder.run(&trace, "plain", &["--trace-kind", "generic", "--columns", "input=in,output=answer"])?;
    assert_refused(&missing, &["generic.csv", "not a trace of kind generic"]);
    for (name, line, named) in [
        ("time.csv", "x,1e3,1,,1", "when is neither"),
        ("date.csv", "x,2023-13-16 18:15:46,1,,1", "when is neither"),
        ("hour.csv", "x,2023-11-16 25:15:46,1,,1", "when is neither"),
        ("day.csv", "x,2023-11-16,1,,1", "when is neither"),
        ("input.csv", "x,1,many,,1", "prompt is not a whole number"),
    ] {
        let trace = folder.file(name, &format!("who,when,prompt,note,answer\n{line}\n"))?;
        assert_refused(&folder.run(&trace, "plain", &COLUMNS)?, &[name, "line 2", named]);
    }
    Ok(())
}

#[test]
fn on_a_clock_requests_begin_and_end_when_they_should() -> Result {
    let folder = Folder::new("clock")?;
    // Each is held at 0.0035, for 0.3 s, 0.2 s for its input and 2 s for its output: in all 0.01 for 2.5 s of 12.5 s.
    let trace = generic(&folder, [(10, "ana", 1_000, 100), (0, "ana", 1_000, 100)])?;
    let more = ["--accounts", "1", "--max-output", "100", "--speed", "real"];
    let run = |more: &[&str]| folder.report(&trace, "plain", &[&COLUMNS[..], more].concat());
    let wanted = serde_json::json!({ "admitted": 2, "prepaid": "0.007", "mean_locked": "0.0014" });
    run(&[&more[..], &["--prepaid-share", "1"]].concat())?.assert_fields(&wanted);
    // The one that is first in time is admitted, and with the balance for one that leaves nothing for the second.
    run(&more)?.assert_fields(&serde_json::json!({ "admitted": 1, "mean_locked": "0.0035" }));
    // Ten times as many in a time: the second begins while the first runs, 1 s after it.
    let wanted = serde_json::json!({ "admitted": 2, "mean_locked": "0.005" });
    run(&["--accounts", "1", "--max-output", "100", "--speed", "10", "--prepaid-share", "1"])?
        .assert_fields(&wanted);
    // Dates are times too, over the end of a leap February.
    let text = "when,prompt,answer\n2024-02-29 23:59:55.5,1000,100\n2024-03-01T00:00:05.500Z,1000,100\n";
    let dates = folder.file("dates.csv", text)?;
    let columns = ["--trace-kind", "generic", "--columns", "time=when,input=prompt,output=answer"];
    let more = [&columns[..], &more, &["--prepaid-share", "1"]].concat();
    folder.report(&dates, "plain", &more)?.assert_fields(&serde_json::json!({ "mean_locked": "0.0014" }));
    Ok(())
}

#[test]
fn a_forecast_holds_less_once_work_has_ended() -> Result {
    let folder = Folder::new("forecast")?;
    let more = ["--hold", "forecast", "--accounts", "1", "--prepaid-share", "1000"];
    // All begin at once: nothing has ended when they are held, so each is held for 4,096 tokens.
    let at_once = folder.trace("servegen", &[(1, 1_000, 100); 1_200])?;
    let report = folder.report(&at_once, "plain", &more)?;
    report.check(1_200, false)?;
    report.assert_fields(&serde_json::json!({ "coverage": 1.0, "over_hold_ratio": 12.417143 }));
    // One after the other: after thirty, what they take is known. 100 tokens are some 111 with all that may be added.
    let requests = |count| (0..count).map(|number| (10 * number, "ana", 1_000, 100));
    let trace = generic(&folder, requests(3_000))?;
    let more = [&COLUMNS[..], &more].concat();
    let report = folder.report(&trace, "plain", &more)?;
    report.check(3_000, false)?;
    report.assert_fields(&serde_json::json!({ "coverage": 1.0, "worst_window_coverage": 1.0 }));
    let ratio = report.0["over_hold_ratio"].as_f64().ok_or("no ratio")?;
    assert!((1.1..1.4).contains(&ratio), "{ratio}");
    // Too few for a window of a thousand.
    let trace = generic(&folder, requests(999))?;
    folder
        .report(&trace, "plain", &more)?
        .assert_fields(&serde_json::json!({ "worst_window_coverage": null }));
    // The other customer's work is not ana's: it is held for what it takes itself, and a higher coverage holds more.
    let two = (0..4_000)
        .map(|number| (5 * number, if number % 2 == 0 { "ana" } else { "bob" }, 50, 40 + number % 2 * 960));
    let trace = generic(
        &folder,
        two.map(|(time, who, input, output)| (time, who, input, output + time * 7_919 % 60)),
    )?;
    let ratios = ["0.5", "0.9", "0.99", "0.995"].map(|coverage| {
        let report = folder.report(&trace, "plain", &[&more[..], &["--coverage", coverage]].concat())?;
        let (got, wanted) = (report.0["coverage"].as_f64(), coverage.parse::<f64>()?);
        assert!(got.is_some_and(|got| got >= wanted - 0.002), "{report:?}");
        Ok(report.0["over_hold_ratio"].as_f64().ok_or("no ratio")?)
    });
    let ratios = ratios.into_iter().collect::<Result<Vec<_>>>()?;
    assert!(ratios.is_sorted() && ratios[2] < 1.5, "{ratios:?}");
    Ok(())
}

#[test]
fn the_promises_hold_with_a_forecast_too() -> Result {
    let folder = Folder::new("forecast-promises")?;
    let requests = many(6_000).into_iter().zip(0..);
    let trace = generic(
        &folder,
        requests.map(|((client, input, output), number)| {
            (number, if client % 2 == 0 { "ana" } else { "bob" }, input, output * output / 100)
        }),
    )?;
    for more in [&["--prepaid-share", "0.5"][..], &["--prepaid-share", "0.9"], &["--speed", "20"]] {
        let more =
            [&COLUMNS[..], &["--hold", "forecast", "--accounts", "4", "--max-output", "4096"], more].concat();
        let report = folder.report(&trace, "plain", &more)?;
        report.check(6_000, false)?;
        let cut = folder.report(&trace, "plain", &[&more[..], &["--cut"]].concat())?;
        cut.check(6_000, true)?;
        // Twenty times as many run at once, and what ends first is short: until the long has ended, too little is held.
        let cut_short = cut.count("cut")?;
        assert!(cut_short > 0 && 30 * cut_short < cut.count("admitted")?, "{more:?} {cut:?}");
    }
    Ok(())
}

#[test]
fn several_traces_are_replayed_one_after_the_other() -> Result {
    let folder = Folder::new("several")?;
    let one = folder.trace("azure", &FOUR)?;
    let two = folder.trace("vidur", &many(50))?;
    let more =
        ["--trace", two.to_str().ok_or("a path")?, "--prepaid-share", "1000", "--max-output", "longest"];
    let output = folder.run(&one, "plain", &more)?;
    let text = String::from_utf8(output.stdout)?;
    assert!(text.contains("azure.trace at") && text.contains("vidur.trace at"), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("geometric mean")), "{text}");
    let output = folder.run(&one, "plain", &[&more[..], &["--json"]].concat())?;
    let text = String::from_utf8(output.stdout)?;
    let requests: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).map(|report| report["requests"].clone()))
        .collect();
    assert_eq!(requests.into_iter().collect::<std::result::Result<Vec<_>, _>>()?, [4, 50]);
    Ok(())
}

#[test]
fn short_of_the_forecast_work_is_shrunk_to_what_there_is() -> Result {
    let folder = Folder::new("shrink")?;
    // One after the other, each at 0.0035. Of what 200 cost there is enough for 100, and 0.003 more: the input of one, and 50
    // tokens of its output.
    let trace = generic(&folder, (0..200).map(|number| (10 * number, "ana", 1_000, 100)))?;
    let more = ["--accounts", "1", "--prepaid-share", "0.504285715", "--cut"];
    let run =
        |more_still: &[&str]| folder.report(&trace, "plain", &[&COLUMNS[..], &more, more_still].concat());
    for holding in ["forecast", "grow"] {
        let report = run(&["--hold", holding, "--shrink", "25"])?;
        report.check(200, true)?;
        report.assert_fields(&serde_json::json!({ "admitted": 101, "cut": 1, "cut_tokens": 50,
            "charged": "0.353", "prepaid": "0.353", "stranded": 0.0, "false_refusals": 0 }));
    }
    // Half of the usual is there, and three quarters are not.
    let report = run(&["--hold", "forecast", "--shrink", "75"])?;
    report.check(200, true)?;
    report.assert_fields(&serde_json::json!({ "admitted": 100, "cut": 0, "charged": "0.35",
        "stranded": 0.008499, "false_refusals": 0 }));
    // With 0.004 more, one more would have fitted. It is held for more than it takes, and refused, or else shrunk.
    let more = ["--accounts", "1", "--prepaid-share", "0.505714286", "--cut", "--hold", "forecast"];
    let run = |shrunk: &[&str]| folder.report(&trace, "plain", &[&COLUMNS[..], &more, shrunk].concat());
    let wanted = serde_json::json!({ "admitted": 100, "false_refusals": 100, "stranded": 0.011299 });
    run(&[])?.assert_fields(&wanted);
    let wanted = serde_json::json!({ "admitted": 101, "cut": 0, "false_refusals": 0, "charged": "0.3535" });
    run(&["--shrink", "25"])?.assert_fields(&wanted);
    Ok(())
}

#[test]
fn a_hold_grows_as_output_is_delivered() -> Result {
    let folder = Folder::new("grow")?;
    // Most answers are short, and one in ten is long.
    let requests = (0..3_000_u64).map(|number| {
        let mixed = number * 7_919 % 100;
        (10 * number, "ana", 100, if mixed < 10 { 400 + 40 * mixed } else { 20 + mixed })
    });
    let trace = generic(&folder, requests)?;
    let run = |holding: &str, more: &[&str]| {
        let hold = ["--hold", holding, "--accounts", "1", "--max-output", "1000"];
        folder.report(&trace, "plain", &[&COLUMNS[..], &hold, more].concat())
    };
    let (grown, forecast) =
        (run("grow", &["--prepaid-share", "9"])?, run("forecast", &["--prepaid-share", "9"])?);
    grown.check(3_000, true)?;
    // All is delivered, and all within its hold.
    let wanted = serde_json::json!({ "admitted": 3_000, "cut": 0, "coverage": 1.0, "bound": "0" });
    grown.assert_fields(&wanted);
    let figure = |report: &Report, field: &str| report.0[field].as_f64().ok_or("no figure");
    assert_eq!(figure(&forecast, "extensions_per_request")?, 0.0);
    assert!((0.02..=0.6).contains(&figure(&grown, "extensions_per_request")?), "{grown:?}");
    assert!(grown.is_at_most("mean_locked", "charged")?, "{grown:?}");
    let saved = figure(&grown, "over_hold_ratio")? / figure(&forecast, "over_hold_ratio")?;
    assert!(saved < 0.8, "{grown:?} {forecast:?}");
    // On a ledger that lets it, a hold grows beyond all balance, and that is seen.
    let broken = run("grow", &["--prepaid-share", "0.5003", "--self-test"])?;
    assert!(!broken.amount("overspend")?.is_zero() && broken.count("cut")? == 0, "{broken:?}");
    // Where the balance ends, a hold cannot grow: what was covered is delivered and no more.
    let cut = run("grow", &["--prepaid-share", "0.5003", "--shrink", "1"])?;
    cut.check(3_000, true)?;
    assert!(cut.count("cut")? > 0, "{cut:?}");
    Ok(())
}

/// Only accounts that had a request refused: what the others have left was not needed.
#[test]
fn what_is_left_where_nothing_was_refused_is_not_stranded() -> Result {
    let folder = Folder::new("stranded")?;
    // Held for 250 tokens, at 0.005. Of two accounts with two requests each and 0.0049, the first is refused both; with
    // 0.0098, neither is, although 0.0028 is left.
    let trace = folder.trace("azure", &FOUR)?;
    let run = |share| {
        let more = ["--accounts", "2", "--threads", "1", "--max-output", "250", "--speed", "real"];
        folder.report(&trace, "plain", &[&more[..], &["--prepaid-share", share]].concat())
    };
    run("0.7")?.assert_fields(&serde_json::json!({ "refused": 4, "prepaid": "0.0098", "stranded": 1.0 }));
    run("1.5")?.assert_fields(&serde_json::json!({ "refused": 0, "prepaid": "0.021", "stranded": 0.0 }));
    // Held for 200 tokens, at 0.0045. The first account has 0.0042 and is refused; of 0.0054 the other has 0.0009 left.
    let trace = folder.trace("servegen", &[(0, 1_000, 100), (1, 1_000, 200)])?;
    let more = ["--accounts", "2", "--threads", "1", "--max-output", "200", "--prepaid-share", "1.2"];
    let wanted =
        serde_json::json!({ "refused": 1, "charged": "0.0045", "prepaid": "0.0096", "stranded": 0.4375 });
    folder.report(&trace, "plain", &more)?.assert_fields(&wanted);
    Ok(())
}

#[test]
fn joined_traces_are_one_kind_of_work() -> Result {
    let folder = Folder::new("joined")?;
    // Two regimes, an hour each at their own times: first 100 tokens, then 1,000.
    let csv = |name: &str, begin: u64, output: u64| {
        let rows = (0..2_000).map(|number| format!("{},10,{output}\n", begin + 10 * number));
        folder.file(name, &format!("when,prompt,answer\n{}", rows.collect::<String>()))
    };
    let (one, two) = (csv("one.csv", 700, 100)?, csv("two.csv", 5, 1_000)?);
    let columns = ["--trace-kind", "generic", "--columns", "time=when,input=prompt,output=answer"];
    let more = ["--trace", two.to_str().ok_or("a path")?, "--join", "--prepaid-share", "1000"];
    let run = |more: &[&str]| folder.report(&one, "plain", &[&columns[..], more].concat());
    let ceiling = run(&[&more[..], &["--speed", "real"]].concat())?;
    let wanted = serde_json::json!({ "trace": "one.csv + two.csv", "requests": 4_000, "coverage": 1.0 });
    ceiling.assert_fields(&wanted);
    // The second regime is not known when it begins, and soon is.
    let report = run(&[&more[..], &["--hold", "forecast"]].concat())?;
    let figure = |field: &str| report.0[field].as_f64().ok_or("no figure");
    assert!((0.93..1.0).contains(&figure("worst_window_coverage")?), "{report:?}");
    assert!(figure("over_hold_ratio")? < 2.5, "{report:?}");
    // Replayed each for itself, neither has anything new in it.
    let more = ["--trace", two.to_str().ok_or("a path")?, "--prepaid-share", "1000", "--hold", "forecast"];
    let output = folder.run(&one, "plain", &[&columns[..], &more, &["--json"]].concat())?;
    for line in String::from_utf8(output.stdout)?.lines() {
        assert_eq!(serde_json::from_str::<Value>(line)?["worst_window_coverage"], 1.0, "{line}");
    }
    Ok(())
}

#[test]
fn the_plot_is_drawn_beside_the_report() -> Result {
    let folder = Folder::new("plot")?;
    let requests = many(400).into_iter().zip(0..);
    let trace = generic(
        &folder,
        requests.map(|((client, input, output), number)| {
            (7 * number, if client % 2 == 0 { "ana" } else { "bob" }, input, output)
        }),
    )?;
    let file = folder.0.join("plot.svg");
    let plot = ["--plot", file.to_str().ok_or("a path")?, "--prepaid-share", "1000"];
    folder.report(&trace, "plain", &[&COLUMNS[..], &plot].concat())?.check(400, false)?;
    let svg = std::fs::read_to_string(&file)?;
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    // A curve of six coverages and the point of the ceiling; each way of holding over time; and their names.
    assert_eq!(svg.matches("<circle").count(), 7, "{svg}");
    for text in ["0.9", "0.999", "declared", "generic.csv", "ceiling", "forecast", "grow", "USD"] {
        assert!(svg.contains(&format!(">{text}</text>")), "{text} is not in {svg}");
    }
    // It is read on light and on dark ground, and put into a page of Markdown as it is.
    assert!(svg.contains("currentColor") && !svg.contains("#000000") && !svg.contains("#FFFFFF"), "{svg}");
    assert!(!svg.contains("\n\n") && svg.len() < 20_000, "{}", svg.len());
    // What it cannot be written to is named, after the report.
    let more = [&COLUMNS[..], &["--plot", folder.0.to_str().ok_or("a path")?]].concat();
    let output = folder.run(&trace, "plain", &more)?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("cannot write"));
    Ok(())
}

#[test]
fn the_promises_hold_on_the_real_traces() -> Result {
    let Some(data) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with the traces and litellm_prices.json");
        return Ok(());
    };
    let data = Path::new(&data);
    let prices = data.join("litellm_prices.json");
    for (name, requests) in [
        ("azure2023_conv.csv", 19_366),
        ("azure2023_code.csv", 8_819),
        ("mooncake_fast25_conversation.jsonl", 12_031),
        ("servegen_r1_24h.csv", 41_613),
        ("servegen_msmall_24h.csv", 43_011),
        ("vidur_arxiv_summarization.csv", 28_257),
    ] {
        let trace = data.join(name);
        let run = |more: &[&str]| -> Result<Report> {
            let files =
                [OsStr::new("--trace"), trace.as_os_str(), OsStr::new("--prices"), prices.as_os_str()];
            let more = more.iter().copied().chain(["--model", "gpt-4o", "--threads", "4", "--json"]);
            let output = replay(files.into_iter().chain(more.map(OsStr::new)))?;
            println!("{name} {}", String::from_utf8_lossy(&output.stdout).trim());
            Report::of(&output)
        };
        run(&[])?.check(requests, false)?;
        run(&["--cut"])?.check(requests, true)?;
        // Held for less than the work takes, so that there is something to cut and something beyond the holds.
        run(&["--max-output", "64"])?.check(requests, false)?;
        run(&["--max-output", "64", "--cut"])?.check(requests, true)?;
        assert!(!run(&["--self-test"])?.amount("overspend")?.is_zero(), "{name}");
    }
    Ok(())
}

/// Replays real traces by gpt-4o's prices, if their folder is known: a report for each, or one for all that are joined.
fn real(traces: &[&str], more: &str) -> Result<Option<Vec<Report>>> {
    let Some(data) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with the traces and litellm_prices.json");
        return Ok(None);
    };
    let data = Path::new(&data);
    let mut args: Vec<std::ffi::OsString> = vec!["--prices".into(), data.join("litellm_prices.json").into()];
    for trace in traces {
        args.extend(["--trace".into(), data.join(trace).into()]);
    }
    args.extend("--model gpt-4o --max-output longest --json".split(' ').map(Into::into));
    args.extend(more.split(' ').map(Into::into));
    let output = replay(args)?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    println!("{more}\n{out}");
    assert!(output.status.success(), "{err}");
    Ok(Some(out.lines().map(|line| Ok(Report(serde_json::from_str(line)?))).collect::<Result<_>>()?))
}

const TRACES: [&str; 6] = [
    "azure2023_conv.csv",
    "azure2023_code.csv",
    "mooncake_fast25_conversation.jsonl",
    "vidur_arxiv_summarization.csv",
    "servegen_r1_24h.csv",
    "servegen_msmall_24h.csv",
];

/// What is stated of accounts that are prepaid for half of what they ask for.
#[test]
fn hardly_anybody_who_could_pay_is_refused_on_the_real_traces() -> Result {
    for holding in ["forecast", "grow"] {
        let more = format!("--hold {holding} --shrink 25 --cut");
        let Some(reports) = real(&TRACES, &more)? else { return Ok(()) };
        for (report, most_false) in reports.iter().zip([0.005, 0.005, 0.005, 0.005, 0.025, 0.025]) {
            let count =
                |field: &str| Ok::<_, Box<dyn Error>>(f64::from(u32::try_from(report.count(field)?)?));
            assert!(count("false_refusals")? <= most_false * count("requests")?, "{report:?}");
            assert!(count("cut")? <= 0.03 * count("admitted")?, "{report:?}");
            assert!(report.0["stranded"].as_f64().is_some_and(|share| share <= 0.001), "{report:?}");
            assert!(report.amount("overspend")?.is_zero() && report.amount("uncollected")?.is_zero());
        }
    }
    Ok(())
}

/// What is stated of holds that grow.
#[test]
fn growing_holds_are_little_more_than_what_is_used_on_the_real_traces() -> Result {
    let Some(reports) = real(&TRACES, "--hold grow --prepaid-share 1000")? else { return Ok(()) };
    for (report, most) in reports.iter().zip([1.25, 1.6, 1.3, 2.1, 1.65, 2.1]) {
        let figure = |field: &str| report.0[field].as_f64().ok_or("no figure");
        assert!(figure("over_hold_ratio")? <= most, "{report:?}");
        assert!(figure("extensions_per_request")? <= 0.6, "{report:?}");
        report.assert_fields(&serde_json::json!({ "refused": 0, "cut": 0, "coverage": 1.0 }));
    }
    Ok(())
}

/// What is stated of work that changes under one key.
#[test]
fn a_forecast_follows_a_change_of_the_work_on_the_real_traces() -> Result {
    let Some(reports) = real(&TRACES, "--hold forecast --prepaid-share 1000 --join")? else { return Ok(()) };
    let [report] = &reports[..] else { return Err("not one report".into()) };
    assert_eq!(report.count("requests")?, 153_097);
    assert!(report.0["worst_window_coverage"].as_f64().is_some_and(|share| share >= 0.93), "{report:?}");
    Ok(())
}

/// What is stated of forecasts: with the settings that they have by default, on every trace.
#[test]
fn forecasts_keep_their_coverage_on_the_real_traces() -> Result {
    let Some(data) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with the traces and litellm_prices.json");
        return Ok(());
    };
    let data = Path::new(&data);
    let prices = data.join("litellm_prices.json");
    let mut product = 1.0;
    let traces = [
        ("azure2023_conv.csv", 8.8, 1.60),
        ("azure2023_code.csv", 8.5, 1.60),
        ("mooncake_fast25_conversation.jsonl", 2.1, 1.30),
        ("vidur_arxiv_summarization.csv", 5.1, 2.10),
        ("servegen_r1_24h.csv", 16.6, 3.75),
        ("servegen_msmall_24h.csv", 65.0, 2.10),
    ];
    for (name, declared, most) in traces {
        let trace = data.join(name);
        let run = |holding: &str| -> Result<Report> {
            let files =
                [OsStr::new("--trace"), trace.as_os_str(), OsStr::new("--prices"), prices.as_os_str()];
            let more = ["--model", "gpt-4o", "--prepaid-share", "1000", "--max-output", "longest", "--json"];
            let more = more.into_iter().chain(["--speed", "real", "--hold", holding]).map(OsStr::new);
            let output = replay(files.into_iter().chain(more))?;
            println!("{name} {holding} {}", String::from_utf8_lossy(&output.stdout).trim());
            Report::of(&output)
        };
        let (forecast, ceiling) = (run("forecast")?, run("ceiling")?);
        let ratio = |report: &Report, field: &str| report.0[field].as_f64().ok_or("no ratio");
        assert!(ratio(&forecast, "coverage")? >= 0.99, "{name}");
        assert!(ratio(&forecast, "worst_window_coverage")? >= 0.975, "{name}");
        assert!(ratio(&forecast, "over_hold_ratio")? <= most, "{name}");
        let ceiling_ratio = ratio(&ceiling, "over_hold_ratio")?;
        assert!((ceiling_ratio / declared - 1.0).abs() < 0.01, "{name} {ceiling_ratio}");
        let less = forecast.amount("mean_locked")?.checked_cmp(ceiling.amount("mean_locked")?)?;
        assert!(less == Ordering::Less && ratio(&ceiling, "coverage")? >= 1.0, "{name}");
        product *= ratio(&forecast, "over_hold_ratio")?;
    }
    let mean = f64::powf(product, 1.0 / 6.0);
    println!("geometric mean of the over-hold ratios: {mean:.3}");
    assert!(mean <= 1.90, "{mean}");
    Ok(())
}
