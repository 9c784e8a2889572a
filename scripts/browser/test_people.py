"""In and out, and everything about one's own account."""

import base64
import hashlib
import hmac
import struct
import time

from playwright.sync_api import expect

from browser.browsing import PASSWORD, PagesCase, heading, rows

STEP_S = 30


def code(secret, step):
    """RFC 6238 with SHA-1 and six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place:place + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class People(PagesCase):
    def sign_in(self, page, email, password=PASSWORD):
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()

    def test_a_token_signs_in_and_a_wrong_one_is_told_so(self):
        self.expect_refusals(401)
        page = self.tab(self.context())
        page.goto("/finance/ledger")
        expect(heading(page)).to_have_text("Sign in")
        page.get_by_text("With an access token").click()
        page.get_by_label("Access token").fill("no-such-token-0123456789")
        page.get_by_role("button", name="Sign in with the token").click()
        expect(page.get_by_role("alert")).to_contain_text("No access token is known")
        page.get_by_label("Access token").fill(self.world.token("viewer"))
        page.get_by_role("button", name="Sign in with the token").click()
        # To where somebody wanted to go, not to the first page.
        expect(page).to_have_url(f"{self.world.url}/finance/ledger")

    def test_an_invitation_is_taken_up_once_and_opens_the_way_in_and_out(self):
        self.expect_refusals(401, 404, 422)
        path = self.world.invite("taker@example.com", "Invited taker", "finance")
        page = self.tab(self.context())
        page.goto(path)
        expect(heading(page)).to_have_text("Welcome, Invited taker")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD + "!")
        page.get_by_role("button", name="Set the password and sign in").click()
        expect(page.get_by_role("alert")).to_have_text("The two passwords differ.")
        page = self.take_up(path)
        expect(page.locator(".who")).to_contain_text("finance")
        page.get_by_role("button", name="Sign out").click()
        expect(heading(page)).to_have_text("Sign in")
        page.goto("/account")
        expect(heading(page)).to_have_text("Sign in")
        self.sign_in(page, "taker@example.com", "not this password")
        expect(page.get_by_role("alert")).to_have_text("E-mail or password is wrong.")
        self.sign_in(page, "taker@example.com")
        expect(heading(page)).to_have_text("Today")
        page.goto(path)
        expect(heading(page)).to_have_text("Not found")

    def set_up_factor(self, page):
        """From the account to a secret that is in force; also the step whose code was used for it."""
        page.goto("/account")
        page.get_by_role("link", name="Set it up").click()
        expect(page.get_by_alt_text("The secret as a QR code")).to_be_visible()
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Switch it on").click()
        expect(page.get_by_role("alert")).to_contain_text("This code does not belong to the new secret")
        secret = page.locator("p > code").first.inner_text()
        # No code counts twice, and one counts a step early: so the next one needs no waiting for.
        step = int(time.time()) // STEP_S
        page.get_by_label("Code").fill(code(secret, step))
        page.get_by_role("button", name="Switch it on").click()
        self.assert_notice(page, "From now on you sign in with a code")
        return secret, step

    def test_a_second_factor_is_asked_for_once_it_is_set(self):
        self.expect_refusals(401, 422)
        page = self.take_up(self.world.invite("factor@example.com", "Second factor", "viewer"))
        secret, step = self.set_up_factor(page)
        page.get_by_role("button", name="Sign out").click()
        self.sign_in(page, "factor@example.com")
        page.get_by_label("Code of your second factor").fill(code(secret, step))
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("was used already")
        page.get_by_label("Code of your second factor").fill(code(secret, step + 1))
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(heading(page)).to_have_text("Today")

    def test_a_second_factor_is_switched_off_by_a_code_that_was_not_used(self):
        self.expect_refusals(401, 422)
        page = self.take_up(self.world.invite("tired@example.com", "Tired of codes", "viewer"))
        secret, step = self.set_up_factor(page)
        for wrong in ("000000", code(secret, step)):
            page.get_by_label("A code, to switch it off").fill(wrong)
            page.get_by_role("button", name="Switch it off").click()
            expect(page.get_by_role("alert")).to_have_text("This code is wrong, or was used already.")
        page.get_by_label("A code, to switch it off").fill(code(secret, step + 1))
        page.get_by_role("button", name="Switch it off").click()
        self.assert_notice(page, "The second factor is off.")
        expect(page.get_by_role("link", name="Set it up")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        self.sign_in(page, "tired@example.com")
        expect(heading(page)).to_have_text("Today")

    def test_a_session_that_is_ended_in_the_list_has_ended(self):
        page = self.take_up(self.world.invite("sessions@example.com", "Two sessions", "viewer"))
        other = self.tab(self.context(user_agent="Another browser"))
        self.sign_in(other, "sessions@example.com")
        expect(heading(other)).to_have_text("Today")
        page.goto("/account")
        self.assertEqual(len(rows(page, "Sessions")), 2)
        row = page.get_by_role("row").filter(has_text="Another browser")
        row.get_by_role("button", name="End it").click()
        self.assert_notice(page, "The session has ended.")
        self.assertEqual(len(rows(page, "Sessions")), 1)
        other.goto("/conversions")
        expect(heading(other)).to_have_text("Sign in")

    def test_a_changed_password_is_the_one_that_counts(self):
        self.expect_refusals(401, 422)
        page = self.take_up(self.world.invite("changed@example.com", "Changed password", "viewer"))
        for old, told in [("not the old one", "The old password is wrong."), (PASSWORD, None)]:
            page.goto("/account")
            page.get_by_label("Password now").fill(old)
            page.get_by_label("New password").fill("another horse battery")
            page.get_by_label("The new one again").fill("another horse battery")
            page.get_by_role("button", name="Change the password").click()
            if told:
                expect(page.get_by_role("alert")).to_have_text(told)
        self.assert_notice(page, "Your password is changed")
        page.get_by_role("button", name="Sign out").click()
        self.sign_in(page, "changed@example.com")
        expect(page.get_by_role("alert")).to_have_text("E-mail or password is wrong.")
        self.sign_in(page, "changed@example.com", "another horse battery")
        expect(heading(page)).to_have_text("Today")

    def test_colours_are_kept_as_they_were_chosen(self):
        page = self.visit("viewer", "/conversions")
        page.get_by_label("Colours").select_option("dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(page).to_have_url(f"{self.world.url}/conversions")
        page.goto("/deliveries")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.get_by_label("Colours").select_option("")
        expect(page.locator("html[data-theme]")).to_have_count(0)

    def test_an_admin_lets_people_in_and_shuts_them_out(self):
        self.expect_refusals(409)
        page = self.visit("operator", "/settings/people")
        for told in ["Send this link", "is kept already"]:
            page.get_by_label("E-mail").fill("let.in@example.com")
            page.get_by_label("Name").fill("Let in")
            page.get_by_label("Role").select_option("partner")
            page.get_by_label("Its id").fill("reelmedia")
            page.get_by_role("button", name="Make a link").click()
            if told == "Send this link":
                link = page.get_by_role("status").locator(".code").inner_text()
            else:
                expect(page.get_by_role("alert")).to_be_visible()
        guest = self.take_up("/invitations/" + link.split("/invitations/")[1])
        expect(guest.locator(".who")).to_contain_text("partner:reelmedia")
        self.assertEqual(guest.get_by_role("link", name="Finance").count(), 0)
        page.goto("/settings/people")
        row = page.get_by_role("row").filter(has_text="let.in@example.com")
        expect(row).to_contain_text("active")
        row.get_by_role("button", name="Disable").click()
        self.assert_notice(page, "let.in@example.com is changed")
        guest.goto("/conversions")
        expect(heading(guest)).to_have_text("Sign in")

    def test_a_token_is_shown_once_and_revoked_with_its_sessions(self):
        page = self.visit("operator", "/settings/tokens")
        page.get_by_label("Name").fill("a dashboard")
        page.get_by_label("Role").select_option("viewer")
        page.get_by_role("button", name="Make the token").click()
        token = page.get_by_role("status").locator(".code").inner_text()
        state = self.sign_in_with_token(token)
        reader = self.tab(self.context(storage_state=state))
        reader.goto("/reports")
        expect(heading(reader)).to_have_text("Reports")
        page.goto("/settings/tokens")
        self.assertNotIn(token, page.content())
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("row").filter(has_text="a dashboard").get_by_role("button", name="Revoke").click()
        self.assert_notice(page, "The token is revoked")
        reader.goto("/reports")
        expect(heading(reader)).to_have_text("Sign in")
