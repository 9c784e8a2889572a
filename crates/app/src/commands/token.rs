//! `proofback token create`: a new access token, alone on the last line.

use std::process::ExitCode;

use http::Method;
use serde_json::json;

use super::text;
use crate::caller::Caller;
use crate::options::{Token, TokenCommand};

pub async fn run(options: Token) -> anyhow::Result<ExitCode> {
    let TokenCommand::Create { role, name, reach } = options.command;
    let caller = Caller::new(reach).await?;
    let body = json!({ "role": role, "name": name }).to_string();
    let created = caller.call(Method::POST, "/tokens", body).await?.success()?;
    println!("a token for {} as {}; it is shown only now:", text(&created, "name"), text(&created, "role"));
    println!("{}", text(&created, "token"));
    Ok(ExitCode::SUCCESS)
}
