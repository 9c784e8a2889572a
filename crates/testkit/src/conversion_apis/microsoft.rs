//! Microsoft Advertising, offline conversions: answers for each item; ignores what it knows already.

use serde_json::{Value, json};

use super::rules::{DAY, is_hash, is_money, is_text, seconds};
use super::{Asked, ConversionApis, Network, Reply, World};

const CONVERSIONS_MAX: usize = 1_000;

pub fn take(world: &mut World, asked: &Asked<'_>) -> Reply {
    if !world.has_token(asked) {
        return fault(401, 109, "AuthenticationTokenExpired");
    }
    if asked.header("developertoken") != ConversionApis::DEVELOPER_TOKEN {
        return fault(401, 105, "InvalidCredentials");
    }
    if asked.header("customerid").is_empty() || asked.header("customeraccountid").is_empty() {
        return fault(400, 106, "UserIsNotAuthorized");
    }
    let body = asked.json();
    let conversions = body["OfflineConversions"].as_array().cloned().unwrap_or_default();
    if conversions.is_empty() || CONVERSIONS_MAX < conversions.len() {
        return fault(400, 5_601, "OfflineConversionBatchSizeExceedsLimit");
    }
    let mut errors = Vec::new();
    for (index, conversion) in conversions.iter().enumerate() {
        match item_error(conversion, world) {
            Some(code) => errors.push(json!({"Index": index, "Code": 5_600, "ErrorCode": code,
                "Message": "A sentence.", "Details": null, "FieldPath": null, "Type": "BatchError"})),
            None => {
                let [name, click, time] =
                    ["ConversionName", "MicrosoftClickId", "ConversionTime"].map(|field| &conversion[field]);
                world.keep(Network::Microsoft, format!("{name} {click} {time}"), conversion, false);
            }
        }
    }
    (200, json!({"PartialErrors": errors}))
}

fn fault(status: u16, code: u32, symbol: &str) -> Reply {
    let error = json!({"Code": code, "ErrorCode": symbol, "Message": "A sentence.", "Detail": null});
    (status, json!({"TrackingId": "tracking", "Errors": [error]}))
}

fn item_error(conversion: &Value, world: &World) -> Option<String> {
    let time = conversion["ConversionTime"].as_str().unwrap_or_default();
    let at = time.ends_with('Z').then(|| seconds(time, 'T')).flatten();
    let people = ["HashedEmailAddress", "HashedPhoneNumber"].map(|name| &conversion[name]);
    let click = &conversion["MicrosoftClickId"];
    let value = &conversion["ConversionValue"];
    let code = match at {
        None => "OfflineConversionTimeInvalid",
        Some(at) if world.now < at => "FutureConversionTimeCannotBeSet",
        Some(at) if at < world.now - 90 * DAY => "OfflineConversionTimeOutOfWindow",
        Some(_) if !is_text(&conversion["ConversionName"]) => "OfflineConversionNameNullOrEmpty",
        Some(_) if !is_text(click) && people.iter().all(|person| person.is_null()) => {
            "OfflineConversionMSClickIdNullOrEmpty"
        }
        Some(_) if people.iter().any(|person| !person.is_null() && !is_hash(person)) => {
            "ConversionEmailAddressIsNotHashed"
        }
        Some(_) if !value.is_null() && !is_money(value, &conversion["ConversionCurrencyCode"]) => {
            "OfflineConversionValueInvalid"
        }
        Some(_) => return world.refusal(click).cloned(),
    };
    Some(code.to_owned())
}
