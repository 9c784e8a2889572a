//! What each preset sends is taken, and means over there what was meant here.

use proofback_domain::preset::{Preset, PresetKind, all};
use proofback_domain::program::Happening;
use proofback_testkit::{Booking, Form, Meaning, Money, Platform, Refusal, Role};

use crate::sample::{
    CONVERSION_ID, PAYOUT, REVENUE, Sent, address, is_delivered, platform, send_first, values,
};

/// The status of a conversion when this happens to it.
fn status(happening: Happening) -> (&'static str, Meaning) {
    match happening {
        Happening::ConversionApproved => ("approved", Meaning::Approved),
        Happening::ConversionRejected => ("rejected", Meaning::Rejected),
        Happening::ConversionReversed => ("reversed", Meaning::Rejected),
        other => panic!("no preset is told of {}", other.code()),
    }
}

#[tokio::test]
async fn every_preset_is_booked_as_it_was_meant() {
    for preset in all() {
        for (with_optional, happening) in
            [false, true].into_iter().flat_map(|all| preset.on.iter().map(move |happening| (all, *happening)))
        {
            let (status, meaning) = status(happening);
            let address = address(preset, &values(preset, status, true), with_optional);
            let Sent { reply, judged } = send_first(platform(preset), &address).await;
            let booking = judged.unwrap_or_else(|refusal| panic!("{}: {refusal:?} {address}", preset.id));
            assert!(is_delivered(preset, &reply), "{}: {reply:?}", preset.id);
            assert_identity(preset, &booking);
            assert_money(preset, &booking);
            assert_status(platform(preset), &booking, status, meaning);
        }
    }
}

fn assert_identity(preset: &Preset, booking: &Booking) {
    let platform = platform(preset);
    if platform.parameter(Role::ClickId).is_some() {
        assert_eq!(booking.value(Role::ClickId), Some(platform.click_id), "{}", platform.id);
    }
    if platform.parameter(Role::Transaction).is_some() {
        assert_eq!(booking.value(Role::Transaction), Some(CONVERSION_ID), "{}", platform.id);
    }
}

/// The money of the kind, in a currency that the platform takes it for.
fn assert_money(preset: &Preset, booking: &Booking) {
    let platform = platform(preset);
    let ours = match preset.kind {
        PresetKind::Tracker => [("EUR", PAYOUT), ("USD", "13.75")],
        PresetKind::TrafficSource | PresetKind::Messenger => [("EUR", REVENUE), ("USD", "22.55")],
    };
    let [(_, in_euro), (_, in_dollars)] = ours;
    let amount = booking.value(Role::Amount);
    match platform.money {
        Money::None => assert_eq!(amount, None, "{}", platform.id),
        Money::Unnamed => assert_eq!(amount, Some(in_euro), "{}", platform.id),
        Money::Usd => assert_eq!(amount, Some(in_dollars), "{}", platform.id),
        Money::WholeUsd => assert_eq!(amount, Some("23"), "{}", platform.id),
        Money::Named => {
            let named = (booking.value(Role::Currency).unwrap(), amount.unwrap());
            assert!(ours.contains(&named), "{}: {named:?}", platform.id);
        }
    }
}

fn assert_status(platform: &Platform, booking: &Booking, status: &str, meaning: Meaning) {
    let told = booking.value(Role::Status);
    match platform.parameter(Role::Status).map(|parameter| parameter.form) {
        Some(Form::Status) => {
            assert_eq!(platform.meaning(told.unwrap()), Some(meaning), "{}: {told:?}", platform.id);
        }
        Some(_) => assert_eq!(told, Some(status), "{}", platform.id),
        // What cannot be told apart may be told once only.
        None => assert_eq!(meaning, Meaning::Approved, "{} is told of a rejection", platform.id),
    }
}

#[tokio::test]
async fn a_conversion_that_is_worth_nothing_is_booked_with_nothing() {
    for preset in all() {
        let address = address(preset, &values(preset, "approved", false), false);
        let judged = send_first(platform(preset), &address).await.judged;
        match (preset.id.as_str(), judged) {
            // Documented: never zero.
            ("revcontent", judged) => {
                assert_eq!(judged, Err(Refusal::Form { name: "amount".into(), value: String::new() }));
            }
            (id, Ok(booking)) => {
                let amount = booking.value(Role::Amount).map(|amount| amount.parse::<f64>().unwrap());
                assert!(amount.is_none_or(|amount| amount == 0.0), "{id}: {amount:?}");
            }
            (id, Err(refusal)) => panic!("{id}: {refusal:?} {address}"),
        }
    }
}
