"""Money, as whoever keeps the books works with it."""

import datetime

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading, rows
from browser.test_figures import plain
from browser.world import fill

TODAY = datetime.datetime.now(datetime.timezone.utc).date()
# 120.00 + 80.50 at ten percent, 120 EUR for the deposit, and two sign-ups below the cap.
EARNED = "144.05"


class Finance(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def test_balances_lead_to_statements_that_end_with_them(self):
        page = self.visit("finance", "/finance")
        (balance,) = [row for row in rows(page, "Balances of partners") if row[:2] == ["mailwave", "EUR"]]
        self.assertEqual([plain(cell) for cell in balance], ["mailwave", "EUR", "0.00", "4.00", "0.00", "0.00"])
        page.get_by_role("link", name="mailwave").first.click()
        expect(heading(page)).to_have_text("Statement of mailwave")
        in_euros = page.locator("section").filter(has=page.get_by_role("heading", name="EUR"))
        expect(in_euros.locator("dl.facts dd").last).to_have_text("4.00")
        self.assertEqual([row[1:] for row in rows(page, "Lines in EUR")],
                         [["commission", "shop-all", "sale", "M1", "4.00"]])
        with page.expect_download() as begun:
            page.get_by_role("link", name="csv").click()
        with open(begun.value.path(), encoding="utf-8-sig") as file:
            self.assertIn("M1", file.read())

    def test_the_ledger_is_filtered_by_account_and_by_conversion(self):
        page = self.visit("finance", "/finance/ledger")
        everything = len(rows(page, "Entries"))
        page.get_by_label("Account").fill("partner:mailwave:approved")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_label("Account")).to_have_value("partner:mailwave:approved")
        self.assertIn("4.00 EUR", [row[4] for row in rows(page, "Entries")])
        self.assertTrue(all("partner:mailwave:approved" in row[2:4] for row in rows(page, "Entries")))
        page.goto(f"/finance/ledger?conversion_id={self.things.deposit['conversion_id']}")
        amounts = {row[4] for row in rows(page, "Entries")}
        self.assertEqual(amounts, {"120.00 EUR", "150.00 EUR"})
        self.assertLess(len(rows(page, "Entries")), everything)

    def test_a_payout_is_drafted_and_paid(self):
        page = self.visit("finance", "/finance/payouts")
        row = page.get_by_role("region", name="What is open").get_by_role("row").filter(has_text="reelmedia")
        expect(row).to_contain_text(EARNED)
        row.get_by_role("button", name="Draft").click()
        self.assert_notice(page, f"{EARNED} EUR for reelmedia is draft.")
        expect(heading(page)).to_have_text(f"{EARNED} EUR draft")
        self.assertEqual(len(rows(page, "Lines")), 5)
        page.get_by_role("button", name="It is paid").click()
        self.assert_notice(page, "It is paid now.")
        expect(heading(page)).to_have_text(f"{EARNED} EUR paid")
        page.goto("/finance")
        (balance,) = [row for row in rows(page, "Balances of partners") if row[0] == "reelmedia"]
        self.assertEqual([plain(cell) for cell in balance[2:]], ["0.00", "0.00", "0.00", EARNED])
        partner = self.visit("partner:reelmedia", "/finance/payouts")
        self.assertEqual([row[2] for row in rows(partner, "Payouts")], ["paid"])

    def test_an_invoice_goes_out_and_is_cancelled_with_a_reason(self):
        page = self.visit("finance", "/finance/invoices")
        row = page.get_by_role("region", name="What is open").get_by_role("row").filter(has_text="casino")
        row.get_by_role("button", name="Settle now").click()
        expect(heading(page)).to_have_text("150.00 EUR invoiced")
        page.get_by_label("Reason").fill("wrong address")
        page.get_by_role("button", name="Cancel it").click()
        expect(heading(page)).to_have_text("150.00 EUR cancelled")

    def test_a_file_is_held_against_what_we_have(self):
        page = self.visit("finance", "/finance/reconcile")
        theirs = "txid,event,amount,currency\nS1,sale,120.00,EUR\nS2,sale,70.00,EUR\nT9,sale,5.00,EUR\n"
        page.get_by_label("Their file").set_input_files(
            {"name": "network.csv", "mimeType": "text/csv", "buffer": theirs.encode()}
        )
        page.get_by_label("Advertiser").select_option("shop")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", name="network.csv")).to_be_visible()
        groups = {row[0] for row in rows(page, "What differs")}
        self.assertLessEqual({"different amount", "missing here", "missing there"}, groups)
        differs = page.get_by_role("region", name="What differs").get_by_role("row").filter(has_text="different amount")
        expect(differs).to_contain_text("70.00")
        expect(differs).to_contain_text("80.50")

    def test_a_comparison_is_taken_away_as_a_file(self):
        page = self.visit("viewer", "/finance/reconcile")
        page.get_by_label("Their file").set_input_files(
            {"name": "network.csv", "mimeType": "text/csv", "buffer": b"txid,event,amount\nS1,sale,120.00\n"}
        )
        page.get_by_label("Advertiser").select_option("shop")
        with page.expect_download() as begun:
            page.get_by_role("button", name="As CSV", exact=True).click()
        with open(begun.value.path(), encoding="utf-8-sig") as file:
            self.assertIn("S1", file.read())

    def drop(self, page, name, text):
        """Lets a file fall onto the form, as a hand would."""
        files = page.evaluate_handle(
            """([name, text]) => {
                const carried = new DataTransfer();
                carried.items.add(new File([text], name, { type: "text/csv" }));
                return carried;
            }""",
            [name, text],
        )
        page.dispatch_event("form[data-drop]", "drop", {"dataTransfer": files})

    def test_rates_are_dropped_in_and_what_waited_for_them_is_decided(self):
        self.expect_refusals(422)
        page = self.visit("finance", "/finance/rates")
        self.drop(page, "rates.csv", "date,base,currency,rate\nnever,EUR,USD,1.25\n")
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_role("alert")).to_contain_text("line 2")
        self.drop(page, "rates.csv", f"date,base,currency,rate\n{TODAY},EUR,USD,1.25\n")
        page.get_by_role("button", name="Import").click()
        self.assert_notice(page, "New: 1 rate, known before: 0; decided by them: 1 postback.")
        self.assertEqual([row[:4] for row in rows(page, "Rates")], [[str(TODAY), "EUR", "USD", "1.25"]])
        page.goto("/queues/waiting?reason=rate_missing")
        expect(page.get_by_text("Nothing waits here.")).to_be_visible()

    def test_a_period_is_closed_when_somebody_means_it(self):
        page = self.visit("finance", "/finance/periods")
        yesterday = str(TODAY - datetime.timedelta(days=1))
        for means_it in [False, True]:
            page.once("dialog", lambda dialog, means_it=means_it: dialog.accept() if means_it else dialog.dismiss())
            page.get_by_label("Last day").fill(yesterday)
            page.get_by_label("Reason").fill("audited")
            page.get_by_role("button", name="Close it").click()
            if not means_it:
                self.assertEqual(self.world.api("GET", "/ledger/periods")["periods"], [])
        self.assert_notice(page, f"Everything up to {yesterday} is final.")
        self.assertEqual([row[1] for row in rows(page, "Closed periods")], [yesterday])
