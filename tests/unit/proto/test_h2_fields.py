"""Header blocks of HTTP/2 as requests: RFC 9113 8.1 to 8.5, by section, with what HAProxy 3.2.26 was seen to do."""

import pytest
from support.h2_heads import ANSWERED, MALFORMED, Pairs, head

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1_render import request_bytes
from pointsman.proto.h2_fields import request_of, trailers_of
from pointsman.proto.hpack import Block, Decoder, coded_pair
from pointsman.proto.message import Request
from pointsman.proto.unsafe import UNSAFE

LIMIT = 65_536
START = b"GET / HTTP/1.1\r\nhost: ex.com\r\n"


def block_of(pairs: Pairs, limit: int = LIMIT) -> Block:
    """What the decoder makes of these fields."""
    return Decoder(4096, limit).decode(b"".join([coded_pair(name, value) for name, value in pairs]))


def request(pairs: Pairs, ended: bool = True, extended: bool = True, lax: int = 0) -> Request:
    return request_of(block_of(pairs), ended, extended, lax)


def fields(found: Request) -> Pairs:
    return [(one.name, one.value) for one in found.fields]


def refused(pairs: Pairs, ended: bool = True, lax: int = 0) -> int:
    """The status of the error."""
    with pytest.raises(ProtocolError) as caught:
        request(pairs, ended, True, lax)
    return caught.value.status


def sent(pairs: Pairs, ended: bool = True) -> bytes:
    """What a server of HTTP/1 gets."""
    return request_bytes(request(pairs, ended), close=False)


# What rules and servers of HTTP/1 see: the values are those of the program.


def test_8_3_1_a_request_is_what_its_pseudo_fields_say() -> None:
    found = request(head(path=b"/a?b"))
    assert (found.method, found.uri, found.host) == (b"GET", b"http://ex.com/a?b", b"ex.com")
    assert (found.path, found.query, found.major, found.minor) == (b"/a", b"b", 2, 1)
    assert found.line == b"GET http://ex.com/a?b HTTP/2.0"
    assert (found.length, found.chunked, found.close, found.keep) == (-1, False, False, False)


