//! A process that writes to a file is killed (`SIGKILL`) again and again, wherever it is: while it opens the file, commits,
//! checkpoints. What it had acknowledged is there, nothing is half done, and each key means what it meant.
//!
//! What the system has not written to disk when the machine stops is another matter: see `tests/power.rs`.
//! `BILLING_GUARD_LONG=1 cargo test --features sqlite --test crash` kills ten times as often.

#![cfg(unix)]

#[allow(dead_code, reason = "faults need more of it")]
#[path = "crash/books.rs"]
mod books;
#[path = "crash/folder.rs"]
mod folder;
#[path = "crash/work.rs"]
mod work;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use billing_guard::SqliteSettings;

use books::{Books, Expected, inspect, open, repeat_acknowledged, repeat_open};
use folder::Folder;
use work::{Notes, Plan, mix, read_notes, work};

/// Tells a child of a test what to do: the file, where its notes go, its seed, and whether it is rash.
const CHILD: &str = "BILLING_GUARD_CRASH_CHILD";

/// Files that live through kills.
const FILES: u64 = 12;
/// Kills of processes that write to one of them.
const ROUNDS: u64 = 20;
/// At a time.
const LANES: usize = 3;

fn long() -> u64 {
    if std::env::var("BILLING_GUARD_LONG").is_ok_and(|value| value == "1") { 10 } else { 1 }
}

/// The work of a child, if this process is one.
fn is_child() -> bool {
    let Ok(given) = std::env::var(CHILD) else { return false };
    let [file, notes, name, seed, rash] = given.split('|').collect::<Vec<_>>()[..] else { panic!("{given}") };
    let plan = Plan {
        name: name.to_owned(),
        seed: seed.parse().unwrap(),
        threads: 6,
        operations: 1_000_000,
        is_rash: rash == "rash",
        in_trouble: false,
    };
    let ledger = open(Path::new(file), SqliteSettings::new()).unwrap();
    work(&ledger, &Notes::open(Path::new(notes)), &plan);
    true
}

/// This test again, as a process of its own that works until it is killed.
fn start(test: &str, file: &Path, notes: &Path, name: &str, seed: u64, is_rash: bool) -> Child {
    let rash = if is_rash { "rash" } else { "careful" };
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact"])
        .env(CHILD, format!("{}|{}|{name}|{seed}|{rash}", file.display(), notes.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends it wherever it is. It must not have ended by itself: then something went wrong in it.
fn kill(mut child: Child) -> Result<(), String> {
    if let Some(status) = child.try_wait().unwrap() {
        return Err(format!("the process ended by itself: {status}"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    Ok(())
}

/// One file, and what its writers noted.
struct Life {
    folder: Folder,
    test: &'static str,
    seed: u64,
    is_rash: bool,
    expected: Expected,
}

impl Life {
    fn new(test: &'static str, seed: u64, is_rash: bool) -> Self {
        Self { folder: Folder::new(), test, seed, is_rash, expected: Expected::default() }
    }

    fn file(&self) -> PathBuf {
        self.folder.file("ledger.db")
    }

    /// One or two processes write, and are killed at some moment between their first instruction and 150 ms later.
    fn round(&mut self, round: u64) -> Result<u64, String> {
        let seed = mix(self.seed ^ (round << 20));
        let count = if seed.is_multiple_of(4) { 2 } else { 1 };
        let names: Vec<String> = (0..count).map(|number| format!("r{round}p{number}")).collect();
        let notes = |name: &String| self.folder.file(name);
        let children: Vec<Child> = names
            .iter()
            .map(|name| start(self.test, &self.file(), &notes(name), name, mix(seed + 1), self.is_rash))
            .collect();
        for (child, number) in children.into_iter().zip(0..) {
            // Seldom so soon that it has hardly opened the file.
            let most = if mix(seed + 2 + number).is_multiple_of(8) { 20_000 } else { 130_000 };
            thread::sleep(Duration::from_micros(mix(seed + 9 + number) % most));
            kill(child)?;
        }
        let mut fresh = Vec::new();
        for name in &names {
            // A process that was killed early may have none.
            let text = std::fs::read_to_string(notes(name)).unwrap_or_default();
            self.expected.add(read_notes(&text));
            fresh.extend(self.expected.of(&format!("{name}-")));
        }
        let file = self.file();
        if !file.exists() {
            return Ok(count);
        }
        inspect(&file)?;
        let ledger = open(&file, SqliteSettings::new())?;
        let books = Books::read(&ledger)?;
        books.hold_all(&self.expected)?;
        fresh.truncate(12);
        if !self.is_rash {
            repeat_acknowledged(&ledger, &fresh)?;
            repeat_open(&ledger, &books, &mut self.expected)?;
        }
        Ok(count)
    }
}

#[test]
fn what_a_killed_process_had_acknowledged_is_there() {
    let test = "what_a_killed_process_had_acknowledged_is_there";
    if is_child() {
        return;
    }
    let (next, kills, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= FILES * long() || !wrong.lock().unwrap().is_empty() {
                        return;
                    }
                    let mut life = Life::new(test, mix(number), false);
                    for round in 0..ROUNDS {
                        match life.round(round) {
                            Ok(count) => drop(kills.fetch_add(count, Ordering::Relaxed)),
                            Err(error) => {
                                let at = life.folder.keep();
                                wrong
                                    .lock()
                                    .unwrap()
                                    .push(format!("file {number}, round {round}, {at}: {error}"));
                                return;
                            }
                        }
                    }
                    acknowledged.fetch_add(life.expected.acknowledged(), Ordering::Relaxed);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (kills, acknowledged) = (kills.into_inner(), acknowledged.into_inner());
    println!("{kills} kills, {acknowledged} operations acknowledged, none lost");
    assert!(kills >= 200, "{kills}");
    assert!(acknowledged > 5_000, "too little to lose: {acknowledged}");
}

/// The proof that the other test can fail: a process that acknowledges before the ledger has answered is found out.
#[test]
fn an_acknowledgement_before_the_answer_is_noticed() {
    let test = "an_acknowledgement_before_the_answer_is_noticed";
    if is_child() {
        return;
    }
    let mut life = Life::new(test, 7, true);
    let lost = (0..40).find_map(|round| life.round(round).err());
    let lost =
        lost.expect("forty processes that acknowledged too early were killed, and nothing was noticed");
    println!("{lost}");
    assert!(lost.contains("lost: "), "{lost}");
}
