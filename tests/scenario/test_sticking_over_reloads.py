"""Who sticks to a server goes on with it over reloads in which servers were reordered, renamed or numbered anew."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.crowd import read_response
from support.service import HEAD, Service

BODY = """
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend app
backend app
    balance roundrobin
    stick-table type string len 16 size 1k expire 10m {words}
    stick on req.hdr(key)
    http-response set-header x-generation {text}
{servers}
"""
KEYS = [f"k{number}" for number in range(12)]


class Origin:
    """It answers with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self.sock.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                accepted = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(ConnectionError):
            while accepted.recv(65536):
                accepted.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + self.name.encode())


@pytest.fixture
def origins() -> Iterator[dict[str, Origin]]:
    made = {name: Origin(name) for name in ("A", "B", "C")}
    yield made
    for origin in made.values():
        origin.sock.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    made.head = HEAD.replace("    log {dir}/log local0 notice\n", "").replace(
        "600 level", "600 expose-fd listeners level"
    )
    yield made
    if made.process is not None:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(15)
    assert "Traceback" not in made.stderr()


def say(service: Service, origins: dict[str, Origin], servers: str, words: str = "") -> None:
    """Servers of the next file, "name=origin" with further words behind a colon."""
    lines = []
    for one in servers.split():
        name, origin, *more = re.split("[=:]", one)
        lines.append(f"    server {name} {origins[origin].where} {' '.join(more)}".replace("#", " "))
    service.body = BODY.replace("{words}", words).replace("{servers}", "\n".join(lines))


def where(service: Service, generation: int) -> dict[str, str]:
    """The server of each key, as that generation has it; for a moment the one before accepts, too."""
    found = {}
    for key in KEYS:
        answer = b""
        while b"x-generation: %d\r\n" % generation not in answer:
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
                client.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nKey: {key}\r\nConnection: close\r\n\r\n".encode())
                answer = read_response(client)
        found[key] = answer[-1:].decode()
    return found


def swapped(before: dict[str, str], turns: dict[str, str]) -> dict[str, str]:
    return {key: turns[name] for key, name in before.items()}


def test_servers_in_another_order_are_known_by_name(service: Service, origins: dict[str, Origin]) -> None:
    say(service, origins, "one=A two=B three=C")
    service.begin("0")
    before = where(service, 0)
    assert set(before.values()) == {"A", "B", "C"}
    for number, order in enumerate(("three=C one=A two=B", "two=B three=C one=A new=C"), 1):
        say(service, origins, order)
        service.reload(str(number))
        assert where(service, number) == before
    say(service, origins, "two=A three=B one=C")  # their names have moved to other addresses
    service.reload("3")
    assert where(service, 3) == swapped(before, {"A": "C", "B": "A", "C": "B"})


def test_servers_with_other_names_are_known_by_number(service: Service, origins: dict[str, Origin]) -> None:
    say(service, origins, "one=A:id#30 two=B:id#10 three=C:id#20")
    service.begin("0")
    before = where(service, 0)
    say(service, origins, "x=B:id#10 y=C:id#20 z=A:id#30")
    service.reload("1")
    assert where(service, 1) == before


def test_servers_are_known_by_address(service: Service, origins: dict[str, Origin]) -> None:
    say(service, origins, "one=A two=B three=C", "srvkey addr")
    service.begin("0")
    before = where(service, 0)
    say(service, origins, "one=B two=C other=A", "srvkey addr")
    service.reload("1")
    assert where(service, 1) == before


def test_a_server_that_is_no_more_is_forgotten(service: Service, origins: dict[str, Origin]) -> None:
    say(service, origins, "one=A two=B three=C:id#9")
    service.begin("0")
    before = where(service, 0)
    say(service, origins, "two=B one=A")
    service.reload("1")
    after = where(service, 1)
    assert {key: after[key] for key in KEYS if before[key] != "C"} == {
        key: name for key, name in before.items() if name != "C"
    }
    assert set(after.values()) == {"A", "B"}
    say(service, origins, "one=A two=B three=C:id#9")
    service.reload("2")
    assert where(service, 2) == after
