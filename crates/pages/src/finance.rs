//! Finance: what stands on every account, the journal, statements, payouts and invoices, closed periods.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{query, segment};
use crate::frame::Frame;
use crate::moment::Moment;
use crate::show::grouped;
use crate::trouble::Trouble;
use crate::visit::{Page, Posted, ROWS, Visit};

/// Lines of a statement on its page; the whole is a file.
const LINES: &str = "200";

#[derive(Deserialize)]
struct Balances {
    balances: Vec<Balance>,
}

#[derive(Deserialize)]
struct Balance {
    partner: Option<String>,
    advertiser: Option<String>,
    account: Option<String>,
    currency: String,
    #[serde(flatten)]
    sums: BTreeMap<String, Value>,
}

impl Balance {
    fn sum(&self, name: &str) -> String {
        self.sums.get(name).and_then(Value::as_str).map(grouped).unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.account.as_deref().unwrap_or_default()
    }

    fn partner(&self) -> &str {
        self.partner.as_deref().unwrap_or_default()
    }

    fn advertiser(&self) -> &str {
        self.advertiser.as_deref().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "finance.html")]
struct BalancesPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    partners: Vec<Balance>,
    advertisers: Vec<Balance>,
    house: Vec<Balance>,
}

pub async fn balances(visit: Visit) -> Page {
    let of = |kind: &'static str| {
        let api = visit.api.clone();
        async move { api.get::<Balances>(&format!("/balances?kind={kind}&limit=1000")).await }
    };
    let page = BalancesPage {
        frame: &visit.frame,
        tab: "balances",
        partners: of("partner").await?.balances,
        advertisers: of("advertiser").await?.balances,
        house: of("house").await?.balances,
    };
    visit.show(&page)
}

