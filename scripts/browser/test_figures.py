"""The dashboard and the reports: figures that agree with the API, and every way to ask otherwise."""

import csv
import io
import re

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading, rows
from browser.world import fill


def plain(cell):
    """A figure of the grid as a file has it: without the marks that part its digits."""
    return "" if cell == "–" else cell.replace("\u202f", "").replace("−", "-")


def same(shown, written):
    """Whether a cell of the grid says what a cell of the file does."""
    shown = "" if shown == "(none)" else plain(shown)
    if shown.endswith("%"):
        return written != "" and abs(float(shown[:-1]) - 100 * float(written)) < 0.005
    return shown == written


class Dashboard(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def test_figures_are_those_of_the_report(self):
        page = self.visit("viewer")
        totals = self.world.api("GET", "/reports?metrics=clicks,conversions,revenue,payout,profit&period=today")["totals"]
        figures = page.locator(".cards .card")
        expect(figures).to_have_count(5)
        for place, name in enumerate(["clicks", "conversions", "revenue", "payout", "profit"]):
            card = figures.nth(place)
            expect(card).to_contain_text(name.capitalize())
            shown = plain(card.locator(".figure").inner_text().replace("EUR", "").strip())
            self.assertEqual(shown, str(totals[name]), name)
        self.assertEqual(totals["clicks"], 4)

    def test_what_needs_a_person_is_one_click_away(self):
        for count, what, leads_to in [
            ("4", "wait for fraud review", "/queues/fraud"),
            ("3", "are held and wait for somebody", "/queues/held"),
            ("1", "waits for an exchange rate", "/finance/rates"),
            ("1", "delivery failed in 24 hours", "/queues/deliveries"),
        ]:
            page = self.visit("viewer")
            link = page.get_by_role("link", name=f"{count} {what}")
            link.click()
            expect(page).to_have_url(f"{self.world.url}{leads_to}")

    def test_charts_are_drawn_and_outcomes_lead_to_the_log(self):
        page = self.visit("viewer")
        expect(page.locator("figure.chart canvas")).to_have_count(2)
        page.locator(".bar").get_by_role("link", name="rejected").click()
        expect(page.get_by_label("Outcome")).to_have_value("rejected")
        self.assertEqual(len(rows(page, "Postbacks")), 1)

    def test_a_partner_sees_its_own_figures_and_no_others(self):
        page = self.visit("partner:mailwave")
        figures = page.locator(".cards .figure")
        expect(figures).to_have_count(3)
        self.assertEqual([plain(text).split()[0] for text in figures.all_inner_texts()], ["2", "1", "4.00"])
        self.assertNotIn("reelmedia", page.content())


class Reports(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def ask(self, page, **choices):
        """Fills the form of the question and sends it."""
        for label, value in choices.items():
            field = page.get_by_label(label.replace("_", " "), exact=False).first
            field.select_option(value) if field.evaluate("field => field.tagName") == "SELECT" else field.fill(value)
        page.get_by_role("button", name="Show").click()

    def filter(self, page):
        return page.get_by_role("textbox", name="Only for example")

    def test_a_question_is_asked_by_its_form(self):
        page = self.visit("manager", "/reports")
        self.ask(page, Group_by="partner")
        expect(page).to_have_url(re.compile("by=partner"))
        self.assertEqual(sorted(row[0] for row in rows(page, "Report")), ["mailwave", "reelmedia"])
        self.ask(page, Only="partner = reelmedia")
        expect(self.filter(page)).to_have_value("partner = reelmedia")
        self.assertEqual([row[0] for row in rows(page, "Report")], ["reelmedia"])

    def test_a_question_that_is_not_understood_is_told_what_was_meant(self):
        page = self.visit("manager", "/reports")
        self.ask(page, Only="partnr = reelmedia")
        expect(page.get_by_role("alert")).to_contain_text("partner")

    def test_the_head_of_a_column_sorts_by_it_and_then_the_other_way(self):
        page = self.visit("viewer", "/reports?by=sub1&metrics=clicks,conversions,payout&period=today")
        for sorted_as, order in [("descending", True), ("ascending", False)]:
            page.get_by_role("columnheader", name="Payout").get_by_role("link").click()
            expect(page.get_by_role("columnheader", name="Payout")).to_have_attribute("aria-sort", sorted_as)
            payouts = [float(plain(row[3])) for row in rows(page, "Report")]
            self.assertEqual(len(payouts), 3)
            self.assertEqual(payouts, sorted(payouts, reverse=order))

    def test_a_comparison_stands_beside_each_figure(self):
        page = self.visit("viewer", "/reports?by=day&period=today")
        self.assertEqual(page.locator("tfoot small").count(), 0)
        self.ask(page, Compare_with="previous")
        expect(page.locator("tfoot small").first).to_contain_text("(")
        expect(page.locator("figure.chart figcaption")).to_contain_text("compared")

    def test_a_row_leads_to_what_is_behind_it(self):
        page = self.visit("viewer", "/reports?by=partner&period=today")
        page.get_by_role("region", name="Report").get_by_role("link", name="reelmedia", exact=True).click()
        expect(self.filter(page)).to_have_value("partner = reelmedia")
        self.assertEqual({row[0] for row in rows(page, "Report")}, {"reelmedia-shop", "reelmedia-casino"})

    def test_a_report_over_time_has_a_chart_with_and_without_a_script(self):
        page = self.visit("viewer", "/reports?by=day&metrics=clicks&period=last_7_days")
        expect(page.locator("figure.chart canvas")).to_be_visible()
        page = self.visit("viewer", "/reports?by=day&metrics=clicks&period=last_7_days", java_script_enabled=False)
        expect(page.get_by_role("img", name=re.compile("Line chart from .* Clicks: 4 at the end"))).to_be_visible()

    def test_an_address_is_the_report_for_whoever_gets_it(self):
        page = self.visit("manager", "/reports")
        self.ask(page, Group_by="partner", Only="sub1 = letter", Period="today")
        other = self.visit("viewer", page.url)
        self.assertEqual(rows(other, "Report"), rows(page, "Report"))
        self.assertEqual(len(rows(other, "Report")), 1)

    def test_a_saved_report_is_found_by_others_and_removed_again(self):
        page = self.visit("manager", "/reports?by=source&metrics=clicks,payout&period=today")
        shown = rows(page, "Report")
        page.get_by_label("Id a-z 0-9 - _").fill("by-source")
        page.get_by_label("Name", exact=True).fill("By source")
        page.get_by_role("button", name="Save").click()
        self.assert_notice(page, "Saved as by-source.")
        self.assertEqual(rows(page, "Report"), shown)
        other = self.visit("viewer", "/reports")
        other.get_by_role("link", name="By source").click()
        # A link to another report of the same page: what is read must be of the new one.
        expect(other).to_have_url(re.compile("by=source"))
        self.assertEqual(rows(other, "Report"), shown)
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove").click()
        self.assert_notice(page, "The saved report by-source is gone.")
        expect(page.get_by_role("link", name="By source")).to_have_count(0)

    def test_a_file_has_what_the_table_has(self):
        page = self.visit("viewer", "/reports?by=partner,sub1,device&period=today&sort=-payout")
        with page.expect_download() as begun:
            page.get_by_role("link", name="CSV", exact=True).click()
        self.assertRegex(begun.value.suggested_filename, r"^report-.*\.csv$")
        with open(begun.value.path(), encoding="utf-8-sig", newline="") as file:
            written = list(csv.reader(io.StringIO(file.read())))[1:]
        shown = rows(page, "Report")
        self.assertEqual(len(shown), len(written))
        for ours, theirs in zip(shown, written, strict=True):
            self.assertEqual(len(ours), len(theirs))
            self.assertTrue(all(same(one, other) for one, other in zip(ours, theirs)), f"{ours} {theirs}")

    def test_columns_are_chosen_by_marking_them(self):
        page = self.visit("viewer", "/reports?by=partner&period=today")
        page.get_by_text("Columns and more").click()
        page.get_by_role("group", name="Columns").get_by_label("Clicks", exact=True).check()
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("columnheader")).to_have_count(2)
        expect(heading(page)).to_have_text("Reports")
