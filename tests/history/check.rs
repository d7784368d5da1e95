//! Whether a history is one that a ledger which keeps the contract could have.

use std::collections::HashMap;

use billing_guard::{
    BalanceRequest, ChargeRef, CountersRequest, FindRequest, HoldsRequest, IdempotencyKey, LedgerError,
    Order, PostKind, StatementRequest, Timestamp, wait,
};

use crate::naive::{self, Account};
use crate::record::{History, Operation, Record, account, unit};
use crate::views::{self, micros, minor};

/// What was checked.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) operations: usize,
    pub(crate) changes: usize,
    pub(crate) replays: usize,
    pub(crate) refusals: usize,
    pub(crate) reads: usize,
    /// Releases of holds, starts and ends of credit.
    pub(crate) in_time: usize,
    /// Refusals that carry no number but the hold as it stood: looked for among the hold's states.
    pub(crate) by_state: usize,
    /// Refusals that carry neither: checked against what was known before and after.
    pub(crate) by_time: usize,
}

pub(crate) fn check(history: &History) -> Result<Checked, String> {
    let mut checked = Checked { operations: history.records.len(), ..Checked::default() };
    let mut of_account: Vec<Vec<&Record>> = vec![Vec::new(); history.accounts];
    for record in &history.records {
        of_account[record.account].push(record);
    }
    for (number, records) in of_account.into_iter().enumerate() {
        let mut replay = Replay::new(history, &mut checked);
        replay.account(records).map_err(|wrong| format!("account {number}: {wrong}"))?;
        let model = replay.model;
        end(history, number, model).map_err(|wrong| format!("account {number} at the end: {wrong}"))?;
    }
    Ok(checked)
}

/// A hold may list the counters of a rolling period that it was counted in, or no longer, once they have left it.
trait MayList {
    fn leave_out_what_is_over(&mut self, now: i128);
}

impl MayList for naive::Hold {
    fn leave_out_what_is_over(&mut self, now: i128) {
        let stamp = |moment: i128| Timestamp::from_micros(i64::try_from(moment).unwrap());
        let is_over = |place: &naive::Place| {
            place.period.is_rolling() && place.period.leaves_at(stamp(place.start)) <= stamp(now)
        };
        self.counted.retain(|counted| !is_over(&counted.place));
    }
}

impl MayList for naive::Captured {
    fn leave_out_what_is_over(&mut self, _: i128) {}
}

impl MayList for naive::Entry {
    fn leave_out_what_is_over(&mut self, _: i128) {}
}

/// One account on the model.
struct Replay<'a> {
    history: &'a History,
    checked: &'a mut Checked,
    model: Account,
    /// The hold's states that refusals without a number said they saw, by key and revision.
    awaited: HashMap<(IdempotencyKey, u32), Vec<naive::Hold>>,
}

impl<'a> Replay<'a> {
    fn new(history: &'a History, checked: &'a mut Checked) -> Self {
        Self { history, checked, model: Account::default(), awaited: HashMap::new() }
    }

