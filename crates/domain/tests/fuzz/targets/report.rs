//! What asks for a report: what is accepted is said in pairs that read back as the same report, and makes a table.

use proofback_domain::report::{Context, Exchange, Found, Report, fold};
use proofback_domain::time::Timestamp;

use super::{SNAPSHOT, now};

/// A line is a parameter, `=` and its value.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let pairs: Vec<(String, String)> = text.split('\n').map(pair).collect();
    let mut context = Context::of(&SNAPSHOT, now(), Timestamp::EPOCH);
    context.parts.insert("adset");
    match Report::parse(&pairs, &context) {
        Ok(report) => {
            assert!(report.span.from < report.span.until && !report.sums().is_empty());
            let said = report.to_pairs();
            let read = Report::parse(&said, &context);
            assert_eq!(read.as_ref(), Ok(&report), "{said:?}");
            let table = fold(&report, &Exchange::of(&SNAPSHOT), Found::default(), None);
            assert_eq!(table.columns.len(), report.by.len() + report.metrics.len());
        }
        Err(error) => assert!(!error.parameter.contains('\n') && !error.message.is_empty(), "{error}"),
    }
}
