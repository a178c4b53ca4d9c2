"""Log-format tags (manual 8.2.6, 8.4) and the standard formats (8.2.2, 8.2.3).

The scenes are streams that were made to happen with HAProxy 2.6; the expected texts are what it logged for them, dates,
ports and process numbers replaced by those of the scene. Where 2.6 and the manual part, the test says so.
"""

import os
import platform
import time
from collections.abc import Iterator

import pytest

import pointsman.log.timers
from pointsman.config.environment import (
    HTTP_CLF_LOG_FORMAT,
    HTTP_LOG_FORMAT,
    TCP_CLF_LOG_FORMAT,
    TCP_LOG_FORMAT,
)
from pointsman.core.address import UNIX_ADDRESS, net_address
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.vocabulary import sample_words
from pointsman.core.words import Word
from pointsman.log import dates
from pointsman.log.tags import LOG_LIMITS
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session
from pointsman.sample.format import parse_format
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Where

assert pointsman.log.timers is not None

START = 1_795_247_534_427  # 21 Nov 2026 07:52:14.427 UTC


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    dates.forget()
    yield
    monkeypatch.undo()
    time.tzset()
    dates.forget()


def scene(http: bool = True) -> Context:
    """A request of 0 ms to server s1 of backend be, as on a quiet machine."""
    ctx = Context(ProxyFacts("fe", 2, http), Session(ListenerFacts("f1", 1)))
    ctx.source, ctx.destination = net_address("127.0.0.1", 33512), net_address("127.0.0.1", 36519)
    ctx.backend, ctx.server = ProxyFacts("be", 3, http), ServerFacts("s1", 1)
    ctx.server_source, ctx.server_address = net_address("127.0.0.1", 47340), net_address("127.0.0.1", 43383)
    record = ctx.record
    record.accept_date = START
    record.accepted = record.handshake = record.begun = record.head = 5000
    record.queued = record.connected = record.answered = record.ended = 5000
    record.status, record.sent, record.uploaded = (200 if http else -1), 58, 49
    record.process_connections = record.frontend_connections = 1
    record.request_line = b"GET /foo?bar=baz HTTP/1.1"
    return ctx


def bad_request() -> Context:
    """A request line that was none: answered by 400 before anything was chosen."""
    ctx = scene()
    ctx.backend = ctx.server = ctx.server_source = ctx.server_address = None
    record = ctx.record
    record.head = record.queued = record.connected = record.answered = -1
    record.status, record.sent, record.uploaded = 400, 0, 0
    record.request_line = b""
    record.cause, record.step = ord("P"), ord("R")
    return ctx


def render(text: str, ctx: Context) -> bytes:
    return parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True).render_log(ctx)


def test_every_tag_of_the_manual_is_there() -> None:
    assert set(sample_words()["log-format tag"]) - {"o"} == set(TAGS)


