//! `proofback payout` and `proofback invoice`: what is open is settled, and moved on.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::statement::{fetch, segment, word};
use super::{list, text};
use crate::caller::Caller;
use crate::options::finance::{
    Advance, Cancel, Form, InvoiceCommand, List, NewSettlement, PayoutCommand, Preview, Show,
};

pub async fn payout(command: PayoutCommand) -> anyhow::Result<ExitCode> {
    let kind = PAYOUTS;
    match command {
        PayoutCommand::Preview(options) => preview(kind, options).await,
        PayoutCommand::Create { partner, new } => create(kind, partner, new).await,
        PayoutCommand::List(options) => show_all(kind, options).await,
        PayoutCommand::Show(options) => show(kind, options).await,
        PayoutCommand::Paid(options) => advance(kind, "paid", options).await,
        PayoutCommand::Cancel(options) => cancel(kind, options).await,
    }
}

pub async fn invoice(command: InvoiceCommand) -> anyhow::Result<ExitCode> {
    let kind = INVOICES;
    match command {
        InvoiceCommand::Preview(options) => preview(kind, options).await,
        InvoiceCommand::Create { advertiser, new } => create(kind, advertiser, new).await,
        InvoiceCommand::List(options) => show_all(kind, options).await,
        InvoiceCommand::Show(options) => show(kind, options).await,
        InvoiceCommand::Invoiced(options) => advance(kind, "invoiced", options).await,
        InvoiceCommand::Received(options) => advance(kind, "received", options).await,
        InvoiceCommand::Cancel(options) => cancel(kind, options).await,
    }
}

/// What the API calls them.
#[derive(Clone, Copy)]
struct Kind {
    plural: &'static str,
    party: &'static str,
}

const PAYOUTS: Kind = Kind { plural: "payouts", party: "partner" };
const INVOICES: Kind = Kind { plural: "invoices", party: "advertiser" };

async fn preview(kind: Kind, options: Preview) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let answer = open(&caller, kind, options.party.as_deref(), options.up_to.as_deref()).await?;
    if options.json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("open up to {}", text(&answer, "up_to"));
    for open in list(&answer, "open") {
        let (party, currency) = (text(open, kind.party), text(open, "currency"));
        let count = open["conversions"].as_u64().unwrap_or(0);
        match open["amount"].as_str() {
            Some(amount) => println!("  {party:<24} {amount:>16} {currency}  {count} conversions"),
            None => println!("  {party:<24} {:>16} {currency}  not now: {}", "-", text(open, "not_now")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(
    caller: &Caller,
    kind: Kind,
    party: Option<&str>,
    up_to: Option<&str>,
) -> anyhow::Result<Value> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(party.map(|party| (kind.party, party)));
    query.extend_pairs(up_to.map(|up_to| ("up_to", up_to)));
    caller.get(&format!("/{}/preview?{}", kind.plural, query.finish())).await
}

/// One, or one after another for all that can be settled: each stands for itself, and a refusal stops none of the others.
async fn create(kind: Kind, party: Option<String>, new: NewSettlement) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(new.reach).await?;
    let key = new.idempotency_key.as_deref();
    let body = |party: &str, currency: &str| {
        json!({ kind.party: party, "currency": currency, "up_to": new.up_to, "draft": new.draft }).to_string()
    };
    let address = format!("/{}", kind.plural);
    if let (Some(party), Some(currency)) = (&party, &new.currency) {
        let made = caller.call_once(&address, key, body(party, currency)).await?.success()?;
        println!("{}", line(kind, &made));
        return Ok(ExitCode::SUCCESS);
    }
    let open = open(&caller, kind, party.as_deref(), new.up_to.as_deref()).await?;
    let wanted = |open: &&Value| {
        let same = |currency: &String| text(open, "currency").eq_ignore_ascii_case(currency);
        new.currency.as_ref().is_none_or(same)
    };
    let (mut made, mut refused) = (0, 0);
    for open in list(&open, "open").filter(wanted) {
        let (party, currency) = (text(open, kind.party), text(open, "currency"));
        if open["amount"].is_null() {
            println!("{party} {currency}: not now, {}", text(open, "not_now"));
            continue;
        }
        // A key belongs to one request: each party and currency has its own.
        let key = key.map(|key| format!("{key}:{party}:{currency}"));
        let answer = caller.call_once(&address, key.as_deref(), body(party, currency)).await?;
        match answer.success() {
            Ok(settlement) => {
                made += 1;
                println!("{}", line(kind, &settlement));
            }
            Err(why) => {
                refused += 1;
                println!("{party} {currency}: refused, {why}");
            }
        }
    }
    println!("{made} {} made, {refused} refused", kind.plural);
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn show_all(kind: Kind, options: List) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &options.limit.to_string());
    query.extend_pairs(options.party.map(|party| (kind.party, party)));
    let answer = caller.get(&format!("/{}?{}", kind.plural, query.finish())).await?;
    if options.json {
        println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    for settlement in list(&answer, kind.plural) {
        println!("{}", line(kind, settlement));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(kind: Kind, options: Show) -> anyhow::Result<ExitCode> {
    let caller = Caller::to_look(options.reach).await?;
    let address = format!("/{}/{}", kind.plural, segment(&options.id));
    if options.format != Form::Table {
        let path = format!("{address}?format={}", word(options.format));
        return fetch(&caller, &path, options.out.as_deref()).await;
    }
    let settlement = caller.get(&address).await?;
    let mut told = line(kind, &settlement) + "\n";
    for one in list(&settlement, "lines") {
        told += &format!(
            "  {}  {:<24} {:<16} {:<24} {:>14} {}\n",
            text(one, "event_at"),
            text(one, "offer"),
            text(one, "event"),
            text(one, "txid"),
            text(one, "amount"),
            text(one, "currency"),
        );
    }
    super::put_out(told.as_bytes(), options.out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

async fn advance(kind: Kind, step: &str, options: Advance) -> anyhow::Result<ExitCode> {
    let Advance { id, reason, idempotency_key, reach } = options;
    let caller = Caller::to_look(reach).await?;
    let address = format!("/{}/{}/{step}", kind.plural, segment(&id));
    let body = json!({ "reason": reason }).to_string();
    let moved = caller.call_once(&address, idempotency_key.as_deref(), body).await?.success()?;
    println!("{}", line(kind, &moved));
    Ok(ExitCode::SUCCESS)
}

async fn cancel(kind: Kind, options: Cancel) -> anyhow::Result<ExitCode> {
    let Cancel { id, reason, idempotency_key, reach } = options;
    advance(kind, "cancel", Advance { id, reason, idempotency_key, reach }).await
}

fn line(kind: Kind, settlement: &Value) -> String {
    format!(
        "{}  {:<9} {:<24} {:>14} {}  {} conversions up to {}, {} by {}",
        text(settlement, "id"),
        text(settlement, "state"),
        text(settlement, kind.party),
        text(settlement, "amount"),
        text(settlement, "currency"),
        settlement["conversions"].as_u64().unwrap_or(0),
        text(settlement, "up_to"),
        text(settlement, "changed_at"),
        text(settlement, "author"),
    )
}
