//! What each kind of webhook says, field by field. Bodies, schemas, examples and the documentation are made from it.

use crate::program::Happening;

/// One member of a webhook's `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Also the name of the value that it is made of, unless its kind names another.
    pub name: &'static str,
    pub kind: Kind,
    /// Stands in every webhook of this type; what is not needed and not known is absent, never null.
    pub needed: bool,
    pub about: &'static str,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// 26 characters of ours.
    Id,
    /// A conversion's status.
    Status,
    /// A decimal as text. Its currency stands beside it as `NAME_currency` and is made of the value named here.
    Money {
        currency: &'static str,
    },
    /// A difference of the money named here, in its currency, with a sign where it is negative.
    Difference {
        of: &'static str,
    },
    /// RFC 3339 in UTC, made of the value named here.
    Time {
        value: &'static str,
    },
    /// A whole number.
    Count,
    /// `sub1` to `sub10`, as an object of those that are there.
    Subs,
    /// `true`, or absent.
    Flag,
    /// Rows of a report, as objects.
    Rows,
}

/// The members of `data`, in their order.
pub fn fields(happening: Happening) -> impl Iterator<Item = &'static Field> {
    let (own, shared): (&[Field], &[&[Field]]) = match happening {
        Happening::ClickCreated => (&CLICK, &[&PLACE, &VISIT]),
        Happening::ConversionCreated => (&[], &[&CONVERSION, &PLACE, &WORTH, &VISIT]),
        Happening::ConversionApproved | Happening::ConversionRejected | Happening::ConversionReversed => {
            (&PAID, &[&CONVERSION, &PLACE, &WORTH, &VISIT])
        }
        Happening::CommissionEarned | Happening::CommissionAdjusted => {
            (&COMMISSION, &[&CONVERSION, &PLACE, &WORTH, &VISIT])
        }
        Happening::PostbackRejected => (&REJECTED, &[]),
        Happening::DeliveryFailed => (&FAILED, &[]),
        Happening::PayoutPaid => (&PAYOUT, &[]),
        Happening::TargetFailing => (&FAILING, &[]),
        Happening::TargetPaused => (&PAUSED, &[]),
        Happening::ReportReady => (&REPORT, &[]),
    };
    // What is particular comes first.
    own.iter().chain(shared.iter().copied().flatten()).chain(&TEST)
}

/// When it happens, in a sentence.
pub fn meaning(happening: Happening) -> &'static str {
    match happening {
        Happening::ConversionCreated => {
            "A conversion was recorded, whatever its status. No money of the partner is in it."
        }
        Happening::ConversionApproved => "A conversion became `approved`.",
        Happening::ConversionRejected => "A conversion became `rejected`.",
        Happening::ConversionReversed => "A conversion became `reversed`: it was taken back as a whole.",
        Happening::CommissionEarned => "A partner earned something with a conversion for the first time.",
        Happening::CommissionAdjusted => {
            "What a partner earned with a conversion changed, possibly to nothing."
        }
        Happening::ClickCreated => "A click was recorded.",
        Happening::PostbackRejected => "A postback was rejected. It changed nothing.",
        Happening::DeliveryFailed => "A delivery ended as failed and is not tried again by itself.",
        Happening::PayoutPaid => "A payout to a partner was settled.",
        Happening::TargetFailing => {
            "A target has been failing for a while and will be paused if that goes on."
        }
        Happening::TargetPaused => "A target is paused: nothing is sent to it until a person resumes it.",
        Happening::ReportReady => "A saved report was computed by its schedule.",
    }
}

const fn needed(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, needed: true, about }
}

const fn maybe(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, needed: false, about }
}

const CLICK_ID: Field = needed("click_id", Kind::Id, "The click's id, ours.");
const PAYOUT_MONEY: Kind = Kind::Money { currency: "currency" };
const TARGET: Field = needed("target", Kind::Text, "The target's id in the program.");
const OF_PARTNER: Field = maybe("partner", Kind::Text, "The partner whose target it is.");
const LAST_ERROR: Field =
    maybe("last_error", Kind::Text, "How the last attempt ended, as `timeout` or `status_500`.");

const CLICK: [Field; 2] =
    [CLICK_ID, maybe("partner_click_id", Kind::Text, "The partner's own id of the click.")];

const CONVERSION: [Field; 9] = [
    needed("conversion_id", Kind::Id, "The conversion's id."),
    CLICK_ID,
    maybe("partner_click_id", Kind::Text, "The partner's own id of the click."),
    maybe("postback_id", Kind::Id, "The postback that led to it; absent where a person or the time did."),
    maybe("txid", Kind::Text, "The advertiser's own id of the event."),
    needed("event", Kind::Text, "The goal that was reached, as `ftd`."),
    needed("status", Kind::Status, "The conversion's status."),
    needed("event_at", Kind::Time { value: "timestamp_iso" }, "When the event happened."),
    maybe("reason", Kind::Text, "Why, where a person gave a reason."),
];

