"""Loggers: levels, filters, sampling, lengths, formats of failed streams, messages (manual 4.2, log; 8.2.5; 8.3.3)."""

import os
import time
from collections.abc import Iterator

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.core.address import UNIX_ADDRESS, AddressSpec, net_address
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.log import dates
from pointsman.log.heading import Heading
from pointsman.log.logger import Logger, LoggerTarget, default_line
from pointsman.log.sink import DatagramSink, Sink
from pointsman.log.target import ALERT, CRIT, DEBUG, EMERG, ERR, INFO, NOTICE, WARNING, LogTarget, Syntax
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.format import parse_format
from pointsman.sample.types import Where

ADDRESS = AddressSpec("inet", "127.0.0.1", 9, datagram=True)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    dates.forget()
    yield
    monkeypatch.undo()
    time.tzset()
    dates.forget()


def outlet(
    sink: Sink,
    syntax: Syntax = Syntax.SHORT,
    *,
    level: int = DEBUG,
    minimum: int = EMERG,
    length: int = 1024,
    ranges: tuple[tuple[int, int], ...] = (),
    period: int = 0,
) -> LoggerTarget:
    target = LogTarget(
        address=ADDRESS,
        syntax=syntax,
        level=level,
        minimum=minimum,
        length=length,
        ranges=ranges,
        period=period,
        facility=16,
    )
    return LoggerTarget(target, sink, Heading(syntax, target.facility, b"haproxy", None))


def context(state: bytes = b"--", http: bool = True) -> Context:
    ctx = Context(ProxyFacts("www", 2, http), Session(ListenerFacts("", 1)))
    ctx.source, ctx.destination = net_address("10.0.1.2", 33312), net_address("10.0.3.31", 8012)
    ctx.record.cause, ctx.record.step = state
    ctx.record.status = 200
    ctx.record.accept_date = ctx.now = 1_795_247_534_427
    return ctx


def normal(_: Context) -> bytes:
    return b"normal"


def failing(_: Context) -> bytes:
    return b"failed"


def test_levels_are_filtered_and_capped() -> None:
    """`log ... notice warning`: nothing below notice; what is above warning goes as warning."""
    sink = DatagramSink(ADDRESS)
    logger = Logger([outlet(sink, level=NOTICE, minimum=WARNING)], normal)
    for level in (EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG):
        logger.event(level, b"%d" % level)
    assert sink.lines == [b"<4>0\n", b"<4>1\n", b"<4>2\n", b"<4>3\n", b"<4>4\n", b"<5>5\n"]


def test_streams_have_level_info() -> None:
    sink = DatagramSink(ADDRESS)
    Logger([outlet(sink)], normal).stream(context(b"SC"))
    assert sink.lines == [b"<6>normal\n"]


def test_separate_errors() -> None:
    sink = DatagramSink(ADDRESS)
    logger = Logger([outlet(sink)], normal, separate_errors=True)
    logger.stream(context())
    logger.stream(context(b"SC"))
    logger.stream(context(b"SC"), ALERT)  # by set-log-level: more severe already
    assert sink.lines == [b"<6>normal\n", b"<3>normal\n", b"<1>normal\n"]


def test_error_format_is_for_failed_streams() -> None:
    """Manual 4.2, error-log-format: every line that log-separate-errors would concern; the level does not change."""
    sink = DatagramSink(ADDRESS)
    logger = Logger([outlet(sink)], normal, error_line=failing)
    logger.stream(context())
    logger.stream(context(b"LR"))
    logger.stream(context(b"PR"))
    assert sink.lines == [b"<6>normal\n", b"<6>normal\n", b"<6>failed\n"]


def test_lengths_count_the_whole_line() -> None:
    """HAProxy 2.6 with `len 80` sent 80 bytes, priority and line end included."""
    sink = DatagramSink(ADDRESS)
    Logger([outlet(sink, length=80)], normal).event(INFO, b"x" * 200)
    Logger([outlet(sink, length=80)], normal).event(INFO, b"x" * 76)
    Logger([outlet(sink, length=80)], normal).event(INFO, b"x" * 77)
    assert sink.lines == [b"<6>" + b"x" * 76 + b"\n"] * 3
    assert len(sink.lines[0]) == 80


def test_samples_balance_between_targets() -> None:
    """Manual 4.2: `sample 1:3`, `sample 2-3:3` share the lines, each goes to one."""
    first, second = DatagramSink(ADDRESS), DatagramSink(ADDRESS)
    logger = Logger(
        [outlet(first, Syntax.RAW, ranges=((1, 1),), period=3), outlet(second, Syntax.RAW, ranges=((2, 3),), period=3)],
        normal,
    )
    for number in range(1, 8):
        logger.event(INFO, b"%d" % number)
    assert first.lines == [b"1\n", b"4\n", b"7\n"]
    assert second.lines == [b"2\n", b"3\n", b"5\n", b"6\n"]


