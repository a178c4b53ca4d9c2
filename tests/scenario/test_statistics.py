"""The statistics beside what clients did: each count of the page and of the socket, asked of both programs."""

from __future__ import annotations

import base64
import csv
import http.client
import io
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.origin import Origin, answering
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program
from support.scenario import show_stat

TEXT = """
global
    maxconn 100
    stats socket {dir}/stats level admin
defaults
    mode http
    retries 1
    timeout connect 500ms
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port:web} name main
    option socket-stats
    http-request deny if { path /no }
    use_backend dead if { path /dead }
    default_backend app
frontend admin
    bind 127.0.0.1:{port:admin}
    stats enable
    stats uri /stats
    stats auth admin:secret
    stats refresh 5s
backend app
    balance roundrobin
    server s1 127.0.0.1:{origin}
    server s2 127.0.0.1:{origin} weight 2
    server s3 127.0.0.1:{origin} disabled
backend dead
    balance roundrobin
    server d1 127.0.0.1:{nobody}
"""
LINKS = base64.b64encode(b"admin:secret").decode()


@dataclass(frozen=True, slots=True)
class Running:
    program: Program
    folder: Path

    def ask(self, path: str, port: str = "web", authorized: bool = False) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.program.ports[port], timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {LINKS}"} if authorized else {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def rows(self) -> dict[str, dict[str, str]]:
        """`show stat`, once the connections of the clients are over."""
        limit = time.monotonic() + 5
        while True:
            found = show_stat(self.folder / "stats")
            if all(row["scur"] == "0" for row in found.values()) or time.monotonic() > limit:
                return found
            time.sleep(0.02)


@contextmanager
def running(kind: Kind, folder: Path, text: str = TEXT) -> Iterator[Running]:
    origin = Origin(answering(b"hello"))
    try:
        values = {"origin": str(origin.port), "nobody": str(free_port())}
        with Program(kind, text, folder, values) as program:
            yield Running(program, folder)
    finally:
        origin.close()


def picked(row: dict[str, str], names: str) -> str:
    return " ".join(row[name] for name in names.split())


def test_counts_are_what_clients_did(peer: Kind, tmp_path: Path) -> None:
    """Nine requests to three weights of two servers, two denied ones, one to a backend where nobody listens."""
    with running(peer, tmp_path) as one:
        for path in ("/",) * 9 + ("/no",) * 2 + ("/dead",):
            one.ask(path)
        found = one.rows()
    totals = picked(found["web/FRONTEND"], "stot conn_tot req_tot dreq ereq hrsp_2xx hrsp_4xx hrsp_5xx")
    assert totals == "12 12 12 2 0 9 2 1"
    assert picked(found["web/main"], "stot dreq ereq status type") == "12 2 0 OPEN 3"
    assert picked(found["app/s1"], "stot lbtot hrsp_2xx econ wretr weight act bck") == "3 3 3 0 0 1 1 0"
    assert picked(found["app/s2"], "stot lbtot hrsp_2xx econ wretr weight act bck") == "6 6 6 0 0 2 1 0"
    assert picked(found["app/s3"], "stot lbtot status weight") == "0 0 MAINT 1"
    assert picked(found["app/BACKEND"], "stot req_tot lbtot hrsp_2xx status weight act") == "9 9 9 9 UP 3 2"
    assert picked(found["dead/d1"], "econ wretr wredis hrsp_5xx") == "1 1 0 0"
    assert picked(found["dead/BACKEND"], "stot econ wretr hrsp_5xx") == "1 1 1 1"


def test_bytes_are_those_on_the_wire(pointsman: Kind, tmp_path: Path) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with running(pointsman, tmp_path) as one:
        address = f"TCP:127.0.0.1:{one.program.ports['web']},shut-none"  # who ends its sending would give up
        done = subprocess.run(["socat", "-t5", "-", address], input=request, capture_output=True, check=True)
        found = one.rows()
    assert done.stdout.startswith(b"HTTP/1.1 200 ")
    for name in ("web/FRONTEND", "web/main", "app/s2", "app/BACKEND"):  # the heavier one comes first
        assert picked(found[name], "bin bout") == f"{len(request)} {len(done.stdout)}"


