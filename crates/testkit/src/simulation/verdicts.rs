//! The answers that the demo provokes, with the HTTP status that belongs to each.

use super::book::Verdict;

pub static OK: Verdict = Verdict::new("accepted", "ok", 200);
pub static STATUS_CHANGED: Verdict = Verdict::new("updated", "status_changed", 200);
pub static AMOUNT_CHANGED: Verdict = Verdict::new("updated", "amount_changed", 200);
pub static REVERSED: Verdict = Verdict::new("updated", "reversed", 200);
pub static DUPLICATE: Verdict = Verdict::new("duplicate", "duplicate", 200);
pub static DUPLICATE_IN_WINDOW: Verdict = Verdict::new("duplicate", "duplicate_in_window", 200);
pub static DUPLICATE_EVENT: Verdict = Verdict::new("duplicate", "duplicate_event", 200);
pub static AMOUNT_MISSING: Verdict = Verdict::new("held", "amount_missing", 200);
pub static AWAITING_ORIGINAL: Verdict = Verdict::new("held", "awaiting_original", 200);
pub static MISSING_CLICK_ID: Verdict = Verdict::new("rejected", "missing_click_id", 400);
pub static UNEXPANDED_MACRO: Verdict = Verdict::new("rejected", "unexpanded_macro", 400);
pub static MALFORMED_REQUEST: Verdict = Verdict::new("rejected", "malformed_request", 400);
pub static TRUNCATED_CLICK_ID: Verdict = Verdict::new("rejected", "truncated_click_id", 400);
pub static ALTERED_CLICK_ID: Verdict = Verdict::new("rejected", "altered_click_id", 400);
pub static BAD_TOKEN: Verdict = Verdict::new("rejected", "bad_token", 401);
pub static IP_NOT_ALLOWED: Verdict = Verdict::new("rejected", "ip_not_allowed", 403);
pub static UNKNOWN_CLICK_ID: Verdict = Verdict::new("rejected", "unknown_click_id", 404);
pub static UNKNOWN_ADVERTISER: Verdict = Verdict::new("rejected", "unknown_advertiser", 404);
pub static TXID_CONFLICT: Verdict = Verdict::new("rejected", "txid_conflict", 409);
pub static INVALID_TRANSITION: Verdict = Verdict::new("rejected", "invalid_transition", 409);
pub static UNKNOWN_EVENT: Verdict = Verdict::new("rejected", "unknown_event", 422);
pub static UNKNOWN_STATUS: Verdict = Verdict::new("rejected", "unknown_status", 422);
pub static BAD_AMOUNT: Verdict = Verdict::new("rejected", "bad_amount", 422);
pub static BAD_CURRENCY: Verdict = Verdict::new("rejected", "bad_currency", 422);
pub static NOTHING_TO_REVERSE: Verdict = Verdict::new("rejected", "nothing_to_reverse", 422);
