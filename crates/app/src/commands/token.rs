//! `proofback token`: access tokens, made, listed and revoked.

use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use super::statement::segment;
use super::{every, text};
use crate::caller::Caller;
use crate::options::people::TokenCommand;

pub async fn run(command: TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create { role, name, reach } => {
            let caller = Caller::new(reach).await?;
            let body = json!({ "role": role, "name": name }).to_string();
            let created = caller.call(Method::POST, "/tokens", body).await?.success()?;
            let (name, role) = (text(&created, "name"), text(&created, "role"));
            println!("a token for {name} as {role}; it is shown only now:");
            println!("{}", text(&created, "token"));
        }
        TokenCommand::List { json, reach } => {
            let tokens = every(&Caller::to_look(reach).await?, "tokens").await?;
            if json {
                println!("{:#}", json!({ "tokens": tokens }));
            } else {
                tokens.iter().for_each(|token| println!("{}", line(token)));
            }
        }
        TokenCommand::Revoke { id, reach } => {
            let caller = Caller::to_look(reach).await?;
            caller.remove(&format!("/tokens/{}", segment(&id))).await?;
            println!("{id} lets nobody in any more");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(token: &Value) -> String {
    let revoked = match text(token, "revoked_at") {
        "" => String::new(),
        at => format!("  revoked {at}"),
    };
    let (id, at, role, name) =
        (text(token, "id"), text(token, "at"), text(token, "role"), text(token, "name"));
    format!("{id}  {at}  {role:<20} {name}{revoked}")
}
