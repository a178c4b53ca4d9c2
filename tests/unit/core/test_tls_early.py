"""Early data (core/_tls_early.c): both ends of a connection against each other."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
from support.certificates import authority

from pointsman.core.tls import VERSION, Connection, Context, Identity, TlsError

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
OTHER = "other.example.test"
KEYS = bytes(range(80))
ALPN = b"\x08http/1.1"
READ = 1
EARLY = 0x1000
Ends = tuple[Connection, Connection]


def server(early: int = 1_000, keys: bytes = KEYS, alpn: bytes | None = ALPN) -> Context:
    context = Context(True)
    pem = authority().pem(HOST)
    context.certificate(pem, pem)
    context.tickets([keys])
    context.alpn = alpn
    context.early = early
    return context


def client(alpn: bytes | None = ALPN, version: str = "TLSv1.3") -> Context:
    context = Context(False)
    context.trust(authority().ca, False)
    context.verify(1, (), (), 0)
    context.set("MaxProtocol", version)
    context.sessions = True
    context.alpn = alpn
    return context


class Line:
    """One connection after the other."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def ends(self, here: Context, there: Context, session: bytes | None = None, name: str = HOST) -> Ends:
        pair = socket.socketpair()
        self.sockets += pair
        for one in pair:
            one.setblocking(False)
        return Connection(here, pair[0].fileno()), Connection(there, pair[1].fileno(), name=name, session=session)

    def session(self, here: Context, there: Context, name: str = HOST) -> bytes:
        a, b = self.ends(here, there, name=name)
        shake(a, b)
        a.write(b"x")
        assert b.read(10) == b"x" and b.session is not None
        return b.session


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    for one in made.sockets:
        one.close()


def shake(a: Connection, b: Connection) -> None:
    for _ in range(20):
        if (b.handshake(), a.handshake()) == (0, 0):
            return
    raise AssertionError("no end of the handshake")


def test_a_question_and_its_answer_before_the_handshake_is_over(line: Line) -> None:
    here, there = server(), client()
    session = line.session(here, there)
    for _ in range(2):  # whoever has seen it may send it again: nothing here keeps count
        a, b = line.ends(here, there, session)
        assert b.allow_early() == 1_000
        assert b.write(b"question") == 8 and b.write(b" and more") == 9
        assert b.read(10) is None
        assert a.handshake() == READ | EARLY
        assert a.early and a.early_seen and not a.finished
        assert a.read(4) == b"ques" and not a.at_rest
        assert a.read(100) == b"tion and more" and a.at_rest
        assert a.read(100) is None
        assert a.write(b"answer") == 6
        assert a.handshake() == READ | EARLY
        assert b.handshake() == 0 and not b.early_refused and b.resumed
        assert b.read(100) == b"answer"
        assert a.handshake() == 0
        assert not a.early and a.early_seen and a.finished
        b.write(b"late")
        assert a.read(100) == b"late"


def test_a_connection_without_early_data(line: Line) -> None:
    here, there = server(), client()
    for session in (None, line.session(here, there)):
        a, b = line.ends(here, there, session)
        shake(a, b)
        assert not a.early and not a.early_seen
        b.write(b"late")
        assert a.read(100) == b"late"
    a, b = line.ends(here, client(version="TLSv1.2"))
    shake(a, b)
    b.write(b"late")
    assert a.protocol == b"TLSv1.2" and a.read(100) == b"late"


def test_without_a_protocol_it_is_read_behind_the_handshake(line: Line) -> None:
    here, there = server(alpn=None), client(alpn=None)
    session = line.session(here, there)
    a, b = line.ends(here, there, session)
    assert b.allow_early() == 1_000 and b.write(b"early") == 5
    assert a.handshake() == READ
    shake(a, b)
    assert a.early_seen and a.read(100) == b"early" and a.read(100) is None


def test_who_may_not_send_any(line: Line) -> None:
    here, there = server(), client()
    session = line.session(here, there)
    a, b = line.ends(here, there)
    assert b.allow_early() == 0 and a.allow_early() == 0
    assert b.write(b"x") == 0
    assert line.ends(here, there, session, OTHER)[1].allow_early() == 1_000  # a name that the server has not used
    assert line.ends(here, client(alpn=None), session)[1].allow_early() == 0
    assert line.ends(here, client(alpn=b"\x02h2"), session)[1].allow_early() == 0
    assert line.ends(here, client(alpn=b"\x02h2" + ALPN), session)[1].allow_early() == 1_000
    without = server(0)
    assert line.ends(without, there, line.session(without, there))[1].allow_early() == 0
    old = client(version="TLSv1.2")
    assert line.ends(here, old, line.session(here, old))[1].allow_early() == 0
    b = line.ends(here, there, session)[1]
    b.handshake()
    assert b.allow_early() == 0


def test_a_name_that_the_server_has_used_is_the_sessions(line: Line) -> None:
    here, there = server(), client()
    here.names = {HOST.encode(): None}
    session = line.session(here, there)
    assert line.ends(here, there, session)[1].allow_early() == 1_000
    assert line.ends(here, there, session, OTHER)[1].allow_early() == 0


