//! Statements: what a partner is owed and an advertiser owes, from one day to another, in four forms.

mod data;
mod sheet;
mod sight;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use proofback_domain::calendar::{Day, Zone};
use proofback_domain::ledger::{Account, Kind};
use proofback_domain::money::{Currencies, Currency};
use proofback_domain::name::Name;
use proofback_domain::program::Snapshot;
use proofback_domain::time::Timestamp;
use proofback_store::{PageRequest, Statement, StatementQuery};

use super::document::{self, Format};
use super::page::Query;
use super::{Answer, Caller, failed, money, problem};
use crate::state::Web;

/// Lines of one document.
const LINES_MAX: u64 = 1_000_000;

/// Lines read at once.
const CHUNK: u32 = 1_000;

/// `GET partners/{id}/statement?from=&to=&currency=&format=`: staff, and the partner itself.
pub async fn partner(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let own = caller.role.is_partner(&id);
    answer(&web, (Side::Partner, &id), own, caller.role.is_staff(), query.as_deref()).await
}

/// `GET advertisers/{id}/statement`: likewise.
pub async fn advertiser(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let own = caller.role.is_advertiser(&id);
    answer(&web, (Side::Advertiser, &id), own, caller.role.is_staff(), query.as_deref()).await
}

/// Whose books are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What we owe it is positive.
    Partner,
    /// What it owes us is positive.
    Advertiser,
}

/// Everything that a statement says beside its sums and lines.
struct View {
    side: Side,
    id: Name,
    name: String,
    program: String,
    from: Day,
    to: Day,
    timezone: String,
    currencies: Currencies,
    /// What was said about an entry is for the house.
    for_staff: bool,
}

/// What a request asks for.
struct Asked {
    format: Format,
    from: Day,
    to: Day,
    currency: Option<Currency>,
    page: PageRequest,
}

async fn answer(
    web: &Web,
    (side, id): (Side, &str),
    own: bool,
    for_staff: bool,
    query: Option<&str>,
) -> Answer {
    let unknown = || problem::not_found(&format!("there is no such {}", side.word()));
    if !for_staff && !own {
        return Err(unknown());
    }
    let id = Name::parse(id).map_err(|_| unknown())?;
    let snapshot = web.store.snapshot();
    let zone = snapshot.as_ref().map_or_else(Zone::utc, |snapshot| snapshot.program.timezone.clone());
    let now = web.now();
    let asked = Asked::read(query, &zone, now)?;
    let name = name_of(side, &id, snapshot.as_deref());
    if name.is_none() && !has_account(web, side, &id).await? {
        return Err(unknown());
    }
    let view = View {
        side,
        name: name.unwrap_or_else(|| id.to_string()),
        program: snapshot.as_ref().map(|snapshot| snapshot.program.name.clone()).unwrap_or_default(),
        from: asked.from,
        to: asked.to,
        timezone: zone.name().to_owned(),
        currencies: money::currencies(snapshot.as_deref()),
        for_staff,
        id: id.clone(),
    };
    let span = (zone.start(asked.from), zone.start(asked.to.next()));
    let sums = side.sums(&id, span, asked.currency, now);
    let file = format!("statement-{id}-{}-{}", asked.from, asked.to);
    let store = &web.store;
    match asked.format {
        Format::Json => {
            let page = asked.page;
            let told =
                store.statements(sums, move |found, lines| data::show(&view.checked(found), lines, &page));
            told.await.map_err(failed)?.map(|value| super::json(&value)).map_err(problem::bad_request)
        }
        Format::Csv => {
            let told = store.statements(sums, move |found, lines| sheet::csv(&view.checked(found), lines));
            told.await.map_err(failed)?.map(|bytes| document::csv(&file, bytes)).map_err(too_many)
        }
        Format::Xlsx => {
            let told = store.statements(sums, move |found, lines| sheet::xlsx(&view.checked(found), lines));
            told.await.map_err(failed)?.map(|bytes| document::xlsx(&file, bytes)).map_err(too_many)
        }
        Format::Html => {
            let told = store.statements(sums, move |found, lines| sight::page(&view.checked(found), lines));
            Ok(document::page(&file, told.await.map_err(failed)?))
        }
    }
}

fn too_many(why: String) -> Response {
    problem::unprocessable("too_many_lines", &why)
}

/// As the program calls it.
fn name_of(side: Side, id: &Name, snapshot: Option<&Snapshot>) -> Option<String> {
    let program = &snapshot?.program;
    match side {
        Side::Partner => program.partners.get(id).map(|partner| partner.name.clone()),
        Side::Advertiser => program.advertisers.get(id).map(|advertiser| advertiser.name.clone()),
    }
}

/// Who left the program keeps his account.
async fn has_account(web: &Web, side: Side, id: &Name) -> Result<bool, Response> {
    let accounts = side.accounts(id).iter().map(ToString::to_string).collect();
    Ok(!web.store.balances(accounts).await.map_err(failed)?.is_empty())
}

