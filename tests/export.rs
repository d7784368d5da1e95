//! Exports of random histories, read back: by parsers of another make, and by hledger.
//!
//! `PROPTEST_CASES` sets how many histories are tried. hledger is looked for on the PATH, or is what `BILLING_GUARD_HLEDGER`
//! names; without it its tests say that they are skipped, and fail with `CI=true` or `BILLING_GUARD_REQUIRE_HLEDGER=1`.

#[path = "export/history.rs"]
mod history;
#[path = "export/journal.rs"]
mod journal;
#[path = "export/lines.rs"]
mod lines;
#[path = "export/rows.rs"]
mod rows;

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

/// The program by its name or by what a variable names instead; `None`, said aloud, if it is not here.
fn tool(name: &str, variable: &str, required: &str) -> Option<String> {
    let program = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    let works = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    assert!(!set("CI", "true") && !set(required, "1"), "{name} is needed here: install it or set {variable}");
    // Not by a macro, which a passing test shows to nobody.
    let _ = writeln!(io::stderr(), "SKIPPED: no {name} here (install it, or set {variable})");
    None
}

/// Runs a program with this input.
fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // It may stop reading before the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}
