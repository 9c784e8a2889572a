"""The program: changed object by object, looked back at, undone; and the record of what people did."""

from playwright.sync_api import expect

from browser.browsing import PagesCase, heading, rows
from browser.world import PROGRAM, fill


class Settings(PagesCase):
    managed = False

    @classmethod
    def prepare(cls):
        cls.things = fill(cls.world)

    def source(self):
        return self.world.api("GET", "/program")["source"]

    def put(self, page, reason):
        page.get_by_label("Why, for the audit log").fill(reason)
        page.get_by_role("button", name="Put it in force").click()

    def test_a_mistake_is_told_while_it_is_typed_and_what_is_right_comes_into_force(self):
        self.expect_refusals(422)
        page = self.visit("manager", "/settings/objects")
        page.get_by_role("link", name="casino-de", exact=True).click()
        before = self.source()
        page.get_by_label("url", exact=True).fill("https://casino.example/lp?cid={clickid}")
        expect(page.locator("#mistakes")).to_contain_text("clickid")
        expect(page.locator("#mistakes")).to_contain_text("error in line")
        self.put(page, "not like this")
        expect(page.get_by_role("alert")).to_be_visible()
        self.assertEqual(self.source(), before)
        page.goto("/settings/objects/offer/casino-de")
        page.get_by_label("name", exact=True).fill("Casino Germany")
        expect(page.locator("#mistakes")).to_contain_text("No mistakes.")
        self.put(page, "its new name")
        self.assert_notice(page, "is in force.")
        # The rest of the file is as its author wrote it.
        self.assertEqual(self.source(), before.replace('"Casino DE"', '"Casino Germany"'))
        diff = page.locator("pre.diff").first
        expect(diff.locator(".removed")).to_contain_text('name = "Casino DE"')
        expect(diff.locator(".added")).to_contain_text('name = "Casino Germany"')
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("details[open]").get_by_label("Reason").fill("the old name was better")
        page.get_by_role("button", name="Undo, for this object alone").first.click()
        self.assert_notice(page, "is what it was before")
        self.assertEqual(self.source(), before)

    def test_an_object_is_added_and_removed(self):
        page = self.visit("manager", "/settings/objects/partner")
        page.get_by_label("The object, in TOML").fill('[[partner]]\nid = "newcomer"\nname = "New Comer"\n')
        expect(page.locator("#mistakes")).to_contain_text("No mistakes.")
        page.get_by_label("Why, for the audit log").fill("signed today")
        page.get_by_role("button", name="Add it").click()
        self.assert_notice(page, "is in force.")
        page.get_by_role("link", name="newcomer").click()
        expect(page.get_by_label("name", exact=True)).to_have_value("New Comer")
        page.once("dialog", lambda dialog: dialog.accept())
        removal = page.locator("section").filter(has=page.get_by_role("heading", name="Remove it"))
        removal.get_by_label("Reason").fill("left again")
        page.get_by_role("button", name="Remove it").click()
        self.assert_notice(page, "without partner newcomer")
        self.assertNotIn("newcomer", self.source())

    def test_two_who_change_the_same_program_do_not_undo_each_other(self):
        self.expect_refusals(409, 412)
        first = self.visit("manager", "/settings/objects/partner/mailwave")
        second = self.visit("admin", "/settings/objects/partner/mailwave")
        first.get_by_label("name", exact=True).fill("Mail Wave")
        self.put(first, "the first word")
        self.assert_notice(first, "is in force.")
        second.get_by_label("name", exact=True).fill("MAILWAVE")
        self.put(second, "the second word")
        expect(second.get_by_role("alert")).to_be_visible()
        self.assertIn('"Mail Wave"', self.source())

    def test_the_whole_program_is_checked_as_it_is_typed_and_put_in_force(self):
        page = self.visit("manager", "/settings/program")
        text = page.get_by_label("The program, in TOML")
        source = text.input_value()
        text.fill(source + '\n[[partnr]]\nid = "x"\n')
        expect(page.locator("#mistakes")).to_contain_text("partner")
        text.fill(source + '\n[[partner]]\nid = "late"\n')
        expect(page.locator("#mistakes")).to_contain_text("No mistakes.")
        self.put(page, "one more")
        self.assert_notice(page, "is in force.")
        page.get_by_role("link", name="History", exact=True).click()
        expect(page.get_by_role("region", name="Revisions")).to_contain_text("one more")
        page.get_by_role("region", name="Revisions").get_by_role("link").first.click()
        expect(page.locator(".diff .added").filter(has_text="late")).to_have_count(1)
        page.get_by_role("link", name="History", exact=True).first.click()
        page.get_by_role("region", name="Revisions").get_by_role("link").nth(1).click()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_label("Reason").fill("not needed after all")
        page.get_by_role("button", name="Put it in force again").click()
        self.assert_notice(page, "is in force: what revision")
        self.assertEqual(self.source(), source)

    def test_a_target_is_tested_paused_and_resumed(self):
        page = self.visit("manager", "/settings/targets")
        row = page.get_by_role("region", name="Targets").get_by_role("row").filter(has_text="reelmedia-tracker")
        row.get_by_role("button", name="Test").click()
        self.assert_notice(page, "The test delivery is delivered.")
        row.get_by_label("Reason for reelmedia-tracker").fill("they move their servers")
        row.get_by_role("button", name="Pause").click()
        expect(row).to_contain_text("paused")
        row.get_by_label("Reason for reelmedia-tracker").fill("they are back")
        row.get_by_role("button", name="Resume").click()
        expect(row.locator(".tag")).to_have_text("on")

    def test_the_audit_log_has_what_was_done_by_whom_and_why(self):
        lead = self.things.leads[0]["postback_id"]
        page = self.visit("finance", f"/postbacks/{lead}")
        page.locator("#decide").get_by_label("Reason").fill("seen by the audit")
        page.get_by_role("button", name="Accept").click()
        expect(heading(page)).to_have_text("Why it was accepted")
        manager = self.visit("manager", "/settings/targets")
        row = manager.get_by_role("row").filter(has_text="mailwave-tracker")
        row.get_by_label("Reason for mailwave-tracker").fill("paused for the audit")
        row.get_by_role("button", name="Pause").click()
        expect(row).to_contain_text("paused")
        page.goto("/settings/audit")
        deeds = {(row[1], row[2], row[4]) for row in rows(page, "Audit log")}
        self.assertIn(("finance", "review.accept", "seen by the audit"), deeds)
        self.assertIn(("manager", "target.pause", "paused for the audit"), deeds)
        self.assertTrue(any(action == "program.apply" and why == "the first one" for _, action, why in deeds), deeds)
        self.assertTrue(any(action == "session.open" for _, action, _ in deeds), deeds)


