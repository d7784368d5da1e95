//! Asking the ledger, and once more after a courtesy where the policy has one for the job.
//!
//! Nothing is atomic across the two accounts, so the order and the keys have to do: the house is charged first, and the
//! customer credited only with what was charged. Both keys name the customer and the period's row that the refusal fell in,
//! so whoever comes next, after a crash or on another node, finds the same charge and the same grant. That must not become
//! a grant whose charge was given back. So the charge is given back only when the grant can never be booked
//! any more under its key: it was refused because a courtesy counts, which it does until the row has ended, and the grant
//! itself ends with the row, from when on the ledger refuses it.

use std::sync::Arc;

use super::Inner;
use super::job::Job;
use crate::account::Applied;
use crate::amount::Amount;
use crate::content::Content;
use crate::entry::ChargeRef;
use crate::error::{LedgerError, ShortReason, Shortfall};
use crate::grant::GrantTerms;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::Ledger;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::Found;
use crate::ledger::request::{FindRequest, PostKind, PostRequest};
use crate::policy::{Courtesy, Enforcement};

/// What was applied, and the courtesy that was given for it.
pub(super) type Asked<T> = (Applied<T>, Option<Amount>);

impl Inner {
    /// Asks the ledger for a change; if the balance is short of it and a courtesy makes up for that, gives it and asks once
    /// more. The first question is asked before this returns, the rest when the future is polled.
    pub(super) fn ask<R: Clone + Send + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        account: &AccountId,
        job: &Job,
        request: R,
        ask: fn(&dyn Ledger, R) -> LedgerFuture<Applied<T>>,
    ) -> LedgerFuture<Asked<T>> {
        let without = |answer: Result<Applied<T>, LedgerError>| answer.map(|applied| (applied, None));
        let enforces = self.policy.enforcement == Enforcement::Enforce;
        let courtesy = self.policy.courtesy.as_ref().filter(|_| job.continues && enforces);
        let Some(courtesy) = courtesy.filter(|courtesy| courtesy.funded_by != *account) else {
            return ask(&*self.ledger, request).map(without);
        };
        let first = match ask(&*self.ledger, request.clone()).into_ready() {
            Ok(Ok(applied)) => return LedgerFuture::ready(without(Ok(applied))),
            Ok(refused) => LedgerFuture::ready(refused),
            Err(pending) => pending,
        };
        let (ledger, courtesy, account) = (Arc::clone(&self.ledger), courtesy.clone(), account.clone());
        LedgerFuture::boxed(async move {
            let short = match first.await {
                Err(LedgerError::Insufficient(short)) if makes_up_for(&courtesy, &short) => short,
                answer => return without(answer),
            };
            match give(&*ledger, &courtesy, &account, &short).await {
                Some(given) => Ok((ask(&*ledger, request).await?, given.is_new.then_some(given.amount))),
                None => Err(LedgerError::Insufficient(short)),
            }
        })
    }
}

fn makes_up_for(courtesy: &Courtesy, short: &Shortfall) -> bool {
    short.reason() == ShortReason::Empty && (1..=courtesy.amount.minor()).contains(&short.missing().minor())
}

struct Given {
    amount: Amount,
    /// Whether it was this call that gave it.
    is_new: bool,
}

/// Charges the house and credits the customer. `None` if the customer has no courtesy of this row that makes up for what is
/// missing, for whatever reason: the refusal was proved, and stands.
async fn give(
    ledger: &dyn Ledger,
    courtesy: &Courtesy,
    account: &AccountId,
    short: &Shortfall,
) -> Option<Given> {
    let row = courtesy.once_per.start_of(short.as_of());
    let key = IdempotencyKey::derived(&format!("courtesy:{account}:{}", row.as_micros()));
    // What the customer has is not paid for again, even where the house's ledger has forgotten that it was.
    let find = FindRequest::credit(account.clone(), key.clone());
    match ledger.find(find).await.ok()? {
        Found::NotApplied => {}
        Found::Entry(given) => {
            let is_enough = given.amount().minor() >= short.missing().minor();
            return is_enough.then(|| Given { amount: given.amount(), is_new: false });
        }
        Found::Hold(_) => return None,
    }
    let period = courtesy.once_per.to_string();
    // Whoever comes under these keys with another policy, from another house, is told so and gives nothing.
    let content = Content::new([
        ("courtesy", courtesy.label.as_str()),
        ("once_per", &period),
        ("from", courtesy.funded_by.as_str()),
    ]);
    let content = content.ok()?;
    let request = |account: &AccountId, kind, amount| {
        PostRequest::new(account.clone(), key.clone(), kind, amount).with_content(content.clone())
    };
    let house = &courtesy.funded_by;
    let charge = request(house, PostKind::Charge, short.missing()).with_caps(courtesy.caps.clone());
    let charged = ledger.post(charge).await.ok()?;
    // It may be a charge of before, for less; then it waits for an occasion that it is enough for.
    let charged = charged.value().amount();
    let amount = charged.unit().minor(charged.minor().saturating_neg());
    if amount.minor() < short.missing().minor() {
        return None;
    }
    let terms = GrantTerms::courtesy(courtesy.label.clone(), courtesy.once_per)
        .ending_at(courtesy.once_per.end_of(row));
    match ledger.post(request(account, PostKind::Credit(terms), amount)).await {
        Ok(granted) => Some(Given { amount, is_new: !granted.is_replay() }),
        Err(LedgerError::CourtesyGiven { .. } | LedgerError::KeyConflict { .. }) => {
            let refund = PostKind::refund(ChargeRef::Charge(key.clone()));
            // Repeated, it is given back once.
            let _ = ledger.post(request(house, refund, amount)).await;
            None
        }
        // Perhaps it was booked. If it was not, the charge waits for the next occasion.
        Err(_) => None,
    }
}
