//! A line of their file, from its columns. What is there and cannot be read is a fault: left out, it would look as if it
//! had not been said.

use super::Theirs;
use crate::columns::{Columns, Notation};
use crate::money::{Currency, Money, fault_of, parse_micros};
use crate::postback::{find_placeholder, quoted, shown, stored_txid};
use crate::program::{Advertiser, Snapshot};
use crate::time::Timestamp;

/// What every line of a file is read by.
pub struct LineReader<'a> {
    pub columns: &'a Columns,
    pub notation: &'a Notation,
    pub advertiser: &'a Advertiser,
    pub snapshot: &'a Snapshot,
}

impl LineReader<'_> {
    /// A line, or what is wrong with it in words.
    pub fn read(&self, line: usize, cells: &[String]) -> Result<Theirs, Vec<String>> {
        let mut theirs = Theirs { line, ..Theirs::default() };
        let mut sums = [("amount", None), ("revenue", None)];
        let mut currency = None;
        let mut faults = Vec::new();
        for (field, column, value) in self.columns.values(cells) {
            let value = self.notation.ours(field, value);
            let read = match field {
                "click_id" => {
                    theirs.click = self.snapshot.keys.recognise(&value);
                    theirs.click_id = Some(value);
                    Ok(())
                }
                "txid" => {
                    theirs.txid = Some(stored_txid(&value, self.snapshot));
                    Ok(())
                }
                "event_type" => {
                    theirs.event = Some(self.advertiser.postback.event(&value));
                    Ok(())
                }
                "status" => {
                    theirs.status = self.advertiser.postback.status(&value);
                    theirs.status.map(drop).ok_or_else(|| self.is_no(&value, "status that was agreed"))
                }
                "amount" | "revenue" => self.sum(field, &value, &mut sums),
                "currency" => {
                    currency = self.snapshot.program.currencies.parse(&value).ok();
                    currency.map(drop).ok_or_else(|| self.is_no(&value, "currency known here"))
                }
                "timestamp" => {
                    theirs.at = Timestamp::parse(&value);
                    theirs.at.map(drop).ok_or_else(|| self.is_no(&value, "time"))
                }
                _ => Ok(()),
            };
            faults.extend(read.err().map(|message| format!("column {column:?}: {message}")));
        }
        for (field, micros) in sums {
            match self.money(micros, currency) {
                Ok(money) if field == "amount" => theirs.amount = money,
                Ok(money) => theirs.revenue = money,
                Err(message) if faults.is_empty() => faults.push(message),
                Err(_) => {}
            }
        }
        if faults.is_empty() { Ok(theirs) } else { Err(faults) }
    }

    fn sum(&self, field: &str, value: &str, sums: &mut [(&'static str, Option<i64>)]) -> Result<(), String> {
        let micros =
            parse_micros(value).map_err(|_| format!("{}{}", self.is_no(value, "amount"), fault_of(value)))?;
        for (name, sum) in sums {
            if *name == field {
                *sum = Some(micros);
            }
        }
        Ok(())
    }

    fn money(&self, micros: Option<i64>, named: Option<Currency>) -> Result<Option<Money>, String> {
        let Some(micros) = micros else {
            return Ok(None);
        };
        let currency = named.or(self.advertiser.currency);
        let currency =
            currency.ok_or_else(|| "an amount without its currency, and none was agreed".to_owned())?;
        Ok(Some(Money { micros, currency }))
    }

    fn is_no(&self, value: &str, what: &str) -> String {
        match find_placeholder(value) {
            Some(found) => format!("{found} was never replaced"),
            None => format!("{} is no {what}", quoted(&shown(value, self.snapshot))),
        }
    }
}
