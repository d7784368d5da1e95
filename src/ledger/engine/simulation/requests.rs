//! Random commands.

use std::time::Duration;

use crate::amount::Unit;
use crate::cap::{Cap, Caps};
use crate::clock::Timestamp;
use crate::content::Content;
use crate::entry::{ChargeRef, Operation};
use crate::grant::GrantTerms;
use crate::hold::{LateCapture, OverCapture};
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::engine::command::Work;
use crate::ledger::engine::simulation::random::Random;
use crate::ledger::request::{
    CaptureMode, CaptureRequest, FindRequest, HoldRequest, PostKind, PostRequest, ResizeRequest, VoidRequest,
};
use crate::period::Period;

pub(super) fn unit() -> Unit {
    Unit::new("USD", 6).unwrap()
}

/// Who asks for what, for one account.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) account: AccountId,
    /// How far below zero its requests may go.
    pub(super) debt: i64,
    /// How many keys were used.
    keys: u64,
}

impl Asker {
    pub(super) const fn new(account: AccountId, debt: i64) -> Self {
        Self { account, debt, keys: 0 }
    }

    /// A new key, or one of the latest.
    fn key(&mut self, random: &mut Random, new: bool) -> IdempotencyKey {
        self.keys += u64::from(new);
        let number = self.keys.saturating_sub(if new { 0 } else { random.below(6) });
        format!("k{number}").parse().unwrap()
    }

    /// A command at about `now`. Whoever uses a key again asks for the same.
    pub(super) fn work(&mut self, random: &mut Random, now: Timestamp) -> Work {
        let choice = random.below(100);
        let new = matches!(choice, 0..24 | 60..76);
        let key = self.key(random, new);
        let account = self.account.clone();
        let amount = unit().minor(random.signed(60));
        let debt = unit().minor(if random.one_in(2) { self.debt } else { 0 });
        let same = || Content::new([("work", "same")]).unwrap();
        match choice {
            0..30 => Work::Hold(
                HoldRequest::new(account, key, amount)
                    .with_lifetime(Duration::from_millis(1 + random.below(30)))
                    .with_grace(Duration::from_micros(random.below(20_000)))
                    .with_debt_limit(debt)
                    .with_caps(caps(random))
                    .with_content(same()),
            ),
            30..36 => {
                let mut request = ResizeRequest::new(account, key, 1).with_total(amount);
                if random.one_in(2) {
                    request = request.with_lifetime(Duration::from_millis(1 + random.below(50)));
                }
                Work::Resize(request)
            }
            36..50 => {
                let mode = [CaptureMode::Final, CaptureMode::Partial][random.index(2)];
                let over = [OverCapture::Reject, OverCapture::UpToAvailable, OverCapture::Debt];
                let late = [LateCapture::Reject, LateCapture::IfAvailable, LateCapture::Debt];
                Work::Capture(
                    CaptureRequest::new(account, key, amount)
                        .with_mode(mode)
                        .with_over(over[random.index(3)])
                        .with_late(late[random.index(3)])
                        .with_debt_limit(debt),
                )
            }
            50..55 => Work::Void(VoidRequest::new(account, key)),
            55..70 => {
                let terms = terms(random, now);
                let amount = unit().minor(1 + random.signed(80));
                let post = PostRequest::new(account, key, PostKind::Credit(terms), amount);
                Work::Post(post.with_content(same()))
            }
            70..80 => {
                let post = PostRequest::new(account, key, PostKind::Charge, amount);
                Work::Post(post.with_debt_limit(debt).with_caps(caps(random)).with_content(same()))
            }
            80..84 => {
                let of = self.key(random, false);
                let of = if random.one_in(2) { ChargeRef::Hold(of) } else { ChargeRef::Charge(of) };
                let amount = unit().minor(1 + random.signed(10));
                Work::Post(PostRequest::new(account, key, PostKind::refund(of), amount).with_content(same()))
            }
            84 => {
                let amount = unit().minor(random.around_zero(20));
                Work::Post(PostRequest::new(account, key, PostKind::Adjustment, amount).with_content(same()))
            }
            85..92 => {
                let operation = [Operation::Hold, Operation::Charge, Operation::Credit][random.index(3)];
                Work::Find(FindRequest { account, operation, key })
            }
            92..97 => Work::Read,
            _ => Work::Sweep { limit: 1 + u32::try_from(random.below(5)).unwrap() },
        }
    }
}

fn caps(random: &mut Random) -> Caps {
    let cap = |scope: &str, period, limit| Cap::new(scope.parse().unwrap(), period, unit().minor(limit));
    let minute = Period::rolling(Duration::from_secs(60)).unwrap();
    match random.below(10) {
        0 => Caps::new([cap("key", Period::day(), 400), Cap::counting("team".parse().unwrap(), minute)])
            .unwrap(),
        1 => Caps::new([cap("user", minute, 100)]).unwrap(),
        _ => Caps::NONE,
    }
}

fn terms(random: &mut Random, now: Timestamp) -> GrantTerms {
    let mut later = |most: u64| now.saturating_add(Duration::from_micros(1_000 + random.below(most)));
    let (soon, then) = (later(20_000), later(60_000));
    match random.below(8) {
        0 => GrantTerms::promotional().ending_at(then),
        1 => GrantTerms::included().with_label("plan".parse().unwrap()).renewing_up_to(unit().minor(300)),
        2 => GrantTerms::promotional()
            .starting_at(soon)
            .ending_at(then.saturating_add(Duration::from_millis(20))),
        3 => GrantTerms::paid().with_priority(7).ending_at(then),
        4 => {
            let minute = Period::rolling(Duration::from_secs(60)).unwrap();
            GrantTerms::courtesy("finish".parse().unwrap(), minute)
        }
        _ => GrantTerms::paid(),
    }
}
