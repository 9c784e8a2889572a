//! A conversion: what an accepted postback becomes, and every change it has seen.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::click_id::ClickId;
use crate::deal::Deal;
use crate::id::{ChangeId, ConversionId, PostbackId};
use crate::ledger::{Account, Position};
use crate::money::Money;
use crate::name::Name;
use crate::outcome::{Reason, Status};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conversion {
    pub id: ConversionId,
    /// When its first postback arrived.
    pub at: Timestamp,
    /// When it happened, by the sender's word where that stands between the click and the arrival.
    pub event_at: Timestamp,
    pub advertiser: Name,
    pub offer: Name,
    pub event: Name,
    pub partner: Name,
    pub link: Name,
    pub click_id: ClickId,
    pub txid: Option<String>,
    /// The subscription that it belongs to, by the sender's word.
    pub subscription: Option<String>,
    /// The day of its arrival in the program's time zone, on which it counts in caps.
    pub day: Day,
    pub status: Status,
    /// Why it waits; while it waits, nothing is booked.
    pub held: Option<Reason>,
    /// The order or deposit's value.
    pub amount: Option<Money>,
    /// The revenue that the sender named.
    pub named_revenue: Option<Money>,
    /// The payout that the sender named.
    pub named_payout: Option<Money>,
    /// What the partner earns by it when it is good.
    pub commission: Option<Money>,
    /// What the advertiser owes for it when it is good.
    pub revenue: Option<Money>,
    /// The sum of partial refunds, in millionths of the amount's currency.
    pub refunded_micros: i64,
    /// Whether a commission was ever reported as earned.
    pub earned: bool,
    pub test: bool,
    /// A person accepted it: no rule holds it any more.
    pub reviewed: bool,
    /// What it is paid by, whatever the program says by now.
    pub deal: Option<Deal>,
    /// When time approves it, if nobody lowers it before.
    pub approve_at: Option<Timestamp>,
    /// What a person set as its commission, whatever the terms say.
    pub adjusted: Option<Money>,
    /// The time of the last change applied, by the sender's word where it gave one.
    pub changed_at: Timestamp,
    pub revision: u32,
}

/// What one postback, person or rule changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub id: ChangeId,
    pub conversion_id: ConversionId,
    pub postback_id: PostbackId,
    pub at: Timestamp,
    /// The event of the postback: the goal's, `refund` or `chargeback`.
    pub event: Name,
    pub txid: Option<String>,
    pub named: Named,
    /// The state after the change.
    pub status: Status,
    pub amount: Option<Money>,
    /// The named revenue and payout that stand after the change.
    pub revenue: Option<Money>,
    pub payout: Option<Money>,
    pub reason: Reason,
}

/// What a postback said; what it did not say changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub status: Option<Status>,
    pub amount: Option<Money>,
    pub revenue: Option<Money>,
    pub payout: Option<Money>,
    pub timestamp: Option<Timestamp>,
    /// Of a reversal: the txid that it takes back, where it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Of a reversal: the part as it was sent, where `amount` is what that was worth in the original's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Money>,
}

impl Conversion {
    /// What it is worth: its amount, else the revenue that was named.
    pub fn value(&self) -> Option<Money> {
        self.amount.or(self.named_revenue)
    }

    /// What is left of its value after partial refunds.
    pub fn rest(&self) -> Option<Money> {
        let value = self.value()?;
        let micros = value.micros.checked_sub(self.refunded_micros)?;
        Some(Money { micros: micros.max(0), currency: value.currency })
    }

    /// The first moment at which its commission may be paid out.
    pub fn payable_at(&self) -> Timestamp {
        let hold = self.deal.as_ref().and_then(|deal| deal.hold);
        hold.map_or(self.event_at, |hold| self.event_at.plus(hold))
    }

    /// What it adds to the volume of amounts by which tiers are reached.
    pub fn volume(&self) -> Option<Money> {
        self.rest().filter(|_| self.counts_in_caps())
    }

    pub fn is_about_money(&self) -> bool {
        let moves = |money: Option<Money>| money.is_some_and(|money| !money.is_zero());
        moves(self.amount) || moves(self.named_revenue) || moves(self.commission) || moves(self.revenue)
    }

    /// Why it waits, where only a person or a confirming event can end that, whatever else the sender says.
    pub fn detained(&self) -> Option<Reason> {
        let by_rule = |reason: &Reason| {
            matches!(reason, Reason::FraudReview | Reason::OverCap | Reason::PixelUnconfirmed)
        };
        self.held.filter(by_rule)
    }

    /// Whether it takes a place in the caps of its offer, goal and partner.
    pub fn counts_in_caps(&self) -> bool {
        let live = matches!(self.status, Status::Pending | Status::Approved);
        live && !self.test && self.detained().is_none()
    }

    fn counts(&self) -> bool {
        self.held.is_none() && !self.test
    }

    /// Where the partner's money for it stands now.
    pub fn partner_position(&self) -> Option<Position> {
        let amount = self.commission.filter(|_| self.counts())?;
        let account = match self.status {
            Status::Pending => Account::PartnerPending(self.partner.clone()),
            Status::Approved => Account::PartnerApproved(self.partner.clone()),
            Status::Rejected | Status::Reversed => return None,
        };
        Some(Position { account, amount })
    }

    /// What the house has earned by it, owed by the advertiser once it is approved.
    pub fn income_position(&self) -> Option<Position> {
        let amount = self.revenue.filter(|_| self.counts() && self.status == Status::Approved)?;
        Some(Position { account: Account::HouseIncome, amount })
    }

    /// The commission that is the partner's for good as things stand.
    pub fn approved_commission(&self) -> Option<Money> {
        let good = self.held.is_none() && self.status == Status::Approved;
        self.commission.filter(|commission| good && !commission.is_zero())
    }
}

impl Change {
    /// Whether a postback says nothing that this change did not already bring about.
    ///
    /// `by_state` also compares with the state that followed; without it only with what was said.
    pub fn covers(&self, named: &Named, by_state: bool) -> bool {
        let same = |said: Option<Money>, before: Option<Money>| said.is_none() || said == before;
        let status = named.status.is_none()
            || named.status == self.named.status
            || (by_state && named.status == Some(self.status));
        let money = |said, then, stands| same(said, then) || (by_state && same(said, stands));
        status
            && money(named.amount, self.named.sent.or(self.named.amount), self.amount)
            && money(named.revenue, self.named.revenue, self.revenue)
            && money(named.payout, self.named.payout, self.payout)
    }
}