@pytest.mark.parametrize(
    ("given", "uri", "wire"),
    [
        (head(), b"http://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(scheme=b"https"), b"https://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(scheme=b"HTTP"), b"HTTP://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(scheme=b"ftp"), b"ftp://ex.com/", b"GET ftp://ex.com/ HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(authority=b"Ex.COM"), b"http://Ex.COM/", b"GET / HTTP/1.1\r\nhost: Ex.COM\r\n\r\n"),
        (head(authority=b"ex.com:80"), b"http://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(authority=b"ex.com:"), b"http://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(authority=b"[::1]:80"), b"http://[::1]/", b"GET / HTTP/1.1\r\nhost: [::1]\r\n\r\n"),
        (head(authority=b"ex.com:8080"), b"http://ex.com:8080/", b"GET / HTTP/1.1\r\nhost: ex.com:8080\r\n\r\n"),
        (head(b"POST"), b"http://ex.com/", b"POST / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(b"get"), b"http://ex.com/", b"get / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(b"TRACE"), b"http://ex.com/", b"TRACE / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(b"OPTIONS", b"*"), b"http://ex.com", b"OPTIONS * HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(b"OPTIONS", b"/"), b"http://ex.com/", b"OPTIONS / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        (head(path=b'/a"<>\\^`{|}'), b'http://ex.com/a"<>\\^`{|}', b'GET /a"<>\\^`{|} HTTP/1.1' + START[14:] + b"\r\n"),
        (head(path=b"/a\x80b"), b"http://ex.com/a\x80b", b"GET /a\x80b HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ([*head(), (b"a", b"")], b"http://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\na: \r\n\r\n"),
        ([*head(), (b"a", b"\x01\x7f\x80")], b"http://ex.com/", START + b"a: \x01\x7f\x80\r\n\r\n"),
        ([*head(), (b"te", b"trailers")], b"http://ex.com/", b"GET / HTTP/1.1\r\nhost: ex.com\r\nte: trailers\r\n\r\n"),
    ],
)  # fmt: skip
def test_8_3_1_what_rules_and_an_http_1_server_see(given: Pairs, uri: bytes, wire: bytes) -> None:
    assert request(given).uri == uri
    assert sent(given) == wire


def test_8_3_1_without_an_authority_the_path_is_all_of_the_uri() -> None:
    given = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"x-a", b"1"), (b"host", b"h.org:80")]
    found = request(given)
    assert (found.uri, found.host, found.line) == (b"/", b"h.org:80", b"GET / HTTP/2.0")
    assert sent(given) == b"GET / HTTP/1.1\r\nx-a: 1\r\nhost: h.org:80\r\n\r\n"
    assert sent(given[:3]) == b"GET / HTTP/1.1\r\n\r\n"
    assert request(given[:3]).host is None
    options = [(b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*")]
    assert request(options).uri == b"*"
    assert sent(options) == b"OPTIONS * HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("host", [b"ex.com", b"EX.com", b"ex.com:80", b"ex.com:"])
def test_8_3_1_a_host_that_says_the_same_as_the_authority_goes_where_that_stands(host: bytes) -> None:
    given = [*head(), (b"x-a", b"1"), (b"host", host), (b"x-b", b"2")]
    assert sent(given) == b"GET / HTTP/1.1\r\nhost: ex.com\r\nx-a: 1\r\nx-b: 2\r\n\r\n"


def test_8_2_3_cookies_are_one_field_behind_all_others() -> None:
    given = [*head(), (b"a", b"1"), (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"), (b"cookie", b"e=f")]
    assert fields(request(given))[1:] == [(b"a", b"1"), (b"x", b"y"), (b"cookie", b"a=b; c=d; e=f")]
    one = [*head(), (b"cookie", b"a=b; c=d"), (b"x", b"y")]
    assert fields(request(one))[1:] == [(b"x", b"y"), (b"cookie", b"a=b; c=d")]


# Bodies.


def test_8_1_a_body_without_a_length_is_in_chunks() -> None:
    found = request([*head(b"POST"), (b"x", b"3")], ended=False)
    assert (found.length, found.chunked) == (-1, True)
    assert request_bytes(found, close=False) == (
        b"POST / HTTP/1.1\r\nhost: ex.com\r\nx: 3\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    assert not request(head(b"POST")).chunked


def test_8_1_1_a_length_is_kept() -> None:
    found = request([*head(b"POST"), (b"content-length", b"3"), (b"x", b"y")], ended=False)
    assert (found.length, found.chunked) == (3, False)
    assert request_bytes(found, close=False) == b"POST / HTTP/1.1\r\nhost: ex.com\r\ncontent-length: 3\r\nx: y\r\n\r\n"


@pytest.mark.parametrize("lengths", [[b"0"], [b"00"], [b"0", b"0"], [b"0, 0"], [b"0", b"00"]])
def test_8_1_1_equal_lengths_are_one(lengths: list[bytes]) -> None:
    given = head(b"POST") + [(b"content-length", length) for length in lengths]
    assert sent(given) == b"POST / HTTP/1.1\r\nhost: ex.com\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "lengths",
    [[b"x"], [b""], [b"0", b"1"], [b"0, 1"], [b"-1"], [b"+0"], [b"1_0"], [b"99999999999999999999999"], [b"0x1"]],
)
def test_8_1_1_a_length_must_be_one_number(lengths: list[bytes]) -> None:
    assert refused(head(b"POST") + [(b"content-length", length) for length in lengths], ended=False) == UNANSWERED


def test_8_1_1_a_length_without_a_body_is_malformed() -> None:
    assert refused([*head(b"POST"), (b"content-length", b"3")]) == UNANSWERED
    assert request([*head(b"POST"), (b"content-length", b"0")]).length == 0


def test_8_1_1_what_was_remembered_of_a_block_does_not_depend_on_its_end() -> None:
    block = block_of([*head(b"POST"), (b"content-length", b"3")])
    assert request_of(block, False, True).length == 3
    with pytest.raises(ProtocolError):
        request_of(block, True, True)
    other = block_of(head(b"POST"))
    assert [request_of(other, ended, True).chunked for ended in (True, False, True)] == [False, True, False]


def test_expectations_are_known() -> None:
    assert request([*head(b"POST"), (b"expect", b"100-Continue")], ended=False).expects_continue
    assert not request([*head(b"POST"), (b"expect", b"foo")], ended=False).expects_continue


# Malformed requests (8.1.1). HAProxy resets the stream, but for those that it answers.


@pytest.mark.parametrize("name", MALFORMED)
def test_8_1_1_a_malformed_request_resets_its_stream(name: str) -> None:
    assert refused(MALFORMED[name], ended=False) == UNANSWERED


@pytest.mark.parametrize("name", ANSWERED)
def test_8_1_1_some_malformed_requests_are_answered(name: str) -> None:
    assert refused(ANSWERED[name]) == 400


def test_8_1_1_a_refused_block_is_refused_again() -> None:
    block = block_of(head(path=b""))
    for _ in range(2):
        with pytest.raises(ProtocolError):
            request_of(block, True, True)


def test_8_2_2_settings_of_an_upgrade_do_not_go_on() -> None:
    assert sent([*head(), (b"http2-settings", b"x"), (b"a", b"b")]) == (
        b"GET / HTTP/1.1\r\nhost: ex.com\r\na: b\r\n\r\n"
    )


def test_6_5_2_a_head_that_is_too_large_is_refused() -> None:
    block = block_of([*head(), (b"a", b"b" * 300)], 256)
    assert block.over
    with pytest.raises(ProtocolError) as caught:
        request_of(block, True, True)
    assert caught.value.status == UNANSWERED


def test_a_head_has_as_many_fields_as_in_http_1() -> None:
    """tune.http.maxhdr, 101 by default, counts the first line too; so HAProxy takes Host and 99 more."""
    given = [*head(), *[(b"a%d" % i, b"1") for i in range(99)]]
    assert len(request(given).fields) == 100
    assert refused([*given, (b"b", b"1")]) == UNANSWERED
    assert len(request_of(block_of([*given, (b"b", b"1")]), True, True, 0, 101).fields) == 101


# CONNECT (8.5).


@pytest.mark.parametrize("host", [None, b"ex.com:443", b"EX.COM:443", b"ex.com", b"ex.com:"])
def test_8_5_connect_is_for_an_authority(host: bytes | None) -> None:
    given = [(b":method", b"CONNECT"), (b":authority", b"ex.com:443"), (b"x", b"1")]
    if host is not None:
        given.append((b"host", host))
    found = request(given, ended=False)
    assert (found.method, found.uri, found.host) == (b"CONNECT", b"ex.com:443", b"ex.com:443")
    assert (found.line, found.chunked, found.length) == (b"CONNECT ex.com:443 HTTP/2.0", False, -1)
    assert request_bytes(found, close=False) == b"CONNECT ex.com:443 HTTP/1.1\r\nhost: ex.com:443\r\nx: 1\r\n\r\n"


def test_8_5_a_tunnel_has_no_length() -> None:
    given = [(b":method", b"CONNECT"), (b":authority", b"ex.com:443"), (b"content-length", b"3")]
    found = request(given, ended=False)
    assert (found.length, fields(found)) == (-1, [(b"host", b"ex.com:443")])


# option accept-unsafe-violations-in-http-request: a fragment is all that it allows here (manual 4.2).


def test_a_fragment_passes_where_it_may() -> None:
    found = request(head(path=b"/a#b\x80"), lax=UNSAFE)
    assert found.uri == b"http://ex.com/a#b\x80"
    assert request_bytes(found, close=False) == b"GET /a#b\x80 HTTP/1.1\r\nhost: ex.com\r\n\r\n"
    block = block_of(head(path=b"/a#b"))
    assert request_of(block, True, True, UNSAFE).odd
    with pytest.raises(ProtocolError):  # what one configuration permits is not remembered for others
        request_of(block, True, True, 0)


@pytest.mark.parametrize("name", [name for name in MALFORMED if name != "a fragment"])
def test_nothing_else_passes(name: str) -> None:
    assert refused(MALFORMED[name], False, UNSAFE) == UNANSWERED


# What is remembered.


def test_the_same_block_gives_another_request_with_the_same_fields() -> None:
    block = block_of([*head(path=b"/a"), (b"x", b"y")])
    first = request_of(block, True, True)
    first_fields = first.fields
    first.uri = b"/other"
    first.fields = []
    second = request_of(block, True, True)
    assert second is not first
    assert second.uri == b"http://ex.com/a"
    assert second.fields is first_fields


# Trailers (8.1).


def test_8_1_trailers_are_plain_fields() -> None:
    found = trailers_of(block_of([(b"x-t", b"1"), (b"x-u", b"2"), (b"cookie", b"a"), (b"cookie", b"b")]))
    assert [(one.name, one.value) for one in found] == [
        (b"x-t", b"1"),
        (b"x-u", b"2"),
        (b"cookie", b"a"),
        (b"cookie", b"b"),
    ]
    assert trailers_of(block_of([])) == []


@pytest.mark.parametrize(
    "pair",
    [
        (b":path", b"/"),
        (b":status", b"200"),
        (b"X-A", b"1"),
        (b"x", b"1\n"),
        (b"connection", b"x"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"1"),
        (b"host", b"x"),
        (b"te", b"trailers"),
        (b"keep-alive", b"x"),
        (b"upgrade", b"x"),
    ],
)
def test_8_1_trailers_that_a_head_alone_can_have_are_malformed(pair: tuple[bytes, bytes]) -> None:
    with pytest.raises(ProtocolError) as caught:
        trailers_of(block_of([(b"x-t", b"1"), pair]))
    assert caught.value.status == 400


def test_8_1_trailers_have_limits() -> None:
    many = [(b"a%d" % i, b"") for i in range(101)]
    assert len(trailers_of(block_of(many[:100]))) == 100
    for block in (block_of(many), block_of([(b"a", b"b" * 300)], 256)):
        with pytest.raises(ProtocolError):
            trailers_of(block)
