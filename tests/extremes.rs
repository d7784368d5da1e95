//! The largest and the smallest there is: amounts, moments and waits that nobody means are answered all the same.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the golden files")]
#[path = "wire/reader.rs"]
mod reader;

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Alternative, Amount, AutoTopUp, AutoTopUpState, Basis, BurnProfile, BurnRate, Consent,
    Details, Disclosure, English, Fit, Free, German, Included, InsufficientBalance, Messages, Notice,
    Options, PaymentSteps, Period, Purchase, Quantity, Recognized, Refusal, Renderer, Runway, Shape,
    Shortfall, Spending, Timestamp, Tone, TopUp, TopUpAmount, TopUpDecision, TopUpPresets, Unit, Usage,
    UsageDigest, Work,
};
use proptest::prelude::*;

fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MIN + 1),
        Just(-1),
        Just(0),
        Just(1),
        Just(i64::MAX - 1),
        Just(i64::MAX)
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![minor(), 1_700_000_000_000_000_i64..1_900_000_000_000_000].prop_map(Timestamp::from_micros)
}

fn wait() -> impl Strategy<Value = Duration> {
    prop_oneof![any::<u64>().prop_map(Duration::from_nanos), Just(Duration::ZERO), Just(Duration::MAX)]
}

fn unit() -> impl Strategy<Value = Unit> {
    (0..=Unit::MAX_SCALE).prop_map(|scale| Unit::new("USD", scale).unwrap())
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let short = (unit(), [minor(), minor(), minor(), minor(), minor()], moment(), moment(), wait(), 0..3_u8)
        .prop_filter_map(
            "is no shortfall",
            |(unit, [requested, required, posted, held, debt], as_of, release, wait, how)| {
                let amount = |minor| unit.minor(minor);
                let short = Shortfall::new(amount(requested), as_of)
                    .with_required(amount(required))
                    .and_then(|short| short.with_posted(amount(posted)))
                    .and_then(|short| short.with_held(amount(held)))
                    .and_then(|short| short.with_debt_limit(amount(debt)))
                    .ok()?;
                let short = InsufficientBalance::new(short.with_next_release(release))
                    .with_fits(vec![Fit::new("rows", Quantity::MAX)])
                    .with_alternatives(vec![Alternative::new("other".parse().unwrap(), amount(requested))]);
                Some(Refusal::from(match how {
                    0 => short.with_retry_after(wait),
                    1 => short.with_top_up_pending(wait),
                    _ => short,
                }))
            },
        );
    prop_oneof![
        4 => short,
        1 => moment().prop_map(|at| Refusal::SpendCapReached { label: None, resets_at: Some(at) }),
        1 => (unit(), minor()).prop_map(|(unit, minor)| Refusal::RequestTooLarge { maximum: unit.minor(minor) }),
        1 => wait().prop_map(|retry_after| Refusal::Unavailable { retry_after }),
    ]
}

fn details() -> impl Strategy<Value = Details> {
    (unit(), [minor(), minor(), minor()], any::<[u32; 3]>(), moment()).prop_map(
        |(unit, [a, b, c], days, at)| {
            let runway = Runway::new(days[0], days[1], Some(days[2]));
            let link = || "https://example.com/".parse().unwrap();
            let amounts = vec![
                TopUpAmount::new(unit.minor(a), Basis::Lasts(runway)),
                TopUpAmount::new(unit.minor(b), Basis::MoreRequests(u64::MAX)),
            ];
            let options = Options::draft()
                .purchase(Purchase::top_up(TopUp::new(link()).with_amounts(amounts)))
                .free(Free::contact(link()));
            Details::new()
                .with_options(options)
                .with_runway(runway)
                .with_included(Included::new(unit.minor(b), unit.minor(c)))
                .with_work(Work::new(Usage::new().with("rows", Quantity::MAX), unit.minor(a)))
                .with_offer(billing_guard::Offer::new("an offer".parse().unwrap(), at, link()))
        },
    )
}

fn catalogues() -> Vec<Arc<dyn Messages>> {
    Tone::ALL
        .iter()
        .flat_map(|tone| {
            [
                Arc::new(English::new().with_tone(*tone)) as Arc<dyn Messages>,
                Arc::new(German::new().with_tone(*tone)),
            ]
        })
        .collect()
}

