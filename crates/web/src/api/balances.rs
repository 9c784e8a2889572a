//! What stands on every account, by party and currency.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use proofback_domain::ledger::Account;
use proofback_domain::money::{Currencies, Currency};
use proofback_domain::name::Name;
use proofback_store::Balance;
use serde_json::{Map, Value, json};

use super::page::Query;
use super::{Answer, failed, money};
use crate::state::Web;

/// Whose accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Partner,
    Advertiser,
    House,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Partner, Self::Advertiser, Self::House];

    fn code(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Advertiser => "advertiser",
            Self::House => "house",
        }
    }

    /// How the names of such accounts begin.
    fn beginning(self) -> &'static str {
        match self {
            Self::Partner => "partner:",
            Self::Advertiser => "advertiser:",
            Self::House => "house:",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A row is named by whose it is and in which currency: the house's accounts are rows of their own.
type Key = (Kind, String, Currency);

/// Sums of entries as the books have them, by what they are called.
type Sums = BTreeMap<&'static str, i128>;

/// `GET balances?kind=&currency=`: partners, advertisers, then the house, each by name.
pub async fn list(State(web): State<Web>, RawQuery(query): RawQuery) -> Answer {
    let mut query = Query::new(query.as_deref());
    let kind = query.parsed("kind", Kind::parse)?;
    let currency = query.parsed("currency", Currency::parse)?;
    let (limit, after) = query.page_behind(read_cursor)?;
    query.finish()?;
    let mut rows: BTreeMap<Key, Sums> = BTreeMap::new();
    for kind in Kind::ALL.into_iter().filter(|one| kind.is_none_or(|kind| kind == *one)) {
        for balance in web.store.balances_of(kind.beginning()).await.map_err(failed)? {
            if currency.is_none_or(|currency| currency == balance.currency) {
                add(&mut rows, &balance);
            }
        }
    }
    let mut page: Vec<(Key, Sums)> =
        rows.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| after < key)).collect();
    let more = limit < page.len();
    page.truncate(limit);
    let next = page
        .last()
        .filter(|_| more)
        .map(|((kind, party, currency), _)| format!("{}.{party}.{currency}", kind.code()));
    put_holds(&web, &mut page).await?;
    let currencies = money::currencies(web.store.snapshot().as_deref());
    let rows: Vec<Value> = page.iter().map(|(key, sums)| show(key, sums, &currencies)).collect();
    Ok(super::json(&json!({ "balances": rows, "next": next })))
}

/// `partner.reelmedia.EUR`: the last row that was seen.
fn read_cursor(text: &str) -> Option<Key> {
    let mut parts = text.split('.');
    let key = (Kind::parse(parts.next()?)?, parts.next()?.to_owned(), Currency::parse(parts.next()?)?);
    parts.next().is_none().then_some(key)
}

fn add(rows: &mut BTreeMap<Key, Sums>, balance: &Balance) {
    let Some(account) = Account::parse(&balance.account) else {
        tracing::error!(account = balance.account, "a balance stands on an account that there is none of");
        return;
    };
    let house = || (Kind::House, balance.account.clone(), "balance", 1);
    let (kind, party, name, sign) = match &account {
        Account::PartnerPending(id) => (Kind::Partner, id.to_string(), "pending", 1),
        Account::PartnerApproved(id) => (Kind::Partner, id.to_string(), "approved", 1),
        Account::PartnerPaid(id) => (Kind::Partner, id.to_string(), "paid", 1),
        // What an advertiser owes stands on the debit side.
        Account::AdvertiserDue(id) => (Kind::Advertiser, id.to_string(), "due", -1),
        Account::AdvertiserInvoiced(id) => (Kind::Advertiser, id.to_string(), "invoiced", -1),
        Account::AdvertiserReceived(id) => (Kind::Advertiser, id.to_string(), "received", -1),
        Account::HouseIncome | Account::HouseCommission | Account::HouseExchange | Account::HouseCash => {
            house()
        }
    };
    rows.entry((kind, party, balance.currency)).or_default().insert(name, balance.micros * sign);
}

/// What of a partner's approved money may not be paid yet, of the rows that are shown.
async fn put_holds(web: &Web, page: &mut [(Key, Sums)]) -> Result<(), axum::response::Response> {
    let partner = |(kind, party, currency): &Key| {
        Some((Name::parse(party).ok().filter(|_| *kind == Kind::Partner)?, *currency))
    };
    let partners: Vec<(Name, Currency)> = page.iter().filter_map(|(key, _)| partner(key)).collect();
    let holds = web.store.on_hold(partners, web.now()).await.map_err(failed)?;
    let shown = page.iter_mut().filter(|(key, _)| partner(key).is_some());
    for ((_, sums), hold) in shown.zip(holds) {
        sums.insert("on_hold", hold);
    }
    Ok(())
}

fn show((kind, party, currency): &Key, sums: &Sums, currencies: &Currencies) -> Value {
    let (owner, names): (&str, &[&'static str]) = match kind {
        Kind::Partner => ("partner", &["pending", "approved", "paid", "on_hold"]),
        Kind::Advertiser => ("advertiser", &["due", "invoiced", "received"]),
        Kind::House => ("account", &["balance"]),
    };
    let mut row = Map::new();
    row.insert(owner.to_owned(), json!(party));
    row.insert("currency".into(), json!(currency));
    for name in names {
        let micros = sums.get(name).copied().unwrap_or(0);
        row.insert((*name).to_owned(), json!(currencies.sum(micros, *currency)));
    }
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_last_row() {
        let key = (Kind::Partner, "reel_media-1".to_owned(), Currency::parse("EUR").unwrap());
        assert_eq!(read_cursor("partner.reel_media-1.EUR"), Some(key));
        for text in ["", "partner", "partner.x", "partner.x.EUR.y", "nobody.x.EUR", "partner.x.euro?"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
