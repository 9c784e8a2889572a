"""Pictures of the pages for docs/pictures: `make screenshots`. Times are those of the run, figures always the same ones."""

import pathlib
import random
import tempfile

from PIL import Image

from browser.browsing import ADMIN, PATIENCE_MS, WIDE, chromium
from browser.world import PROGRAM, World

PICTURES = pathlib.Path(__file__).parents[2] / "docs/pictures"
BYTES_MAX = 150_000
# A page has a few colours and their shades at the edges of letters.
COLOURS_MAX = 256
VISITS = 400
SEED = 20_261_121
COUNTRIES = ["DE"] * 6 + ["AT"] * 3 + ["CH"] * 2 + ["FR"]
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
]


def visit(world, chance, number):
    """One visitor, and what comes of him; ids of what is worth a picture."""
    link = chance.choice(["reelmedia-shop", "reelmedia-shop", "reelmedia-casino", "mailwave-shop"])
    sent = {"user-agent": chance.choice(BROWSERS), "cf-ipcountry": chance.choice(COUNTRIES)}
    sub = chance.choice(["reels", "stories", "newsletter", "feed"])
    click = world.click(link, sent, click_id=f"V-{number}", sub1=sub, cost=f"0.{chance.randrange(5, 40):02}")
    luck = chance.random()
    if link == "reelmedia-casino":
        if luck < 0.12:
            world.deposit(click, f"D-{number}", sum=f"{chance.randrange(20, 200)}.00", st="1")
    elif luck < 0.18:
        order = {"click_id": click, "event": "sale", "txid": f"O-{number}", "amount": f"{chance.randrange(15, 240)}.{chance.randrange(100):02}"}
        world.postback("shop", **order)
        if luck < 0.03:
            world.postback("shop", **order)
    elif luck < 0.20:
        world.postback("shop", click_id=click, event="lead", txid=f"L-{number}")
    elif luck < 0.22:
        world.postback("shop", click_id=click[:20], event="sale", txid=f"O-{number}", amount="49.00")
    return click


def traffic(world):
    chance = random.Random(SEED)
    world.receiver.answers["/mailwave"] = (404, b"unknown click")
    for number in range(VISITS):
        visit(world, chance, number)
    click = world.click("reelmedia-casino", {"cf-ipcountry": "DE", "user-agent": BROWSERS[1]}, click_id="V-last", sub1="reels")
    world.deposit(click, "D-last", sum="75.00", st="1")
    refused = world.deposit(click, "D-other", sum="1,50")
    world.await_deliveries()
    return click, refused["postback_id"]


def shown(click, refused):
    """Name, address, and whether it is wanted in dark, too."""
    return [
        ("dashboard", "/", True),
        ("reports", "/reports?by=partner,sub1&period=today&sort=-profit", False),
        ("log", "/postbacks", False),
        ("postback", f"/postbacks/{refused}", False),
        ("trace", f"/clicks/{click}", True),
        ("queues", "/queues/fraud", False),
        ("finance", "/finance/payouts", False),
        ("settings", "/settings/objects/offer/casino-de", False),
    ]


def take(world, name, address, scheme, to):
    context = chromium().new_context(base_url=world.url, viewport=WIDE, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/sign-in")
    page.get_by_text("With an access token").click()
    page.get_by_label("Access token").fill(ADMIN)
    page.get_by_role("button", name="Sign in with the token").click()
    page.goto(address)
    page.wait_for_load_state("load")
    picture = to / f"{name}{'-dark' if scheme == 'dark' else ''}.png"
    page.screenshot(path=picture)
    context.close()
    with Image.open(picture) as taken:
        fewer = taken.convert("RGB").quantize(COLOURS_MAX, dither=Image.Dither.NONE)
    fewer.save(picture, optimize=True)
    size = picture.stat().st_size
    if BYTES_MAX <= size:
        raise SystemExit(f"{picture.name} has {size} bytes")
    print(f"{picture.name}: {size} bytes")


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    world = World(PROGRAM, ("--trusted-proxies", "127.0.0.0/8"), managed=False)
    try:
        click, refused = traffic(world)
        with tempfile.TemporaryDirectory() as directory:
            taken = pathlib.Path(directory)
            for name, address, in_dark in shown(click, refused):
                for scheme in ["light", "dark"] if in_dark else ["light"]:
                    take(world, name, address, scheme, taken)
            # All of them or none.
            for picture in sorted(taken.iterdir()):
                (PICTURES / picture.name).write_bytes(picture.read_bytes())
    finally:
        world.close()


if __name__ == "__main__":
    main()
