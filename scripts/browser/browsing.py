"""A browser that tells of everything that goes wrong in a page, and tests that have a world of their own."""

import atexit
import functools
import os
import pathlib
import unittest

from playwright.sync_api import expect, sync_playwright

from browser.world import ADMIN, PASSWORD, PROGRAM, World, query

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Longer than any page of a debug build takes.
PATIENCE_MS = 20_000
WIDE = {"width": 1280, "height": 800}
# Kept from the first moment of every page on: what the policy forbade, and what moved while it was loading.
WATCH = """
    window.__forbidden = [];
    window.__moved = [];
    addEventListener("securitypolicyviolation", (event) =>
        window.__forbidden.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`), true);
    const nameOf = (node) => node ? `${node.nodeName} ${node.className || node.id || ""}` : "gone";
    new PerformanceObserver((list) => list.getEntries().filter((entry) => !entry.hadRecentInput).forEach((entry) =>
        window.__moved.push({ value: entry.value, what: entry.sources.map((source) => nameOf(source.node)) }),
    )).observe({ type: "layout-shift", buffered: true });
"""
LOOKS = pathlib.Path(__file__).with_name("looks.js").read_text(encoding="utf-8")


@functools.cache
def chromium():
    """One for all tests: contexts are what keeps them apart."""
    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
    atexit.register(browser.close)
    expect.set_options(timeout=PATIENCE_MS)
    return browser


def look(page, question):
    """Asks one of the questions of looks.js, of what is painted when all that was set off has come to rest."""
    painted = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    return page.evaluate(f"{painted}.then(() => ({LOOKS}).{question}())")


class PagesCase(unittest.TestCase):
    """A world for all tests of a class, and pages whose errors fail the test that opened them."""

    program = PROGRAM
    arguments = ()
    managed = True

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls.program, cls.arguments, cls.managed)
        cls.addClassCleanup(cls.world.close)
        # Cookies by role: signing in is bounded, and most tests are not about it.
        cls.cookies = {}
        cls.prepare()

    @classmethod
    def prepare(cls):
        """What is there before the first test."""

    def setUp(self):
        self.troubles = []
        self.refusals = set()
        self.addCleanup(lambda: self.assertEqual(self.troubles, []))

    def expect_refusals(self, *statuses):
        """A browser calls a page with such a status an error; here it is what is meant to happen."""
        self.refusals.update(str(status) for status in statuses)

    def context(self, **options):
        context = chromium().new_context(
            base_url=self.world.url, viewport=options.pop("viewport", WIDE), accept_downloads=True, **options
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH)
        self.addCleanup(context.close)
        return context

    def tab(self, context):
        page = context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))
        page.on("console", self.hear)
        return page

    def hear(self, message):
        refused = "the server responded with a status of " in message.text and any(
            f"a status of {status} " in message.text for status in self.refusals
        )
        if message.type == "error" and not refused:
            self.troubles.append(f"{message.page.url if message.page else ''}: {message.text}")

    def cookies_of(self, role):
        if role not in self.cookies:
            self.cookies[role] = self.sign_in_with_token(ADMIN if role == "operator" else self.world.token(role))
        return self.cookies[role]

    def visit(self, role, path="/", **options):
        """A page as somebody of this role, with a browser of its own."""
        page = self.tab(self.context(storage_state=self.cookies_of(role), **options))
        page.goto(path)
        return page

    def sign_in_with_token(self, token):
        """Sends the form of the page without opening it; a test of its own opens it."""
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": self.world.url}
        answer = self.world.send("POST", "/sign-in/token", query(token=token), sent)
        self.assertEqual(answer.status, 303, answer.text)
        name, value = answer.headers["set-cookie"].split(";")[0].split("=", 1)
        return {"cookies": [{"name": name, "value": value, "url": self.world.url}]}

    def take_up(self, path, password=PASSWORD):
        """Somebody new, signed in by an invitation."""
        page = self.tab(self.context())
        page.goto(path)
        page.get_by_label("New password").fill(password)
        page.get_by_label("The same again").fill(password)
        page.get_by_role("button", name="Set the password and sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Today")
        return page

    def assert_notice(self, page, text):
        expect(page.locator("p.notice[role=status]")).to_contain_text(text)


def rows(page, region):
    """The rows of a table, each as the texts of its cells."""
    table = page.get_by_role("region", name=region, exact=True).locator("tbody tr")
    return table.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()))")


def heading(page):
    return page.get_by_role("heading", level=1)
