//! Every address of the pages with who may use it. Routes, the menu and the test of rights are all made of this list.

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodFilter, MethodRouter, on};
use proofback_web::Access;

use crate::{
    Pages, account, conversions, dashboard, deliveries, files, finance, guard, live, log, objects, people,
    queues, reports, settings, sign_in, trace,
};

/// One address under one method.
pub struct Place {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    route: MethodRouter<Pages>,
}

/// A place of the menu, as one page shows it.
pub struct Shown {
    pub path: String,
    pub label: String,
    pub here: bool,
}

/// The menu, from above.
pub static PLACES_SHOWN: [(&str, &str, Access); 9] = [
    ("/", "Dashboard", Access::SignedIn),
    ("/reports", "Reports", Access::SignedIn),
    ("/postbacks", "Postbacks", Access::Staff),
    ("/trace", "Trace", Access::Staff),
    ("/conversions", "Conversions", Access::SignedIn),
    ("/deliveries", "Deliveries", Access::SignedIn),
    ("/queues/held", "Queues", Access::Staff),
    ("/finance", "Finance", Access::Staff),
    ("/settings/program", "Settings", Access::Staff),
];

/// All of them.
pub fn places() -> Vec<Place> {
    [sign_in_places(), log_places(), finance_places(), settings_places()].into_iter().flatten().collect()
}

fn sign_in_places() -> Vec<Place> {
    vec![
        get("/sign-in", Access::Everyone, sign_in::show),
        post("/sign-in", Access::Everyone, sign_in::enter),
        post("/sign-in/token", Access::Everyone, sign_in::enter_with_token),
        post("/sign-out", Access::SignedIn, sign_in::leave),
        get("/invitations/{token}", Access::Everyone, sign_in::invited),
        post("/invitations/{token}", Access::Everyone, sign_in::accept),
        post("/theme", Access::Everyone, account::set_theme),
        get("/account", Access::SignedIn, account::show),
        post("/account/password", Access::SignedIn, account::set_password),
        get("/account/second-factor", Access::SignedIn, account::offer_totp),
        post("/account/second-factor", Access::SignedIn, account::confirm_totp),
        post("/account/second-factor/end", Access::SignedIn, account::end_totp),
        post("/account/sessions/{id}/end", Access::SignedIn, account::end_session),
    ]
}

fn log_places() -> Vec<Place> {
    vec![
        get("/", Access::SignedIn, dashboard::show),
        get("/reports", Access::SignedIn, reports::show),
        get("/reports/export", Access::SignedIn, reports::export),
        post("/reports/saved", Access::Configures, reports::save),
        post("/reports/saved/{id}/remove", Access::Configures, reports::remove),
        get("/postbacks", Access::Staff, log::list),
        get("/postbacks/live", Access::Staff, live::rows),
        get("/postbacks/{id}", Access::Staff, log::one),
        post("/postbacks/{id}/preview", Access::Decides, log::preview),
        post("/postbacks/{id}/replay", Access::Decides, log::replay),
        post("/postbacks/{id}/decide", Access::Decides, log::decide),
        get("/trace", Access::Staff, trace::find),
        get("/clicks/{id}", Access::Staff, trace::click),
        get("/conversions", Access::SignedIn, conversions::list),
        get("/conversions/{id}", Access::SignedIn, conversions::one),
        post("/conversions/{id}/status", Access::Decides, conversions::set_status),
        post("/conversions/{id}/adjust", Access::Decides, conversions::adjust),
        get("/deliveries", Access::SignedIn, deliveries::list),
        get("/deliveries/{id}", Access::SignedIn, deliveries::one),
        post("/deliveries/retry", Access::Decides, deliveries::retry_marked),
        post("/deliveries/{id}/retry", Access::Decides, deliveries::retry),
        get("/queues/{queue}", Access::Staff, queues::show),
        post("/queues/{queue}", Access::Decides, queues::decide),
    ]
}