@pytest.mark.parametrize(
    ("tag", "plain", "quoted", "hexadecimal"),
    [
        ("CC", b"-", b'""', b"-"),
        ("CS", b"-", b'""', b"-"),
        ("hr", b"", b"", b""),
        ("hs", b"", b"", b""),
        ("hrl", b"", b"", b""),
        ("hsl", b"", b"", b""),
        ("ID", b"-", b'""', b"-"),
        ("lc", b"0", b"0", b"0000"),
        ("sslc", b"-", b'""', b"-"),
        ("sslv", b"-", b'""', b"-"),
        ("tsc", b"----", b"----", b"----"),
        ("ts", b"--", b"--", b"--"),
        ("ac", b"1", b"1", b"1"),
        ("fc", b"1", b"1", b"1"),
        ("bc", b"0", b"0", b"0"),
        ("sc", b"0", b"0", b"0"),
        ("rc", b"0", b"0", b"0"),
        ("sq", b"0", b"0", b"0"),
        ("bq", b"0", b"0", b"0"),
        ("ci", b"127.0.0.1", b'"127.0.0.1"', b"7F000001"),
        ("cp", b"33512", b"33512", b"82E8"),
        ("bi", b"127.0.0.1", b'"127.0.0.1"', b"7F000001"),
        ("bp", b"47340", b"47340", b"B8EC"),
        ("si", b"127.0.0.1", b'"127.0.0.1"', b"7F000001"),
        ("sp", b"43383", b"43383", b"A977"),
        ("fi", b"127.0.0.1", b'"127.0.0.1"', b"7F000001"),
        ("fp", b"36519", b"36519", b"8EA7"),
        ("b", b"be", b'"be"', b"be"),
        ("s", b"s1", b'"s1"', b"s1"),
        ("f", b"fe", b'"fe"', b"fe"),
        ("ft", b"fe", b'"fe"', b"fe"),
        ("HM", b"GET", b'"GET"', b"GET"),
        ("HP", b"/foo", b'"/foo"', b"/foo"),
        ("HPO", b"/foo", b'"/foo"', b"/foo"),
        ("HQ", b"?bar=baz", b'"?bar=baz"', b"?bar=baz"),
        ("HU", b"/foo?bar=baz", b'"/foo?bar=baz"', b"/foo?bar=baz"),
        ("HV", b"HTTP/1.1", b'"HTTP/1.1"', b"HTTP/1.1"),
        ("r", b"GET /foo?bar=baz HTTP/1.1", b'"GET /foo?bar=baz HTTP/1.1"', b"GET /foo?bar=baz HTTP/1.1"),
        ("rt", b"0", b"0", b"0000"),
        ("B", b"58", b"58", b"58"),
        ("U", b"49", b"49", b"49"),
        ("ST", b"200", b"200", b"200"),
        ("t", b"21/Nov/2026:07:52:14.427", b"21/Nov/2026:07:52:14.427", b"21/Nov/2026:07:52:14.427"),
        ("T", b"21/Nov/2026:07:52:14 +0000", b"21/Nov/2026:07:52:14 +0000", b"21/Nov/2026:07:52:14 +0000"),
        ("Ts", b"1795247534", b"1795247534", b"6B014DAE"),
        ("ms", b"427", b"427", b"427"),
        ("TR", b"0", b"0", b"0"),
        ("Th", b"0", b"0", b"0"),
        ("Ti", b"0", b"0", b"0"),
        ("Tq", b"0", b"0", b"0"),
        ("Tw", b"0", b"0", b"0"),
        ("Tc", b"0", b"0", b"0"),
        ("Tr", b"0", b"0", b"0"),
        ("Td", b"0", b"0", b"0"),
        ("Ta", b"0", b"0", b"0"),
        ("Tt", b"0", b"0", b"0"),
        ("Tu", b"0", b"0", b"0"),
    ],
)
def test_tags_of_a_good_request(tag: str, plain: bytes, quoted: bytes, hexadecimal: bytes) -> None:
    # %ms under +X: 2.6 prints "1AB"; the manual names addresses, ports, %Ts, %rt and %pid only.
    ctx = scene()
    assert (render(f"%{tag}", ctx), render(f"%{{+Q}}{tag}", ctx), render(f"%{{+X}}{tag}", ctx)) == (
        plain,
        quoted,
        hexadecimal,
    )


