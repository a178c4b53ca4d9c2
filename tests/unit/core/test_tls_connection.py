"""TLS on sockets that do not wait (core/_tls.c): both ends of it against each other, and against Python's ssl."""

from __future__ import annotations

import errno
import gc
import random
import socket
import ssl
from collections.abc import Iterator
from functools import partial

import pytest
from support.certificates import authority

from pointsman.core.tls import VERSION, Connection, Context, TlsError

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
READ, WRITE = 1, 4
HOST = "www.example.test"
VERSIONS = ("TLSv1.2", "TLSv1.3")


def server_context(kind: str = "ec", name: str = HOST) -> Context:
    context = Context(True)
    pem = authority().pem(name, kind)
    context.certificate(pem, pem)
    return context


def client_context(version: str = "") -> Context:
    context = Context(False)
    context.trust(authority().ca, False)
    context.verify(1, (), (), 0)
    if version:
        context.set("MinProtocol", version)
        context.set("MaxProtocol", version)
    return context


class Pair:
    """Two connections on the ends of one TCP connection."""

    def __init__(self, server: Context, client: Context, small: bool = False, **words: str | bytes | None) -> None:
        self.sockets = socket.socketpair() if small else tcp()
        for one in self.sockets:
            one.setblocking(False)
            if small:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.server = Connection(server, self.sockets[0].fileno())
        self.client = Connection(client, self.sockets[1].fileno(), **words)  # type: ignore[arg-type]

    def shake(self) -> None:
        for _ in range(20):
            waits = self.client.handshake(), self.server.handshake()
            if waits == (0, 0):
                return
        raise AssertionError("no end of the handshake")

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        other = socket.create_connection(door.getsockname())
        mine, _ = door.accept()
    for one in (mine, other):
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return mine, other


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    found: list[Pair] = []
    yield found
    for one in found:
        one.close()


def joined(pairs: list[Pair], server: Context, client: Context, **words: str | bytes | None) -> Pair:
    pair = Pair(server, client, **words)
    pairs.append(pair)
    pair.shake()
    return pair


def test_a_handshake_a_request_and_an_end(pairs: list[Pair]) -> None:
    for version in VERSIONS:
        pair = joined(pairs, server_context(), client_context(version), name=HOST, host=HOST)
        assert pair.client.write(b"hello") == 5
        assert pair.server.read(100) == b"hello"
        assert pair.server.read(100) is None
        assert pair.server.write(b"yes") == 3
        assert pair.client.read(100) == b"yes"
        assert pair.client.shut() is True
        assert pair.server.read(100) == b"" and not pair.server.cut
        assert pair.server.write(b"still") == 5
        assert pair.client.read(100) == b"still"
        assert pair.server.shut() is True
        assert pair.client.read(100) == b"" and not pair.client.cut
        assert pair.server.protocol == pair.client.protocol == version.encode()
        assert pair.server.cipher == pair.client.cipher and pair.server.bits[0] >= 128


def test_what_it_waits_for(pairs: list[Pair]) -> None:
    pair = Pair(server_context(), client_context())
    pairs.append(pair)
    assert pair.server.handshake() == READ
    assert pair.client.handshake() == READ
    assert pair.server.handshake() == READ
    assert pair.client.handshake() == 0
    assert pair.server.read(10) is None and pair.server.write(b"x") == 0  # the handshake comes first
    assert pair.server.handshake() == 0


def test_a_request_that_came_with_the_end_of_the_handshake_is_read_without_an_event(pairs: list[Pair]) -> None:
    pair = Pair(server_context(), client_context())
    pairs.append(pair)
    pair.client.handshake(), pair.server.handshake(), pair.client.handshake()
    pair.client.write(b"GET /")
    assert pair.server.handshake() == 0
    assert pair.server.read(100) == b"GET /"