const PLACE: [Field; 4] = [
    needed("advertiser", Kind::Text, "The advertiser's id in the program."),
    needed("offer", Kind::Text, "The offer's id."),
    needed("partner", Kind::Text, "The partner's id."),
    needed("link", Kind::Text, "The link's id."),
];

const WORTH: [Field; 2] = [
    maybe("amount", Kind::Money { currency: "amount_currency" }, "The order's value."),
    maybe("revenue", Kind::Money { currency: "revenue_currency" }, "What the advertiser owes."),
];

const PAID: [Field; 1] =
    [maybe("payout", PAYOUT_MONEY, "What the partner has earned with it; absent where that is nothing.")];

const COMMISSION: [Field; 2] = [
    needed("payout", PAYOUT_MONEY, "What the partner has now earned with the conversion, all in all."),
    needed("payout_delta", Kind::Difference { of: "payout" }, "By how much that changed."),
];

const VISIT: [Field; 10] = [
    maybe("source", Kind::Text, "The click's traffic source."),
    maybe("cost", Kind::Text, "What the click cost, as the partner said it."),
    maybe("subs", Kind::Subs, "The click's sub ids."),
    maybe("country", Kind::Text, "The visitor's country, as `DE`."),
    maybe("region", Kind::Text, "The visitor's region, as the geo data calls it."),
    maybe("city", Kind::Text, "The visitor's city, as the geo data calls it."),
    maybe("asn", Kind::Text, "The number of the visitor's network, as `64500`."),
    maybe("device", Kind::Text, "`mobile`, `tablet`, `desktop` or `bot`."),
    maybe("os", Kind::Text, "The visitor's operating system."),
    maybe("browser", Kind::Text, "The visitor's browser."),
];

const TEST: [Field; 1] = [maybe("test", Kind::Flag, "A test: it counts in no balance.")];

const REJECTED: [Field; 10] = [
    needed("postback_id", Kind::Id, "The postback's id, under which its explanation is found."),
    needed("reason", Kind::Text, "The reason's code, as `unknown_click_id`: see `decisions.md`."),
    needed("message", Kind::Text, "The same in a sentence."),
    maybe("advertiser", Kind::Text, "The advertiser it came from, where that is known."),
    maybe("click_id", Kind::Text, "The click id as it came; it may be damaged."),
    maybe("txid", Kind::Text, "The advertiser's own id of the event."),
    maybe("event", Kind::Text, "The event that it named."),
    maybe("offer", Kind::Text, "The offer's id, where the click is known."),
    maybe("partner", Kind::Text, "The partner's id, where the click is known."),
    maybe("link", Kind::Text, "The link's id, where the click is known."),
];

const FAILED: [Field; 8] = [
    needed("failed_delivery_id", Kind::Id, "The id of the delivery that failed."),
    TARGET,
    OF_PARTNER,
    needed("attempts", Kind::Count, "How often it was tried."),
    LAST_ERROR,
    maybe("conversion_id", Kind::Id, "The conversion that it was about."),
    maybe("click_id", Kind::Id, "The click that it was about."),
    maybe("event", Kind::Text, "The event that it was about."),
];

const PAYOUT: [Field; 3] = [
    needed("payout_id", Kind::Id, "The payout's id."),
    needed("partner", Kind::Text, "The partner's id."),
    needed("amount", Kind::Money { currency: "amount_currency" }, "What was paid."),
];

const SINCE: Kind = Kind::Time { value: "failing_since" };

const FAILING: [Field; 5] = [
    TARGET,
    OF_PARTNER,
    needed("failing_since", SINCE, "Since when no attempt has succeeded."),
    maybe("percent", Kind::Count, "How far it is on its way to being paused."),
    LAST_ERROR,
];

const PAUSED: [Field; 5] = [
    TARGET,
    OF_PARTNER,
    maybe("failing_since", SINCE, "Since when no attempt has succeeded."),
    maybe("reason", Kind::Text, "Why it is paused."),
    LAST_ERROR,
];

const REPORT: [Field; 8] = [
    needed("report", Kind::Text, "The saved report's id."),
    needed("report_name", Kind::Text, "Its name."),
    needed(
        "due_at",
        Kind::Time { value: "due_at" },
        "The time that it was due at, which its period is reckoned from.",
    ),
    needed("from", Kind::Text, "The first day that it is over, or the first moment."),
    needed("to", Kind::Text, "The last day, or the moment at which it ends."),
    needed("rows", Kind::Count, "How many rows it has."),
    maybe("first_rows", Kind::Rows, "The first of them, up to 50, as `GET /api/v1/reports` has them."),
    needed("url", Kind::Text, "Where the whole of it is, for whoever has a token."),
];
