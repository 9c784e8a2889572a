"""How long the server takes for each page with the demo many times over: `make page-times`, SIZE=100 by default.

Every address of `places` and every list of parties is asked for ROUNDS times over one connection, one after the other,
from the first byte sent to the last one read. The bar is for the median of each; a table goes to target/bench/.
"""

import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.parse

from browser.places import NO_PAGES, OF_PARTIES, declared, pages
from browser.world import PASSWORD, Things, World, query

BAR_MS = 100
ROUNDS = 9
# Each of these is a revision, so that history has something to read.
REVISIONS = 25
OBJECTS = ("program/program", "advertiser/casino", "offer/shop-all", "partner/reelmedia", "link/reelmedia-shop")


class Demo(World):
    """The demo, which runs by itself; asked as any other world."""

    def __init__(self, size):
        command = [os.environ["PROOFBACK"], "demo", "--size", str(size), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = []
        for line in self.process.stdout:
            told.append(line)
            if re.match(r"\d+ visits|.*every figure|DIFFERS", line, re.I):
                print(line, end="", flush=True)
            if found := re.search(r"export PROOFBACK_TOKEN=(\S+)", line):
                self.token_of_admin = found[1]
                break
        else:
            raise AssertionError("the demo ended: " + "".join(told[-20:]))
        self.url = re.search(r"proofback serves the demo on (\S+)", "".join(told))[1]

    def close(self):
        self.process.terminate()
        self.process.wait()

    def api(self, method, path, body=None, token=None):
        return super().api(method, path, body, token or self.token_of_admin)

    def one(self, path, name, **asked):
        return self.api("GET", f"/{path}?{query(limit=1, **asked)}")[name][0]

    def things(self):
        """What `fill` leaves in a world of tests, found in this one."""
        sale = self.one("conversions", "conversions", status="approved")
        rejected = self.one("postbacks", "postbacks", outcome="rejected")
        accepted = self.one("postbacks", "postbacks", outcome="accepted")
        delivery = self.one("deliveries", "deliveries")["delivery_id"]
        sale["postback_id"] = accepted["postback_id"]
        return Things(sale["click_id"], sale["click_id"], sale, sale, rejected, [], [accepted], delivery, delivery)


class Browser:
    """One connection with a session."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.headers = {"accept": "text/html", "accept-encoding": "gzip", "sec-fetch-site": "same-origin"}

    def send(self, method, path, **form):
        sent = query(**form) if form else None
        headers = self.headers | ({"content-type": "application/x-www-form-urlencoded"} if form else {})
        started = time.perf_counter()
        self.connection.request(method, path, sent, headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - started) * 1e3
        for cookie in answer.headers.get_all("set-cookie", []):
            if "session" in cookie:
                self.headers["cookie"] = cookie.split(";")[0]
        return answer.status, took, len(body)


def signed_in(demo, form, path):
    browser = Browser(demo.url)
    status, _, _ = browser.send("POST", path, **form)
    assert status == 303 and "cookie" in browser.headers, f"{path} answered {status}"
    return browser


def prepare(demo):
    """Revisions, a payout, somebody with an account: whatever pages are about and the demo has none of."""
    source = demo.api("GET", "/program")["source"]
    for number in range(REVISIONS):
        demo.apply(re.sub(r'name = "Mail[^"]*"', f'name = "Mailwave {number}"', source), "another name")
    payout = demo.api("POST", "/payouts", {"partner": "reelmedia", "currency": "EUR", "draft": True})["id"]
    person = signed_in(demo, {"password": PASSWORD, "again": PASSWORD}, demo.invite("all@example.com", "With all rights", "admin"))
    invitation = demo.invite("waits@example.com", "Waits", "viewer")
    places = pages(demo.things(), payout, invitation, OBJECTS)
    missing = set(declared("get")) - set(places) - NO_PAGES
    assert not missing, f"pages that nobody measures: {missing}"
    yield "admin", person, [address for addresses in places.values() for address in addresses]
    for role, addresses in OF_PARTIES.items():
        yield role, signed_in(demo, {"token": demo.token(role)}, "/sign-in/token"), addresses


def measure(browser, address):
    times = []
    for _ in range(ROUNDS):
        status, took, size = browser.send("GET", address)
        assert status < 500 and status not in (401, 403), f"{address} answered {status}"
        times.append(took)
    return statistics.median(times), max(times), size


def main():
    size = int(os.environ.get("SIZE", "100"))
    demo = Demo(size)
    try:
        figures = [
            (*measure(browser, address), role, address)
            for role, browser, addresses in prepare(demo) for address in addresses
        ]
    finally:
        demo.close()
    figures.sort(reverse=True)
    lines = [f"{len(figures)} pages, the demo {size} times over; ms: median and slowest of {ROUNDS}; bytes as sent\n"]
    for median, slowest, sent, role, address in figures:
        verdict = "" if median < BAR_MS else "  FELL SHORT"
        lines.append(f"{median:8.1f} {slowest:8.1f} {sent:8} {role} {address}{verdict}")
    table = "\n".join(lines)
    print(table)
    directory = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "page-times.txt").write_text(table + "\n", encoding="utf-8")
    sys.exit(any(median >= BAR_MS for median, *_ in figures))


if __name__ == "__main__":
    main()
