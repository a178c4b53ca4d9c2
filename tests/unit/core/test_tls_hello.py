"""What is kept of a client's hello (Context.capture), and how much of it."""

import socket

import pytest
from support.certificates import authority
from support.hello import ALGORITHMS, EXTENSIONS, GROUPS, SUITES, VERSIONS, client_hello, numbers

from pointsman.core.tls import MISSING, Connection, Context, TlsError
from pointsman.sample.converter.hashing import xxh64

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

Hello = tuple[int, int, bytes, bytes, bytes, bytes, bytes, bytes]
EVERYTHING = (
    *(numbers(SUITES), numbers([kind for kind, _ in EXTENSIONS]), numbers(GROUPS), b"\0\1"),
    *(numbers(VERSIONS), numbers(ALGORITHMS)),
)


def heard(data: bytes, size: int, step: int = 1 << 16) -> Hello | None:
    context = Context(True)
    pem = authority().pem("www.example.test")
    context.certificate(pem, pem)
    context.capture = size
    a, b = socket.socketpair()
    with a, b:
        connection = Connection(context, b.fileno())
        with pytest.raises(TlsError):
            for at in range(0, len(data), step):
                a.send(data[at : at + step])
                connection.handshake()
            a.shutdown(socket.SHUT_WR)
            connection.handshake()
        connection.close()
        return connection.hello


@pytest.mark.parametrize("step", [1, 7, 1 << 16])
def test_all_that_it_says(step: int) -> None:
    hello = heard(client_hello(), 512, step)
    assert hello is not None
    assert (hello[0], hello[2:]) == (0x0303, EVERYTHING)


@pytest.mark.parametrize("size", [*range(1, 20), 36, 37, 46, 47, 48, 49, 53, 54, 61, 62, 63])
def test_so_many_bytes_of_it(size: int) -> None:
    """In the order and with the cuts of haproxy 3.2: kinds of extensions in pairs, all or nothing behind them."""
    hello = heard(client_hello(), size)
    assert hello is not None
    suites, kinds = EVERYTHING[0][:size], EVERYTHING[1][: max(size - 16, 0) // 2 * 2]
    rest = b"".join(EVERYTHING[2:])[: size - 36 if size > 36 else 0]
    assert hello[2] == suites and hello[3] == kinds and b"".join(hello[4:]) == rest
    assert hello[0] == 0x0303 and hello[1] == 5825570750258032  # which haproxy says of these suites


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 15, 16, 17, 18, 33, 200])
def test_the_hash_is_of_all_suites(count: int) -> None:
    suites = [0x1301 + 77 * one for one in range(count)]
    hello = heard(client_hello(suites), 2)
    assert hello is not None
    assert hello[1] == xxh64(numbers(suites)) and hello[2] == numbers(suites[:1])


def test_nothing_but_suites() -> None:
    hello = heard(client_hello(extensions=None), 512)
    assert hello is not None
    assert hello[2:] == (numbers(SUITES), b"", b"", b"", b"", b"")


@pytest.mark.parametrize(("kind", "data"), [(10, b""), (10, b"\0"), (10, b"\0\5\0\x1d"), (43, b""), (43, b"\7\3\4")])
def test_a_list_that_is_malformed(kind: int, data: bytes) -> None:
    hello = heard(client_hello(extensions=((kind, data),)), 512)
    assert hello is not None
    assert hello[2:] == (numbers(SUITES), numbers((kind,)), b"", b"", b"", b"")


@pytest.mark.parametrize("left", [4, 5, 40, 75, 76, 90, 120])
def test_a_hello_that_is_cut_short(left: int) -> None:
    """Whose sizes go beyond its end."""
    whole = client_hello()[5:]
    body = whole[4 : 4 + left]
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    heard(b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message, 512)


def test_nothing_is_kept_unasked() -> None:
    assert heard(client_hello(), 0) is None
    context = Context(True)
    assert context.capture == 0
    for wrong in (-1, 1 << 40, "1"):
        with pytest.raises((ValueError, TypeError)):
            context.capture = wrong  # type: ignore[assignment]


def test_who_is_asked_for_another_group_says_hello_twice() -> None:
    """The last one counts, as in haproxy 3.2: it offers keys of that group alone."""
    server, client = Context(True), Context(False)
    pem = authority().pem("www.example.test")
    server.certificate(pem, pem)
    server.capture = 512
    server.set("Groups", "P-256")
    client.set("Groups", "X25519:P-256")
    client.verify(0, (), (), 0)
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        b.setblocking(False)
        here, there = Connection(server, a.fileno()), Connection(client, b.fileno())
        there.handshake()
        here.handshake()
        first = here.hello
        while (there.handshake(), here.handshake()) != (0, 0):
            pass
    assert first is not None and here.hello is not None and here.group == b"secp256r1"
    assert here.hello is not first and here.hello[2] == first[2]
