//! What a core makes of stores that answer oddly. What it makes of hostile ones is the simulation's business.

use std::sync::{Arc, Mutex};

use super::*;
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::ledger::engine::command::Work;
use crate::ledger::request::{PostKind, PostRequest};
use crate::ledger::rules::AccountState;
use crate::ledger::store::asks::Snapshot;
use crate::ledger::store::records::{AccountRecord, FORMAT, Version};
use crate::ledger::store::sets::Outcome;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

type Answers = Arc<Mutex<Vec<Result<Answer, LedgerError>>>>;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn core() -> Core {
    Core::new(Stamps::seeded(1), CoreLimits::DEFAULT, false)
}

/// Submits a top-up with this key to an account.
fn top_up(core: &mut Core, account: &str, key: &str) -> Answers {
    let answers = Answers::default();
    let theirs = Arc::clone(&answers);
    let account = AccountId::new(account).unwrap();
    let request =
        PostRequest::new(account.clone(), key.parse().unwrap(), PostKind::top_up(), usd().minor(100));
    let reply = Box::new(move |answer| theirs.lock().unwrap().push(answer));
    core.submit(0, Command { account, work: Work::Post(request), deadline: 1_000, reply });
    answers
}

fn answered(answers: &Answers) -> Vec<Result<Answer, LedgerError>> {
    std::mem::take(&mut answers.lock().unwrap())
}

fn is_unavailable(answers: &Answers) -> bool {
    matches!(answered(answers).as_slice(), [Err(LedgerError::Unavailable { .. })])
}

#[test]
fn a_record_of_a_newer_format_is_not_written_over() {
    let mut core = core();
    let answers = top_up(&mut core, "a", "t");
    assert_eq!(core.next_load(0, NOW).unwrap().len(), 1);
    let version = Version { commits: 3, stamp: Stamps::seeded(2).next() };
    let state = AccountState { seq: 3, ..AccountState::empty(usd()) };
    let account = Some(AccountRecord { state, version, format: FORMAT + 1 });
    core.loaded(0, Duration::ZERO, Ok(vec![Snapshot { account, ..Snapshot::default() }]));
    assert!(core.next_commit(0, NOW).is_none());
    assert!(is_unavailable(&answers));
    assert!(core.is_idle());
}

#[test]
fn a_store_that_says_too_little_has_not_said_that_nothing_was_done() {
    let mut core = core();
    let answers = [top_up(&mut core, "a", "t"), top_up(&mut core, "b", "t")];
    assert_eq!(core.next_load(0, NOW).unwrap().len(), 2);
    // One snapshot of two: the other account is not loaded.
    core.loaded(0, Duration::ZERO, Ok(vec![Snapshot::default()]));
    assert!(is_unavailable(&answers[1]));
    assert_eq!(core.next_commit(0, NOW).unwrap().len(), 1);
    // No outcome of one: it may have been applied, so that is found out.
    core.committed(0, Duration::ZERO, Vec::new());
    assert_eq!(answered(&answers[0]), []);
    let ask = core.next_load(0, NOW).unwrap();
    assert_eq!(ask[0].entries.len(), 1);
    // It was not; a fence makes sure, and only then it is decided again.
    core.loaded(0, Duration::ZERO, Ok(vec![Snapshot::default()]));
    let fence = core.next_commit(0, NOW).unwrap();
    assert_eq!((fence[0].new_entries.len(), fence[0].put.seq()), (0, 0));
    core.committed(0, Duration::ZERO, vec![Outcome::Applied]);
    let account = Some(fence[0].put.clone());
    assert_eq!(core.next_load(0, NOW).unwrap().len(), 1);
    core.loaded(0, Duration::ZERO, Ok(vec![Snapshot { account, ..Snapshot::default() }]));
    let again = core.next_commit(0, NOW).unwrap();
    assert_eq!((again[0].expected, again[0].new_entries.len()), (Some(fence[0].put.version()), 1));
    core.committed(0, Duration::ZERO, vec![Outcome::Applied]);
    assert!(matches!(answered(&answers[0]).as_slice(), [Ok(Answer::Entry(applied))] if !applied.is_replay()));
    assert!(core.is_idle());
}

#[test]
fn what_is_asked_while_a_commit_is_on_its_way_waits_for_the_next() {
    let mut core = core();
    let first = top_up(&mut core, "a", "t1");
    core.next_load(0, NOW).unwrap();
    core.loaded(0, Duration::ZERO, Ok(vec![Snapshot::default()]));
    let set = core.next_commit(0, NOW).unwrap();
    let more: Vec<Answers> = (2..50).map(|number| top_up(&mut core, "a", &format!("t{number}"))).collect();
    assert!(core.next_commit(0, NOW).is_none());
    core.committed(0, Duration::ZERO, vec![Outcome::Applied]);
    assert_eq!(answered(&first).len(), 1);
    // Together, and on what the first one left.
    let next = core.next_commit(0, NOW).unwrap();
    assert_eq!((next[0].expected, next[0].new_entries.len()), (Some(set[0].put.version()), 48));
    assert_eq!(next[0].put.seq(), 49);
    core.committed(0, Duration::ZERO, vec![Outcome::Applied]);
    assert!(more.iter().all(|answers| answered(answers).len() == 1));
}