@pytest.mark.parametrize(
    ("tag", "plain", "quoted"),
    [
        ("bi", b"-", b'""'),
        ("bp", b"-", b"-"),
        ("si", b"-", b'""'),
        ("sp", b"-", b"-"),
        ("b", b"fe", b'"fe"'),
        ("s", b"<NOSRV>", b'"<NOSRV>"'),
        ("r", b"<BADREQ>", b'"<BADREQ>"'),
        ("HM", b"<BADREQ>", b'"<BADREQ>"'),
        ("HP", b"<BADREQ>", b'"<BADREQ>"'),
        ("HPO", b"<BADREQ>", b'"<BADREQ>"'),
        ("HQ", b"<BADREQ>", b'"<BADREQ>"'),
        ("HU", b"<BADREQ>", b'"<BADREQ>"'),
        ("HV", b"<BADREQ>", b'"<BADREQ>"'),
        ("ST", b"400", b"400"),
        ("tsc", b"PR--", b"PR--"),
        ("TR", b"-1", b"-1"),
        ("Th", b"0", b"0"),
        ("Tq", b"-1", b"-1"),
        ("Tw", b"-1", b"-1"),
        ("Tc", b"-1", b"-1"),
        ("Tr", b"-1", b"-1"),
        ("Td", b"-1", b"-1"),
        ("Ta", b"0", b"0"),
        ("Tt", b"0", b"0"),
    ],
)
def test_tags_of_a_bad_request(tag: str, plain: bytes, quoted: bytes) -> None:
    # Quoted ports that are missing are `""` in 2.6; a number is never quoted, so "-" here.
    ctx = bad_request()
    assert (render(f"%{tag}", ctx), render(f"%{{+Q}}{tag}", ctx)) == (plain, quoted)


def test_process_and_host() -> None:
    ctx = scene()
    assert render("%pid %H", ctx) == b"%d %b" % (os.getpid(), platform.node().encode())
    assert render("%{+X}pid", ctx) == b"%04X" % os.getpid()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET /a HTTP/1.0", b"HQ= /a /a /a"),
        (b"GET /a? HTTP/1.0", b"HQ=? /a /a /a?"),
        (b"GET /a?x?y HTTP/1.0", b"HQ=?x?y /a /a /a?x?y"),
        (b"GET http://h/p?q HTTP/1.0", b"HQ=?q http://h/p /p http://h/p?q"),
        (b"GET http://h HTTP/1.0", b"HQ= http://h  http://h"),
        (b"OPTIONS * HTTP/1.1", b"HQ= *  *"),
        (b"CONNECT h:1 HTTP/1.0", b"HQ= h:1  h:1"),
        (b'GET /a?"]\\ HTTP/1.0', b"HQ=?#22]\\ /a /a /a?#22]\\"),
    ],
)
def test_parts_of_a_target(line: bytes, expected: bytes) -> None:
    ctx = scene()
    ctx.record.request_line = line
    assert render("HQ=%HQ %HP %HPO %HU", ctx) == expected


def test_escapes_of_structured_data() -> None:
    ctx = scene()
    ctx.record.request_line = b'GET /a?"]\\ HTTP/1.0'
    assert render("%{+E}r|%{+Q,+E}HU", ctx) == b'GET /a?#22\\]\\\\ HTTP/1.0|"/a?#22\\]\\\\"'


def test_a_long_request_line_is_cut() -> None:
    """tune.http.logurilen is 1024 (manual 3.2), its last byte is not used."""
    ctx = scene()
    ctx.record.request_line = b"GET /" + b"x" * 3000 + b" HTTP/1.1"
    assert LOG_LIMITS.line == 1023
    assert render("%r", ctx) == b"GET /" + b"x" * 1018


def test_unix_sockets_have_the_number_of_the_listener() -> None:
    ctx = scene()
    ctx.listener = ListenerFacts("", 2)
    ctx.source = ctx.destination = ctx.server_source = ctx.server_address = UNIX_ADDRESS
    assert render("%ci:%cp %fi:%fp %bi:%bp %si:%sp", ctx) == b"unix:2 unix:2 unix:0 unix:0"


def test_ipv6_addresses() -> None:
    ctx = scene()
    ctx.source = net_address("::1", 54002)
    assert render("%ci:%cp %{+X}ci:%{+X}cp", ctx) == b"::1:54002 00000000000000000000000000000001:D2F2"


