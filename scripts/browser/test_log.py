"""The log as it grows, why a postback was answered as it was, running one again, and finding a click by any id."""

import re

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading, rows
from browser.world import fill, query


class Log(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def test_a_postback_appears_while_the_log_is_open(self):
        page = self.visit("viewer", "/postbacks")
        expect(page.locator("#live-state")).to_have_text("live")
        told = self.world.deposit(self.things.deposit_click, "B1", sum="1,50")
        row = page.locator(f"#p-{told['postback_id']}")
        expect(row).to_contain_text("bad_amount")
        self.assertEqual(page.get_by_role("region", name="Postbacks").locator("tbody tr").first.get_attribute("id"),
                         f"p-{told['postback_id']}")
        row.get_by_role("link").first.click()
        expect(heading(page)).to_have_text("Why it was rejected")

    def test_the_log_pauses_and_goes_on(self):
        page = self.visit("viewer", "/postbacks")
        expect(page.locator("#live-state")).to_have_text("live")
        page.get_by_role("button", name="Pause").click()
        told = self.world.deposit(self.things.deposit_click, "B2", sum="2,50")
        expect(page.locator("#live-state")).to_have_text("paused, 1 new")
        expect(page.locator(f"#p-{told['postback_id']}")).to_have_count(0)
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(f"#p-{told['postback_id']}")).to_be_visible()

    def test_a_filtered_log_grows_by_what_fits_it(self):
        page = self.visit("viewer", "/postbacks?outcome=rejected&advertiser=casino")
        expect(page.locator("#live-state")).to_have_text("live")
        other = self.world.postback("shop", click_id="0" * 26, event="sale", txid="N1")
        told = self.world.deposit(self.things.deposit_click, "B3", sum="3,50")
        expect(page.locator(f"#p-{told['postback_id']}")).to_be_visible()
        expect(page.locator(f"#p-{other['postback_id']}")).to_have_count(0)

    def test_a_row_says_what_was_reported(self):
        page = self.visit("viewer", "/postbacks?txid=S2")
        self.assertEqual([row[2] for row in rows(page, "Postbacks")], ["sale S2"])

    def test_an_explanation_has_what_was_expected_beside_what_came(self):
        page = self.visit("viewer", f"/postbacks/{self.things.rejected['postback_id']}")
        fault = page.get_by_role("region", name="The field at fault").locator("tr.fault")
        expect(fault).to_contain_text("sum")
        expect(fault).to_contain_text("1,50")
        expect(fault).to_contain_text("a plain decimal such as 120 or 119.95")
        marked = page.get_by_role("region", name="Parameters").locator("tr.fault")
        expect(marked).to_have_count(1)
        expect(marked).to_contain_text("1,50 at fault")
        expect(page.get_by_text("What the sender should do:")).to_be_visible()
        # The token that came with it is nobody's to read.
        self.assertNotIn("t0ken", page.content())

    def test_what_was_counted_has_no_field_at_fault(self):
        page = self.visit("viewer", f"/postbacks/{self.things.sale['postback_id']}")
        expect(page.get_by_text("No field was at fault.")).to_be_visible()
        expect(page.locator(".fault")).to_have_count(0)
        expect(page.locator(".timeline li").first).to_contain_text("passed")

    def test_a_replay_is_previewed_and_then_done(self):
        told = self.world.postback("shop", click_id=self.things.click, event="upsell", txid="UP1", amount="10")
        self.assertEqual(told["reason"], "unknown_event")
        mended = self.world.program.replace(
            'event = "lead"', 'event = "upsell"\npayout = "3 EUR"\napproval = "auto"\n[[offer.goal]]\nevent = "lead"'
        )
        self.world.apply(mended, "upsells count")
        page = self.visit("manager", f"/postbacks/{told['postback_id']}")
        page.get_by_role("button", name="Preview the replay").click()
        preview = page.locator("#replay")
        expect(preview).to_contain_text("It would become accepted")
        expect(preview).to_contain_text("partner:reelmedia:approved")
        expect(preview).to_contain_text("3.00 EUR")
        self.assertEqual(self.world.api("GET", f"/postbacks/{told['postback_id']}")["outcome"], "rejected")
        page.get_by_role("button", name="Replay it now").click()
        self.assert_notice(page, "Decided anew")
        expect(heading(page)).to_have_text("Why it was accepted")
        self.assertEqual(len(rows(page, "Earlier decisions")), 1)

    def test_a_filter_is_sent_as_soon_as_it_is_chosen(self):
        page = self.visit("viewer", "/postbacks")
        page.get_by_label("Outcome").select_option("duplicate")
        expect(page).to_have_url(f"{self.world.url}/postbacks?outcome=duplicate&reason=&advertiser=&txid=&from=&to=")
        self.assertEqual([row[1] for row in rows(page, "Postbacks")], ["duplicate"])

    def test_what_is_not_in_the_log_is_told_so(self):
        page = self.visit("viewer", "/postbacks?txid=never")
        expect(page.get_by_text("Nothing has come in by this filter.")).to_be_visible()


