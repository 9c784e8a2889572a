"""Who sees which buttons, and what becomes of a form that somebody sends without one."""

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading
from browser.places import NO_PAGES, declared, pages
from browser.world import fill

# Forms that everybody who may see the page may send.
EVERYBODYS = {"/theme", "/sign-out", "/finance/reconcile"}


class Rights(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)
        cls.payout = cls.world.api("POST", "/payouts", {"partner": "reelmedia", "currency": "EUR", "draft": True})["id"]
        invitation = cls.world.invite("waits@example.com", "Waits for the link", "viewer")
        cls.places = pages(cls.things, cls.payout, invitation)
        # Of the second revision there is none in this world, and a token has no second factor.
        cls.places["/settings/history/{number}"] = ["/settings/history/1"]
        del cls.places["/account/second-factor"]

    def test_a_viewer_has_no_button_that_changes_anything(self):
        access = declared("get")
        page = self.visit("viewer")
        sent_by = """buttons => buttons.map((button) => button.form).filter((form) => form?.method === "post")
            .map((form) => new URL(form.action).pathname)"""
        for place, addresses in self.places.items():
            if access[place] not in ("Staff", "SignedIn"):
                continue
            for address in addresses:
                page.goto(address)
                page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
                forms = page.locator("button:visible").evaluate_all(sent_by)
                with self.subTest(address=address):
                    self.assertLessEqual({form for form in forms if not form.startswith("/account/sessions/")}, EVERYBODYS)
                    self.assertEqual(page.locator("main form[method=post] [type=checkbox]:visible, main button.danger").count(), 0)

    def test_who_may_decide_has_the_forms_of_his_role_and_no_others(self):
        lead = f"/postbacks/{self.things.leads[0]['postback_id']}"
        payout = f"/finance/payouts/{self.payout}"
        for role, address, may in [
            ("finance", lead, True), ("manager", lead, True), ("viewer", lead, False),
            ("finance", payout, True), ("manager", payout, False),
            ("manager", "/settings/objects/offer/shop-all", True), ("finance", "/settings/objects/offer/shop-all", False),
            ("manager", "/settings/targets", True), ("finance", "/settings/targets", False),
        ]:
            with self.subTest(role=role, address=address):
                page = self.visit(role, address)
                buttons = page.locator("main form[method=post] button:visible").count()
                self.assertEqual(buttons > 0, may)
                page.context.close()

    def test_a_place_that_is_not_his_is_not_shown_and_not_opened(self):
        self.expect_refusals(403)
        for role, label, address in [
            ("viewer", "People", "/settings/people"), ("viewer", "Tokens", "/settings/tokens"),
            ("partner:reelmedia", "Postbacks", "/postbacks"), ("partner:reelmedia", "Finance", "/finance"),
            ("partner:reelmedia", "Settings", "/settings/program"), ("advertiser:shop", "Queues", "/queues/held"),
        ]:
            with self.subTest(role=role, address=address):
                page = self.visit(role, "/" if ":" in role else "/settings/program")
                expect(page.get_by_role("link", name=label, exact=True)).to_have_count(0)
                page.goto(address)
                expect(heading(page)).to_have_text("Not allowed")
                page.context.close()

    def test_whatever_the_menu_shows_opens(self):
        for role in ["admin", "manager", "finance", "viewer", "partner:reelmedia", "advertiser:shop"]:
            page = self.visit(role)
            links = page.get_by_role("navigation", name="Places").get_by_role("link")
            for address in [link.get_attribute("href") for link in links.all()]:
                with self.subTest(role=role, address=address):
                    self.assertEqual(page.goto(address).status, 200)
        self.troubles.clear()

    def test_a_partner_is_not_shown_what_is_another_s(self):
        self.expect_refusals(403, 404)
        page = self.visit("partner:mailwave", f"/conversions/{self.things.sale['conversion_id']}")
        expect(heading(page)).to_have_text("Not found")
        page.goto("/finance/partners/reelmedia/statement")
        expect(heading(page)).not_to_contain_text("Statement of reelmedia")

    def test_a_form_that_is_sent_without_its_button_is_refused(self):
        self.expect_refusals(403)
        page = self.visit("viewer", "/postbacks")
        before = self.state()
        held = self.things.leads[0]["postback_id"]
        fields = {"verdict": "accept", "reason": "sent by hand", "postbacks": held, "status": "rejected", "payout": "1 EUR",
                  "source": "[program]", "party": "mailwave", "currency": "EUR", "up_to": "2026-01-01", "id": "x",
                  "query": "by=day", "email": "own@example.com", "name": "own", "role": "admin", "revision": "1", "text": ""}
        send = """async ([path, fields]) => (await fetch(path, { method: "POST", body: new URLSearchParams(fields) })).status"""
        for place, access in declared("post").items():
            if access in ("Everyone", "SignedIn", "Staff"):
                continue
            address = place.replace("{queue}", "fraud").replace("{kind}", "partner" if "objects" in place else "payouts")
            ids = {"postbacks": held, "conversions": self.things.sale["conversion_id"], "deliveries": self.things.failed_delivery,
                   "finance": self.payout, "settings": "mailwave", "reports": "x"}
            address = address.replace("{id}", ids.get(place.split("/")[1], "x")).replace("{number}", "1").replace("{step}", "paid")
            with self.subTest(address=address):
                self.assertEqual(page.evaluate(send, [address, fields]), 403)
        self.assertEqual(self.state(), before)

    def state(self):
        ask = lambda path: self.world.api("GET", path)
        return [ask("/audit?limit=1000")["audit"], ask("/balances"), ask("/program"), ask("/people"), ask("/reviews")["reviews"]]

    def test_a_page_of_another_site_cannot_send_our_forms(self):
        self.expect_refusals(403)
        page = self.visit("operator")
        # The same server under another name is another site; its cookie is for this one alone, so it is brought along.
        other = self.world.url.replace("127.0.0.1", "localhost")
        forged = f'<form method="post" action="{self.world.url}/settings/tokens"><input name="name" value="forged">' \
                 '<input name="role" value="admin"><button>Go</button></form>'
        page.context.route(f"{other}/forged", lambda route: route.fulfill(body=forged, content_type="text/html"))
        page.goto(f"{other}/forged")
        page.get_by_role("button", name="Go").click()
        expect(heading(page)).to_be_visible()
        self.assertNotIn("forged", [token["name"] for token in self.world.api("GET", "/tokens")["tokens"]])

    def test_what_is_no_page_is_for_the_same_people(self):
        self.assertTrue(all(address in declared("get") for address in NO_PAGES))