def test_captures() -> None:
    ctx = scene()
    ctx.request_captures, ctx.response_captures = [b"h", b'\x80"{]\\'], [b"x", b""]
    ctx.record.request_cookie = b'a="b'
    assert render("%hr  %hs |%hrl|%hsl|%{+Q}hr|%{+Q}hrl|%{+Q}hsl|%{+E}hr|%{+Q,+E}hrl", ctx) == (
        b'{h|#80#22#7B]\\} {x|} |h #80#22#7B]\\|x -|"{h|#80#22#7B]\\}"|"h" "#80#22#7B]\\"|"x" ""|'
        b'{h|#80#22#7B\\]\\\\}|"h" "#80#22#7B\\]\\\\"'
    )
    # Manual 8.6: '"' becomes "#22" in a log; 2.6 leaves it in a captured cookie.
    assert render("%CC|%CS", ctx) == b"a=#22b|-"


def test_nothing_captured_leaves_one_space() -> None:
    assert render("%sq/%bq %hr %hs %{+Q}r", bad_request()) == b'0/0 "<BADREQ>"'
    assert render("hr=%hr  %hs |%hrl|", bad_request()) == b"hr= ||"


def test_only_responses_captured() -> None:
    ctx = scene()
    ctx.response_captures = [b"x"]
    assert render("%bq %hr %hs %HM", ctx) == b"0 {x} GET"


def test_timers_of_a_slow_request() -> None:
    """Each phase takes another time: 3 handshake, 20 idle, 5 head, 7 queue, 11 connect, 13 response, 17 data."""
    ctx = scene()
    record = ctx.record
    record.accepted, record.handshake, record.begun, record.head = 1000, 1003, 1023, 1028
    record.queued, record.connected, record.answered, record.ended = 1035, 1046, 1059, 1076
    assert render("%Th %Ti %TR %Tq %Tw %Tc %Tr %Td", ctx) == b"3 20 5 28 7 11 13 17"
    assert render("%Ta %Tt %Tu", ctx) == b"53 76 56"  # Tt = Th + Ti + Ta; Tu leaves the idle time out (manual 8.4)
    assert render("%t %tr", ctx) == b"21/Nov/2026:07:52:14.427 21/Nov/2026:07:52:14.450"


def test_a_line_as_soon_as_possible() -> None:
    """Manual 8.4: Ta is TR+Tw+Tc+Tr then, and has a "+"; so have Tt, Tu and the size."""
    ctx = scene()
    record = ctx.record
    record.accepted, record.handshake, record.begun, record.head = 1000, 1003, 1023, 1028
    record.queued, record.connected, record.answered, record.ended = 1035, 1046, 1059, -1
    record.complete = False
    assert render("%TR/%Tw/%Tc/%Tr/%Ta %ST %B %Tt %Tu %Td", ctx) == b"5/7/11/13/+36 200 +58 +59 +39 0"


def test_retries_and_redispatch() -> None:
    ctx = scene()
    ctx.record.retries = 1
    assert render("%rc %{+Q}rc", ctx) == b"1 1"
    ctx.record.redispatched = True
    assert render("%rc %{+Q}rc", ctx) == b"+1 +1"


def test_dates_follow_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    dates.forget()
    ctx = scene()
    ctx.record.accept_date = 1_795_247_624_026
    assert render("%T %Tl %t %trg %trl %Ts", ctx) == (
        b"21/Nov/2026:07:53:44 +0000 21/Nov/2026:02:53:44 -0500 21/Nov/2026:02:53:44.026 21/Nov/2026:07:53:44 +0000 "
        b"21/Nov/2026:02:53:44 -0500 1795247624"
    )


# The standard formats.


def test_httplog() -> None:
    ctx = scene()
    ctx.request_captures, ctx.response_captures = [b"h", b'#{}"|\\ ]\xe9'], [b"x"]
    ctx.record.request_line = b"GET /{}|%\\ HTTP/1.1"
    assert render(HTTP_LOG_FORMAT, ctx) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe be/s1 0/0/0/0/0 200 58 - - ---- 1/1/0/0/0 0/0 "
        b'{h|#23#7B#7D#22#7C\\ ]#E9} {x} "GET /{}|%\\ HTTP/1.1"'
    )


