"""Stick rules decided without a socket: time, servers that move, and explanations that change nothing. What rules do in
traffic is compared with haproxy in tests/peer/families/sticking.py."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.proto.h1 import parse_request, parse_response
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.sample.trace import RouteRecord, Trace
from pointsman.stream.decision import Decision
from pointsman.stream.entries import DECIDED, ROUTED
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.server_keys import SERVER_KEYS, key_number
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES

HEAD = """\
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
frontend f
    bind 127.0.0.1:1
    default_backend b
"""
RULES = """\
backend b
    stick-table type string size 10 expire 10s
    stick on hdr(key)
    stick store-response res.hdr(made)
    server s1 127.0.0.1:1001
    server s2 127.0.0.1:1002
"""


class Site:
    """A configuration, and exchanges with it."""

    def __init__(self, text: str) -> None:
        found = Diagnostics()
        self.live = assemble(load_text(HEAD + text, found), found)
        assert not found.failed, [one.message for one in found.findings]
        frontend = self.live.frontends[0]
        assert isinstance(frontend, LiveFrontend)
        self.frontend = frontend
        self.now = 1_000_000

    @property
    def backend(self) -> BackendProxy:
        found = self.frontend.backends[b"b"]
        assert isinstance(found, BackendProxy)
        return found

    def decision(self, *lines: str) -> Decision:
        context = Context(self.frontend, Session(ListenerFacts("l", 1)))
        context.source = context.session.source = net_address("192.0.2.1", 5)
        context.now = self.now
        context.request = parse_request("".join(f"{one}\r\n" for one in ("GET / HTTP/1.1", *lines, "")).encode())
        return Decision(self.frontend, context)

    def ask(self, *lines: str, trace: Trace | None = None) -> Decision:
        """Up to the choice of a server."""
        decision = self.decision(*lines)
        decision.trace = trace
        assert decision.begin() == ROUTED
        assert decision.enter() == DECIDED
        return decision

    def answer(self, decision: Decision, server: int, *lines: str) -> None:
        """That server of the backend answers."""
        context = decision.context
        context.server = self.backend.servers[server]
        context.now = self.now
        head = "".join(f"{one}\r\n" for one in ("HTTP/1.1 200 OK", *lines, ""))
        context.response = parse_response(head.encode())
        assert decision.begin_response(self.backend, True) == DECIDED

    def entry(self, key: bytes, name: str = "b") -> tuple[int, str] | None:
        """server_id and server_key."""
        table = table_of(name)
        ref = table.find(key, self.now)
        if not ref:
            return None
        number, text = (table.read(ref, table.reading(field), self.now) for field in ("server_id", "server_key"))
        return number, table.server_key(text)


def table_of(name: str) -> StickTable:
    return TABLES.by_name[name]


def named(decision: Decision) -> bytes | None:
    return None if decision.forced is None else decision.forced.name


def test_a_match_keeps_an_entry_for_another_while() -> None:
    site = Site(RULES)
    first = site.ask("Key: a")
    assert named(first) is None
    assert site.entry(b"a") is None, "it is learned when the server has answered"
    site.answer(first, 1, "Made: m")
    assert (site.entry(b"a"), site.entry(b"m")) == ((2, "s2"), (2, "s2"))
    site.now += 9_000
    assert named(site.ask("Key: a")) == b"s2"  # no answer comes: what was asked is touched all the same
    site.now += 9_000
    assert (site.entry(b"a"), site.entry(b"m")) == ((2, "s2"), None)
    site.now += 1_000
    assert named(site.ask("Key: a")) is None


def test_nothing_of_it_is_remembered() -> None:
    """Outcomes and answers that are remembered pass by all rules (stream/outcome.py)."""
    site = Site(RULES)
    decision = site.ask("Key: a")
    assert decision.context.asked & 128
    decision.context.asked = 0
    site.answer(decision, 0)
    assert decision.context.asked & 128


def test_an_explanation_says_who_and_changes_nothing() -> None:
    site = Site(RULES)
    site.answer(site.ask("Key: a"), 1)
    site.now += 9_000
    trace = Trace()
    decision = site.ask("Key: a", trace=trace)
    site.answer(decision, 0, "Made: m")
    records = [one for one in trace.records if isinstance(one, RouteRecord) and one.at.line > 8]
    assert [(one.at.line, one.holds, one.name) for one in records] == [(11, True, b"s2"), (12, True, None)]
    assert [sample.value for one in records for sample in one.samples] == [b"a", b"m"]
    assert site.entry(b"m") is None
    site.now += 1_000
    assert site.entry(b"a") is None, "the explanation has kept it alive"


def test_a_condition_that_does_not_hold_is_told() -> None:
    site = Site(RULES.replace("stick on hdr(key)", "stick on hdr(key) unless { path / }"))
    trace = Trace()
    assert named(site.ask("Key: a", trace=trace)) is None
    record = trace.records[-1]
    assert isinstance(record, RouteRecord)
    assert record.condition is not None
    assert (record.at.line, record.holds, record.negated, record.condition.verdict) == (11, False, True, True)


BY_ADDRESS = """\
backend b
    stick-table type string size 10 srvkey addr
    stick on hdr(key)
    server s1 127.0.0.1:1001
    server s2 127.0.0.1:1002
    server s3 /run/s3
"""


def test_srvkey_addr_follows_servers_that_move() -> None:
    site = Site(BY_ADDRESS)
    for number in range(3):
        site.answer(site.ask(f"Key: k{number}"), number)
    assert [site.entry(b"k%d" % number) for number in range(3)] == [
        (1, "127.0.0.1:1001"),
        (2, "127.0.0.1:1002"),
        (3, "/run/s3"),
    ]
    s1, s2, _ = site.backend.servers
    s1.dial.target, s2.dial.target = s2.dial.target, s1.dial.target
    assert [named(site.ask(f"Key: k{number}")) for number in range(3)] == [b"s2", b"s1", b"s3"]
    s1.dial.target = s2.dial.target = ("127.0.0.9", 9)
    assert [named(site.ask(f"Key: k{number}")) for number in range(3)] == [b"s1", b"s2", b"s3"]  # by number
    assert site.entry(b"k1") == (2, "127.0.0.1:1002"), "where it was is known for ever"


def test_two_servers_whose_names_have_one_number_are_told_apart() -> None:
    """zlib.crc32 of these is the same; found by trying names."""
    one, other = "plumless", "buckeroo"
    assert key_number(one.encode()) == key_number(other.encode())
    site = Site(RULES.replace("s1", one).replace("s2", other))
    for number in range(2):
        site.answer(site.ask(f"Key: k{number}"), number)
    assert [named(site.ask(f"Key: k{number}")) for number in range(2)] == [one.encode(), other.encode()]


def test_numbers_of_names() -> None:
    assert key_number(b"123456789") == 0xCBF43926  # the check value of CRC-32
    assert SERVER_KEYS.text(0) == "-"
    assert SERVER_KEYS.text(12345) == "-"


@pytest.mark.parametrize("persistent", [False, True])
def test_a_server_that_is_down(persistent: bool) -> None:
    site = Site(RULES.replace("stick on", "option persist\n    stick on" if persistent else "stick on"))
    site.answer(site.ask("Key: a"), 1)
    site.backend.servers[1].state = 0
    assert named(site.ask("Key: a")) == (b"s2" if persistent else None)
