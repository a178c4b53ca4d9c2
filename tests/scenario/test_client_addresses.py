"""Whose address servers see (manual 4.2 and 5.2, source ... usesrc): clients, balancer and servers stand in networks
of their own, with cables between them, and servers send their answers back by the balancer. HAProxy says the same."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.network import POINTSMAN_INSIDE, Mirror, Network, cable
from support.programs import HAPROXY, Kind, Program, StartError, peer_version
from support.receiver import LogReceiver

pytestmark = pytest.mark.root
CLIENTS = ("10.2.0.2", "10.2.0.3", "fd02::2")
HERE = "10.3.0.1"  # the balancer's own address towards the servers
ALSO_HERE = "10.3.0.7"
CASES = {  # name: lines of the backend, words of the server line
    "clientip": ("source 0.0.0.0 usesrc clientip", ""),
    "client": ("source 0.0.0.0 usesrc client", ""),
    "last": (f"source {ALSO_HERE} usesrc hdr_ip(X-Forwarded-For)", ""),
    "first": (f"source {ALSO_HERE} usesrc hdr_ip(x-forwarded-for,1)", ""),
    "second": (f"source {ALSO_HERE} usesrc hdr_ip(x-forwarded-for,-2)", ""),
    "zero": (f"source {ALSO_HERE} usesrc hdr_ip(x-forwarded-for,0)", ""),
    "fixed": (f"source {ALSO_HERE} usesrc 10.2.0.99", ""),
    "port": (f"source {ALSO_HERE} usesrc 10.2.0.99:7777", ""),
    "server": (f"source {ALSO_HERE}", "source 0.0.0.0 usesrc clientip"),
    "undone": ("source 0.0.0.0 usesrc clientip", f"source {ALSO_HERE}"),
    "device": ("source 0.0.0.0 usesrc clientip interface servers", ""),
    "rewritten": ("source 0.0.0.0 usesrc clientip\n    http-request set-src hdr(x-src)", ""),
    "shared": ("source 0.0.0.0 usesrc clientip\n    http-reuse always", ""),
    "checked": (f"option httpchk GET /\n    source {ALSO_HERE} usesrc clientip", "check inter 100ms"),
    "six": ("source 0.0.0.0 usesrc clientip", ""),
}
HEAD = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 2s
    retries 1
    log {log} local0
    log-format "%[capture.req.hdr(0)] %ts %ST %bi %rc %[bc_err] %[bc_src]"
"""


def configuration() -> str:
    text = HEAD
    for name, (lines, words) in CASES.items():
        server = {"six": "[fd03::2]:9000", "checked": "10.3.0.2:9001"}.get(name, "10.3.0.2:9000")
        text += (
            f"frontend {name}\n    bind 10.2.0.1:{{port:{name}}}\n    bind fd02::1:{{port:{name}}}\n"
            f"    declare capture request len 40\n    http-request capture req.hdr(x-mark) id 0\n"
            f"    default_backend {name}\n"
            f"backend {name}\n    {lines}\n    server s {server} {words}\n"
        )
    return text


@dataclass
class Lab:
    """The clients' network, and the program in another one."""

    clients: Network
    balancer: Network
    program: Program
    log: LogReceiver
    checked: Mirror

    def connect(self, case: str, client: str = CLIENTS[0]) -> socket.socket:
        with self.clients.inside():
            family = socket.AF_INET6 if ":" in client else socket.AF_INET
            sock = socket.socket(family)
        sock.settimeout(15)
        sock.bind((client, 0))
        sock.connect(("fd02::1" if ":" in client else "10.2.0.1", self.program.ports[case]))
        return sock


def ask(sock: socket.socket, *fields: str) -> tuple[str, str, int]:
    """Status, and where the server has seen the connection come from."""
    sock.sendall("\r\n".join(["GET / HTTP/1.1", "host: a", *fields, "", ""]).encode())
    data = b""
    whole = re.compile(rb"HTTP/1.1 (\d+).*?content-length: (\d+).*?\r\n\r\n", re.DOTALL | re.IGNORECASE)
    while (found := whole.match(data)) is None or len(data) < found.end() + int(found[2]):
        received = sock.recv(65536)
        assert received, data
        data += received
    body = data[found.end() :].decode()
    if found[1] != b"200":
        return found[1].decode(), "", 0
    host, port = body.split()[:2]
    return "200", host, int(port)