class LineEnds(PagesCase):
    """A program that was written on Windows."""

    managed = False
    program = PROGRAM.replace("\n", "\r\n")

    def test_a_program_with_other_line_ends_is_shown_and_changed_like_any(self):
        page = self.visit("manager", "/settings/objects/partner/mailwave")
        self.assertNotIn("\ufffd", page.content())
        page.get_by_label("name", exact=True).fill("Mail Wave")
        expect(page.locator("#mistakes")).to_contain_text("No mistakes.")
        page.get_by_label("Why, for the audit log").fill("its new name")
        page.get_by_role("button", name="Put it in force").click()
        self.assert_notice(page, "is in force.")
        source = self.world.api("GET", "/program")["source"]
        self.assertNotIn("\ufffd", source)
        self.assertIn('"Mail Wave"', source)

    def test_the_file_that_is_downloaded_is_the_program(self):
        page = self.visit("viewer", "/settings/program")
        with page.expect_download() as begun:
            page.get_by_role("link", name="As a file").click()
        with open(begun.value.path(), encoding="utf-8", newline="") as file:
            self.assertEqual(file.read(), self.world.api("GET", "/program")["source"])


class Marks(PagesCase):
    """A name with the marks that Hebrew and Arabic are written with: they steer a line, and they belong to the name. The
    first line is empty, as no browser leaves it.
    """

    managed = False
    program = "\n" + PROGRAM.replace('"Mailwave"', '"Mailwave \u200f"')

    def test_a_form_gives_back_what_it_was_given(self):
        page = self.visit("manager", "/settings/objects/advertiser/shop")
        page.get_by_label("name", exact=True).fill("Shop & Co")
        page.get_by_label("Why, for the audit log").fill("its new name")
        page.get_by_role("button", name="Put it in force").click()
        self.assert_notice(page, "is in force.")
        source = self.world.api("GET", "/program")["source"]
        self.assertEqual(source, self.world.program.replace('"Shop GmbH"', '"Shop & Co"'))
        page.goto("/settings/program")
        page.get_by_role("button", name="Put it in force").click()
        self.assert_notice(page, "is in force.")
        self.assertEqual(self.world.api("GET", "/program")["source"], source)
