//! `proofback user`: people who sign in, and the links that let them.

use std::process::ExitCode;

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Value, json};

use super::statement::segment;
use super::{every, list, text};
use crate::caller::Caller;
use crate::options::Reach;
use crate::options::people::UserCommand;

pub async fn run(command: UserCommand) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Invite { email, name, role, reach } => {
            let caller = Caller::new(reach).await?;
            let body = json!({ "email": email, "name": name, "role": role });
            let invited = caller.call(Method::POST, "/people", body.to_string()).await?.success()?;
            tell_link(&invited);
        }
        UserCommand::List { json, reach } => {
            let people = every(&Caller::to_look(reach).await?, "people").await?;
            if json {
                println!("{:#}", json!({ "people": people }));
            } else {
                people.iter().for_each(|person| println!("{}", line(person)));
            }
        }
        UserCommand::Change { who, name, role, enable, reach } => {
            if name.is_none() && role.is_none() && !enable {
                bail!("say what is to change: --name, --role or --enable");
            }
            let mut change = json!({ "name": name, "role": role });
            if enable {
                change["disabled"] = json!(false);
            }
            put(&who, &change, reach).await?;
        }
        UserCommand::Disable { who, reach } => put(&who, &json!({ "disabled": true }), reach).await?,
        UserCommand::Reset { who, totp, reach } => {
            let caller = Caller::to_look(reach).await?;
            let path = format!("/people/{}/invitation", find(&caller, &who).await?);
            let body = json!({ "reset_totp": totp }).to_string();
            tell_link(&caller.call(Method::POST, &path, body).await?.success()?);
        }
        UserCommand::Sessions { who, end, json, reach } => sessions(&who, end, json, reach).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn put(who: &str, change: &Value, reach: Reach) -> anyhow::Result<()> {
    let caller = Caller::to_look(reach).await?;
    let path = format!("/people/{}", find(&caller, who).await?);
    let person = caller.call(Method::PUT, &path, change.to_string()).await?.success()?;
    println!("{}", line(&person));
    Ok(())
}

async fn sessions(who: &str, end: bool, as_json: bool, reach: Reach) -> anyhow::Result<()> {
    let caller = Caller::to_look(reach).await?;
    let path = format!("/people/{}/sessions", find(&caller, who).await?);
    if end {
        let ended = caller.call(Method::DELETE, &path, String::new()).await?.success()?;
        println!("{} sessions ended", ended["ended"]);
        return Ok(());
    }
    let sessions = caller.get(&path).await?;
    if as_json {
        println!("{sessions:#}");
        return Ok(());
    }
    for session in list(&sessions, "sessions") {
        let (id, at, seen_at) = (text(session, "id"), text(session, "at"), text(session, "seen_at"));
        let (ip, user_agent) = (text(session, "ip"), text(session, "user_agent"));
        println!("{id}  since {at}, last seen {seen_at}  {ip}  {user_agent}");
    }
    Ok(())
}

/// The id of whom a person named.
async fn find(caller: &Caller, who: &str) -> anyhow::Result<String> {
    if !who.contains('@') {
        return Ok(segment(who));
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("email", who).finish();
    let found = caller.get(&format!("/people?{query}")).await?;
    let id = list(&found, "people").next().map(|person| text(person, "id").to_owned());
    id.with_context(|| format!("nobody has the address {who}"))
}

fn tell_link(person: &Value) {
    let (email, role, until) = (text(person, "email"), text(person, "role"), text(person, "invited_until"));
    println!("a link for {email} as {role}, good once until {until}; it is shown only now:");
    println!("{}", text(person, "invitation"));
}

fn line(person: &Value) -> String {
    let (id, state, role) = (text(person, "id"), text(person, "state"), text(person, "role"));
    let second_factor = if person["totp"] == true { "  second factor" } else { "" };
    format!("{id}  {state:<8} {role:<20} {}  {}{second_factor}", text(person, "email"), text(person, "name"))
}