def test_the_end_of_a_short_read_is_judged_at_the_socket(pairs: list[Pair]) -> None:
    pair = joined(pairs, server_context(), client_context())
    pair.client.write(b"a" * 100)
    assert pair.server.read(200) == b"a" * 100
    assert pair.server.at_rest
    pair.client.write(b"b" * 50)
    assert pair.server.read(20) == b"b" * 20  # the rest of a record is at hand
    assert not pair.server.at_rest
    assert pair.server.read(20) == b"b" * 20 and pair.server.read(20) == b"b" * 10
    assert pair.server.at_rest
    pair.client.write(b"c")
    pair.client.shut()
    assert pair.server.read(20) == b"c"
    assert not pair.server.at_rest  # the end is at hand: no event will tell of it
    assert pair.server.read(20) == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_much_goes_both_ways_through_small_buffers(pairs: list[Pair], version: str) -> None:
    """A byte counts as taken when its ciphertext is with the kernel; what was not taken comes again."""
    pair = Pair(server_context(), client_context(version), small=True)
    pairs.append(pair)
    pair.shake()
    data = bytes(range(256)) * 8_000
    for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
        at, got, waited = 0, b"", 0
        while len(got) < len(data):
            if at < len(data):
                taken = sender.write(data[at : at + 700_000])
                assert taken == len(data[at : at + 700_000]) or sender.waiting
                waited += sender.owed > 0
                at += taken
                assert at >= len(got)
            piece = receiver.read(30_000)
            got += piece or b""
        assert got == data and at == len(data) and sender.owed == sender.waiting == 0
        assert waited > 3


@pytest.mark.parametrize("seed", range(10))
def test_random_conversations(pairs: list[Pair], seed: int) -> None:
    """Both ends write and read pieces of any size, as wires do: what was not taken comes again, with more behind it."""
    draw = random.Random(seed)
    pair = Pair(server_context(), client_context(draw.choice(VERSIONS)), small=draw.random() < 0.8)
    pairs.append(pair)
    pair.shake()
    ends = (pair.server, pair.client)
    data = [draw.randbytes(draw.choice((10, 3_000, 900_000))) for _ in ends]
    given, kept, got = [0, 0], [b"", b""], [b"", b""]
    for _ in range(20_000):
        way = draw.randrange(2)
        sender, receiver = ends[way], ends[1 - way]
        if draw.random() < 0.5:
            more = data[way][given[way] : given[way] + draw.choice((1, 100, 16_384, 16_385, 300_000))]
            given[way] += len(more)
            kept[way] += more
            taken = sender.write(kept[way])
            kept[way] = kept[way][taken:]
            assert bool(kept[way]) == bool(sender.waiting) and sender.owed <= len(kept[way])
            assert given[way] - len(kept[way]) >= len(got[way])  # never more arrives than was taken
        else:
            got[way] += receiver.read(draw.choice((1, 50, 16_384, 16_385, 500_000))) or b""
        if got == data:
            break
    assert got == data and not any(kept)


def test_what_was_not_taken_has_to_come_again(pairs: list[Pair]) -> None:
    pair = joined(pairs, server_context(), client_context())
    while pair.client.write(bytes(1_000_000)) == 1_000_000:
        pass
    assert pair.client.owed > 10
    with pytest.raises(ValueError, match="come again"):
        pair.client.write(b"x")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_cut_at_every_byte(pairs: list[Pair], version: str) -> None:
    """Of the client's whole side: hello, Finished, request, end."""
    for step in (1, 7):
        a, b = tcp()
        c, d = tcp()
        server = Connection(server_context(), a.fileno())
        client = Connection(client_context(version), d.fileno())
        # b and c stand in the middle; the client's bytes go on `step` at a time
        got, ended = b"", False
        finished = False
        for _ in range(10_000):
            if not finished and client.handshake() == 0:
                finished = True
                client.write(b"GET / HTTP/1.1\r\n\r\n")
                client.shut()
            try:
                waiting = c.recv(65536)
            except BlockingIOError:
                waiting = b""
            for at in range(0, len(waiting), step):
                b.send(waiting[at : at + step])
                if server.handshake() == 0:
                    while piece := server.read(100):
                        got += piece
                    ended = ended or piece == b""
            try:
                c.send(b.recv(65536))
            except BlockingIOError:
                pass
            if ended:
                break
        assert got == b"GET / HTTP/1.1\r\n\r\n" and ended and not server.cut
        for sock in (a, b, c, d):
            sock.close()