impl Asked {
    /// The current month so far where no days are named.
    fn read(query: Option<&str>, zone: &Zone, now: Timestamp) -> Result<Self, Response> {
        let mut query = Query::new(query);
        let format = Format::read(&mut query)?;
        let (from, to) = (query.day("from")?, query.day("to")?);
        let currency = query.parsed("currency", Currency::parse)?;
        let page = match format {
            Format::Json => query.page_of(PageRequest::LIMIT_MAX)?,
            // All of it; there is nothing to turn over.
            Format::Csv | Format::Xlsx | Format::Html => PageRequest::first(CHUNK),
        };
        query.finish()?;
        let to = to.unwrap_or_else(|| zone.day(now));
        let from = from.unwrap_or_else(|| to.month().0);
        if to < from {
            return Err(problem::bad_request(&format!("to={to} lies before from={from}")));
        }
        Ok(Self { format, from, to, currency, page })
    }
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Advertiser => "advertiser",
        }
    }

    /// The accounts that the statement is of.
    fn accounts(self, id: &Name) -> Vec<Account> {
        let id = || id.clone();
        match self {
            Self::Partner => vec![Account::PartnerApproved(id())],
            Self::Advertiser => vec![Account::AdvertiserDue(id()), Account::AdvertiserInvoiced(id())],
        }
    }

    fn sums(
        self,
        id: &Name,
        (from, to): (Timestamp, Timestamp),
        currency: Option<Currency>,
        now: Timestamp,
    ) -> StatementQuery {
        let (beside, hold) = match self {
            Self::Partner => (vec![Account::PartnerPending(id.clone())], Some((id.clone(), now))),
            Self::Advertiser => (self.accounts(id), None),
        };
        StatementQuery { accounts: self.accounts(id), beside, from, to, currency, hold }
    }

    /// Credits less debits are what we owe; of an advertiser we want to know what it owes.
    fn sign(self) -> i128 {
        match self {
            Self::Partner => 1,
            Self::Advertiser => -1,
        }
    }

    /// The kinds that every statement names, in their order, and what they are called on it.
    fn kinds(self) -> [(Kind, &'static str); 6] {
        let (first, last) = match self {
            Self::Partner => ((Kind::Commission, "commission"), (Kind::Payout, "payout")),
            Self::Advertiser => ((Kind::Commission, "sales"), (Kind::Receipt, "receipts")),
        };
        let between = [Kind::Adjustment, Kind::Refund, Kind::Chargeback, Kind::Reversal];
        let [adjustment, refund, chargeback, reversal] = between.map(|kind| (kind, kind.code()));
        [first, adjustment, refund, chargeback, reversal, last]
    }
}

/// Sums that were looked at: what does not add up was told to the log.
struct Checked<'a> {
    view: &'a View,
    statements: &'a [Statement],
}

impl View {
    fn checked<'a>(&'a self, statements: &'a [Statement]) -> Checked<'a> {
        for broken in statements.iter().filter(|statement| !statement.holds()) {
            tracing::error!(
                party = %self.id,
                currency = %broken.currency,
                opening = broken.opening,
                movements = broken.movements(),
                closing = broken.closing,
                "a statement does not add up: check the journal"
            );
        }
        Checked { view: self, statements }
    }

    /// Millionths as they stand in the books, as they stand on the statement.
    fn amount(&self, micros: i128, currency: Currency) -> String {
        self.currencies.sum(micros * self.side.sign(), currency)
    }

    /// What an entry's kind is called here. Entries of the first days have none.
    fn word(&self, kind: &str) -> String {
        let known = self.side.kinds().into_iter().find(|(known, _)| known.code() == kind);
        known.map_or(if kind.is_empty() { "other" } else { kind }, |(_, word)| word).to_owned()
    }

    /// Each kind of movement with its sum as the books have it: those that every statement names, and any other that
    /// moved something.
    fn movements(&self, statement: &Statement) -> Vec<(String, i128)> {
        let kinds = self.side.kinds();
        let sum = |kind: &str| statement.by_kind.get(kind).map_or(0, |moved| moved.micros);
        let named = kinds.iter().map(|(kind, word)| ((*word).to_owned(), sum(kind.code())));
        let others = statement.by_kind.iter().filter(|(kind, moved)| {
            let is_named = kinds.iter().any(|(known, _)| known.code() == kind.as_str());
            !is_named && (moved.micros != 0 || kind.as_str() != Kind::Invoice.code())
        });
        named.chain(others.map(|(kind, moved)| (self.word(kind), moved.micros))).collect()
    }

    /// What is told beside the sums, each with its name.
    fn beside(&self, statement: &Statement) -> [(&'static str, i128); 3] {
        let moved = |kind: Kind| statement.by_kind.get(kind.code()).map_or(0, |moved| moved.micros);
        let account = |place: usize| statement.beside.get(place).copied().unwrap_or(0);
        match self.side {
            Side::Partner => {
                [("pending", account(0)), ("paid", -moved(Kind::Payout)), ("on_hold", statement.on_hold)]
            }
            Side::Advertiser => {
                [("due", account(0)), ("invoiced", account(1)), ("received", -moved(Kind::Receipt))]
            }
        }
    }

    /// `0.00 + 120.00 - 20.00 = 100.00 EUR`
    fn proof(&self, statement: &Statement) -> String {
        let currency = statement.currency;
        let shown = |micros: i128| self.currencies.sum(micros, currency);
        let sign = self.side.sign();
        let moved: String = self
            .movements(statement)
            .into_iter()
            .map(|(_, micros)| micros * sign)
            .filter(|micros| *micros != 0)
            .map(|micros| format!(" {} {}", if micros < 0 { '-' } else { '+' }, shown(micros.abs())))
            .collect();
        let (opening, closing) = (shown(statement.opening * sign), shown(statement.closing * sign));
        let equals = if statement.holds() { "=" } else { "is not" };
        format!("{opening}{moved} {equals} {closing} {currency}")
    }

    /// What the proof comes to, as a sentence.
    fn verdict(&self, statement: &Statement) -> String {
        if statement.holds() {
            return "It adds up: the opening balance and the movements make up the closing balance.".into();
        }
        let made = self.amount(statement.opening + statement.movements(), statement.currency);
        let closing = self.amount(statement.closing, statement.currency);
        format!(
            "THIS DOES NOT ADD UP: the opening balance and the movements make {made}, the entries up to the end \
             make {closing}. Do not settle by it; let the journal be checked."
        )
    }
}

#[cfg(test)]
mod tests;