def test_httplog_of_a_bad_request() -> None:
    assert render(HTTP_LOG_FORMAT, bad_request()) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "
        b'"<BADREQ>"'
    )


def test_httplog_of_the_statistics() -> None:
    ctx = scene()
    ctx.backend = ctx.server = None
    ctx.record.stand_in = b"<STATS>"
    ctx.record.cause, ctx.record.step = ord("L"), ord("R")
    ctx.record.request_line, ctx.record.sent = b"GET /stats HTTP/1.1", 55005
    assert render(HTTP_LOG_FORMAT, ctx) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe fe/<STATS> 0/0/0/0/0 200 55005 - - LR-- 1/1/0/0/0 0/0 "
        b'"GET /stats HTTP/1.1"'
    )


def test_httplog_without_a_server_that_answers() -> None:
    ctx = scene()
    record = ctx.record
    record.connected = record.answered = -1
    record.ended = record.begun + 301
    record.status, record.sent, record.retries = 503, 217, 1
    record.cause, record.step = ord("S"), ord("C")
    record.request_line = b"GET /dead HTTP/1.1"
    assert render(HTTP_LOG_FORMAT, ctx) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe be/s1 0/0/-1/-1/301 503 217 - - SC-- 1/1/0/0/1 0/0 "
        b'"GET /dead HTTP/1.1"'
    )


def test_clf() -> None:
    ctx = scene()
    ctx.request_captures, ctx.response_captures = [b"h", b""], [b"x"]
    assert render(HTTP_CLF_LOG_FORMAT, ctx) == (
        b'127.0.0.1 - - [21/Nov/2026:07:52:14 +0000] "GET /foo?bar=baz HTTP/1.1" 200 58 "" "" 33512 427 "fe" "be" "s1" '
        b'0 0 0 0 0 ---- 1 1 0 0 0 0 0 "" "" "h" "" "x"'
    )


def test_clf_of_a_bad_request_ends_with_a_space() -> None:
    assert render(HTTP_CLF_LOG_FORMAT, bad_request()) == (
        b'127.0.0.1 - - [21/Nov/2026:07:52:14 +0000] "<BADREQ>" 400 0 "" "" 33512 427 "fe" "fe" "<NOSRV>" '
        b'-1 -1 -1 -1 0 PR-- 1 1 0 0 0 0 0 "" "" '
    )


def test_tcplog() -> None:
    ctx = scene(http=False)
    record = ctx.record
    record.head = -1
    record.queued = record.connected = 5001
    record.ended, record.sent = 5302, 0
    record.cause, record.step = ord("c"), ord("D")
    assert render(TCP_LOG_FORMAT, ctx) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe be/s1 1/0/302 0 cD 1/1/0/0/0 0/0"
    )


def test_tcplog_of_a_dead_server() -> None:
    ctx = scene(http=False)
    record = ctx.record
    record.queued, record.connected, record.answered, record.ended = 5001, -1, -1, 5301
    record.retries, record.sent = 1, 0
    record.cause, record.step = ord("S"), ord("C")
    assert render(TCP_LOG_FORMAT, ctx) == (
        b"127.0.0.1:33512 [21/Nov/2026:07:52:14.427] fe be/s1 1/-1/301 0 SC 1/1/0/0/1 0/0"
    )


def test_tcp_clf() -> None:
    """The flag Q of "%{Q}o" has no sign and so no effect: HAProxy 2.6 printed the names without quotes."""
    ctx = scene(http=False)
    ctx.record.uploaded, ctx.record.sent = 38, 51
    assert render(TCP_CLF_LOG_FORMAT, ctx) == (
        b'127.0.0.1 - - [21/Nov/2026:07:52:14 +0000] "TCP " 000 51 "" "" 33512 427 fe be s1 0 0 0 0 38 ---- '
        b'1 1 0 0 0 0 0 "" "" '
    )


def test_status_of_a_tcp_stream() -> None:
    assert render("%ST", scene(http=False)) == b"0"
