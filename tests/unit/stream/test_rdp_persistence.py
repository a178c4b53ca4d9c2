"""persist rdp-cookie decided without a socket. What haproxy 2.6 and 3.2 do with the same lines: they use the server of
the routing token if it is up, behind use-server and before stick rules, whatever ignore-persist says."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.stream.decision import Decision
from pointsman.stream.entries import ROUTED
from pointsman.stream.frontends import LiveFrontend
from pointsman.tables.stick_tables import TABLES

TOKEN = b"Cookie: msts=3640205228.15629.0000\r\n"  # Microsoft's example: 172.31.249.216, port 3389


def named(*lines: str, data: bytes = TOKEN, mode: str = "tcp") -> bytes | None:
    """The server that a connection of these first bytes goes to, if the algorithm has no say."""
    found = Diagnostics()
    text = (
        f"defaults\n mode {mode}\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        "frontend f\n bind 127.0.0.1:1\n default_backend b\nbackend b\n stick-table type ip size 10\n"
        + "".join(f" {line}\n" for line in lines)
        + " server one 172.31.249.216:3388\n server two 172.31.249.216:3389\n server three 172.31.249.217:3389\n"
    )
    live = assemble(load_text(text, found), found)
    assert not found.failed, [one.message for one in found.findings]
    frontend = live.frontends[0]
    assert isinstance(frontend, LiveFrontend)
    context = Context(frontend, Session(ListenerFacts("l", 1)))
    context.source = context.session.source = net_address("192.0.2.1", 5)
    context.request_bytes = bytes(11) + data
    table = TABLES.by_name["b"]
    ref = table.enter(context.source.packed, 0)
    if "stick match src" in lines:
        table.run(ref, table.setting("server_id"), 0, 3)
    if "down" in "".join(lines):
        live.backends[0].servers[1].state = 0
    decision = Decision(frontend, context)
    assert decision.begin(False) == ROUTED
    decision.enter()
    return None if decision.forced is None else decision.forced.name


@pytest.mark.parametrize(
    ("lines", "server"),
    [
        ((), None),
        (("persist rdp-cookie",), b"two"),
        (("persist rdp-cookie(MSTS)",), b"two"),
        (("persist rdp-cookie(mstshash)",), None),
        (("persist rdp-cookie", "ignore-persist if TRUE"), b"two"),
        (("persist rdp-cookie", "stick match src"), b"two"),
        (("persist rdp-cookie(x)", "stick match src"), b"three"),
        (("persist rdp-cookie", "use-server one if TRUE"), b"one"),
        (("persist rdp-cookie", "description down"), None),
        (("persist rdp-cookie", "description down", "stick match src"), b"three"),
        (("persist rdp-cookie", "description down", "option persist"), b"two"),
        (("persist rdp-cookie", "description down", "force-persist if TRUE"), b"two"),
    ],
)
def test_who_is_named(lines: tuple[str, ...], server: bytes | None) -> None:
    assert named(*lines) == server


@pytest.mark.parametrize(
    "data",
    [
        b"",
        TOKEN[:-1],  # not yet whole, and nothing more will come
        b"Cookie: msts=3640205228.15629\r\n",
        b"Cookie: msts=3640205228.15630.0000\r\n",  # nobody's port
        b"Cookie: msts=1.15629.0000\r\n",
        b"Cookie: mstshash=user\r\n",
    ],
)
def test_nobody_is_named(data: bytes) -> None:
    assert named("persist rdp-cookie", data=data) is None


def test_it_is_for_tcp_mode() -> None:
    """In HTTP mode haproxy accepts the line, and finds no cookie."""
    found = Diagnostics()
    text = (
        "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n persist rdp-cookie\n server s 127.0.0.1:1\n"
    )
    live = assemble(load_text(text, found), found)
    assert not found.failed
    backend = live.backends[0]
    assert (backend.rdp_cookie, backend.http) == (b"msts", True)
