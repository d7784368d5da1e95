//! Credit on terms of its own: how checks book it, and what they see of it as one line of text.

use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure_eq};
use crate::conformance::world::{Answer, World, credit, given, key, refund_with};
use crate::entry::{ChargeRef, Entry};
use crate::grant::{Draw, Grant, GrantTerms};
use crate::hold::HoldState;
use crate::id::Label;
use crate::ledger::request::{EndedCredit, HoldRequest};

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).expect("a label of the suite")
}

pub(crate) fn promo() -> GrantTerms {
    GrantTerms::promotional()
}

pub(crate) fn included() -> GrantTerms {
    GrantTerms::included()
}

pub(crate) fn paid() -> GrantTerms {
    GrantTerms::paid()
}

/// Held, used, refunded.
type Parts = (i64, i64, i64);

impl World {
    /// So many seconds from now.
    pub(crate) fn in_seconds(&self, seconds: u64) -> Timestamp {
        self.now().saturating_add(std::time::Duration::from_secs(seconds))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// Books credit on these terms.
    pub(crate) fn credit(&self, name: &str, terms: &GrantTerms, minor: i64) -> Answer<Entry> {
        self.post(name, credit(terms), minor)
    }

    pub(crate) fn refund_with(
        &self,
        name: &str,
        of: ChargeRef,
        minor: i64,
        ended: EndedCredit,
    ) -> Answer<Entry> {
        self.post(name, refund_with(of, ended), minor)
    }

    /// Asks for a hold that outlasts the ends of credit which checks set.
    pub(crate) fn long_hold(&self, name: &str, minor: i64) -> HoldRequest {
        self.hold_request(name, minor).with_lifetime(std::time::Duration::from_secs(20 * 24 * 3_600))
    }

    /// Resizes a hold from its present revision.
    pub(crate) fn resize_now(&self, name: &str, total: i64) -> Answer<HoldState> {
        let rev = match self.find_hold(name) {
            Ok(Some(hold)) => hold.rev(),
            _ => 0,
        };
        self.resize(name, rev, total)
    }

    #[track_caller]
    pub(crate) fn grants(&self) -> Checked<Vec<Grant>> {
        Ok(self.balance()?.grants().to_vec())
    }

    /// The grant that was first booked with this key, which must be there.
    #[track_caller]
    pub(crate) fn grant_of(&self, name: &str) -> Checked<Grant> {
        given(self.grants()?.into_iter().find(|grant| *grant.key() == key(name)), &format!("grant {name:?}"))
    }

    /// All credit in the order of use, plain credit at the end: `gift 10 (3 held), month 5 (later), plain -2`.
    #[track_caller]
    pub(crate) fn purse(&self) -> Checked<String> {
        let balance = self.balance()?;
        let mut parts: Vec<_> = balance.grants().iter().map(in_purse).collect();
        parts.push(format!("plain {}", balance.plain().minor()));
        Ok(parts.join(", "))
    }

    /// Holds all that is there, and says how much it was: a decision that no read came before.
    #[track_caller]
    pub(crate) fn spend_all(&self, name: &str) -> Checked<i64> {
        let request = self.hold_request(name, i64::MAX).with_minimum(self.amount(0));
        Ok(self.hold_with(request)?.value().total().minor())
    }

    /// The key that a grant was booked with. Its id is the number of that entry.
    #[track_caller]
    fn name_of(&self, grant: Option<u64>) -> Checked<String> {
        let Some(id) = grant else { return Ok("plain".to_owned()) };
        let entry = self.statement()?.into_iter().find(|entry| entry.seq() == id);
        Ok(given(entry, &format!("entry that made grant {id}"))?.key().to_string())
    }

    #[track_caller]
    fn drawn(&self, draws: &[Draw], of_plain: Parts) -> Checked<String> {
        let mut texts = vec![];
        let of = |draw: &Draw| (draw.held().minor(), draw.used().minor(), draw.refunded().minor());
        let mut parts: Vec<_> = draws.iter().map(|draw| (draw.grant(), of(draw))).collect();
        if parts.is_empty() {
            parts.push((None, of_plain));
        }
        for (grant, (held, used, refunded)) in parts {
            let mut text = String::new();
            for (word, minor) in [("held", held), ("used", used), ("refunded", refunded)] {
                if minor != 0 {
                    text.push_str(&format!(" {minor} {word}"));
                }
            }
            if !text.is_empty() {
                texts.push(format!("{}{text}", self.name_of(grant)?));
            }
        }
        Ok(texts.join(", "))
    }

    /// What a hold drew, in the order in which it did: `gift 2 held 1 used, plain 5 held`.
    #[track_caller]
    pub(crate) fn draws_of(&self, name: &str) -> Checked<String> {
        let hold = self.state_of(name)?;
        let of_plain = (hold.reserved().minor(), hold.captured().minor(), hold.refunded().minor());
        self.drawn(hold.draws(), of_plain)
    }

    /// What a charge in one step drew, in the order in which it did.
    #[track_caller]
    pub(crate) fn draws_of_charge(&self, name: &str) -> Checked<String> {
        let entry = self.entry_of(name)?;
        let of_plain = (0, -entry.amount().minor(), entry.refunded().minor());
        self.drawn(entry.draws(), of_plain)
    }

    /// What an entry did to which credit, the oldest first: `gift -3, plain -2`.
    #[track_caller]
    pub(crate) fn moved(&self, entry: &Entry) -> Checked<String> {
        let mut moves: Vec<_> =
            entry.movements().iter().map(|moved| (moved.grant(), moved.amount().minor())).collect();
        moves.sort_unstable();
        let to_grants: i64 = moves.iter().map(|(_, minor)| minor).sum();
        let mut texts = vec![];
        for (grant, minor) in moves {
            texts.push(format!("{} {minor:+}", self.name_of(Some(grant))?));
        }
        let to_plain = entry.amount().minor() - to_grants;
        if to_plain != 0 {
            texts.push(format!("plain {to_plain:+}"));
        }
        Ok(texts.join(", "))
    }

    /// The latest entries as text, the oldest first: kind, amount and what they did.
    #[track_caller]
    pub(crate) fn latest(&self, count: usize) -> Checked<Vec<String>> {
        let entries = self.statement()?;
        let mut texts = vec![];
        for entry in entries.iter().skip(entries.len().saturating_sub(count)) {
            let (kind, minor) = (entry.kind().as_str(), entry.amount().minor());
            texts.push(format!("{kind} {minor:+}: {}", self.moved(entry)?));
        }
        ensure_eq!(texts.len(), count, "entries");
        Ok(texts)
    }
}

fn in_purse(grant: &Grant) -> String {
    let (name, remaining, held) = (grant.key(), grant.remaining().minor(), grant.held().minor());
    match (grant.has_started(), held) {
        (false, _) => format!("{name} {remaining} (later)"),
        (true, 0) => format!("{name} {remaining}"),
        (true, held) => format!("{name} {remaining} ({held} held)"),
    }
}