@pytest.mark.parametrize("refusing", ["another key", "no early data", "another group"])
def test_what_is_refused_is_lost(line: Line, refusing: str) -> None:
    here, there = server(), client()
    session = line.session(here, there)
    if refusing == "another key":
        here = server(keys=KEYS[::-1])
    elif refusing == "no early data":
        here = server(0)
    else:
        here.set("Groups", "P-384")  # a second hello, behind which no early data may come
    a, b = line.ends(here, there, session)
    assert b.allow_early() == 1_000 and b.write(b"early" * 100) == 500
    with pytest.raises(OSError) as found:
        shake(a, b)
    assert found.value.errno == errno.EKEYREJECTED and not isinstance(found.value, TlsError)
    assert b.early_refused and not a.early_seen
    with pytest.raises(OSError, match="rejected"):
        b.read(10)
    assert a.handshake() == 0  # for that side nothing is wrong
    assert a.read(10) is None


def test_no_more_comes_than_was_allowed(line: Line) -> None:
    """A client that makes more of its leave: 1,000 stands in its session, as an integer of two bytes."""
    here, there = server(), client()
    session = line.session(here, there)
    assert session.count(b"\x02\x02\x03\xe8") == 1
    a, b = line.ends(here, there, session.replace(b"\x02\x02\x03\xe8", b"\x02\x02\x7f\xff"))
    assert b.allow_early() == 0x7FFF and b.write(bytes(1_001)) == 1_001
    with pytest.raises(TlsError, match="too much early data"):
        a.handshake()
    with pytest.raises(TlsError, match="too much early data"):
        a.read(10)


def test_no_more_is_sent_than_was_allowed(line: Line) -> None:
    here, there = server(20_000), client()
    a, b = line.ends(here, there, line.session(here, there))
    assert b.allow_early() == 20_000
    assert b.write(bytes(50_000)) == 20_000 and b.write(bytes(30_000)) == 0
    assert a.handshake() == READ | EARLY
    assert a.read(50_000) == bytes(20_000)
    shake(a, b)
    assert b.write(bytes(30_000)) == 30_000


def test_answers_that_the_kernel_does_not_take(line: Line) -> None:
    here, there = server(), client()
    a, b = line.ends(here, there, line.session(here, there))
    b.allow_early()
    b.write(b"early")
    assert a.handshake() & EARLY
    answer = bytes(range(256)) * 8_000
    sent = a.write(answer)
    assert 0 < sent < len(answer) and a.write(answer[sent:]) == 0
    assert b.handshake() == 0
    got = b""
    while len(got) < len(answer):
        got += b.read(1 << 20) or b""
        a.handshake()
        sent += a.write(answer[sent:])
    assert got == answer and a.finished


def test_names_choose_who_may_send_some(line: Line) -> None:
    pem, other_pem = authority().pem(HOST), authority().pem(OTHER)
    one, other = Identity(pem, pem), Identity(other_pem, other_pem)
    base, special = server(0), server(500)
    there = client()
    base.names = {HOST.encode(): ((None, one),), OTHER.encode(): ((special, other),)}
    assert line.ends(base, there, line.session(base, there))[1].allow_early() == 0
    a, b = line.ends(base, there, line.session(base, there, OTHER), OTHER)
    assert b.allow_early() == 500 and b.write(b"early") == 5
    assert a.handshake() & EARLY and a.read(10) == b"early"
    base, special = server(1_000), server(0)
    base.names = {OTHER.encode(): ((special, other),)}
    assert line.ends(base, there, line.session(base, there, OTHER), OTHER)[1].allow_early() == 0


def test_a_name_that_comes_later_and_defaults(line: Line) -> None:
    pem = authority().pem(HOST)
    identity = Identity(pem, pem)
    there = client()
    for way in ("put", "defaults"):
        base, special = server(0), server(500)
        base.names = {}
        if way == "put":
            base.put(HOST.encode(), ((special, identity),))
        else:
            base.defaults = ((special, identity),)
        a, b = line.ends(base, there, line.session(base, there))
        assert b.allow_early() == 500 and b.write(b"early") == 5
        assert a.handshake() & EARLY and a.read(10) == b"early"


def test_a_cut_in_early_data(line: Line) -> None:
    here, there = server(), client()
    session = line.session(here, there)
    for unread in (False, True):
        a, b = line.ends(here, there, session)
        b.allow_early()
        b.write(b"early")
        assert a.handshake() & EARLY
        if not unread:
            assert a.read(10) == b"early"
        line.sockets[-1].close()
        with pytest.raises(ConnectionResetError):
            a.handshake()
        with pytest.raises(ConnectionResetError):
            a.read(10)
        a.close()
        assert a.early_seen


def test_what_a_context_takes() -> None:
    context = Context(True)
    assert context.early == 0
    context.early = 15_360
    assert context.early == 15_360
    context.early = 0
    for wrong in (-1, 1 << 32):
        with pytest.raises((ValueError, OverflowError)):
            context.early = wrong
    with pytest.raises(TypeError):
        context.early = "x"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="a server's context expected"):
        Context(False).early = 1
