"""From sections to loggers: targets, formats, modes, fallbacks (manual 4.2 and 8.2)."""

import os
import time
from collections.abc import Iterator

import pytest

import pointsman.keywords
from pointsman.config.load import load_text
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.log import dates
from pointsman.log.build import build_logger, build_process_logger
from pointsman.log.logger import Logger
from pointsman.log.policy import When
from pointsman.log.sinks import SinkSet
from pointsman.log.tags import LOG_LIMITS
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session

assert pointsman.keywords is not None

HTTPLOG = b'10.0.0.1:7 [21/Nov/2026:07:52:14.427] f f/<NOSRV> -1/-1/-1/-1/0 -1 0 - - ---- 0/0/0/0/0 0/0 "<BADREQ>"'
TCPLOG = b"10.0.0.1:7 [21/Nov/2026:07:52:14.427] f f/<NOSRV> -1/-1/0 0 -- 0/0/0/0/0 0/0"
GLOBAL = "global\n    log fd@9 format raw daemon\n"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    dates.forget()
    yield
    monkeypatch.undo()
    time.tzset()
    dates.forget()


def built(text: str, http: bool = True) -> tuple[Logger | None, Diagnostics, SinkSet]:
    """The logger of the only proxy."""
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics)
    assert not diagnostics.failed, diagnostics.findings
    sinks = SinkSet()
    logger = build_logger(
        configuration.proxies[0], configuration.main, sinks, http=http, separate_errors=False, diagnostics=diagnostics
    )
    return logger, diagnostics, sinks


def line_of(logger: Logger | None, http: bool = True) -> list[bytes]:
    """What it writes of a stream in which nothing happened."""
    assert logger is not None
    ctx = Context(ProxyFacts("f", 2, http), Session(ListenerFacts("", 1)))
    ctx.source, ctx.destination = net_address("10.0.0.1", 7), net_address("10.0.0.2", 8)
    ctx.record.accept_date = ctx.now = 1_795_247_534_427
    logger.stream(ctx)
    return [line for outlet in logger.outlets for line in outlet.sink.lines]


def findings(diagnostics: Diagnostics) -> list[tuple[Severity, int, str]]:
    return [(one.severity, one.position.line, one.message) for one in diagnostics.findings]


@pytest.mark.parametrize(
    ("option", "http", "expected", "moment"),
    [
        ("option httplog", True, HTTPLOG, When.END),
        (
            "option httplog clf",
            True,
            b'10.0.0.1 - - [21/Nov/2026:07:52:14 +0000] "<BADREQ>" -1 0 "" "" 7 427 "f" "f" '
            b'"<NOSRV>" -1 -1 -1 -1 0 ---- 0 0 0 0 0 0 0 "" "" ',
            When.END,
        ),
        ("option tcplog", True, TCPLOG, When.END),
        ("option tcplog", False, TCPLOG, When.END),
        (
            "option tcplog clf",
            False,
            b'10.0.0.1 - - [21/Nov/2026:07:52:14 +0000] "TCP " 000 0 "" "" 7 427 f f <NOSRV> '
            b'0 -1 -1 0 0 ---- 0 0 0 0 0 0 0 "" "" ',
            When.END,
        ),
        ('log-format "%ci   %f"', True, b"10.0.0.1 f", When.DATA),
        ("", True, b"Connect from 10.0.0.1:7 to 10.0.0.2:8 (f/HTTP)", When.REQUEST),
        ("", False, b"Connect from 10.0.0.1:7 to 10.0.0.2:8 (f/TCP)", When.ACCEPT),
    ],
)
def test_formats(option: str, http: bool, expected: bytes, moment: When) -> None:
    logger, diagnostics, _ = built(f"{GLOBAL}frontend f\n    log global\n    {option}\n", http)
    assert findings(diagnostics) == []
    assert logger is not None
    assert logger.when == moment
    assert line_of(logger, http) == [expected + b"\n"]


@pytest.mark.parametrize("option", ["option httplog", "option httplog clf", "option httpslog"])
def test_an_http_format_in_a_tcp_proxy_falls_back(option: str) -> None:
    logger, diagnostics, _ = built(f"{GLOBAL}frontend f\n    log global\n    {option}\n", http=False)
    name = " ".join(option.split()[:2])
    assert findings(diagnostics) == [
        (
            Severity.WARNING,
            5,
            f"'{name}' not usable with frontend 'f' (needs 'mode http'). Falling back to 'option tcplog'.",
        )
    ]
    assert line_of(logger, False) == [TCPLOG + b"\n"]