def test_an_end_without_close_notify_is_told_from_one_with_it(pairs: list[Pair]) -> None:
    for version in VERSIONS:
        pair = joined(pairs, server_context(), client_context(version))
        pair.client.write(b"part")
        pair.sockets[1].shutdown(socket.SHUT_WR)
        assert pair.server.read(100) == b"part"
        assert not pair.server.at_rest or pair.server.read(100) == b""
        assert pair.server.read(100) == b"" and pair.server.cut
        assert pair.server.read(100) == b"" and pair.server.cut
        assert pair.server.write(b"answer") == 6  # a half-closed connection still has its other half
        assert pair.client.read(100) == b"answer"


def test_a_record_that_stops_in_the_middle_is_cut(pairs: list[Pair]) -> None:
    pair = joined(pairs, server_context(), client_context())
    pair.sockets[1].send(b"\x17\x03\x03\x00\x40half")
    assert pair.server.read(100) is None
    pair.sockets[1].shutdown(socket.SHUT_WR)
    assert pair.server.read(100) == b"" and pair.server.cut


def test_a_reset_is_an_error_of_the_system(pairs: list[Pair]) -> None:
    pair = joined(pairs, server_context(), client_context())
    pair.sockets[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    pair.sockets[1].close()
    for _ in range(2):  # it is remembered
        with pytest.raises(ConnectionResetError):
            pair.server.read(100)
    with pytest.raises(ConnectionResetError):
        pair.server.write(b"x")


@pytest.mark.parametrize("step", range(3))
def test_a_peer_that_leaves_in_the_handshake(pairs: list[Pair], step: int) -> None:
    """Before its hello, behind it, or behind the server's answer."""
    for version in VERSIONS:
        pair = Pair(server_context(), client_context(version))
        pairs.append(pair)
        for _ in range(step):
            pair.client.handshake()
            pair.server.handshake()
        pair.sockets[1].shutdown(socket.SHUT_WR)
        if step == 2:  # the client's Finished was there: it is over
            assert pair.server.handshake() == 0
            continue
        with pytest.raises(ConnectionResetError):
            pair.server.handshake()
        other = Pair(server_context(), client_context(version))
        pairs.append(other)
        other.client.handshake()
        if step:
            other.server.handshake()
        other.sockets[0].shutdown(socket.SHUT_WR)
        if step == 0:
            with pytest.raises(ConnectionResetError):
                other.client.handshake()


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http request"),
        (b"\x16\x03\x01\xff\xff" + bytes(100), ""),
        (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", ""),
        (b"\x15\x03\x01\x00\x02\x02\x28", "unexpected message"),
        (b"\x80\x2e\x01\x00\x02" + bytes(60), ""),
        (bytes(200), ""),
    ],
)
def test_garbage(pairs: list[Pair], garbage: bytes, said: str) -> None:
    pair = Pair(server_context(), client_context())
    pairs.append(pair)
    pair.sockets[1].send(garbage)
    for _ in range(2):
        with pytest.raises(TlsError) as caught:
            pair.server.handshake()
        assert caught.value.errno == errno.EPROTO and caught.value.code
        assert said in str(caught.value)


def test_a_record_that_was_changed_on_its_way_is_an_error(pairs: list[Pair]) -> None:
    for version in VERSIONS:
        pair = joined(pairs, server_context(), client_context(version))
        pair.sockets[1].send(b"\x17\x03\x03\x00\x40" + bytes(64))
        server = pair.server
        calls = partial(server.read, 10), partial(server.write, b"x"), server.handshake, server.shut
        for call in calls:
            with pytest.raises(TlsError, match=r"bad record mac|decryption failed"):
                call()
        assert server.cut is False
        with pytest.raises(TlsError, match="bad record mac"):
            pair.client.read(10)  # it has been told


def test_no_call_goes_on_behind_the_end(pairs: list[Pair]) -> None:
    pair = joined(pairs, server_context(), client_context())
    pair.client.shut()
    with pytest.raises(ValueError, match="behind the end"):
        pair.client.write(b"x")
    pair.server.close()
    pair.server.close()
    for call in (pair.server.handshake, pair.server.shut, lambda: pair.server.read(1), lambda: pair.server.write(b"")):
        with pytest.raises(ValueError, match="closed"):
            call()
    assert pair.server.protocol == b"TLSv1.3" and len(pair.server.client_random) == 32  # log lines ask late


