"""What holds for every page, whatever it is about."""

import re

from playwright.sync_api import expect

from browser.browsing import WIDE, PagesCase, heading, look
from browser.places import NO_PAGES, OF_PARTIES, declared, pages
from browser.world import fill

BYTES_MAX = 150_000
NARROW = {"width": 375, "height": 740}


class EveryPage(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)
        cls.payout = cls.world.api("POST", "/payouts", {"partner": "reelmedia", "currency": "EUR", "draft": True})["id"]
        cls.world.apply(cls.world.program.replace('"Mailwave"', '"Mail Wave"'), "its new name")
        cls.invitation = cls.world.invite("waits@example.com", "Waits for the link", "viewer")
        cls.places = pages(cls.things, cls.payout, cls.invitation)

    def signed_in(self):
        """Somebody with all rights and an account of his own."""
        if "person" not in self.cookies:
            page = self.take_up(self.world.invite("all@example.com", "With all rights", "admin"))
            self.cookies["person"] = page.context.storage_state()
        return self.cookies["person"]

    def addresses(self):
        """All pages by whoever looks at them."""
        strangers = ("/sign-in", "/invitations/{token}")
        listed = lambda of_strangers: [
            address for place, addresses in self.places.items() if (place in strangers) == of_strangers for address in addresses
        ]
        yield None, listed(True)
        yield self.signed_in(), [*listed(False), "/settings/nothing-here"]
        for role, addresses in OF_PARTIES.items():
            yield self.cookies_of(role), addresses

    def new_page(self, cookies, **options):
        return self.tab(self.context(storage_state=cookies, **options))

    def test_every_address_that_is_declared_is_looked_at(self):
        self.assertEqual(set(declared("get")), set(self.places) | NO_PAGES)

    def test_every_page_can_be_read_and_used_by_everybody(self):
        self.expect_refusals(404)
        for cookies, addresses in self.addresses():
            page = self.new_page(cookies)
            # As somebody sees it first.
            page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
            for address in addresses:
                self.look_at(page, address)

    def look_at(self, page, address):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)
        page.goto(address)
        expect(heading(page)).to_have_count(1)
        expect(page.locator("figure.chart[data-chart] svg")).to_have_count(0)
        found = {"moves while it loads": look(page, "moved"), "bytes": look(page, "transferredBytes")}
        # Only now is everything unfolded: it is to be read, and does not count as loading.
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        found["controls without a name"] = look(page, "namelessControls")
        found["an id twice"] = look(page, "idsTwice")
        found["too little contrast in light"] = look(page, "faintTexts")
        page.emulate_media(color_scheme="dark")
        found["too little contrast in dark"] = look(page, "faintTexts")
        page.set_viewport_size(NARROW)
        found["too wide for a phone"] = look(page, "tooWide")
        found["forbidden by the policy"] = page.evaluate("window.__forbidden")
        found["parts that are none of ours"] = look(page, "foreignParts")
        found["errors"], self.troubles[:] = list(self.troubles), []
        for about, told in found.items():
            with self.subTest(address=address, about=about):
                self.assertLess(told, BYTES_MAX) if about == "bytes" else self.assertEqual(told, [])

    def test_every_page_is_whole_without_a_script(self):
        # How long ago something was goes on while the page is read twice.
        still = lambda text: re.sub(r"just now|\d+ (min|h|d) ago|decided in .* µs", "", text)
        # A chart that can be read off point by point has a table of its own.
        read = """() => [...document.querySelectorAll("h1, main tbody tr")]
            .filter((part) => !part.closest("figure")).map((part) => part.innerText)"""
        self.expect_refusals(404)
        for cookies, addresses in self.addresses():
            tabs = [self.new_page(cookies, java_script_enabled=script) for script in (True, False)]
            for address in addresses:
                texts = []
                for page in tabs:
                    page.goto(address)
                    texts.append([still(text) for text in page.evaluate(read)])
                with self.subTest(address=address):
                    self.assertEqual(texts[0], texts[1])
                    self.assertGreater(len(texts[0]), 0)

    def test_a_phone_has_the_menu_and_reaches_a_row(self):
        page = self.visit("viewer", "/", viewport=NARROW, has_touch=True)
        expect(page.locator("figure.chart canvas")).to_have_count(2)
        self.assertEqual(look(page, "tooWide"), [])
        expect(page.get_by_role("link", name="Postbacks", exact=True)).to_be_hidden()
        page.get_by_text("Menu", exact=True).tap()
        page.get_by_role("link", name="Postbacks", exact=True).tap()
        expect(heading(page)).to_have_text("Postbacks")
        page.get_by_role("region", name="Postbacks").get_by_role("link").first.tap()
        expect(heading(page)).to_contain_text("Why it was")

    def test_the_first_key_leads_past_the_menu(self):
        page = self.visit("viewer", "/conversions")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the page")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()

    def test_forms_work_without_a_script(self):
        page = self.visit("finance", f"/postbacks/{self.things.leads[1]['postback_id']}", java_script_enabled=False)
        page.locator("#decide").get_by_label("Reason").fill("without a script")
        page.get_by_role("button", name="Accept").click()
        expect(heading(page)).to_have_text("Why it was accepted")
        page.goto("/postbacks")
        page.get_by_label("Outcome").select_option("rejected")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("outcome=rejected"))