proptest! {
    #[test]
    fn every_answer_is_whole(refusal in refusal(), details in details()) {
        for messages in catalogues() {
            for shape in Shape::ALL {
                let renderer = Renderer::new(*shape).with_messages(messages.clone()).with_disclosure(Disclosure::Usage);
                let answer = renderer.render_with(&refusal, &details);
                let read = reader::read(*shape, answer.body());
                prop_assert!(read.is_ok(), "{shape}: {:?} {}", read.err(), String::from_utf8_lossy(answer.body()));
                let found = Recognized::parse(answer.status(), answer.body());
                prop_assert_eq!(found.map(|found| found.kind()), Some(refusal.kind()), "{}", shape);
                let wait: Option<u64> = answer.header("retry-after").map(|wait| wait.parse().unwrap());
                prop_assert_eq!(wait.is_some(), refusal.retry_after().is_some());
                prop_assert!(wait.is_none_or(|wait| (1..=3_600).contains(&wait)));
                prop_assert!(wait.is_none() || answer.header("x-should-retry") == Some("true"));
            }
            let renderer = Renderer::default().with_messages(messages).with_disclosure(Disclosure::Usage);
            prop_assert!(serde_json::to_string(&renderer.grpc_status(&refusal, &details)).is_ok());
            prop_assert!(serde_json::to_string(&renderer.mcp_result(&refusal, &details)).is_ok());
        }
    }

    #[test]
    fn every_amount_to_propose_is_enough(
        refusal in refusal(), unit in unit(), least in minor(), step in minor(), days in 0_u32..,
    ) {
        let Ok(steps) = PaymentSteps::new(unit.minor(least), unit.minor(step)) else { return Ok(()) };
        let Ok(Some(preset)) = steps.round_up(unit.minor(i64::MAX / 3)) else { return Ok(()) };
        let presets = TopUpPresets::new(steps, [preset]).unwrap();
        let Refusal::InsufficientBalance(short) = refusal else { return Ok(()) };
        for lasts in [None, Some(Runway::new(days, days, None))] {
            for one in presets.amounts(&short, |_| lasts, |_| None) {
                prop_assert!(one.amount.minor() >= short.missing().minor());
            }
        }
    }

    #[test]
    fn an_automatic_top_up_is_decided_for_anything(
        unit in unit(), [below, up_to, ceiling, least, step] in [minor(), minor(), minor(), minor(), minor()],
        [available, charged, needed, pending] in [minor(), minor(), minor(), minor()],
        declines in prop_oneof![3 => Just(0_u32), 1 => any::<u32>()], [consented, declined, now] in [moment(), moment(), moment()],
    ) {
        let amount = |minor| unit.minor(minor);
        let [below, up_to, ceiling, least, step] = [below, up_to, ceiling, least, step].map(i64::saturating_abs);
        let (below, up_to) = (below.min(up_to), below.max(up_to));
        let consent = Consent::new(consented, "form".parse().unwrap());
        let agreed = AutoTopUp::new(amount(below), amount(up_to), amount(ceiling), consent);
        let steps = PaymentSteps::new(amount(least), amount(step));
        let (Ok(agreed), Ok(steps)) = (agreed, steps) else { return Ok(()) };
        let state = AutoTopUpState::new(amount(available), amount(charged), u64::MAX, now)
            .with_needed(amount(needed))
            .with_pending("p".parse().unwrap(), amount(pending))
            .with_declines(declines, declined);
        let decision = agreed.decide(&AccountId::new("a").unwrap(), &steps, &state).unwrap();
        if let TopUpDecision::Charge(charge) = &decision {
            prop_assert!(charge.amount.minor() > 0 && charge.amount.minor() <= ceiling);
            prop_assert!(!charge.left_this_month.is_negative());
        }
        if let Some(notice) = decision.notice() {
            for messages in catalogues() {
                prop_assert!(!messages.notice(&notice).is_empty());
            }
        }
    }

    #[test]
    fn any_spending_has_a_rate_and_a_digest_or_none(
        rows in proptest::collection::vec((minor(), minor(), prop_oneof![0..3_u64, Just(u64::MAX / 32)], -40..40_i64), 0..20),
        base in moment(), now in moment(), near in any::<bool>(), folded in proptest::option::of(moment()),
        available in minor(), days in 0_u32.., offset in -1080_i16..=1080, bin in 0..3_usize,
    ) {
        const DAY: i64 = 86_400_000_000;
        let unit = Unit::new("USD", 2).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let bin = ["hour", "day", "month"][bin];
        let shift = i64::from(offset) * 60_000_000;
        let rows: Vec<_> = rows.into_iter().filter_map(|(charged, refunded, charges, day)| {
            let at = base.as_micros().saturating_add(day.saturating_mul(DAY));
            let at = at.checked_add(shift)?.checked_div_euclid(DAY)?.checked_mul(DAY)?.checked_sub(shift)?;
            seen.insert(at).then(|| serde_json::json!({
                "start": Timestamp::from_micros(at).to_string(), "label": null,
                "spent": {"charged": (charged.saturating_abs() / 32).checked_div(100).unwrap().to_string(),
                    "refunded": (refunded.saturating_abs() / 32 / 100).to_string(), "charges": charges.to_string()},
            }))
        }).collect();
        let stored = serde_json::json!({
            "v": 1, "unit": "USD/2", "bin": bin, "offset_minutes": offset, "label": "user", "seen": null,
            "folded_until": folded.map(|at| at.to_string()), "rows": rows,
            "other": {"charged": "0", "refunded": "0", "charges": "0"},
        });
        let spending: Spending = match serde_json::from_value(stored) {
            Ok(spending) => spending,
            Err(error) if bin == "month" || error.to_string().contains("no row begins") => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        let now = if near { base.saturating_add(Duration::from_secs(3_000_000)) } else { now };
        if let Some(rate) = BurnRate::from_spending(&spending, now) {
            prop_assert!(rate.slowest().minor() <= rate.per_day().minor() && rate.per_day().minor() <= rate.fastest().minor());
            let runway = rate.runway(unit.minor(available)).unwrap();
            prop_assert!(runway.at_least_days() <= runway.about_days());
            prop_assert!(runway.at_most_days().is_none_or(|most| runway.about_days() <= most));
            prop_assert!(!rate.amount_for_days(days).is_negative());
            for messages in catalogues() {
                let notice = Notice::ShortRunway { days, runway, balance: unit.minor(available) };
                prop_assert!(!messages.notice(&notice).is_empty());
            }
        }
        if let Ok(profile) = BurnProfile::from_spending(&spending, now) {
            let runs_out = profile.runs_out(unit.minor(available)).unwrap();
            prop_assert!(now <= runs_out.earliest() && runs_out.earliest() <= runs_out.about());
            prop_assert!(runs_out.latest().is_none_or(|latest| runs_out.about() <= latest));
            prop_assert!(!profile.amount_for_days(days).is_negative());
            prop_assert!(!profile.amount_until(runs_out.earliest()).is_negative());
            prop_assert_eq!(profile.week().count(), 168);
        }
        let _ = spending.top_uses(now, 5);
        for period in [Period::day(), Period::week(), Period::month(), Period::year()] {
            let period = period.at_offset_minutes(offset).unwrap();
            if let Some(digest) = UsageDigest::of_last(&spending, period, now) {
                let digest = digest.with_balance(unit.minor(available), Some(Runway::new(days, days, None)));
                prop_assert!(digest.from() < digest.until());
                prop_assert!(serde_json::to_string(&digest).is_ok());
                for messages in catalogues() {
                    prop_assert!(!messages.digest(&digest).is_empty());
                }
            }
        }
    }

    #[test]
    fn any_notice_has_its_text(
        unit in unit(), [a, b, c] in [minor(), minor(), minor()], at in moment(), percent in any::<u8>(),
    ) {
        let [a, b, c]: [Amount; 3] = [a, b, c].map(|minor| unit.minor(minor));
        let notices = [
            Notice::LowBalance { threshold: a, balance: b },
            Notice::LowShare { percent, top_up: a, balance: b },
            Notice::LessThanLargestRequest { largest: a, balance: b },
            Notice::CapNearlyReached { label: None, percent, used: a, limit: b, resets_at: Some(at) },
            Notice::CreditEndsSoon { label: None, remaining: a, ends_at: at },
            Notice::HoldEndsSoon { key: "k".parse().unwrap(), ends_at: at },
            Notice::ToppedUpAutomatically { amount: a, balance: b },
            Notice::AutoTopUpFailed { retry_at: Some(at) },
            Notice::AutoTopUpAtCeiling { ceiling: a, left: b, missing: c },
            Notice::CourtesyGiven { amount: a },
        ];
        for messages in catalogues() {
            for notice in &notices {
                let text = messages.notice(notice);
                prop_assert!(!text.is_empty() && !text.contains('\n'));
            }
        }
    }
}
