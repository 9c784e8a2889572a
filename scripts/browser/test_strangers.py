"""What strangers write into clicks, postbacks and answers is shown as text, wherever it is shown."""

import csv
import io
import json
import urllib.parse

from playwright.sync_api import expect

from browser.browsing import PagesCase, look
from browser.world import ADMIN, PROGRAM, query

RUN = "window.__xss=1"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f'"><img src=x onerror="{RUN}">',
    f"'><img src=x onerror='{RUN}'>",
    f'" onmouseover="{RUN}" autofocus onfocus="{RUN}" x="',
    f"' autofocus onfocus='{RUN}' x='",
    f"`autofocus onfocus={RUN}`",
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}//",
    f"java\tscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    f"{{{{7*7}}}}{{% raw %}}${{{RUN}}}#{{7*7}}",
    f"<!--<script>{RUN}//--><script>{RUN}</script>",
    f"]]><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"</title></style><script>{RUN}</script>",
    f"</td></tr></table></pre></select><script>{RUN}</script>",
    f'<iframe srcdoc="<script>parent.{RUN[7:]}</script>"></iframe>',
    f'<form action="javascript:{RUN}"><button autofocus>x</button></form>',
    f'<a href="javascript:{RUN}">x</a>',
    f"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={RUN}&gt;\">",
    '<base href="https://elsewhere.example/">',
    '<meta http-equiv="refresh" content="0;url=https://elsewhere.example/">',
    '<link rel="stylesheet" href="https://elsewhere.example/x.css"><style>*{display:none}</style>',
    f'<div hx-get="/sign-out" hx-trigger="load" hx-on::load="{RUN}">x</div>',
    f'"}}]}}\');{RUN};//',
    f"\\\"}});{RUN}//",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"\u2028{RUN}\u2029",
    "\u202etxt.exe\u202c \u2066over\u2069 \u200f",
    "\x1b[31mred\x07\x08\x0b\x7f\x85",
    '=HYPERLINK("https://elsewhere.example/","x")',
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\uff1cscript\uff1e",
]
# Each place is written by the same hand whatever stands in it: of pages of one kind, one in so many is enough.
EVERY = 6
# Those that would break out of different places, for where one text must do.
ALL_AT_ONCE = f'"\'></script></textarea></title><img src=x onerror={RUN}><svg onload={RUN}>{{{{7*7}}}}'
STRANGE = PROGRAM
# Names are given by those who write the program, who may steer a line as they like.
for name, place in [("Casino Ltd", 6), ("Shop GmbH", 18), ("Casino DE", 19), ("Shop, all goods", 20), ("Reel Media", 7), ("Mailwave", 28)]:
    STRANGE = STRANGE.replace(f'"{name}"', json.dumps(PAYLOADS[place]))
STRANGE = STRANGE.replace('name = "Example Partners"', f"name = {json.dumps(ALL_AT_ONCE)}")


def header(text):
    """As a header can hold it."""
    return "".join(one if " " <= one and one != "\x7f" else " " for one in text).encode()