    fn account(&mut self, records: Vec<&Record>) -> Result<(), String> {
        let (mut placed, unplaced): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.seq().is_some());
        for record in unplaced {
            self.await_state(record)?;
        }
        // Where it belongs: a change before everything that was decided on it.
        placed.sort_by_key(|record| (record.seq(), !record.is_change(), record.phase));
        // Real time: whoever comes later in the order was not answered before anyone earlier was asked.
        let (mut latest_asked, mut at) = (0, 0);
        while at < placed.len() {
            let place = (placed[at].seq(), placed[at].is_change());
            let group: Vec<&&Record> = placed[at..]
                .iter()
                .take_while(|record| (record.seq(), record.is_change()) == place)
                .collect();
            if place.1 && group.len() > 1 {
                return Err(format!("number {place:?} was given twice"));
            }
            for record in &group {
                if record.responded < latest_asked {
                    return Err(format!(
                        "{place:?} was answered before something earlier was asked: real time"
                    ));
                }
            }
            latest_asked = group.iter().map(|record| record.invoked).fold(latest_asked, u64::max);
            for record in &group {
                self.step(record)?;
            }
            at += group.len();
        }
        match self.awaited.iter().find(|(_, left)| !left.is_empty()) {
            Some((key, left)) => Err(format!("{key:?} never was {:?}", left[0])),
            None => Ok(()),
        }
    }

    fn step(&mut self, record: &Record) -> Result<(), String> {
        let now = micros(self.history.times[record.phase]);
        let seq = record.seq();
        let before = self.model.seq;
        let (released, booked) = self.model.due(now);
        self.checked.in_time += usize::try_from(self.model.seq - before).unwrap();
        debug_assert_eq!(u64::from(released) + u64::from(booked), self.model.seq - before);
        if released > 0 {
            let keys: Vec<IdempotencyKey> = self.awaited.keys().map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| self.settle(record.account, key, now));
        }
        let due = self.model.seq;
        macro_rules! compare {
            ($request:expr, $answer:expr, $method:ident, $view:expr) => {{
                let mut answer = views::answer($answer, $view);
                let expected = self.model.$method($request, now);
                let mut expected = views::told(&answer, expected);
                for yes in [&mut answer, &mut expected].into_iter().flatten() {
                    yes.value.leave_out_what_is_over(now);
                }
                if answer != expected {
                    return Err(format!(
                        "{:?} was answered\n{answer:?}, the model says\n{expected:?}",
                        $request
                    ));
                }
                match &expected {
                    Ok(yes) if yes.replay => self.checked.replays += 1,
                    Ok(yes) => {
                        self.checked.changes += 1;
                        // What it freed of credit that has ended was booked right after it.
                        self.checked.in_time += usize::try_from(self.model.seq - yes.seq).unwrap();
                        if Some(yes.seq) != seq || yes.seq != due + 1 {
                            return Err(format!("change {} is said to be {seq:?}", due + 1));
                        }
                    }
                    Err(_) => self.checked.refusals += 1,
                }
            }};
        }
        match &record.operation {
            Operation::Hold(request, answer) => compare!(request, answer, hold, views::hold),
            Operation::Resize(request, answer) => compare!(request, answer, resize, views::hold),
            Operation::Capture(request, answer) => compare!(request, answer, capture, views::captured),
            Operation::Void(request, answer) => compare!(request, answer, void, views::hold),
            Operation::Post(request, answer) => compare!(request, answer, post, views::entry),
            Operation::Balance(balance) => {
                self.checked.reads += 1;
                let shown = (minor(balance.posted()), minor(balance.held()), minor(balance.plain()));
                let expected = (self.model.posted(), self.model.held(), self.model.plain());
                let grants: Vec<naive::Grant> = balance.grants().iter().map(views::grant).collect();
                if shown != expected || grants != self.model.grants() || seq != Some(self.model.seq) {
                    let (model, at) = (self.model.grants(), self.model.seq);
                    return Err(format!(
                        "a balance of {shown:?} at {seq:?}, the model says {expected:?} at {at}; grants\n{grants:?}, the model says\n{model:?}"
                    ));
                }
            }
            Operation::Sweep => {}
        }
        if !record.is_change() && seq != Some(self.model.seq) {
            return Err(format!("decided on {seq:?}, which is {} here", self.model.seq));
        }
        let key = match &record.operation {
            Operation::Hold(request, _) => &request.key,
            Operation::Resize(request, _) => &request.key,
            Operation::Capture(request, _) => &request.key,
            Operation::Void(request, _) => &request.key,
            Operation::Post(request, _) => match &request.kind {
                PostKind::Refund { of: ChargeRef::Hold(key), .. } => key,
                _ => return Ok(()),
            },
            Operation::Balance(_) | Operation::Sweep => return Ok(()),
        };
        self.settle(record.account, key, now);
        Ok(())
    }

    /// The state that a hold has now is no longer awaited.
    fn settle(&mut self, number: usize, key: &IdempotencyKey, now: i128) {
        let request = FindRequest::hold(account(number), key.clone());
        if let (Some(mut hold), _) = self.model.look_up(&request)
            && let Some(awaited) = self.awaited.get_mut(&(key.clone(), hold.rev))
        {
            hold.leave_out_what_is_over(now);
            awaited.retain(|seen| {
                let mut seen = seen.clone();
                seen.leave_out_what_is_over(now);
                seen != hold
            });
        }
    }

    /// Notes what a refusal without a number said.
    fn await_state(&mut self, record: &Record) -> Result<(), String> {
        fn error<T>(answer: &Result<T, LedgerError>) -> Option<&LedgerError> {
            answer.as_ref().err()
        }
        let error = match &record.operation {
            Operation::Hold(_, answer) | Operation::Resize(_, answer) | Operation::Void(_, answer) => {
                error(answer)
            }
            Operation::Capture(_, answer) => error(answer),
            Operation::Post(_, answer) => error(answer),
            Operation::Balance(_) | Operation::Sweep => None,
        };
        let Some(error) = error else { return Ok(()) };
        self.checked.refusals += 1;
        match error {
            LedgerError::HoldClosed(hold)
            | LedgerError::Superseded(hold)
            | LedgerError::HoldExpired(hold) => {
                self.checked.by_state += 1;
                let hold = views::hold(hold);
                let key = (hold.key.clone(), hold.rev);
                self.awaited.entry(key).or_default().push(hold);
            }
            LedgerError::UnknownHold
            | LedgerError::UnknownCharge
            | LedgerError::KeyConflict { .. }
            | LedgerError::OverCapture { .. }
            | LedgerError::BelowCaptured { .. }
            | LedgerError::RefundTooLarge { .. }
            | LedgerError::Invalid { .. }
            | LedgerError::CourtesyGiven { .. } => self.checked.by_time += 1,
            other => return Err(format!("nothing here can be answered {other:?}")),
        }
        Ok(())
    }
}