@pytest.mark.parametrize("line", ['log-format "%ci %r"', "error-log-format %r", "log-format-sd [x=%r]"])
def test_http_tags_in_a_tcp_proxy_are_errors(line: str) -> None:
    _, diagnostics, _ = built(f"{GLOBAL}frontend f\n    log global\n    {line}\n", http=False)
    assert findings(diagnostics) == [
        (Severity.ALERT, 5, "failed to parse log-format : format variable 'r' is reserved for HTTP mode.")
    ]


def test_a_format_without_a_target_is_warned_of() -> None:
    logger, diagnostics, _ = built("frontend f\n    option httplog\n")
    assert logger is None
    assert findings(diagnostics) == [
        (Severity.WARNING, 2, "log format ignored for frontend 'f' since it has no log address.")
    ]
    assert built("frontend f\n")[1].findings == []
    assert built("defaults\n    mode http\n    option httplog\nbackend b\n")[1].findings == []


def test_httpslog_waits_for_tls() -> None:
    """It asks for fetches of TLS, so its fate is theirs: an error that names one, or a line with "-" for each."""
    logger, diagnostics, _ = built(f"{GLOBAL}frontend f\n    log global\n    option httpslog\n")
    if diagnostics.failed:
        assert "'option httpslog' needs what is not built yet" in diagnostics.findings[0].message
    else:
        assert line_of(logger)[0].endswith(b'"<BADREQ>" 0/-/-/-/0 -/-/-\n')


def test_targets_of_global_and_their_own_are_used_in_order() -> None:
    logger, _, sinks = built("""
global
    log fd@9 format raw daemon
    log fd@8 format short daemon
defaults
    log global
frontend f
    mode http
    log fd@9 format priority local0
""")
    assert logger is not None
    assert len(sinks.by_address) == 2
    assert [outlet.sink.address.port for outlet in logger.outlets] == [9, 8, 9]
    logger.event(5, b"hello")
    assert [sink.lines for sink in sinks.by_address.values()] == [[b"hello\n", b"<133>hello\n"], [b"<5>hello\n"]]


@pytest.mark.parametrize(
    ("main", "own", "expected"),
    [
        ("", "", b"haproxy"),
        ("log-tag lb", "", b"lb"),
        ("log-tag lb", "log-tag shop", b"shop"),
        ("", "log-tag shop", b"shop"),
    ],
)
def test_tags(main: str, own: str, expected: bytes) -> None:
    logger, _, sinks = built(f"global\n    log fd@9 local0\n    {main}\nfrontend f\n    log global\n    {own}\n")
    assert logger is not None
    logger.event(5, b"hello")
    (sink,) = sinks.by_address.values()
    assert sink.lines[0].endswith(b" %b[%d]: hello\n" % (expected, os.getpid()))


def test_host_names() -> None:
    logger, _, sinks = built("global\n    log fd@9 local0\n    log-send-hostname edge\nfrontend f\n    log global\n")
    assert logger is not None
    logger.event(5, b"hello")
    (sink,) = sinks.by_address.values()
    assert sink.lines[0].endswith(b" edge haproxy[%d]: hello\n" % os.getpid())


def test_structured_data() -> None:
    logger, _, _ = built(
        "global\n    log fd@9 format rfc5424 local0\nfrontend f\n    mode http\n    log global\n"
        '    log-format %f\n    log-format-sd \'[e@1 st="%ST" r="%{+E}HP"]\'\n'
    )
    (line,) = line_of(logger)
    assert line.endswith(b' - haproxy %d - [e@1 st="-1" r="<BADREQ>"] f\n' % os.getpid())


def test_the_logger_of_the_process() -> None:
    diagnostics = Diagnostics()
    configuration = load_text(GLOBAL + "    tune.http.logurilen 2000\n", diagnostics)
    sinks = SinkSet()
    build_process_logger(configuration.main, sinks).event(4, b"stopping")
    (sink,) = sinks.by_address.values()
    assert sink.lines == [b"stopping\n"]
    assert LOG_LIMITS.line == 1999
