"""docs/cookies.md: each of its configurations runs, with two lanes, Flask applications that keep logins to
themselves, and browsers; servers are drained, die and come back."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.browser import Browser
from support.crowd import children, until
from support.ports import free_port
from support.programs import POINTSMAN, ROOT, Program
from support.receiver import LogReceiver
from support.scenario import query, show_stat
from werkzeug.serving import BaseWSGIServer, make_server

sys.path.append(str(ROOT / "examples" / "app"))

from app import create_app

BLOCKS = re.findall(r"(?ms)^```haproxy\n(.*?)^```$", (ROOT / "docs" / "cookies.md").read_text(encoding="utf-8"))
COOKIE, PREFIX, AGES, EXCEPTIONS, DYNAMIC = range(len(BLOCKS))
MORE = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    log {log} format raw local0
"""
LOG = '    log global\n    log-format "%HU %tsc %s %ST"\n'


class App:
    """A Flask application that can die, which forgets who has logged in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.server: BaseWSGIServer | None = None
        self.thread = threading.Thread()
        self.begin()

    def begin(self) -> None:
        self.server = make_server("127.0.0.1", self.port, create_app({"NAME": self.name}), threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def die(self) -> None:
        """Nobody listens behind it: the thread closes the socket as well, and may be at it when this one looks."""
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            self.thread.join()
            server.server_close()


class Site:
    """One of the page's configurations, served."""

    def __init__(self, program: Program, apps: tuple[App, App], receiver: LogReceiver) -> None:
        self.program = program
        self.one, self.two = apps
        self.receiver = receiver

    def browser(self) -> Browser:
        return Browser(self.program.ports["front"])

    def ask(self, line: str) -> str:
        return query(self.program.folder / "stats", line).strip()

    def at(self, app: str) -> Browser:
        """Somebody who has logged in there."""
        for _ in range(40):
            browser = self.browser()
            if f"({app})" in browser.ask("/login", {"user": "anna"})[1]:
                return browser
        raise AssertionError(f"nobody gets to {app}")

    def status(self, server: str) -> str:
        return show_stat(self.program.folder / "stats")[f"app/{server}"]["status"]

    def lines(self) -> list[str]:
        return self.receiver.wait(0)


@contextmanager
def site(number: int, folder: Path) -> Iterator[Site]:
    apps = App("1"), App("2")
    receiver = LogReceiver()
    text = MORE + BLOCKS[number].replace("bind :8080", "bind 127.0.0.1:{port:front}")
    text = text.replace("defaults\n", "defaults\n" + LOG, 1)
    for port, app in ((9001, apps[0]), (9002, apps[1])):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{app.port}")
    try:
        with Program(POINTSMAN, text, folder, {"log": receiver.where}) as program:
            until(lambda: len(children(program.pid)) == 3)
            yield Site(program, apps, receiver)
    finally:
        receiver.close()
        for app in apps:
            app.die()


def test_a_login_survives_in_two_tabs(tmp_path: Path) -> None:
    """Tabs share a jar, not connections; both lanes know what a cookie means; servers never see it."""
    with site(COOKIE, tmp_path) as made:
        users = [made.at("1"), made.at("2")]
        for _ in range(6):
            for user, app in zip(users, "12", strict=True):
                assert user.ask("/who") == (200, f"anna ({app})\n")
        assert [user.cookies["SRV"] for user in users] == ["one", "two"]
        assert users[0].headers.get("set-cookie") is None
        fresh = made.browser()
        fresh.ask("/")
        assert re.fullmatch("SRV=(one|two); path=/; HttpOnly", fresh.headers["set-cookie"])
        until(lambda: {"/who --VN app1 200", "/who --VN app2 200"} <= set(made.lines()))


def test_a_drained_server_keeps_its_own(tmp_path: Path) -> None:
    with site(COOKIE, tmp_path) as made:
        user = made.at("1")
        assert made.ask("set server app/app1 state drain") == ""
        for _ in range(8):
            assert user.ask("/who") == (200, "anna (1)\n")
            assert "(1)" not in made.browser().ask("/login", {"user": "bert"})[1]
        assert made.ask("set server app/app1 state maint") == ""
        assert user.ask("/who") == (401, "nobody (2)\n")
        assert user.cookies["SRV"] == "two"
        assert user.ask("/login", {"user": "anna"})[1] == "Welcome, anna! (2)\n"
        assert made.ask("set server app/app1 state ready") == ""
        for _ in range(4):
            assert user.ask("/who") == (200, "anna (2)\n")