def test_the_page_shows_what_the_socket_shows(peer: Kind, tmp_path: Path) -> None:
    """The CSV of the page has the rows of the socket; only addresses and algorithms are left out."""
    with running(peer, tmp_path) as one:
        for _ in range(3):
            one.ask("/")
        limit = time.monotonic() + 5  # another lane may have its last count to write while the client has its answer
        while one.rows()["web/FRONTEND"]["hrsp_2xx"] != "3" and time.monotonic() < limit:
            time.sleep(0.01)
        status, headers, body = one.ask("/stats;csv;norefresh", "admin", True)
        found = one.rows()
    assert status == 200 and headers["content-type"] == "text/plain" and "refresh" not in headers
    lines = body.decode().removeprefix("# ").splitlines()
    page = {f"{row['pxname']}/{row['svname']}": row for row in csv.DictReader(io.StringIO("\n".join(lines)))}
    assert list(page) == list(found)
    names = "pxname svname status weight stot lbtot hrsp_2xx act bck iid sid type mode"
    for name, row in page.items():
        if not name.startswith("admin/"):
            assert picked(row, names) == picked(found[name], names)
    assert page["app/s1"]["addr"] == "" and found["app/s1"]["addr"].startswith("127.0.0.1:")


def test_who_may_see_the_page(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path) as one:
        status, headers, body = one.ask("/stats", "admin")
        assert status == 401 and headers["www-authenticate"] == 'Basic realm="HAProxy Statistics"'
        assert b"You need a valid user and password to access this content." in body
        status, headers, body = one.ask("/stats", "admin", True)
        assert (status, headers["content-type"]) == (200, "text/html")
        # Ours stands in the page: a field would reload it under the hands of who fills in a form (docs/differences.md).
        assert headers["refresh"] == "5" if peer is HAPROXY else b'http-equiv="refresh" content="5"' in body
        assert one.ask("/stats;csv", "admin", True)[1]["refresh"] == "5"
        assert one.ask("/other", "admin", True)[0] == 503
        found = one.rows()["admin/FRONTEND"]
    assert picked(found, "stot req_tot intercepted hrsp_2xx hrsp_4xx hrsp_5xx") == "4 4 3 2 1 1"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_page_by_curl(pointsman: Kind, tmp_path: Path) -> None:
    with running(pointsman, tmp_path) as one:
        address = f"http://127.0.0.1:{one.program.ports['admin']}/stats"
        done = subprocess.run(["curl", "-s", "-u", "admin:secret", address], capture_output=True, check=True, text=True)
        head = subprocess.run(["curl", "-sI", "-u", "admin:secret", address], capture_output=True, check=True)
    assert done.stdout.startswith("<!DOCTYPE html>") and done.stdout.endswith("</html>\n")
    for name in ("web", "admin", "app", "dead"):
        assert f'<section id="{name}">' in done.stdout
    assert '<span class="pill maint">MAINT</span>' in done.stdout
    assert re.search(r"idle = \d+ %", done.stdout)  # what netdata's plugin looks for
    assert head.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and b"content-length" not in head.stdout


def test_header_lines_agree_with_the_peer(tmp_path: Path) -> None:
    """Our columns are those of 3.5; what the peer's older version has stands at the same places."""
    if HAPROXY.missing:
        pytest.skip("the program haproxy is not installed")
    names = {}
    for kind in (HAPROXY, POINTSMAN):
        with running(kind, tmp_path / kind.name) as one:
            names[kind.name] = list(one.rows()["app/s1"])
    theirs = names["haproxy"][: names["haproxy"].index("-")]
    ours = names["pointsman"]
    renamed = {"h1_sess": "h1sess", "h2_sess": "h2sess", "h3_sess": "h3sess"}
    assert [renamed.get(name, name) for name in theirs] == ours[: len(theirs)]
    assert ours.index("-") == 119


FORMS = (
    TEXT.replace("    stats auth admin:secret\n", "    stats admin unless { hdr(x-guest) 1 }\n")
    + """
backend checked
    server c1 127.0.0.1:{origin} check inter 20ms rise 1
"""
)


def form(one: Running, body: bytes, *fields: str, framing: str = "") -> tuple[int, str]:
    """The status and where the answer to a form leads, sent in two pieces."""
    lines = ["POST /stats HTTP/1.1", "Host: x", *fields, framing or f"Content-Length: {len(body)}", "Connection: close"]
    with socket.create_connection(("127.0.0.1", one.program.ports["admin"]), 5) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode() + body[:7])
        time.sleep(0.05)
        try:
            sock.sendall(body[7:])
        except ConnectionError:
            pass
        data = b""
        while b"\r\n\r\n" not in data or data.startswith(b"HTTP/1.1 1"):
            piece = sock.recv(65_536)
            if not piece:
                break
            data = (data + piece).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    place = re.search(rb"\r\n[lL]ocation: (.*?)\r\n", data)
    return int(data[9:12]), place[1].decode() if place else ""