/// Everything that can be read at the end is the model's.
fn end(history: &History, number: usize, mut model: Account) -> Result<(), String> {
    let (ledger, id) = (&history.ledger, account(number));
    model.due(micros(*history.times.last().unwrap()));
    let balance = wait(ledger.balance(BalanceRequest::new(id.clone(), unit()))).unwrap();
    let shown =
        (minor(balance.posted()), minor(balance.held()), balance.seq(), balance.open_holds() as usize);
    let expected = (model.posted(), model.held(), model.seq, model.open_holds());
    if shown != expected {
        return Err(format!("the balance is {shown:?}, the model says {expected:?}"));
    }
    let mut request = StatementRequest::new(id.clone()).with_order(Order::OldestFirst).with_limit(1_000);
    let mut index = 0;
    loop {
        let page = wait(ledger.statement(request.clone())).unwrap();
        for entry in page.entries() {
            let (mut entry, mut expected) = (views::entry(entry), model.entry(index));
            if entry.operation == billing_guard::Operation::Time {
                // Whoever came first has booked it, and not everybody's answer says when that was.
                (entry.booked_at, expected.booked_at) = (0, 0);
            }
            if entry != expected {
                return Err(format!("entry {index} is\n{entry:?}, the model says\n{expected:?}"));
            }
            index += 1;
        }
        let Some(next) = page.next() else { break };
        request = request.with_after(next);
    }
    if index != model.entries.len() {
        return Err(format!("{index} entries, the model has {}", model.entries.len()));
    }
    let page = wait(ledger.holds(HoldsRequest::new(id.clone()).with_limit(1_000))).unwrap();
    let holds: Vec<naive::Hold> = page.holds().iter().map(views::hold).collect();
    let expected: Vec<naive::Hold> = model.open().take(holds.len().max(1)).collect();
    if page.next().is_none() && holds != expected {
        return Err(format!("open holds {holds:#?}, the model says {expected:#?}"));
    }
    let page = wait(ledger.counters(CountersRequest::new(id).with_limit(1_000))).unwrap();
    for counter in page.counters() {
        let (place, count) = views::counter(counter);
        let expected = model.counters().into_iter().find(|(known, ..)| *known == place);
        if expected.as_ref().map(|(_, count, _)| *count) != Some(count) {
            return Err(format!("counter {place:?} is {count:?}, the model says {expected:?}"));
        }
    }
    Ok(())
}
