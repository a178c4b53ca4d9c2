"""What a hello says to whom does not decrypt: values from the RFCs, verdicts that HAProxy gave (tests/peer/
test_peer_first_bytes.py asks it live), and the same whatever the cuts."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hello import ALGORITHMS, GROUPS, HOST, SUITES, WHOLE, client_hello, extension, numbers, sized

from pointsman.proto.tls_hello import (
    NO,
    NOT_YET,
    algorithms,
    alpn,
    groups,
    handshake_type,
    has_curves,
    key_shares,
    server_name,
    suites,
    ticket,
    version,
)

HELLO = client_hello(extensions=WHOLE)
ANSWERS: list[tuple[Callable[[bytes], bytes | int], bytes | int]] = [
    (handshake_type, 1),
    (version, 0x30003),
    (server_name, HOST),
    (alpn, b"h2"),
    (ticket, 2),
    (has_curves, 1),
    (suites, numbers(SUITES)),
    (groups, numbers(GROUPS)),
    (algorithms, numbers(ALGORITHMS)),
    (key_shares, numbers((GROUPS[0], 0x001D))),
]
QUESTIONS = [ask for ask, _ in ANSWERS]
OF_LISTS = (has_curves, suites, groups, algorithms, key_shares)
EARLY = 4  # bytes of a message that may be missing when lists are looked at


def named(ask: Callable[[bytes], bytes | int]) -> str:
    return ask.__name__


@pytest.mark.parametrize(("ask", "answer"), ANSWERS, ids=[named(ask) for ask in QUESTIONS])
def test_a_hello_says_it_once_it_is_whole(ask: Callable[[bytes], bytes | int], answer: bytes | int) -> None:
    first = len(HELLO) - (EARLY if ask in OF_LISTS else 0)
    for end in range(len(HELLO)):
        assert ask(HELLO[:end]) == NOT_YET or end >= first and ask(HELLO[:end]) == answer
    assert ask(HELLO) == answer
    assert ask(HELLO + b"behind it") == answer


@pytest.mark.parametrize("ask", QUESTIONS, ids=named)
def test_nothing_says_nothing_yet(ask: Callable[[bytes], bytes | int]) -> None:
    assert ask(b"") == NOT_YET


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\0" * 40, b"\x16\x02" + b"\0" * 40])
@pytest.mark.parametrize("ask", QUESTIONS, ids=named)
def test_garbage_is_no_hello(ask: Callable[[bytes], bytes | int], data: bytes) -> None:
    assert ask(data) == NO


@pytest.mark.parametrize("ask", [ask for ask in QUESTIONS if ask is not version], ids=named)
def test_the_first_byte_of_garbage_is_enough(ask: Callable[[bytes], bytes | int]) -> None:
    """But for the version, which SSL 2.0 says in another way."""
    assert ask(b"G") == NO
    assert (version(b"GET"), version(b"GET ")) == (NOT_YET, NO)


def test_a_hello_of_many_records_is_read_as_if_it_were_one() -> None:
    """So does HAProxy: the second header stands in the middle of what is read."""
    message = HELLO[5:]
    head = b"\x16\x03\x01"
    inside = HELLO.index(HOST) - 5 + 3
    cut = head + sized(2, message[:inside]) + head + sized(2, message[inside:])
    assert handshake_type(cut) == 1
    assert server_name(cut) == HOST[:3] + head + sized(2, message[inside:])[:2] + HOST[3 : len(HOST) - 5]
    assert server_name(head + sized(2, message[:3]) + head + sized(2, message[3:])) == NO


def test_a_hello_may_have_the_size_of_all_records() -> None:
    """One over 16 KB; where it ends a buffer decides."""
    large = client_hello(extensions=((21, bytes(15_000)), *WHOLE))
    larger = client_hello(extensions=((21, bytes(17_000)), *WHOLE))
    assert server_name(large) == server_name(larger) == HOST
    assert server_name(larger[:16_384]) == NOT_YET
    assert version(client_hello(extensions=((21, bytes(20_000)),))) == NO  # longer than a record can be


def test_the_second_hello_does_not_count() -> None:
    other = client_hello(extensions=(extension(0, b"\0" + sized(2, b"other.test")),))
    assert server_name(HELLO + other) == HOST
    assert server_name(client_hello(extensions=()) + other) == NO


@pytest.mark.parametrize(
    ("extensions", "name"),
    [
        ((extension(0, b"\0" + sized(2, b"a") + b"\0" + sized(2, b"b")),), b"a"),
        ((extension(0, b"\0" + sized(2, b"")),), NO),
        ((extension(0, b"\1" + sized(2, b"a")), extension(0, b"\0" + sized(2, b"b"))), b"b"),
        (((0, b""), extension(0, b"\0" + sized(2, b"b"))), NO),
        (((0, b"\0\x09\0" + sized(2, b"b")),), NO),
        ((extension(0, b"\0\0\2a"),), NO),
        (((21, b"ab"), extension(0, b"\0" + sized(2, b"UPPER.Case"))), b"UPPER.Case"),
    ],
)
def test_names(extensions: tuple[tuple[int, bytes], ...], name: bytes | int) -> None:
    """Verdicts of HAProxy 3.2, asked live."""
    assert server_name(client_hello(extensions=extensions)) == name


def test_what_a_hello_leaves_out() -> None:
    bare, empty = client_hello(extensions=None), client_hello(extensions=())
    assert [ask(bare) for ask in (server_name, alpn, ticket, has_curves, groups, key_shares)] == [NO] * 6
    assert [ask(empty) for ask in (server_name, alpn, ticket, has_curves, groups, key_shares)] == [NO, NO, 0, 0, NO, NO]
    assert suites(bare) == numbers(SUITES)
    assert (ticket(client_hello(extensions=((35, b""),))), ticket(client_hello(extensions=((35, b"x"),)))) == (1, 2)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x80\x1f\1\3\1\0\6\0\0\0\x10" + bytes(22), 0x30001),
        (b"\x80\x1f\1\0\2\0\6\0\0\0\x10" + bytes(22), 2),  # SSL 2.0 itself
        (b"\x80\x1f\1\3\1\0\6\0\0\0\x10" + bytes(21), NOT_YET),
        (b"\0\x1f\5\1\3\1\0\6\0\0\0\x10" + bytes(22 + 5), 0x30001),
        (b"\0\x1f\5\1\3\1\0\6\0\0\0\x10" + bytes(22 + 4), NOT_YET),
        (b"\x80\x1f\1\3\1\0\5\0\0\0\x11" + bytes(22), NO),  # specs of three bytes each
        (b"\x80\x1f\2\3\1\0\6\0\0\0\x10" + bytes(22), NO),
        (b"\x80\x1f\1\3\1\0\6\0\1\0\x0f" + bytes(22), NO),
        (b"\x80\x20\1\3\1\0\6\0\0\0\x10" + bytes(30), NO),
    ],
)
def test_the_version_of_ssl_2(data: bytes, found: int) -> None:
    """Verdicts of HAProxy 2.6 and 3.2; and nothing else takes it for a hello."""
    assert version(data) == found
    assert {ask(data) for ask in QUESTIONS if ask is not version} == {NO}


def test_a_servers_hello() -> None:
    hello = b"\x16\3\3" + sized(2, b"\2" + sized(3, b"\3\3" + bytes(70)))
    assert [handshake_type(hello), handshake_type(hello[:-1]), server_name(hello)] == [2, NOT_YET, NO]


@pytest.mark.parametrize("words", [("-tls1_2",), ("-tls1_3",), ("-alpn", "acme-tls/1"), ("-no_ticket",)])
def test_a_hello_of_openssl(words: tuple[str, ...]) -> None:
    """A client of today says all of it; what it was told to say is known."""
    taken: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            sock, _ = server.accept()
            with sock:
                sock.settimeout(5)
                taken.append(sock.recv(65536))

        thread = threading.Thread(target=take)
        thread.start()
        where = f"127.0.0.1:{server.getsockname()[1]}"
        command = ["openssl", "s_client", "-connect", where, "-servername", "b.example", *words]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=10)
        thread.join()
    hello = taken[0]
    assert (handshake_type(hello), version(hello), server_name(hello)) == (1, 0x30003, b"b.example")
    assert ticket(hello) == (0 if words == ("-no_ticket",) else 1)
    assert alpn(hello) == (b"acme-tls/1" if words[0] == "-alpn" else NO)
    assert (key_shares(hello) == NO) == (words == ("-tls1_2",))
    known, shares = groups(hello), key_shares(hello)
    assert isinstance(known, bytes) and b"\0\x1d" in known
    assert shares == NO or isinstance(shares, bytes) and shares[:2] in known
    assert has_curves(hello) == 1 and isinstance(algorithms(hello), bytes)


def changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    made = bytearray(data)
    for at, byte in changes:
        made[at % len(made)] = byte
    return bytes(made)


@given(
    st.lists(st.tuples(st.integers(0, len(HELLO)), st.integers(0, 255)), max_size=3),
    st.lists(st.integers(0, len(HELLO)), max_size=8),
)
def test_an_answer_stays(changes: list[tuple[int, int]], cuts: list[int]) -> None:
    """Whatever is wrong with the hello, and wherever it was cut: the first answer is the last one."""
    data = changed(HELLO, changes)
    for ask in QUESTIONS:
        final = ask(data)
        for cut in cuts:
            assert ask(data[:cut]) in (NOT_YET, final)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    for ask in QUESTIONS:
        found = ask(data)
        assert isinstance(found, bytes) or found >= NOT_YET