fn finance_places() -> Vec<Place> {
    vec![
        get("/finance", Access::Staff, finance::balances),
        get("/finance/ledger", Access::Staff, finance::ledger),
        get("/finance/partners/{id}/statement", Access::SignedIn, finance::partner_statement),
        get("/finance/partners/{id}/statement/file", Access::SignedIn, finance::partner_statement_file),
        get("/finance/advertisers/{id}/statement", Access::SignedIn, finance::advertiser_statement),
        get("/finance/advertisers/{id}/statement/file", Access::SignedIn, finance::advertiser_statement_file),
        get("/finance/settlements/{id}", Access::SignedIn, finance::any_settlement),
        get("/finance/reconcile", Access::Staff, files::reconcile),
        post("/finance/reconcile", Access::Staff, files::hold_against),
        get("/finance/rates", Access::Staff, files::rates),
        post("/finance/rates", Access::Accounts, files::import_rates),
        get("/finance/periods", Access::Staff, finance::periods),
        post("/finance/periods", Access::Accounts, finance::close),
        get("/finance/{kind}", Access::SignedIn, finance::settlements),
        post("/finance/{kind}", Access::Accounts, finance::settle),
        get("/finance/{kind}/{id}", Access::SignedIn, finance::settlement),
        get("/finance/{kind}/{id}/file", Access::SignedIn, finance::settlement_file),
        post("/finance/{kind}/{id}/{step}", Access::Accounts, finance::advance),
    ]
}

fn settings_places() -> Vec<Place> {
    vec![
        get("/settings", Access::Staff, settings::program),
        get("/settings/program", Access::Staff, settings::program),
        get("/settings/program/file", Access::Staff, settings::download),
        post("/settings/program", Access::Configures, settings::apply),
        post("/settings/program/check", Access::Configures, settings::check),
        get("/settings/objects", Access::Staff, objects::list),
        get("/settings/objects/{kind}", Access::Configures, objects::begin),
        post("/settings/objects/{kind}", Access::Configures, objects::add),
        post("/settings/objects/{kind}/check", Access::Configures, objects::check_new),
        get("/settings/objects/{kind}/{id}", Access::Staff, objects::one),
        post("/settings/objects/{kind}/{id}", Access::Configures, objects::change),
        post("/settings/objects/{kind}/{id}/check", Access::Configures, objects::check),
        post("/settings/objects/{kind}/{id}/remove", Access::Configures, objects::remove),
        post("/settings/objects/{kind}/{id}/undo", Access::Configures, objects::undo),
        get("/settings/history", Access::Staff, settings::history),
        get("/settings/history/{number}", Access::Staff, settings::revision),
        post("/settings/history/{number}/restore", Access::Configures, settings::restore),
        get("/settings/targets", Access::Staff, settings::targets),
        post("/settings/targets/{id}/{step}", Access::Configures, settings::target_step),
        get("/settings/audit", Access::Staff, settings::audit),
        get("/settings/people", Access::Admin, people::list),
        post("/settings/people", Access::Admin, people::invite),
        post("/settings/people/{id}", Access::Admin, people::change),
        post("/settings/people/{id}/invitation", Access::Admin, people::invite_again),
        post("/settings/people/{id}/sessions/end", Access::Admin, people::end_sessions),
        get("/settings/tokens", Access::Admin, people::tokens),
        post("/settings/tokens", Access::Admin, people::create_token),
        post("/settings/tokens/{id}/revoke", Access::Admin, people::revoke_token),
    ]
}

fn get<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, Pages>) -> Place {
    place(Method::GET, MethodFilter::GET, path, access, handler)
}

fn post<T: 'static>(path: &'static str, access: Access, handler: impl Handler<T, Pages>) -> Place {
    place(Method::POST, MethodFilter::POST, path, access, handler)
}

fn place<T: 'static>(
    method: Method,
    filter: MethodFilter,
    path: &'static str,
    access: Access,
    handler: impl Handler<T, Pages>,
) -> Place {
    let admit = from_fn(move |request: Request, next: Next| guard::admit(access, request, next));
    Place { method, path, access, route: on(filter, handler).layer(admit) }
}

impl Place {
    pub fn route(self) -> Router<Pages> {
        Router::new().route(self.path, self.route)
    }
}