class Trace(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def paste(self, text, role="viewer"):
        page = self.visit(role)
        page.get_by_label("Find by any id").fill(text)
        page.get_by_role("button", name="Trace").click()
        return page

    def assert_timeline(self, page, click):
        expect(page).to_have_url(re.compile(f"/clicks/{click}"))
        expect(heading(page)).to_have_text("From click to payout")
        steps = page.locator(".timeline > li strong").all_inner_texts()
        self.assertEqual(steps[0], "Click")
        for step in ["Postback received", "Conversion", "Booked", "Delivery planned", "Sent"]:
            self.assertIn(step, steps)
        self.assertLess(steps.index("Postback received"), steps.index("Sent"))

    def test_a_click_is_found_by_its_id_whole_cut_or_re_cased(self):
        click = self.things.click
        for text in [click, click[:20], click[:-1], click.upper(), f' "{click}" ', click[:20].upper()]:
            with self.subTest(text=text):
                self.assert_timeline(self.paste(text), click)

    def test_a_click_is_found_by_what_came_of_it(self):
        for text in ["S1", self.things.sale["conversion_id"], self.things.sale["postback_id"], self.things.delivery]:
            with self.subTest(text=text):
                self.assert_timeline(self.paste(text), self.things.click)

    def test_a_damaged_id_says_how_it_was_read(self):
        page = self.paste(self.things.click[:20])
        expect(page.get_by_role("status").first).to_contain_text("20 of 26")

    def test_a_request_and_its_answer_stand_in_the_timeline(self):
        page = self.paste(self.things.click)
        # The partner's, whichever was sent first: the webhook's body has the partner's name, too.
        sent = page.locator(".timeline > li").filter(has_text="Sent").filter(has_text="GET http")
        sent.locator("summary").first.click()
        expect(sent.first).to_contain_text("cid=R-1")
        expect(sent.first).to_contain_text("taken")

    def test_a_timeline_leads_on_to_each_page(self):
        for step, title in [("Postback received", "Why it was accepted"), ("Conversion", "sale approved")]:
            page = self.paste("S2")
            page.locator(".timeline").get_by_role("link", name=step, exact=True).first.click()
            expect(heading(page)).to_have_text(title)

    def test_what_means_nothing_here_is_told_so(self):
        page = self.paste("nothing-like-it")
        expect(page.get_by_text("Nothing here is called")).to_be_visible()

    def test_a_slash_goes_to_the_search(self):
        page = self.visit("viewer", "/conversions")
        page.keyboard.press("/")
        expect(page.get_by_label("Find by any id")).to_be_focused()

    def test_an_id_in_the_address_is_enough(self):
        page = self.visit("viewer", f"/trace?{query(q='M1')}")
        expect(page.locator(".timeline > li").filter(has_text="Sent").filter(has_text="404")).to_have_count(1)