@pytest.fixture(scope="module", params=["pointsman", pytest.param("haproxy", marks=pytest.mark.peer)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One configuration for all tests."""
    kind: Kind = POINTSMAN_INSIDE if request.param == "pointsman" else HAPROXY
    with ExitStack() as stack:
        clients, balancer, servers = (stack.enter_context(Network()) for _ in range(3))
        cable(clients, "out", balancer, "clients")
        cable(servers, "out", balancer, "servers")
        for address in CLIENTS:
            clients.address(address + ("/64" if ":" in address else "/24"), "out")
        for address in ("10.2.0.1/24", "fd02::1/64"):
            balancer.address(address, "clients")
        for address in (f"{HERE}/24", f"{ALSO_HERE}/24", "fd03::1/64"):
            balancer.address(address, "servers")
        for address in ("10.3.0.2/24", "fd03::2/64"):
            servers.address(address, "out")
        servers.ip("route", "add", "default", "via", HERE)
        servers.ip("-6", "route", "add", "default", "via", "fd03::1")
        for family in ("-4", "-6"):  # whatever servers send is for the balancer
            balancer.ip(family, "route", "add", "local", "default", "dev", "lo", "table", "100")
            balancer.ip(family, "rule", "add", "iif", "servers", "lookup", "100")
        with servers.inside():
            mirrors = [Mirror("10.3.0.2", 9000), Mirror("fd03::2", 9000), Mirror("10.3.0.2", 9001)]
        for mirror in mirrors:
            stack.callback(mirror.close)
        with balancer.inside():
            log = LogReceiver()
            stack.callback(log.close)
            folder = tmp_path_factory.mktemp("sources")
            program = stack.enter_context(Program(kind, configuration(), folder, {"log": log.where}))
        yield Lab(clients, balancer, program, log, mirrors[2])


@pytest.mark.parametrize(
    "case, fields, seen",
    [
        ("clientip", "", CLIENTS[0]),
        ("server", "", CLIENTS[0]),
        ("undone", "", ALSO_HERE),
        ("device", "", CLIENTS[0]),
        ("fixed", "", "10.2.0.99"),
        ("last", "x-forwarded-for: 10.2.1.1, 10.2.1.2", "10.2.1.2"),
        ("last", "X-Forwarded-For: 10.2.1.1:77", "10.2.1.1"),
        ("last", "x-forwarded-for: unknown", ALSO_HERE),
        ("last", "x-forwarded-for: fd02::77", ALSO_HERE),
        ("first", "x-forwarded-for: 10.2.1.1, 10.2.1.2", "10.2.1.1"),
        ("second", "x-forwarded-for: 10.2.1.1, 10.2.1.2, 10.2.1.3", "10.2.1.2"),
        ("rewritten", "x-src: 10.2.1.9", "10.2.1.9"),
    ],
)
def test_whom_the_server_sees(lab: Lab, case: str, fields: str, seen: str) -> None:
    with lab.connect(case) as client:
        assert ask(client, fields or "x-a: b")[:2] == ("200", seen)


@pytest.mark.parametrize("case, field", [("last", "x-a: b"), ("zero", "x-forwarded-for: 10.2.1.1")])
def test_a_field_that_is_not_there(lab: Lab, case: str, field: str, request: pytest.FixtureRequest) -> None:
    """Then no binding is performed (manual 4.2): HAProxy 3.2 answers 500."""
    with lab.connect(case) as client:
        told = ask(client, field)[:2]
    assert told == (("200", ALSO_HERE) if "pointsman" in request.node.name else ("500", ""))


def test_port_and_all(lab: Lab) -> None:
    with lab.connect("client") as client:
        assert ask(client, "x-a: b") == ("200", *client.getsockname())
    with lab.connect("port") as client:
        assert ask(client, "x-a: b") == ("200", "10.2.0.99", 7777)


def test_clients_of_ipv6(lab: Lab) -> None:
    with lab.connect("six", CLIENTS[2]) as client:
        assert ask(client, "x-mark: six", "x-a: b")[:2] == ("200", CLIENTS[2])
    assert re.search(rf"six -- 200 {CLIENTS[2]} \d 0 {CLIENTS[2]}$", logged(lab, "six -- ")) is not None


def test_a_client_of_the_other_family_cannot_be_presented(lab: Lab) -> None:
    """Nothing else is tried in its place; the log says why."""
    with lab.connect("six") as client:
        assert ask(client, "x-mark: other")[0] == "503"
    assert re.search(r"other SC 503 \S+ 1 8 \S+$", logged(lab, "other SC")) is not None


def test_connections_are_shared_by_clients_of_the_same_address(lab: Lab, request: pytest.FixtureRequest) -> None:
    """And by no other. Each lane has its own idle ones: one of a few clients meets one that is known (HAProxy 2.6 keeps
    none of them for long enough)."""
    known: set[int] = set()
    for number in range(40):
        client = CLIENTS[number % 2]
        with lab.connect("shared", client) as sock:
            status, host, port = ask(sock, "x-a: b")
            assert (status, host) == ("200", client)
            assert ask(sock, "x-a: b")[:2] == (status, host)
        if port in known and number > 8:
            return
        known.add(port)
    assert "haproxy" in request.node.name and peer_version() < (3, 2), "no connection was used again"


def test_checks_come_from_the_address_of_the_line(lab: Lab) -> None:
    """Not from any client's."""
    limit = time.monotonic() + 15
    while len(lab.checked.seen) < 2:
        assert time.monotonic() < limit, lab.checked.seen
        time.sleep(0.05)
    assert {host for host, _ in lab.checked.seen} == {ALSO_HERE}


def test_what_logs_say_of_it(lab: Lab) -> None:
    with lab.connect("clientip") as client:
        assert ask(client, "x-mark: logged")[0] == "200"
    assert f"logged -- 200 {CLIENTS[0]} 0 0 {CLIENTS[0]}" in logged(lab, "logged")


OTHER_USER = """
global
    user nobody
    {right}
defaults
    timeout client 10s
    timeout server 10s
    timeout connect 2s
listen other
    mode http
    bind 10.2.0.1:{port:other}
    source 0.0.0.0 usesrc clientip
    server s 10.3.0.2:9000
"""


def test_another_user_with_the_right_to(lab: Lab, tmp_path: Path) -> None:
    """setcap (manual 3.1): what is left of root's rights, in all lanes."""
    if lab.program.kind is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    with ExitStack() as stack:
        with lab.balancer.inside():
            program = Program(
                lab.program.kind, OTHER_USER, tmp_path, {"right": "setcap cap_net_bind_service,cap_net_raw"}
            )
            stack.enter_context(program)
        lab.program.ports["other"] = program.ports["other"]
        for _ in range(4):
            with lab.connect("other") as client:
                assert ask(client, "x-a: b")[:2] == ("200", CLIENTS[0])


@pytest.mark.parametrize("right", ["", "setcap cap_net_bind_service"])
def test_another_user_without_the_right_to(lab: Lab, right: str, tmp_path: Path) -> None:
    """It does not start."""
    if right and lab.program.kind is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    with lab.balancer.inside(), pytest.raises(StartError, match="Some configuration options require full privileges"):
        Program(lab.program.kind, OTHER_USER, tmp_path, {"right": right}).start()


def logged(lab: Lab, beginning: str) -> str:
    """The line that begins so, once it is there."""
    for count in range(1, 1000):
        lines = [line for line in lab.log.wait(count, 15) if beginning in line]
        if lines:
            return lines[-1]
        if len(lab.log.wait(count, 0)) < count:
            break
    raise AssertionError(f"no line with {beginning}")