def test_what_was_received_before_comes_first(pairs: list[Pair]) -> None:
    """Behind a PROXY header, say: all of the hello, a part of it."""
    for size in (1, 5, 100, 10_000):
        pair = Pair(server_context(), client_context())
        pairs.append(pair)
        pair.client.handshake()
        given = pair.sockets[0].recv(size)
        pair.server = Connection(pair.server.context, pair.sockets[0].fileno(), given)
        pair.shake()
        pair.client.write(b"x")
        assert pair.server.read(10) == b"x"


# Python's ssl on the other side.


def python_client(version: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority().ca.decode())
    if version:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    return context


def python_pair(
    server: Context, client: ssl.SSLContext, name: str = HOST
) -> tuple[Connection, ssl.SSLSocket, socket.socket]:
    mine, other = tcp()
    connection = Connection(server, mine.fileno())
    peer = client.wrap_socket(other, server_hostname=name, do_handshake_on_connect=False)
    for _ in range(10):
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            connection.handshake()
            continue
        if connection.handshake() == 0:
            return connection, peer, mine
    raise AssertionError("no end of the handshake")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ec", "rsa", "ed"])
def test_python_as_a_client(version: str, kind: str) -> None:
    context = server_context(kind)
    context.alpn = b"\x08http/1.1"
    client = python_client(version)
    client.set_alpn_protocols(["h2", "http/1.1"])
    server, peer, mine = python_pair(context, client)
    with mine, peer:
        peer.send(b"ping" * 5_000)
        assert server.read(100_000) == b"ping" * 5_000
        server.write(b"pong")
        assert peer.recv(100) == b"pong"
        assert peer.selected_alpn_protocol() == "http/1.1" and server.alpn == b"http/1.1"
        assert peer.version() == version and server.name == HOST.encode()
        assert peer.getpeercert(True) == server.own_certificate
        server.shut()
        assert peer.recv(100) == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_python_as_a_server(version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path(HOST))
    context.set_alpn_protocols(["http/1.1"])
    ours = client_context(version)
    ours.alpn = b"\x02h2\x08http/1.1"
    mine, other = tcp()
    with mine:
        client = Connection(ours, mine.fileno(), name=HOST, host=HOST)
        with context.wrap_socket(other, server_side=True, do_handshake_on_connect=False) as peer:
            done = False
            for _ in range(10):
                waits = client.handshake()
                try:
                    peer.do_handshake()
                    done = not waits
                except ssl.SSLWantReadError:
                    pass
                if done:
                    break
            assert done
            client.write(b"ping")
            assert peer.recv(100) == b"ping"
            peer.send(b"pong" * 10_000)
            got = b""
            while len(got) < 40_000:
                got += client.read(100_000) or b""
            assert got == b"pong" * 10_000 and client.alpn == b"http/1.1"
            certificate = client.peer_certificate
            assert certificate is not None and client.peer_chain == [certificate]
            assert ssl.DER_cert_to_PEM_cert(certificate).encode() in authority().pem(HOST)


# Resources.


def test_nothing_is_left_over() -> None:
    """Connections and contexts in a ring (a table that holds its own context) go with their last names."""
    others = [one for one in gc.get_objects() if isinstance(one, Context)]  # of other tests
    for _ in range(3):
        context = server_context()
        context.names = {HOST.encode(): context}
        pair = Pair(context, client_context(), name=HOST)
        pair.shake()
        pair.client.write(bytes(10))
        pair.close()
    del context, pair
    gc.collect()
    gc.collect()
    assert len([one for one in gc.get_objects() if isinstance(one, Context)]) <= len(others)


def test_wrong_words() -> None:
    context, (mine, other) = server_context(), tcp()
    with mine, other:
        connection = Connection(context, mine.fileno())
        wrong = (
            lambda: Connection(context),  # type: ignore[call-arg]
            lambda: Connection(None, 1),  # type: ignore[arg-type]
            lambda: Connection(context, mine.fileno(), "text"),  # type: ignore[arg-type]
            lambda: connection.read("x"),  # type: ignore[arg-type]
            lambda: connection.write("x"),  # type: ignore[arg-type]
            lambda: connection.write(bytearray(b"x")),  # type: ignore[arg-type]
        )
        for call in wrong:
            with pytest.raises(TypeError):
                call()
        for size in (0, -1):
            with pytest.raises(ValueError, match="a size"):
                connection.read(size)
        with pytest.raises(ValueError, match="not accepted"):
            Connection(client_context(), mine.fileno(), name="x" * 300)