@pytest.mark.parametrize(
    "more",
    [{}, {"length": 80}, {"length": 83}, {"level": ERR}, {"minimum": NOTICE}, {"ranges": ((2, 3),), "period": 3}],
)
@pytest.mark.parametrize("syntax", [Syntax.RAW, Syntax.LOCAL, Syntax.RFC5424, Syntax.ISO])
def test_the_only_target_gets_what_one_of_two_gets(syntax: Syntax, more: dict[str, int]) -> None:
    only, first, second = DatagramSink(ADDRESS), DatagramSink(ADDRESS), DatagramSink(ADDRESS)
    form = parse_format(Word("%ci:%cp [%t] %ft %ST %B " + "x" * 30 + "%{+Q}r", NOWHERE), Where.LOG)
    alone = Logger([outlet(only, syntax, **more)], form.line)
    both = Logger([outlet(first, syntax, **more), outlet(second)], form.line)
    ctx = context()
    for number in range(7):
        ctx.record.request_line = b"GET /%d" % number
        ctx.now += 400
        for logger in (alone, both):
            logger.stream(ctx, ERR if number == 5 else INFO)
    assert only.lines == first.lines
    assert len(second.lines) == 7
    assert bool(more) or len(only.lines) == 7


def test_each_target_has_its_heading() -> None:
    sink = DatagramSink(ADDRESS)
    logger = Logger(
        [outlet(sink, Syntax.LOCAL), outlet(sink, Syntax.RFC5424), outlet(sink, Syntax.RAW)],
        normal,
        structured=lambda _: b"[e@1]",
    )
    logger.stream(context())
    pid = os.getpid()
    assert sink.lines == [
        b"<134>Nov 21 07:52:14 haproxy[%d]: normal\n" % pid,
        b"<134>1 2026-11-21T07:52:14.427000+00:00 - haproxy %d - [e@1] normal\n" % pid,
        b"normal\n",
    ]


def test_messages_have_no_structured_data_and_the_date_of_now() -> None:
    sink = DatagramSink(ADDRESS)
    before = time.time_ns() // 1_000_000
    Logger([outlet(sink, Syntax.RFC5424)], normal, structured=lambda _: b"[e@1]").event(ALERT, b"Server b/s is DOWN")
    after = time.time_ns() // 1_000_000
    tail = b" - haproxy %d - - Server b/s is DOWN\n" % os.getpid()
    assert sink.lines[0] in {b"<129>1 " + dates.iso_date(wall) + tail for wall in range(before, after + 1)}


def test_a_message_is_one_line() -> None:
    sink = DatagramSink(ADDRESS)
    Logger([outlet(sink, Syntax.RAW)], normal).event(ALERT, b"a\nb\r\nc")
    assert sink.lines == [b"a b  c\n"]


def test_lines_are_counted_by_frontend() -> None:
    ctx = context()
    logger = Logger([outlet(DatagramSink(ADDRESS))], lambda c: b"%d" % c.frontend.log_lines)
    logger.stream(ctx)
    logger.stream(ctx)
    assert logger.outlets[0].sink.lines == [b"<6>0\n", b"<6>1\n"]  # %lc begins at 0
    assert ctx.frontend.log_lines == 2


def test_nothing_is_rendered_without_a_target() -> None:
    def wrong(_: Context) -> bytes:
        raise AssertionError("rendered for nobody")

    ctx = context()
    Logger([], wrong).stream(ctx)
    Logger([], wrong, error_line=wrong).session_error(ctx, b"x")
    assert ctx.frontend.log_lines == 0


def test_session_errors() -> None:
    """Manual 8.2.5: "127.0.0.1:56059 [03/Dec/2012:17:35:10.380] frt/f1: Connection error during SSL handshake"."""
    sink = DatagramSink(ADDRESS)
    ctx = context()
    ctx.listener = ListenerFacts("f1", 1)
    Logger([outlet(sink, Syntax.SHORT)], normal).session_error(ctx, b"Connection error during SSL handshake")
    ctx.listener = ListenerFacts("", 3)  # a bind line without a name has its number
    Logger([outlet(sink)], normal, separate_errors=True).session_error(ctx, b"Truncated")
    ctx.source = UNIX_ADDRESS
    Logger([outlet(sink)], normal).session_error(ctx, b"Truncated")
    Logger([outlet(sink)], normal, error_line=lambda c: c.record.origin).session_error(ctx, b"Truncated")
    assert sink.lines == [
        b"<6>10.0.1.2:33312 [21/Nov/2026:07:52:14.427] www/f1: Connection error during SSL handshake\n",
        b"<3>10.0.1.2:33312 [21/Nov/2026:07:52:14.427] www/3: Truncated\n",
        b"<6>unix:3 [21/Nov/2026:07:52:14.427] www/3: Truncated\n",
        b"<6>sess_killed\n",
    ]


def test_the_default_format() -> None:
    """Manual 8.2.1."""
    ctx = context()
    assert default_line(ctx) == b"Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)"
    ctx = context(http=False)
    ctx.source, ctx.destination = net_address("::1", 48330), net_address("::1", 47171)
    assert default_line(ctx) == b"Connect from ::1:48330 to ::1:47171 (www/TCP)"
    ctx.listener, ctx.source, ctx.destination = ListenerFacts("", 2), UNIX_ADDRESS, UNIX_ADDRESS
    assert default_line(ctx) == b"Connect to unix:2 (www/TCP)"