class Strangers(PagesCase):
    program = STRANGE
    arguments = ("--trusted-proxies", "127.0.0.0/8")
    managed = False

    @classmethod
    def prepare(cls):
        cls.clicks, cls.postbacks = [], []
        for place, payload in enumerate(PAYLOADS):
            cls.world.receiver.answers["/reelmedia"] = (200 if place % 2 else 404, payload.encode())
            cls.clicks.append(cls.visitor(place, payload))
            cls.postbacks.append(cls.senders(cls.clicks[-1], payload))
            cls.world.await_deliveries()
        cls.people()

    @classmethod
    def visitor(cls, place, payload):
        subs = {f"sub{number}": PAYLOADS[(place + number) % len(PAYLOADS)] for number in range(1, 11)}
        names = ["user-agent", "referer", "accept-language", "x-forwarded-for", "x-forwarded-proto", "cf-ipcountry"]
        sent = {name: header(payload) for name in names}
        return cls.world.click("reelmedia-shop", sent, click_id=payload, source=payload, campaign=payload, cost=payload,
                               **{payload: payload}, **subs)

    @classmethod
    def senders(cls, click, payload):
        """One that counts, one that waits, and all that can be wrong; those that have a page of their own worth seeing."""
        good = {"click_id": click, "event": "sale", "txid": payload, "amount": "10"}
        cls.world.postback("shop", **good)
        held = cls.world.postback("shop", **{**good, "event": "lead", payload: payload})
        for field in ("event", "status", "amount", "currency", "click_id", "timestamp", "country"):
            cls.world.postback("shop", **{**good, "txid": f"{field}{payload}", field: payload})
        cls.world.send("GET", f"/postback/{urllib.parse.quote(payload, safe='')}?{query(click_id=click)}",
                       headers={"user-agent": header(payload), "x-forwarded-for": header(payload)})
        as_json = {"content-type": "application/json"}
        body = json.dumps({**good, payload: {payload: [payload]}, "event": [payload]})
        bad = cls.world.send("POST", "/postback/shop", body, as_json).json()
        cls.world.send("POST", "/postback/shop", payload.encode(), as_json)
        cls.world.send("POST", "/postback/shop", payload.encode(), {"content-type": header(payload)})
        return held, bad

    @classmethod
    def people(cls):
        """Words that people gave, and names of theirs."""
        for (held, _), payload in zip(cls.postbacks, PAYLOADS):
            verdict = {"postbacks": [held["postback_id"]], "verdict": "accept", "reason": payload}
            # Not every text is a reason; what is none is refused, and that is all right.
            cls.world.send("POST", "/api/v1/reviews", json.dumps(verdict), {"authorization": f"Bearer {ADMIN}"})
        for role in ("viewer", "finance"):
            cls.world.api("POST", "/tokens", {"role": role, "name": ALL_AT_ONCE[:100]})
        cls.invitation = cls.world.invite("strange@example.com", ALL_AT_ONCE[:100], "viewer")
        cls.world.api("POST", "/reports/saved", {"id": "strange", "name": ALL_AT_ONCE, "query": "by=sub1"})
        payout = cls.world.api("POST", "/payouts", {"partner": "reelmedia", "currency": "EUR", "draft": True})["id"]
        cls.world.api("POST", f"/payouts/{payout}/cancel", {"reason": ALL_AT_ONCE})
        cls.payout = payout
        cls.world.apply(cls.world.program + "\n# " + ALL_AT_ONCE + "\n", ALL_AT_ONCE)

    def setUp(self):
        super().setUp()
        # A search for an address that is none of ours, and words that the API does not know, are told so.
        self.expect_refusals(400, 404, 422)

    def look_at(self, page, address, own_words=False):
        """Renders a page; `own_words` are in the address, and may stand in a field as they are."""
        with self.subTest(address=address):
            page.goto(address)
            self.assert_harmless(page, "harm" if own_words else "harmAndSteering")

    def assert_harmless(self, page, question="harm"):
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        self.assertEqual(look(page, question), [])
        self.assertTrue(page.url.startswith(self.world.url), page.url)

    def page(self):
        page = self.visit("operator")
        page.on("dialog", lambda dialog: (self.troubles.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        return page

    def every_page_of(self, page, address):
        """A list with all that follows on further pages."""
        self.look_at(page, address)
        while (further := page.get_by_role("link", name="Earlier", exact=False)).count():
            self.look_at(page, further.get_attribute("href"))

    def test_lists_show_it_as_text(self):
        page = self.page()
        for address in ["/postbacks", "/conversions", "/deliveries", "/queues/held", "/queues/fraud", "/queues/waiting",
                        "/queues/deliveries", "/finance/ledger", "/settings/audit", "/settings/history"]:
            self.every_page_of(page, address)

    def test_what_belongs_to_one_click_shows_it_as_text(self):
        page = self.page()
        for place, (click, both) in enumerate(zip(self.clicks, self.postbacks)):
            self.look_at(page, f"/clicks/{click}")
            self.look_at(page, f"/postbacks/{both[place % 2]['postback_id']}")

    def test_a_conversion_a_delivery_and_a_payout_show_it_as_text(self):
        page = self.page()
        for kind, name in [("conversions", "conversion_id"), ("deliveries", "delivery_id")]:
            for one in self.world.api("GET", f"/{kind}?limit=1000")[kind][::EVERY]:
                self.look_at(page, f"/{kind}/{one[name]}")
        self.look_at(page, f"/finance/payouts/{self.payout}")

    def test_reports_finance_and_settings_show_it_as_text(self):
        page = self.page()
        by = ["sub1", "sub9", "source", "campaign", "referrer", "browser", "country", "txid", "language", "partner,offer",
              "advertiser", "event,status,reason", "day"]
        for address in [f"/reports?by={word}&period=today" for word in by] + [
            "/", "/account", "/finance", "/finance/payouts", "/finance/invoices", "/finance/rates", "/finance/periods",
            "/finance/reconcile", "/finance/partners/reelmedia/statement", "/finance/advertisers/shop/statement",
            "/settings/program", "/settings/objects", "/settings/objects/program/program", "/settings/objects/offer/shop-all",
            "/settings/objects/partner/mailwave", "/settings/objects/advertiser/casino", "/settings/history/1",
            "/settings/history/2", "/settings/targets", "/settings/people", "/settings/tokens",
        ]:
            self.look_at(page, address)

    def test_a_row_that_leads_on_keeps_strange_words(self):
        page = self.page()
        page.goto("/reports?by=sub1&period=today")
        links = page.get_by_role("region", name="Report").get_by_role("link")
        addresses = [link.get_attribute("href") for link in links.all() if link.get_attribute("href").startswith("/reports")]
        for address in [one for one in addresses if "filter" in one][::EVERY]:
            self.look_at(page, address, own_words=True)
            with self.subTest(address=address, about="its rows"):
                expect(page.get_by_role("alert")).to_have_count(0)
                self.assertGreater(page.get_by_role("region", name="Report").locator("tbody tr").count(), 0)

    def test_the_words_of_an_address_are_shown_as_text(self):
        page = self.page()
        strange = urllib.parse.quote(ALL_AT_ONCE, safe="")
        for address in ["/postbacks?txid=", "/postbacks?outcome=", "/postbacks?cursor=", "/postbacks/", "/trace?q=", "/clicks/",
                        f"/clicks/{self.clicks[0]}?note=", "/conversions?txid=", "/conversions?status=", "/conversions/",
                        "/deliveries?target=", "/deliveries/", "/reports?by=", "/reports?metrics=", "/reports?filter=",
                        "/reports?from=", "/reports?sort=", "/reports?by=day&currency=", "/reports?by=day&top=",
                        "/queues/held?reason=", "/queues/waiting?advertiser=", "/queues/deliveries?target=", "/queues/",
                        "/finance/ledger?account=", "/finance/payouts?up_to=", "/finance/payouts/", "/finance/settlements/",
                        "/finance/partners/", "/settings/objects/", "/settings/objects/offer/", "/settings/history?cursor=",
                        "/invitations/", "/"]:
            self.look_at(page, address + strange, own_words=True)

    def test_who_is_not_signed_in_is_shown_it_as_text(self):
        page = self.tab(self.context())
        for payload in [ALL_AT_ONCE, *PAYLOADS[::EVERY]]:
            self.look_at(page, f"/sign-in?{query(then=payload)}", own_words=True)
        self.look_at(page, self.invitation)

    def test_after_signing_in_one_stays_here(self):
        token = self.world.token("viewer")
        for then in [f"javascript:{RUN}", "//elsewhere.example/", "/\\elsewhere.example/"]:
            with self.subTest(then=then):
                page = self.tab(self.context())
                page.goto(f"/sign-in?{query(then=then)}")
                page.get_by_text("With an access token").click()
                page.get_by_label("Access token").fill(token)
                page.get_by_role("button", name="Sign in with the token").click()
                expect(page).to_have_url(f"{self.world.url}/")
                self.assert_harmless(page)

    def test_rows_that_come_in_live_are_text_too(self):
        page = self.page()
        page.goto("/postbacks")
        expect(page.locator("#live-state")).to_have_text("live")
        for payload in PAYLOADS:
            fields = {"click_id": self.clicks[0], "event": payload, "txid": payload, payload: payload}
            told = self.world.postback("shop", **fields)
        expect(page.locator(f"#p-{told['postback_id']}")).to_be_visible()
        self.assert_harmless(page, "harmAndSteering")

    def test_a_file_that_somebody_brings_is_shown_as_text(self):
        page = self.page()
        cells = io.StringIO()
        write = csv.writer(cells)
        write.writerow(["txid", "event", "amount", "currency", ALL_AT_ONCE])
        write.writerows([payload, "sale", "10", "EUR", payload] for payload in PAYLOADS)
        write.writerow(["T1", ALL_AT_ONCE, "10", "EUR", ""])
        for text in [cells.getvalue(), cells.getvalue().rsplit("T1", 1)[0]]:
            page.goto("/finance/reconcile")
            page.get_by_label("Their file").set_input_files(
                {"name": f"{ALL_AT_ONCE}.csv", "mimeType": "text/csv", "buffer": text.encode()}
            )
            page.get_by_label("Advertiser").select_option("shop")
            page.get_by_role("button", name="Compare").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Finance")
            self.assert_harmless(page)
        page.goto("/finance/rates")
        page.get_by_label("A file of rates").set_input_files(
            {"name": "rates.csv", "mimeType": "text/csv", "buffer": f"date,base,currency,rate\n{ALL_AT_ONCE},EUR,USD,1\n".encode()}
        )
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_role("alert")).to_be_visible()
        self.assert_harmless(page)

    def test_mistakes_in_a_program_are_shown_as_text(self):
        page = self.page()
        page.goto("/settings/objects/partner")
        text = f"[[partner]]\nid = {json.dumps(ALL_AT_ONCE)}\nname = 1\n"
        page.get_by_label("The object, in TOML").fill(text)
        expect(page.locator("#mistakes")).to_contain_text("error in line")
        self.assert_harmless(page)
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("alert")).to_be_visible()
        self.assert_harmless(page)

    def test_a_spreadsheet_runs_nothing_of_it(self):
        page = self.page()
        page.goto("/reports?by=sub1,source&metrics=clicks&period=today")
        with page.expect_download() as begun:
            page.get_by_role("link", name="CSV", exact=True).click()
        with open(begun.value.path(), encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        self.assertGreater(len(cells), len(PAYLOADS))
        self.assertEqual([cell for cell in cells if cell[:1] in tuple("=+-@\t\r")], [])
