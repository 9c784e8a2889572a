"""A server with a program, and the world around it: visitors, advertisers, and the trackers that are told.

Everything goes over HTTP, as it does in earnest. Nothing here knows what pages look like.
"""

import base64
import dataclasses
import http.client
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.parse

ADMIN = "an-admin-token-for-tests-only-0123456789"
CASINO_TOKEN = "t0ken"
# Of everybody who is invited.
PASSWORD = "correct horse battery"
SECRETS = {
    "CASINO_TOKEN": CASINO_TOKEN,
    "CRM_SECRET": "whsec_" + base64.b64encode(b"of tests alone, thirty-two bytes").decode(),
}
# How long something that the server does by itself may take before a test gives up.
AWAITED_S = 30

# RECEIVER is where trackers listen. A lead comes too fast for the rule, whenever it comes; the third sign-up of a day is
# beyond its cap; a sale abroad needs an exchange rate.
PROGRAM = """\
[program]
name = "Example Partners"
currency = "EUR"
base_url = "http://127.0.0.1:8080"

# It has its own names for everything.
[[advertiser]]
id = "casino"
name = "Casino Ltd"
currency = "EUR"
[advertiser.postback]
token = "env:CASINO_TOKEN"
params = { click_id = "cid", txid = "order", event = "goal", status = "st", amount = "sum" }
events = { dep = "ftd" }
statuses = { "1" = "approved", "2" = "rejected" }

[[advertiser]]
id = "shop"
name = "Shop GmbH"
currency = "EUR"
[advertiser.postback]
open = true

[[offer]]
id = "casino-de"
advertiser = "casino"
name = "Casino DE"
url = "https://casino.example/lp?cid={click_id}&s={sub1}"
[[offer.goal]]
event = "ftd"
payout = "120 EUR"
revenue = "150 EUR"

[[offer]]
id = "shop-all"
advertiser = "shop"
name = "Shop, all goods"
url = "https://shop.example/?cid={click_id}"
[[offer.goal]]
event = "sale"
payout = "10%"
revenue = "15%"
approval = "auto"
[[offer.goal]]
event = "lead"
payout = "5 EUR"
revenue = "8 EUR"
approval = "auto"
[[offer.goal]]
event = "signup"
payout = "2 EUR"
revenue = "3 EUR"
approval = "auto"
caps = [{ per = "day", conversions = 2 }]
[[offer.goal]]
event = "abroad"
payout = "10%"
revenue = "15%"
min_amount = "20 EUR"
approval = "auto"

[[partner]]
id = "reelmedia"
name = "Reel Media"
params = { click_id = "click_id", cost = "cost" }
[[partner.postback]]
id = "reelmedia-tracker"
url = "RECEIVER/reelmedia?cid={partner_click_id}&event={event}&payout={payout}&status={status}&did={delivery_id}"
on = ["conversion.created", "commission.*"]

[[partner]]
id = "mailwave"
name = "Mailwave"
[[partner.postback]]
id = "mailwave-tracker"
url = "RECEIVER/mailwave?cid={partner_click_id}&event={event}&did={delivery_id}"
on = ["conversion.created"]

[[link]]
id = "reelmedia-casino"
partner = "reelmedia"
offer = "casino-de"

[[link]]
id = "reelmedia-shop"
partner = "reelmedia"
offer = "shop-all"

[[link]]
id = "mailwave-shop"
partner = "mailwave"
offer = "shop-all"

[[webhook]]
id = "crm"
url = "RECEIVER/crm"
secret = "env:CRM_SECRET"
on = ["conversion.created"]

[[fraud]]
id = "too-fast"
when = { seconds_after_click_max = 3600, events = ["lead"] }
then = "hold"
"""


class Receiver:
    """Whoever is told: answers 200, or what `answers` has for a path."""

    def __init__(self):
        receiver = self
        self.answers = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                status, body = receiver.answers.get(urllib.parse.urlsplit(self.path).path, (200, b"taken"))
                self.send_response(status)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    text: str

    def json(self):
        return json.loads(self.text)