def test_a_server_that_dies(tmp_path: Path) -> None:
    """Before checks notice, the last attempt goes elsewhere; the login is lost with the server, the service is not."""
    with site(COOKIE, tmp_path) as made:
        user, other = made.at("2"), made.at("1")
        made.two.die()
        assert user.ask("/who") == (401, "nobody (1)\n")
        assert user.cookies["SRV"] == "one"
        until(lambda: made.status("app2").startswith("DOWN"))
        user.ask("/login", {"user": "anna"})
        for _ in range(4):
            assert user.ask("/who") == other.ask("/who") == (200, "anna (1)\n")
        made.two.begin()
        until(lambda: made.status("app2") == "UP")
        assert user.ask("/who") == (200, "anna (1)\n")
        made.at("2")
        until(lambda: any(line.startswith("/who --DI app1 401") for line in made.lines()))


def test_the_cookie_of_the_application_is_prefixed(tmp_path: Path) -> None:
    with site(PREFIX, tmp_path) as made:
        users = [made.at("1"), made.at("2")]
        for user, app, name in zip(users, "12", ("one", "two"), strict=True):
            assert list(user.cookies) == ["session"]
            assert re.fullmatch(f"{name}~[0-9a-f]{{16}}", user.cookies["session"])
            for _ in range(5):
                assert user.ask("/who") == (200, f"anna ({app})\n")


def test_it_carries_dates(tmp_path: Path) -> None:
    with site(AGES, tmp_path) as made:
        user = made.at("1")
        began = time.time()
        name, last, first = user.cookies["SRV"].split("|")
        assert (name, last) == ("one", first) and abs(_seconds(last) - began) <= 8
        assert user.ask("/who")[0] == 200
        for age, letters in ((1700, "--VU"), (1900, "--EI")):
            stale = f"one|{_date(began - age)}|{first}"
            user.forget()
            user.ask(f"/{age}", Cookie=f"SRV={stale}")
            until(lambda age=age, letters=letters: any(line.startswith(f"/{age} {letters}") for line in made.lines()))
        user.forget()
        user.ask("/old", Cookie=f"SRV=one|{_date(began)}|{_date(began - 8 * 3600 - 60)}")
        until(lambda: any(line.startswith("/old --OI") for line in made.lines()))


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _seconds(text: str) -> int:
    """What five letters of base64 say, in seconds."""
    value = 0
    for letter in text:
        value = value * 64 + LETTERS.index(letter)
    return value * 4


def _date(seconds: float) -> str:
    units = int(seconds) // 4
    return "".join(LETTERS[units >> shift & 63] for shift in (24, 18, 12, 6, 0))


def test_exceptions(tmp_path: Path) -> None:
    with site(EXCEPTIONS, tmp_path) as made:
        user = made.browser()
        assert user.ask("/static/site.css")[0] == 200 and not user.cookies
        user.ask("/")
        assert user.cookies == {"SRV": "one"}
        assert made.browser().ask("/data", Cookie="SRV=two")[1].count('"1"') == 1
        assert made.browser().ask("/data", Cookie="SRV=two; tester=x")[1].count('"2"') == 1
        until(lambda: {"/data --DN app2 200", "/data --DI app1 200"} <= set(made.lines()))


def test_dynamic_cookies_in_all_lanes(tmp_path: Path) -> None:
    """Changed by the socket, for both lanes, and for what comes after a lane was killed."""
    with site(DYNAMIC, tmp_path) as made:
        user = made.at("1")
        first = user.cookies["SRV"]
        assert re.fullmatch("[0-9a-f]{16}", first)
        assert first in made.ask("show stat app 4 1")
        assert made.ask("set dynamic-cookie-key backend app other") == ""
        assert first not in made.ask("show stat app 4 1")
        seen = set()
        for _ in range(12):
            again = made.at("1")
            seen.add(again.cookies["SRV"])
            assert again.ask("/who") == (200, "anna (1)\n")
        assert len(seen) == 1 and first not in seen
        assert made.ask("disable dynamic-cookie backend app") == ""
        for _ in range(6):
            assert made.at("1").cookies.get("SRV") is None
        assert made.ask("enable dynamic-cookie backend app") == ""
        gone = children(made.program.pid)
        for pid in gone[:2]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(children(made.program.pid)) - set(gone[:2])) == 3)
        for _ in range(6):
            assert made.at("1").cookies["SRV"] in seen


def test_the_page_has_no_other_configuration() -> None:
    assert len(BLOCKS) == 5
    assert all("cookie" in block for block in BLOCKS)