def test_forms_of_the_page_change_servers(peer: Kind, tmp_path: Path) -> None:
    """Each form on a lane of its own accord; the change holds for all, and the answers are HAProxy's."""
    with running(peer, tmp_path, FORMS) as one:
        for body, outcome, states in (
            (b"s=s1&action=maint&b=app", "DONE", "MAINT no check MAINT"),
            (b"s=s1&action=maint&b=app&action=ready", "DONE", "no check no check MAINT"),
            (b"b=app&s=s1&s=s2&action=drain", "DONE", "DRAIN DRAIN MAINT"),
            (b"action=ready&b=%61pp&s=s2&s=s%31&s=s3", "DONE", "no check no check no check"),
            (b"s=s1&s=s9&action=maint&b=app", "PART", "MAINT no check no check"),
            (b"s=s1&action=ready&b=app", "DONE", "no check no check no check"),
            (b"s=s9&action=maint&b=app", "ERRP", "no check no check no check"),
            (b"s=s1&action=maint&b=web", "ERRP", "no check no check no check"),
            (b"s=s1&action=maint&b=none", "ERRP", "no check no check no check"),
            (b"s=s1&action=what&b=app", "ERRP", "no check no check no check"),
            (b"s=s1&action=maint", "NONE", "no check no check no check"),
            (b"s=s1&b=app", "NONE", "no check no check no check"),
            (b"action=maint&b=app", "NONE", "no check no check no check"),
            (b"s=s1;action=maint;b=app", "NONE", "no check no check no check"),
            (b"s=s1&action=dagent&b=app", "NONE", "no check no check no check"),
            (b"s=s1&action=dhlth&b=app", "NONE", "no check no check no check"),
            (b"s=s1&action=shutdown&b=app", "DONE", "no check no check no check"),
            (b"nothing", "NONE", "no check no check no check"),
        ):
            assert form(one, body) == (303, f"/stats;st={outcome}"), body
            found = one.rows()
            assert " ".join(found[f"app/{name}"]["status"] for name in ("s1", "s2", "s3")) == states, body
        assert form(one, b"s=s1&action=maint&b=app", "X-Guest: 1") == (303, "/stats;st=DENY")
        chunks = b"c\r\ns=s1&action=\r\nb\r\nmaint&b=app\r\n0\r\n\r\n"
        assert form(one, chunks, framing="Transfer-Encoding: chunked") == (303, "/stats;st=DONE")
        assert one.rows()["app/s1"]["status"] == "MAINT"
        assert form(one, b"s=s1&action=ready&b=app", "Expect: 100-continue") == (303, "/stats;st=DONE")
        assert form(one, b"x=" + b"y" * 20_000 + b"&s=s1&action=maint&b=app") == (303, "/stats;st=EXCD")
        assert one.rows()["app/s1"]["status"] == "no check"


def test_forms_about_checks(peer: Kind, tmp_path: Path) -> None:
    with running(peer, tmp_path, FORMS) as one:
        for action, outcome, state in (
            ("ehlth", "DONE", "UP"),
            ("dhlth", "DONE", "no check"),
            ("dhlth", "DONE", "no check"),
            ("hdown", "DONE", "DOWN"),
            ("hnolb", "DONE", "NOLB"),
            ("hrunn", "DONE", "no check"),
            ("ehlth", "DONE", "UP"),
            ("eagent", "NONE", "UP"),
            ("arunn", "NONE", "UP"),
            ("adown", "NONE", "UP"),
        ):
            assert form(one, f"s=c1&action={action}&b=checked".encode()) == (303, f"/stats;st={outcome}"), action
            limit = time.monotonic() + 5
            while one.rows()["checked/c1"]["status"] != state and time.monotonic() < limit:
                time.sleep(0.02)
            assert one.rows()["checked/c1"]["status"] == state, action
        assert form(one, b"s=s1&action=hdown&b=app") == (303, "/stats;st=DONE")
        assert one.rows()["app/s1"]["status"] == "DOWN"


def test_a_page_of_ten_thousand_servers_keeps_nobody_waiting(tmp_path: Path) -> None:
    text = TEXT.replace("backend dead\n", "backend many\n    server-template m 1-10000 127.0.0.1:9\nbackend dead\n")
    with running(POINTSMAN, tmp_path, text) as one:
        done: list[bytes] = []
        thread = threading.Thread(target=lambda: done.append(one.ask("/stats", "admin", True)[2]))
        thread.start()
        waits: list[float] = []
        while thread.is_alive():
            began = time.monotonic()
            assert one.ask("/")[0] == 200
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
    assert done[0].count(b"<tr id=") > 10_000 and done[0].endswith(b"</html>\n")
    assert len(waits) > 3 and sorted(waits)[len(waits) // 2] < 0.3, waits