class World:
    """A server that runs until `close`; `managed` starts it with the program as a file, which it then obeys."""

    def __init__(self, program=PROGRAM, arguments=(), managed=True):
        self.receiver = Receiver()
        self.directory = tempfile.TemporaryDirectory(prefix="proofback-browser-")
        self.program = program.replace("RECEIVER", self.receiver.url)
        path = os.path.join(self.directory.name, "program.toml")
        # As bytes: line ends are part of what is tried.
        with open(path, "wb") as file:
            file.write(self.program.encode())
        self.errors = os.path.join(self.directory.name, "errors.txt")
        command = [os.environ["PROOFBACK"], "serve", "--listen", "127.0.0.1:0", "--allow-private-targets"]
        command += ["--data", os.path.join(self.directory.name, "data"), *arguments]
        command += ["--program", path] if managed else []
        environment = {"PROOFBACK_ADMIN_TOKEN": ADMIN, "PROOFBACK_LOG": "error", **SECRETS}
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
        told = self.process.stdout.readline().strip()
        prefix = "proofback listens on "
        if not told.startswith(prefix):
            raise AssertionError(f"the server did not begin: {told!r} {self.said()}")
        self.url = told.removeprefix(prefix)
        if not managed:
            self.apply(self.program, "the first one")

    def said(self):
        with open(self.errors, encoding="utf-8", errors="replace") as errors:
            return errors.read()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(AWAITED_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            said = self.said()
            self.receiver.close()
            self.directory.cleanup()
        # Whatever a test is about, no request may make the server panic.
        assert "panicked at" not in said, said

    def send(self, method, path, body=b"", headers=()):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)
        body = body if isinstance(body, bytes) else body.encode()
        # Headers are bytes, so that a test can send what no library would.
        named = {name: value if isinstance(value, bytes) else value.encode() for name, value in dict(headers).items()}
        try:
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, dict(answer.getheaders()), text)
        finally:
            connection.close()

    def api(self, method, path, body=None, token=ADMIN):
        """Of the API, what a request is answered; it must be taken."""
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.send(method, f"/api/v1{path}", sent, {"authorization": f"Bearer {token}"})
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json() if answer.text else None

    def apply(self, program, reason):
        return self.api("PUT", f"/program?{query(reason=reason)}", program.encode())

    def token(self, role):
        return self.api("POST", "/tokens", {"role": role, "name": role})["token"]

    def invite(self, email, name, role):
        """The path of an invitation. Its host is the program's, which is not where a test's server listens."""
        made = self.api("POST", "/people", {"email": email, "name": name, "role": role})
        return urllib.parse.urlsplit(made["invitation"]).path

    def click(self, link, headers=(), **parameters):
        answer = self.send("GET", f"/c/{link}?{query(format='json', **parameters)}", headers=headers)
        assert answer.status == 200, answer.text
        return answer.json()["click_id"]

    def postback(self, advertiser, **fields):
        """What came of a postback, whatever it is."""
        return self.send("GET", f"/postback/{advertiser}?{query(**fields)}").json()

    def deposit(self, click, order, **fields):
        """Of the casino, in its own words."""
        return self.postback("casino", cid=click, order=order, goal="dep", token=CASINO_TOKEN, **fields)

    def await_that(self, holds):
        """Asks until it holds what the server brings about by itself; each question is a request, which takes its time."""
        ends = time.monotonic() + AWAITED_S
        while not (found := holds()):
            if ends < time.monotonic():
                raise AssertionError("what was awaited did not come about")
        return found

    def await_deliveries(self):
        """Until whoever is to be told was told, or will not be."""
        self.await_that(lambda: not self.api("GET", "/deliveries?state=pending")["deliveries"])


def query(**pairs):
    return urllib.parse.urlencode(pairs)


@dataclasses.dataclass
class Things:
    """Ids of what is there after `fill`."""

    click: str
    deposit_click: str
    sale: dict
    deposit: dict
    rejected: dict
    signups: list
    leads: list
    delivery: str
    failed_delivery: str


def fill(world):
    """Some of everything: counted, repeated, held, refused, told and not told."""
    world.receiver.answers["/mailwave"] = (404, b"no such click here")
    click = world.click("reelmedia-shop", click_id="R-1", sub1="reels", sub2="autumn", source="feed", cost="0.25")
    sale = world.postback("shop", click_id=click, event="sale", txid="S1", amount="120.00")
    world.postback("shop", click_id=click, event="sale", txid="S1", amount="120.00")
    world.postback("shop", click_id=click, event="sale", txid="S2", amount="80.50")
    mail = world.click("mailwave-shop", click_id="M-1", sub1="letter")
    mailed = world.postback("shop", click_id=mail, event="sale", txid="M1", amount="40.00")
    world.click("mailwave-shop", click_id="M-2", sub1="letter")
    deposit_click = world.click("reelmedia-casino", click_id="R-2", sub1="stories")
    deposit = world.deposit(deposit_click, "A1", sum="50", st="1")
    rejected = world.deposit(deposit_click, "A2", sum="1,50")
    signups = [world.postback("shop", click_id=click, event="signup", txid=f"U{place}") for place in range(5)][2:]
    leads = [world.postback("shop", click_id=click, event="lead", txid=f"L{place}") for place in range(4)]
    world.postback("shop", click_id=mail, event="abroad", txid="X1", amount="50", currency="USD")
    world.postback("shop", click_id=mail, event="refund", txid="R9", original_txid="later", amount="5")
    world.await_deliveries()
    told = lambda of: world.api("GET", f"/deliveries?{query(conversion_id=of)}")["deliveries"]
    delivery = next(one for one in told(sale["conversion_id"]) if one["target"] == "reelmedia-tracker")
    failed = next(one for one in told(mailed["conversion_id"]) if one["target"] == "mailwave-tracker")
    return Things(
        click, deposit_click, sale, deposit, rejected, signups, leads, delivery["delivery_id"], failed["delivery_id"]
    )
