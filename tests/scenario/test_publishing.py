"""Backends that come and go, are published and taken back under keep-alive, with two lanes, and with processes that are
killed between."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.counting import CountingOrigin
from support.crowd import children, read_response, until
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat

PATIENCE = 15.0
CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults shop
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
    balance roundrobin
    stats uri /stats
    http-response set-header x-shop 1
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port:web}
    force-be-switch if { hdr(x-admin) -m found }
    use_backend shop-%[req.hdr(x-shop)] if { req.hdr(x-shop) -m found }
    use_backend new if { path_beg / }
    default_backend old
frontend raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    default_backend tcp
backend new
    be-unpublished
    http-request return status 200 content-type text/plain string new
backend old
    http-request return status 200 content-type text/plain string old
backend tcp
    mode tcp
    be-unpublished
    server s 127.0.0.1:{port:web}
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(POINTSMAN, CONFIG, tmp_path) as made:
        until(lambda: len(children(made.pid)) == 3 and (tmp_path / "stats").exists(), PATIENCE)
        yield made


@pytest.fixture
def origin() -> Iterator[CountingOrigin]:
    with CountingOrigin() as made:
        yield made


class Client:
    """One connection, the same bytes each time: decisions are remembered."""

    def __init__(self, port: int, fields: str = "") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.request = f"GET /x HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode()

    def ask(self) -> str:
        self.sock.sendall(self.request)
        return read_response(self.sock).rpartition(b"\r\n\r\n")[2].decode()


def test_publish_and_unpublish(program: Program) -> None:
    path, port = program.folder / "stats", program.ports["web"]
    clients = [Client(port) for _ in range(8)]  # of both lanes
    admin = Client(port, "X-Admin: 1\r\n")
    for _ in range(2):
        for _ in range(3):
            assert [one.ask() for one in clients] == ["old"] * 8
            assert admin.ask() == "new"
        assert query(path, "publish backend new") == "Backend published.\n\n"
        for _ in range(3):
            assert [one.ask() for one in clients] == ["new"] * 8
        assert query(path, "unpublish backend new") == "Backend unpublished.\n\n"
    assert query(path, "publish backend none") == "No such backend.\n\n"
    assert query(path, "publish backend") == "A backend name is expected.\n\n"
    for one in (*clients, admin):
        one.sock.close()


def test_who_begins_later_knows(program: Program) -> None:
    path, port = program.folder / "stats", program.ports["web"]
    assert query(path, "publish backend new") == "Backend published.\n\n"
    for place in (0, 1):
        victim = children(program.pid)[place]
        os.kill(victim, signal.SIGKILL)
        until(lambda gone=victim: len(children(program.pid)) == 3 and gone not in children(program.pid), PATIENCE)
    clients = [Client(port) for _ in range(8)]
    assert [one.ask() for one in clients] == ["new"] * 8
    for one in clients:
        one.sock.close()


def test_in_tcp_mode_nobody_is_sent_there(program: Program) -> None:
    client = Client(program.ports["raw"])
    try:
        assert client.ask() == ""
    except ConnectionError:
        pass  # closed, with the request not read
    client.sock.close()
    assert query(program.folder / "stats", "publish backend tcp") == "Backend published.\n\n"
    client = Client(program.ports["raw"])
    assert client.ask() == "old"
    client.sock.close()


def test_backends_that_come_and_go(program: Program, origin: CountingOrigin) -> None:
    path, port = program.folder / "stats", program.ports["web"]

    def said(line: str) -> str:
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                answer = query(path, line)
            except OSError:
                answer = ""
            if answer or time.monotonic() > limit:
                return answer.strip()
            time.sleep(0.02)

    one, two = [Client(port, f"X-Shop: {name}\r\n") for name in ("one", "two")]
    assert one.ask() == "old"
    assert said("show defaults") == "shop"
    for name in ("one", "two", "gone"):
        assert said(f"add backend shop-{name} from shop") == "New backend registered."
    assert said("add server shop-one/s 127.0.0.1:1 weight 7") == "New server registered."
    assert said(f"add server shop-two/s 127.0.0.1:{origin.port} weight 5") == "New server registered."
    assert one.ask() == two.ask() == "old"  # not published yet
    for name in ("one", "two"):
        assert said(f"enable server shop-{name}/s") == ""
        assert said(f"publish backend shop-{name}") == "Backend published."
    assert said("wait 1s be-removable shop-gone") == "Done."
    assert said("del backend shop-gone") == "Backend deleted."
    for place in (0, 2, 1):
        two.sock.sendall(two.request)
        assert b"x-shop: 1\r\n" in read_response(two.sock).lower()
        victim = children(program.pid)[place]
        os.kill(victim, signal.SIGKILL)
        until(lambda gone=victim: len(children(program.pid)) == 3 and gone not in children(program.pid), PATIENCE)
        until(lambda: said("show version") != "", PATIENCE)
        rows = show_stat(path)
        assert (rows["shop-one/s"]["weight"], rows["shop-two/s"]["weight"]) == ("7", "5")
        assert "shop-gone/BACKEND" not in rows and rows["shop-one/BACKEND"]["type"] == "1"
        two.sock.close()
        two = Client(port, "X-Shop: two\r\n")
    page = Client(port, "X-Shop: two\r\n")
    page.request = page.request.replace(b"/x", b"/stats;csv")
    page.sock.sendall(page.request.replace(b"Host", b"Connection: close\r\nHost"))
    data = b""
    while piece := page.sock.recv(65536):
        data += piece
    assert b"\nshop-one,s," in data
    assert said("unpublish backend shop-two") == "Backend unpublished."
    assert said("disable server shop-two/s") == ""
    assert said("wait 15s srv-removable shop-two/s") == "Done."
    assert said("del server shop-two/s") == "Server deleted."
    assert said("wait 15s be-removable shop-two") == "Done."
    assert said("del backend shop-two") == "Backend deleted."
    assert two.ask() == "old"
    for client in (one, two, page):
        client.sock.close()
