//! Who may know whom: every `crate::` path in `src/` must follow the architecture that CONTRIBUTING describes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The plain data everything else is made of.
const VALUES: &[&str] = &[
    "account", "amount", "cap", "captured", "clock", "content", "entry", "few", "grant", "hold", "id",
    "limits", "link", "notice", "period", "runway", "sync", "text", "told", "usage",
];
/// What everybody may know of the ledger: the trait, its requests, replies and futures.
const CONTRACT: &[&str] = &["ledger", "ledger::future", "ledger::reply", "ledger::request"];

/// Each part (the longest prefix of a module's path counts) and what it may know beside the values and itself.
fn allowed(part: &str) -> Vec<&'static str> {
    let contract_and = |more: &[&'static str]| CONTRACT.iter().chain(more).copied().collect::<Vec<_>>();
    match part {
        "lib" => vec!["*"],
        values if VALUES.contains(&values) => vec![],
        "error" => vec![],
        "manual" => vec![],
        "ledger" => contract_and(&["error"]),
        "audit" => contract_and(&["error"]),
        "ledger::rules" => vec!["error", "ledger::request"],
        "ledger::store" => contract_and(&["audit", "error", "ledger::rules", "record"]),
        "store" => vec!["ledger::store", "record"],
        "record" => vec![],
        "ledger::engine" => contract_and(&["error", "ledger::rules", "ledger::store"]),
        "ledger::memory" => contract_and(&["error", "ledger::rules"]),
        "ledger::sqlite" => vec!["ledger::request", "ledger::rules", "ledger::store", "record"],
        "price" => vec![],
        "receipt" => vec!["price"],
        "export" => vec!["record"],
        "spending" => vec!["ledger::request", "ledger::reply"],
        "forecast" => vec!["spending"],
        "policy" => vec!["error"],
        "refusal" => vec!["error", "forecast", "spending"],
        "top_up" => vec!["error", "forecast", "refusal"],
        "messages" => vec!["error", "forecast", "refusal", "spending"],
        "render" => vec!["error", "forecast", "refusal", "receipt", "messages", "spending"],
        "testing" => contract_and(&["error"]),
        // It knows a ledger only as what it is given.
        "conformance" => contract_and(&["audit", "error"]),
        // Tests of the suite: a second ledger, with the rules, and ways to break it.
        "conformance::broken" => contract_and(&["conformance", "error", "ledger::rules"]),
        // The one place where the guard names a ledger, so that a first trial is one line.
        "guard::in_memory" => vec!["guard", "price", "ledger::memory"],
        "guard" => contract_and(&[
            "error", "forecast", "messages", "price", "policy", "receipt", "refusal", "render", "spending",
        ]),
        other => panic!("{other} has no place in the architecture: add it here and to CONTRIBUTING.md"),
    }
}

/// Crates that only some parts may use.
const CRATES: &[(&str, &[&str])] = &[
    ("http", &["link", "render"]),
    ("rust_decimal", &["amount", "price"]),
    ("serde_json", &["export", "price", "record", "render"]),
    ("rusqlite", &["ledger"]),
    ("rustix", &["ledger"]),
];

fn parts() -> Vec<&'static str> {
    let named = [
        "lib",
        "error",
        "manual",
        "audit",
        "ledger",
        "ledger::rules",
        "ledger::engine",
        "ledger::memory",
        "ledger::store",
        "ledger::sqlite",
        "store",
        "record",
        "price",
        "receipt",
        "export",
        "spending",
        "forecast",
        "policy",
        "refusal",
        "top_up",
        "messages",
        "render",
        "testing",
        "conformance",
        "conformance::broken",
        "guard::in_memory",
        "guard",
    ];
    named.iter().chain(VALUES).copied().collect()
}

/// The part a module path belongs to.
fn part_of(module: &str) -> &str {
    parts()
        .into_iter()
        .filter(|part| module == *part || module.starts_with(&format!("{part}::")))
        .max_by_key(|part| part.len())
        .unwrap_or(module)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, no tests, which may look behind the walls.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What follows each `crate::` in a piece of code, up to the first item: `ledger::request` of
/// `crate::ledger::request::HoldRequest`.
fn arrows(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            let path: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
            let is_module =
                |segment: &&str| segment.chars().next().is_some_and(char::is_lowercase) && *segment != "self";
            path.split("::").take_while(is_module).collect::<Vec<_>>().join("::")
        })
        .collect()
}

fn wrong_arrows(module: &str, text: &str) -> Vec<String> {
    let from = part_of(module);
    let may_know = allowed(from);
    let code = code(text);
    let mut wrong = Vec::new();
    for target in arrows(&code) {
        let to = part_of(&target);
        let known = may_know.contains(&"*")
            || to == from
            || VALUES.contains(&to)
            || may_know.iter().any(|known| *known == target || (*known == to && to != "ledger"));
        // A path of `crate::Item` would hide the part it leads to.
        if !known {
            wrong.push(format!("{module} -> crate::{target}"));
        }
    }
    for (name, users) in CRATES {
        let used = code.contains(&format!("{name}::"));
        if used && !users.contains(&from.split("::").next().unwrap()) {
            wrong.push(format!("{module} -> {name}"));
        }
    }
    if code.contains("super::super::") {
        wrong.push(format!("{module} -> super::super"));
    }
    wrong
}

#[test]
fn no_module_knows_what_it_should_not() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap().with_extension("");
        let module = relative.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("::");
        if module.ends_with("::tests")
            || module.contains("::interleavings")
            || module.contains("::simulation")
        {
            continue;
        }
        wrong.extend(wrong_arrows(&module, &fs::read_to_string(&file).unwrap()));
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_is_found() {
    assert_eq!(wrong_arrows("render::flat", "use crate::ledger::Ledger;"), ["render::flat -> crate::ledger"]);
    assert_eq!(wrong_arrows("amount", "use crate::error::LedgerError;"), ["amount -> crate::error"]);
    assert_eq!(
        wrong_arrows("guard", "let l = crate::ledger::memory::MemoryLedger::new();"),
        ["guard -> crate::ledger::memory"]
    );
    assert_eq!(
        wrong_arrows("ledger::rules::post", "use crate::price::Tariff;"),
        ["ledger::rules::post -> crate::price"]
    );
    assert_eq!(
        wrong_arrows("conformance::clause_1", "use crate::ledger::memory::MemoryLedger;"),
        ["conformance::clause_1 -> crate::ledger::memory"]
    );
    assert_eq!(wrong_arrows("guard", "use crate::Unit;"), ["guard -> crate::"]);
    assert_eq!(wrong_arrows("guard", "use http::Response;"), ["guard -> http"]);
    assert!(wrong_arrows("guard", "// crate::ledger::memory\nuse crate::ledger::Ledger;").is_empty());
}
