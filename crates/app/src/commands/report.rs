//! `proofback report`: reports in the terminal, or as files.

mod sight;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::bail;

use super::put_out;
use super::statement::{fetch, segment};
use crate::caller::Caller;
use crate::options::reports::{Report, ReportForm};

pub async fn run(options: Report) -> anyhow::Result<ExitCode> {
    let (format, out) = (options.format, options.out.clone());
    let binary = matches!(format, ReportForm::Xlsx | ReportForm::Parquet);
    if binary && out.is_none() && std::io::stdout().is_terminal() {
        bail!("this format is not for a terminal; give --out FILE");
    }
    let form = match format {
        ReportForm::Table | ReportForm::Json => "json",
        ReportForm::Csv => "csv",
        ReportForm::Xlsx => "xlsx",
        ReportForm::Parquet => "parquet",
    };
    let address = format!("{}&format={form}", address(&options));
    let caller = Caller::to_look(options.reach).await?;
    let shown = match format {
        ReportForm::Table => sight::tell(&caller.get(&address).await?),
        ReportForm::Json => format!("{:#}\n", caller.get(&address).await?),
        ReportForm::Csv | ReportForm::Xlsx | ReportForm::Parquet => {
            return fetch(&caller, &address, out.as_deref()).await;
        }
    };
    put_out(shown.as_bytes(), out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Up to and with the query, to which a format may be added.
fn address(options: &Report) -> String {
    let query = query(options);
    match &options.saved {
        Some(id) => format!("/reports/saved/{}/run?{query}", segment(id)),
        None => format!("/reports?{query}"),
    }
}

fn query(options: &Report) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let said = [
        ("by", &options.by),
        ("metrics", &options.metrics),
        ("from", &options.from),
        ("to", &options.to),
        ("period", &options.period),
        ("filter", &options.filter),
        ("time", &options.time),
        ("tz", &options.tz),
        ("top", &options.top),
        ("compare", &options.compare),
        ("sort", &options.sort),
        ("limit", &options.limit),
        ("test", &options.test),
        ("currency", &options.currency),
    ];
    query.extend_pairs(said.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
    let flags = [("other", options.other), ("totals", options.totals)];
    query.extend_pairs(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name, "1")));
    query.finish()
}
