"""Every page, with an address where there is something to see; held against the list that the server's routes are made of."""

import pathlib
import re

PLACES = pathlib.Path(__file__).parents[2] / "crates/pages/src/places.rs"
# Of the program of tests.
OBJECTS = ("program/program", "advertiser/casino", "offer/shop-all", "partner/reelmedia", "fraud/too-fast")
# What a partner and an advertiser have pages of.
OF_PARTIES = {
    "partner:reelmedia": ["/", "/reports", "/reports?by=sub1,sub2&period=today", "/conversions", "/deliveries",
                          "/finance/payouts", "/finance/partners/reelmedia/statement", "/account"],
    "advertiser:shop": ["/", "/reports", "/finance/invoices", "/finance/advertisers/shop/statement"],
}
# What is no page: files, a stream, and an address that leads on.
NO_PAGES = {
    "/reports/export",
    "/postbacks/live",
    "/finance/partners/{id}/statement/file",
    "/finance/advertisers/{id}/statement/file",
    "/finance/settlements/{id}",
    "/finance/{kind}/{id}/file",
    "/settings/program/file",
}


def declared(method):
    """The addresses under a method, with the words that say who may use them."""
    source = PLACES.read_text(encoding="utf-8")
    return dict(re.findall(rf'\b{method}\("([^"]+)", Access::(\w+),', source))


def pages(things, payout, invitation, objects=OBJECTS):
    """Address by declaration; several where a page has several faces."""
    return {
        "/sign-in": ["/sign-in"],
        "/invitations/{token}": [invitation, "/invitations/no-such-token"],
        "/account": ["/account"],
        "/account/second-factor": ["/account/second-factor"],
        "/": ["/"],
        "/reports": ["/reports", "/reports?by=day&compare=previous", "/reports?by=partner,sub1&period=today&sort=-payout",
                     "/reports?by=partner&filter=nonsense"],
        "/postbacks": ["/postbacks", "/postbacks?outcome=rejected", "/postbacks?txid=none"],
        "/postbacks/{id}": [f"/postbacks/{of['postback_id']}" for of in (things.sale, things.rejected, things.leads[0])],
        "/trace": ["/trace", "/trace?q=nothing-like-it"],
        "/clicks/{id}": [f"/clicks/{things.click}"],
        "/conversions": ["/conversions", "/conversions?status=rejected"],
        "/conversions/{id}": [f"/conversions/{things.sale['conversion_id']}"],
        "/deliveries": ["/deliveries", "/deliveries?state=failed"],
        "/deliveries/{id}": [f"/deliveries/{things.delivery}", f"/deliveries/{things.failed_delivery}"],
        "/queues/{queue}": [f"/queues/{queue}" for queue in ("held", "fraud", "waiting", "deliveries")],
        "/finance": ["/finance"],
        "/finance/ledger": ["/finance/ledger"],
        "/finance/partners/{id}/statement": ["/finance/partners/reelmedia/statement"],
        "/finance/advertisers/{id}/statement": ["/finance/advertisers/shop/statement"],
        "/finance/reconcile": ["/finance/reconcile"],
        "/finance/rates": ["/finance/rates"],
        "/finance/periods": ["/finance/periods"],
        "/finance/{kind}": ["/finance/payouts", "/finance/invoices"],
        "/finance/{kind}/{id}": [f"/finance/payouts/{payout}"],
        "/settings": ["/settings"],
        "/settings/program": ["/settings/program"],
        "/settings/objects": ["/settings/objects"],
        "/settings/objects/{kind}": ["/settings/objects/offer", "/settings/objects/webhook"],
        "/settings/objects/{kind}/{id}": [f"/settings/objects/{of}" for of in objects],
        "/settings/history": ["/settings/history"],
        "/settings/history/{number}": ["/settings/history/1", "/settings/history/2"],
        "/settings/targets": ["/settings/targets"],
        "/settings/audit": ["/settings/audit"],
        "/settings/people": ["/settings/people"],
        "/settings/tokens": ["/settings/tokens"],
    }
