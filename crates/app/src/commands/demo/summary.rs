//! What the demo prints: the figures side by side, two examples, and what to try next.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use proofback_testkit::Audit;

use super::{SEED, Scene};
use crate::caller::Caller;
use crate::commands::{explain, trace};

/// Problems beyond these say nothing new.
const PROBLEMS_SHOWN: usize = 10;

pub fn figures(scene: &Scene<'_>, audit: &Audit, took: Duration) -> String {
    let simulation = scene.simulation;
    let mut text = format!(
        "{} visits, {} postbacks and {} deliveries in {:.1} s, from the seed {SEED}\n",
        simulation.visits(),
        simulation.postbacks(),
        simulation.deliveries(),
        took.as_secs_f64(),
    );
    for table in &audit.tables {
        text.push_str(&format!("\n{}\n{}\n", table.title, show(table)));
    }
    for problem in audit.problems.iter().take(PROBLEMS_SHOWN) {
        text.push_str(&format!("DIFFERS: {problem}\n"));
    }
    if PROBLEMS_SHOWN < audit.problems.len() {
        text.push_str(&format!("and {} more\n", audit.problems.len() - PROBLEMS_SHOWN));
    }
    text.push_str(if audit.agrees() {
        "\nEvery figure is what the simulation sent.\n"
    } else {
        "\nSome figures are NOT what the simulation sent.\n"
    });
    text
}

/// One click from its start to its end, and one postback that was turned away; from the API's own answers.
pub async fn examples(scene: &Scene<'_>) -> anyhow::Result<String> {
    let caller = Caller::Server { address: scene.base.to_owned(), token: scene.token.to_owned() };
    let mut text = String::new();
    if let Some(click_id) = &scene.run.examples.click_id {
        text.push_str(
            "\nOne click: its order came twice at the same moment, was confirmed, came once more and was refunded in part;\n\
             the partner's endpoint failed twice before it took each delivery.\n\n",
        );
        text.push_str(&trace::timeline(&caller.get(&format!("/trace/{click_id}")).await?));
    }
    if let Some(postback_id) = &scene.run.examples.truncated_postback {
        text.push_str("\nOne postback whose click id was cut on its way: why it earned nothing, and which click it was meant for.\n\n");
        text.push_str(&explain::explanation(&caller.get(&format!("/postbacks/{postback_id}")).await?));
    }
    Ok(text)
}

/// What to try while the server runs.
pub fn invitation(scene: &Scene<'_>) -> String {
    let Scene { run, base, token, .. } = scene;
    let click_id = run.examples.click_id.as_deref().unwrap_or("CLICK_ID");
    let postback_id = run.examples.truncated_postback.as_deref().unwrap_or("POSTBACK_ID");
    format!(
        "\nThe server goes on at {base} until you press Ctrl-C; its data goes with it. In another terminal:\n\n\
         In a browser: {base}/sign-in, with the access token below.\n\n\
         export PROOFBACK_TOKEN={token}\n\
         proofback trace {click_id} --server {base}\n\
         proofback explain {postback_id} --server {base}\n\
         curl -s -H \"Authorization: Bearer $PROOFBACK_TOKEN\" {base}/api/v1/partners/reelmedia/balance\n"
    )
}

fn show(table: &proofback_testkit::Table) -> Table {
    let mut shown = Table::new();
    shown.load_style(UTF8_FULL_CONDENSED);
    shown.set_header(table.columns.iter().copied().chain([""]));
    for row in &table.rows {
        let cells = row.cells.iter().map(|text| {
            let figure = text.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
            Cell::new(text).set_alignment(if figure { CellAlignment::Right } else { CellAlignment::Left })
        });
        shown.add_row(cells.chain([Cell::new(if row.agrees { "ok" } else { "DIFFERS" })]));
    }
    shown
}