#[derive(Deserialize, Default)]
struct Entries {
    entries: Vec<Entry>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    number: i64,
    at: Moment,
    debit: String,
    credit: String,
    amount: String,
    currency: String,
    kind: String,
    reason: String,
    conversion_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntryFilter {
    account: String,
    conversion_id: String,
    from: String,
    to: String,
    cursor: String,
}

impl EntryFilter {
    fn pairs(&self) -> [(&str, &str); 4] {
        [
            ("account", self.account.trim()),
            ("conversion_id", self.conversion_id.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
        ]
    }
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    filter: &'a EntryFilter,
    entries: Vec<Entry>,
    asked: String,
    next: Option<String>,
    mistake: String,
}

pub async fn ledger(visit: Visit) -> Page {
    let filter: EntryFilter = visit.asked()?;
    let (found, mistake): (Entries, String) =
        visit.list("/ledger/entries", filter.pairs(), &filter.cursor).await?;
    let page = LedgerPage {
        frame: &visit.frame,
        tab: "ledger",
        entries: found.entries,
        asked: query(filter.pairs()),
        next: found.next,
        filter: &filter,
        mistake,
    };
    visit.show(&page)
}

#[derive(Deserialize)]
struct Statements {
    from: String,
    to: String,
    timezone: String,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    currency: String,
    opening: String,
    movements: BTreeMap<String, String>,
    closing: String,
    #[serde(default)]
    entries: u64,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    warning: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    at: Moment,
    kind: String,
    amount: String,
    offer: Option<String>,
    event: Option<String>,
    txid: Option<String>,
    conversion_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Span {
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    side: &'static str,
    id: String,
    found: Statements,
    files: Vec<(&'static str, String)>,
}

pub async fn partner_statement(visit: Visit, Path(id): Path<String>) -> Page {
    statement(&visit, "partners", id).await
}

pub async fn advertiser_statement(visit: Visit, Path(id): Path<String>) -> Page {
    statement(&visit, "advertisers", id).await
}

async fn statement(visit: &Visit, side: &'static str, id: String) -> Page {
    let span: Span = visit.asked()?;
    let days = query([("from", span.from.trim()), ("to", span.to.trim())]);
    let path = format!("/{side}/{}/statement", segment(&id));
    let found: Statements = visit.api.get(&format!("{path}?{days}&limit={LINES}")).await?;
    let days = query([("from", found.from.as_str()), ("to", found.to.as_str())]);
    let files = ["csv", "xlsx", "html"];
    let page = StatementPage {
        frame: &visit.frame,
        tab: "balances",
        side,
        files: files
            .map(|form| {
                (form, format!("/finance/{side}/{}/statement/file?{days}&format={form}", segment(&id)))
            })
            .into(),
        id,
        found,
    };
    visit.show(&page)
}

pub async fn partner_statement_file(visit: Visit, Path(id): Path<String>) -> Page {
    visit.api.file(&format!("/partners/{}/statement?{}", segment(&id), visit.query)).await
}

pub async fn advertiser_statement_file(visit: Visit, Path(id): Path<String>) -> Page {
    visit.api.file(&format!("/advertisers/{}/statement?{}", segment(&id), visit.query)).await
}

/// Payouts to partners or invoices to advertisers: two of the same form.
struct Kind {
    /// In addresses.
    name: &'static str,
    title: &'static str,
    party: &'static str,
    /// What is done with a draft, and with what was settled: the word in an address and on a button.
    steps: &'static [(&'static str, &'static str, &'static str)],
}

static PAYOUTS: Kind =
    Kind { name: "payouts", title: "Payouts", party: "partner", steps: &[("draft", "paid", "It is paid")] };
static INVOICES: Kind = Kind {
    name: "invoices",
    title: "Invoices",
    party: "advertiser",
    steps: &[("draft", "invoiced", "It is invoiced"), ("invoiced", "received", "Its money came")],
};

fn kind(name: &str) -> Result<&'static Kind, Trouble> {
    match name {
        "payouts" => Ok(&PAYOUTS),
        "invoices" => Ok(&INVOICES),
        _ => Err(Trouble::not_found("Nothing is at this address.")),
    }
}

#[derive(Deserialize)]
struct Settlement {
    id: String,
    partner: Option<String>,
    advertiser: Option<String>,
    state: String,
    amount: String,
    currency: String,
    conversions: u64,
    up_to: String,
    at: Moment,
    author: String,
    #[serde(default)]
    lines: Vec<SettlementLine>,
}

impl Settlement {
    fn party(&self) -> &str {
        self.partner.as_deref().or(self.advertiser.as_deref()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct SettlementLine {
    conversion_id: String,
    offer: String,
    event: String,
    txid: Option<String>,
    event_at: Moment,
    amount: String,
    currency: String,
}

#[derive(Deserialize)]
struct Preview {
    up_to: String,
    open: Vec<Open>,
}

#[derive(Deserialize)]
struct Open {
    partner: Option<String>,
    advertiser: Option<String>,
    currency: String,
    conversions: u64,
    amount: Option<String>,
    not_now: Option<String>,
}

impl Open {
    fn party(&self) -> &str {
        self.partner.as_deref().or(self.advertiser.as_deref()).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "settlements.html")]
struct SettlementsPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    kind: &'static Kind,
    preview: Option<Preview>,
    settlements: Vec<Settlement>,
    next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SettlementsAsked {
    up_to: String,
    cursor: String,
}

pub async fn settlements(visit: Visit, Path(name): Path<String>) -> Page {
    let kind = kind(&name)?;
    let asked: SettlementsAsked = visit.asked()?;
    let preview = match visit.frame.is_staff {
        true => Some(
            visit
                .api
                .get(&format!("/{}/preview?{}", kind.name, query([("up_to", asked.up_to.trim())])))
                .await?,
        ),
        false => None,
    };
    let pairs = [("cursor", asked.cursor.as_str()), ("limit", ROWS)];
    let mut found: BTreeMap<String, Value> =
        visit.api.get(&format!("/{}?{}", kind.name, query(pairs))).await?;
    let rows = found.remove(kind.name).unwrap_or_default();
    let settlements = serde_json::from_value(rows).map_err(|error| Trouble::unexpected(kind.name, &error))?;
    let next = found.get("next").and_then(Value::as_str).map(str::to_owned);
    visit.show(&SettlementsPage { frame: &visit.frame, tab: kind.name, kind, preview, settlements, next })
}

#[derive(Template)]
#[template(path = "settlement.html")]
struct SettlementPage<'a> {
    frame: &'a Frame,
    kind: &'static Kind,
    settlement: Settlement,
}

pub async fn settlement(visit: Visit, Path((name, id)): Path<(String, String)>) -> Page {
    let kind = kind(&name)?;
    let settlement = visit.api.get(&format!("/{}/{}", kind.name, segment(&id))).await?;
    visit.show(&SettlementPage { frame: &visit.frame, kind, settlement })
}

/// By its id alone, as a search finds it.
pub async fn any_settlement(visit: Visit, Path(id): Path<String>) -> Page {
    use axum::response::{IntoResponse, Redirect};
    for kind in [&PAYOUTS, &INVOICES] {
        let found: Option<Value> = visit.api.find(&format!("/{}/{}", kind.name, segment(&id))).await?;
        if found.is_some() {
            return Ok(Redirect::to(&format!("/finance/{}/{}", kind.name, segment(&id))).into_response());
        }
    }
    Err(Trouble::not_found("There is no such settlement."))
}

pub async fn settlement_file(visit: Visit, Path((name, id)): Path<(String, String)>) -> Page {
    let kind = kind(&name)?;
    visit.api.file(&format!("/{}/{}?{}", kind.name, segment(&id), visit.query)).await
}

#[derive(Deserialize)]
pub struct NewSettlement {
    party: String,
    currency: String,
    up_to: String,
    #[serde(default)]
    draft: String,
    /// Made with the form, so that a second click does nothing twice.
    #[serde(default)]
    once: String,
}

pub async fn settle(visit: Visit, Path(name): Path<String>, Posted(form): Posted<NewSettlement>) -> Page {
    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, Method};
    let kind = kind(&name)?;
    let asked = json!({ kind.party: form.party, "currency": form.currency, "up_to": form.up_to, "draft": !form.draft.is_empty() });
    let mut headers = HeaderMap::new();
    if let Ok(key) = HeaderValue::from_str(&form.once)
        && !form.once.is_empty()
    {
        headers.insert("idempotency-key", key);
    }
    let path = format!("/{}", kind.name);
    let ask = crate::client::Ask {
        method: Method::POST,
        path: &path,
        headers,
        body: Body::from(asked.to_string()),
    };
    let made: Settlement = visit.api.read(ask).await?;
    let said = format!("{} {} for {} is {}.", grouped(&made.amount), made.currency, made.party(), made.state);
    visit.done(&format!("/finance/{}/{}", kind.name, segment(&made.id)), &said)
}

#[derive(Deserialize)]
pub struct StepForm {
    #[serde(default)]
    reason: String,
}

pub async fn advance(
    visit: Visit,
    Path((name, id, step)): Path<(String, String, String)>,
    Posted(form): Posted<StepForm>,
) -> Page {
    let kind = kind(&name)?;
    let path = format!("/{}/{}", kind.name, segment(&id));
    let moved: Settlement =
        visit.api.post(&format!("{path}/{}", segment(&step)), &json!({ "reason": form.reason })).await?;
    visit.done(&format!("/finance{path}"), &format!("It is {} now.", moved.state))
}

#[derive(Deserialize)]
struct Periods {
    periods: Vec<Period>,
}

#[derive(Deserialize)]
struct Period {
    number: i64,
    up_to: String,
    closed_at: Moment,
    closed_by: String,
    hash: String,
}

#[derive(Template)]
#[template(path = "periods.html")]
struct PeriodsPage<'a> {
    frame: &'a Frame,
    tab: &'static str,
    periods: Vec<Period>,
}

pub async fn periods(visit: Visit) -> Page {
    let found: Periods = visit.api.get("/ledger/periods?limit=100").await?;
    visit.show(&PeriodsPage { frame: &visit.frame, tab: "periods", periods: found.periods })
}

#[derive(Deserialize)]
pub struct CloseForm {
    up_to: String,
    reason: String,
}

pub async fn close(visit: Visit, Posted(form): Posted<CloseForm>) -> Page {
    let asked = json!({ "up_to": form.up_to.trim(), "reason": form.reason });
    let closed: Period = visit.api.post("/ledger/close", &asked).await?;
    visit.done("/finance/periods", &format!("Everything up to {} is final.", closed.up_to))
}
