"""What waits for a person, until a person has decided it."""

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading, rows
from browser.world import fill


class Queues(PagesCase):
    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def outcome(self, told):
        found = self.world.api("GET", f"/postbacks/{told['postback_id']}")
        return found["outcome"], found["reason"]

    def decide(self, page, postbacks, verdict, reason):
        for told in postbacks:
            page.get_by_label(f"Mark {told['postback_id']}").check()
        page.get_by_label("Reason for those that are marked").fill(reason)
        page.get_by_role("button", name=f"{verdict} the marked").click()

    def test_one_is_accepted_and_several_are_rejected_with_a_reason(self):
        page = self.visit("finance", "/queues/fraud")
        first, *others = self.things.leads
        waiting = len(rows(page, "Fraud review"))
        expect(page.get_by_role("region", name="Fraud review")).to_contain_text("too-fast")
        self.decide(page, [first], "Accept", "known buyer")
        self.assert_notice(page, "1 accepted.")
        self.assertEqual(len(rows(page, "Fraud review")), waiting - 1)
        self.assertEqual(self.outcome(first), ("accepted", "ok"))
        self.decide(page, others[:2], "Reject", "same household")
        self.assert_notice(page, "2 rejected.")
        self.assertEqual([self.outcome(one) for one in others[:2]], [("rejected", "fraud_rejected")] * 2)
        self.assertEqual(len(rows(page, "Fraud review")), waiting - 3)
        page.goto(f"/postbacks/{first['postback_id']}")
        expect(page.locator("main")).to_contain_text("known buyer")

    def test_all_are_marked_at_once_and_accepted(self):
        page = self.visit("manager", "/queues/held")
        self.assertEqual(len(rows(page, "Held")), 3)
        page.get_by_label("Mark all").check()
        self.decide(page, [], "Accept", "the cap was raised by phone")
        self.assert_notice(page, "3 accepted.")
        expect(page.get_by_text("Nothing waits here.")).to_be_visible()
        self.assertEqual({self.outcome(one) for one in self.things.signups}, {("accepted", "ok")})

    def test_nothing_is_decided_without_a_reason(self):
        told = self.world.postback("shop", click_id=self.things.click, event="lead", txid="without-a-reason")
        page = self.visit("finance", "/queues/fraud")
        page.get_by_label(f"Mark {told['postback_id']}").check()
        page.get_by_role("button", name="Accept the marked").click()
        self.assertTrue(page.get_by_label("Reason for those that are marked").evaluate("field => !field.validity.valid"))
        self.assertEqual(self.outcome(told), ("held", "fraud_review"))

    def test_one_is_decided_on_its_own_page(self):
        told = self.world.postback("shop", click_id=self.things.click, event="lead", txid="alone")
        page = self.visit("finance", f"/postbacks/{told['postback_id']}")
        page.locator("#decide").get_by_label("Reason").fill("they called us")
        page.get_by_role("button", name="Reject").click()
        expect(heading(page)).to_have_text("Why it was rejected")
        self.assertEqual(self.outcome(told), ("rejected", "fraud_rejected"))
        expect(page.locator("#decide")).to_have_count(0)

    def test_what_waits_for_something_is_shown_and_decided_by_nobody(self):
        page = self.visit("finance", "/queues/waiting")
        page.get_by_label("Reason", exact=True).select_option("awaiting_original")
        expect(page.get_by_role("region", name="Waiting")).to_contain_text("R9")
        page.get_by_label("Reason", exact=True).select_option("rate_missing")
        expect(page.get_by_role("region", name="Waiting")).to_contain_text("X1")
        expect(page.get_by_role("button", name="Accept the marked")).to_have_count(0)

    def test_a_failed_delivery_is_made_again(self):
        page = self.visit("manager", "/queues/deliveries")
        self.assertEqual([row[2:6] for row in rows(page, "Failed deliveries")],
                         [["mailwave-tracker", "conversion.created", "1", "status_404"]])
        self.world.receiver.answers.clear()
        page.get_by_label(f"Mark {self.things.failed_delivery}").check()
        page.get_by_label("Reason").fill("their mistake is mended")
        page.get_by_role("button", name="Send the marked again").click()
        self.assert_notice(page, "Made again: 1.")
        self.world.await_deliveries()
        page.goto(f"/deliveries/{self.things.failed_delivery}")
        expect(heading(page)).to_have_text("conversion.created delivered")
        attempts = page.locator(".timeline > li")
        expect(attempts).to_have_count(2)
        expect(attempts.first).to_contain_text("404")
        expect(attempts.last).to_contain_text("answered 200")

    def test_a_conversion_gets_another_status_and_another_payout(self):
        conversion = self.things.sale["conversion_id"]
        page = self.visit("finance", f"/conversions/{conversion}")
        page.get_by_label("Payout in all").fill("20 EUR")
        page.locator("form").filter(has_text="Payout in all").get_by_label("Reason").fill("agreed bonus")
        page.get_by_role("button", name="Adjust the payout").click()
        expect(page.locator("dl.facts").first).to_contain_text("20.00 EUR")
        page.get_by_label("Status").select_option("rejected")
        page.locator("form").filter(has_text="Set the status").get_by_label("Reason").fill("was returned")
        page.get_by_role("button", name="Set the status").click()
        expect(heading(page)).to_have_text("sale rejected")
        expect(page.get_by_role("region", name="Entries")).to_contain_text("agreed bonus")
