"""The keywords of logs: what they accept, and what they say to what they refuse (manual 4.2 and 3.1).

The messages are HAProxy 2.6's, without the "log : " in front of some.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords
from pointsman.config import addresses
from pointsman.config.load import load_text
from pointsman.config.setting import Configuration
from pointsman.core.address import AddressSpec, net_address
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Severity
from pointsman.core.words import Word
from pointsman.log.keywords import ErrorFormat, LineFormat, LogTag, SendHostname, UniqueIdFormat, UniqueIdHeader
from pointsman.log.target import DEBUG, ERR, INFO, LogTarget, Syntax, parse_sample, parse_target
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session

assert pointsman.keywords is not None


def loaded(text: str) -> tuple[Configuration, Diagnostics]:
    diagnostics = Diagnostics()
    return load_text(text, diagnostics), diagnostics


def messages(text: str, severity: Severity = Severity.ALERT) -> list[str]:
    return [one.message for one in loaded(text)[1].findings if one.severity == severity]


def frontend(line: str) -> str:
    return f"frontend f\n    mode http\n    {line}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("log 127.0.0.1 local0", LogTarget(address=AddressSpec("inet", "127.0.0.1", 514, datagram=True), facility=16)),
        (
            "log 127.0.0.1:10514 len 8192 format rfc5424 sample 1-2,4:5 local1 info err",
            LogTarget(
                address=AddressSpec("inet", "127.0.0.1", 10514, datagram=True),
                length=8192,
                syntax=Syntax.RFC5424,
                ranges=((1, 2), (4, 4)),
                period=5,
                facility=17,
                level=INFO,
                minimum=ERR,
            ),
        ),
        ("log [::1]:514 kern", LogTarget(address=AddressSpec("inet", "::1", 514, datagram=True))),
        ("log :514 kern", LogTarget(address=AddressSpec("inet", "127.0.0.1", 514, datagram=True))),
        ("log /dev/log local7", LogTarget(address=AddressSpec("unix", "/dev/log", datagram=True), facility=23)),
        ("log uxdg@/run/log user", LogTarget(address=AddressSpec("unix", "/run/log", datagram=True), facility=1)),
        ("log abns@syslog user", LogTarget(address=AddressSpec("abns", "syslog", datagram=True), facility=1)),
        ("log stdout format raw daemon", LogTarget(address=AddressSpec("fd", "", 1), syntax=Syntax.RAW, facility=3)),
        (
            "log stderr format short daemon debug",
            LogTarget(address=AddressSpec("fd", "", 2), syntax=Syntax.SHORT, facility=3, level=DEBUG),
        ),
        ("log fd@5 local0", LogTarget(address=AddressSpec("fd", "", 5), facility=16)),
        ("log global", LogTarget(address=None)),
    ],
)
def test_targets(line: str, expected: LogTarget) -> None:
    configuration, diagnostics = loaded(frontend(line))
    assert not diagnostics.failed, diagnostics.findings
    (found,) = configuration.proxies[0].all(LogTarget)
    assert found.at.line == 3
    fields = ("address", "length", "syntax", "ranges", "period", "facility", "level", "minimum")
    assert [getattr(found, name) for name in fields] == [getattr(expected, name) for name in fields]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("log", "'log' expects <address> and <facility> or global as arguments"),
        ("log 127.0.0.1", "'log' expects <address> and <facility> or global as arguments"),
        ("log 127.0.0.1 foo", "'log': unknown facility 'foo'"),
        ("log 127.0.0.1 LOCAL0", "'log': unknown facility 'LOCAL0'"),
        ("log 127.0.0.1 local0 foo", "'log': unknown level 'foo'"),
        ("log 127.0.0.1 local0 info foo", "'log': unknown minlevel 'foo'"),
        ("log 127.0.0.1 local0 info err extra", "'log' cannot handle unexpected argument 'extra'"),
        ("log 127.0.0.1 len 79 local0", "invalid log length '79', must be between 80 and 65535"),
        ("log 127.0.0.1 len 65536 local0", "invalid log length '65536', must be between 80 and 65535"),
        ("log 127.0.0.1 format foo local0", "'log': unknown format 'foo'"),
        ("log 127.0.0.1 format raw len 80 local0", "'log': unknown facility 'len'"),
        ("log 127.0.0.1 sample x local0", "Missing sample size"),
        ("log 127.0.0.1 sample 0:2 local0", "wrong sample range '0'"),
        ("log 127.0.0.1 sample 2-1:3 local0", "wrong sample range '2-1'"),
        ("log 127.0.0.1 sample 1-2,2:3 local0", "ranges are overlapping"),
        (
            "log 127.0.0.1 sample 3:2 local0",
            "sample size 2 should be greater or equal to 3 the maximum of the high ranges limits",
        ),
        ("log 127.0.0.1:10-20 local0", "port range not permitted here in '127.0.0.1:10-20'"),
        ("log fd@x local0", "file descriptor 'x' is not a valid integer in 'fd@x'"),
        ("log 127.0.0.1 profile x local0", "log profiles are not built yet (manual 8.3.5)"),
        ("log ring@x local0", "log target 'ring@x' is not built yet: 'ring@' (manual 12.5)"),
        ("log backend@x local0", "log target 'backend@x' is not built yet: 'backend@' (manual 4.2, mode log)"),
        ("log tcp@127.0.0.1:514 local0", "log target 'tcp@127.0.0.1:514' is not built yet: 'tcp@' (manual 12.5)"),
        ("log uxst@/run/log local0", "log target 'uxst@/run/log' is not built yet: 'uxst@' (manual 12.5)"),
        ("no log global", "'no log' does not expect arguments"),
        ("log-tag", "'log-tag' expects a tag for use in syslog."),
        ("log-tag", "'log-tag' expects a tag for use in syslog."),
        ("log-format", "log-format expects an argument."),
        ("log-format", "log-format expects an argument."),
        ("log-format a b", "log-format expects only one argument, don't forget to escape spaces!"),
        ("log-format %zz", "unknown log-format tag 'zz'"),
        ("option httplog foo", "keyword 'httplog' only supports option 'clf'."),
        ("option tcplog x", "keyword 'tcplog' only supports option 'clf'."),
        ("unique-id-header", "unique-id-header expects an argument."),
        ("unique-id-format", "unique-id-format expects an argument."),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert messages(frontend(line)) == [message]


def test_errors_of_the_global_section() -> None:
    assert messages("global\n    log global\n") == ["'global' is not supported for a global syslog server"]
    assert messages("global\n    log-send-hostname a b\n") == [
        "'log-send-hostname' cannot handle unexpected argument 'b'"
    ]


def test_no_log_forgets_what_is_inherited() -> None:
    configuration, diagnostics = loaded("""
defaults
    mode http
    log global
    log 127.0.0.1 local1
frontend a
    log 127.0.0.2 local2
frontend b
    no log
frontend c
    log 127.0.0.3 local3
    no log
    log 127.0.0.4 local4
""")
    assert not diagnostics.failed
    hosts = [
        [one.address.host if one.address is not None else "global" for one in proxy.all(LogTarget)]
        for proxy in configuration.proxies
    ]
    assert hosts == [["global", "127.0.0.1", "127.0.0.2"], [], ["127.0.0.4"]]


def test_log_global_counts_once() -> None:
    configuration, diagnostics = loaded("defaults\n    log global\n" + frontend("log global\n    log global"))
    assert not diagnostics.failed
    assert len(configuration.proxies[0].all(LogTarget)) == 1


def test_the_later_format_wins() -> None:
    def kind(*lines: str) -> str:
        configuration, diagnostics = loaded(frontend("\n    ".join(lines)))
        assert not diagnostics.failed
        found = configuration.proxies[0].one(LineFormat)
        assert found is not None
        return found.kind

    assert kind("log-format %r", "option httplog") == "httplog"
    assert kind("option httplog", "log-format %r") == "log-format"
    assert kind("option httplog clf", "option httplog") == "httplog"
    assert kind("option httplog", "option tcplog clf") == "tcplog clf"


@pytest.mark.parametrize(
    "line",
    [
        "log-format %ci",
        "option httplog",
        "option tcplog",
        "option httpslog",
        "error-log-format %ci",
        "log-format-sd [x]",
    ],
)
def test_backends_ignore_formats_aloud(line: str) -> None:
    name = " ".join(line.split()[:2]) if line.startswith("option") else line.split(maxsplit=1)[0]
    configuration, diagnostics = loaded(f"backend b\n    {line}\n")
    assert [(one.severity, one.message) for one in diagnostics.findings] == [
        (Severity.WARNING, f"backend 'b' : '{name}' directive is ignored in backends.")
    ]
    assert configuration.proxies[0].one(LineFormat) is None
    assert configuration.proxies[0].one(ErrorFormat) is None


def test_tags_hosts_and_identifiers() -> None:
    configuration, diagnostics = loaded(r"""
global
    log-tag lb1
    log-send-hostname edge
frontend f
    mode http
    log-tag "shop 7"
    unique-id-format %{+X}o\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
    unique-id-header X-Unique-ID
""")
    assert not diagnostics.failed, diagnostics.findings
    main, proxy = configuration.main, configuration.proxies[0]
    tag, host, own = main.one(LogTag), main.one(SendHostname), proxy.one(LogTag)
    header, form = proxy.one(UniqueIdHeader), proxy.one(UniqueIdFormat)
    assert tag is not None and host is not None and own is not None and header is not None and form is not None
    assert (tag.text, host.text, own.text, header.name) == (b"lb1", b"edge", b"shop 7", b"x-unique-id")
    assert form.format.text.startswith("%{+X}o ")


def test_unique_identifier_of_the_manual() -> None:
    """Manual 4.2, unique-id-format: 7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790A."""
    configuration, _ = loaded(frontend(r"unique-id-format %{+X}o\ %ci:%cp_%fi:%fp_%Ts_%rt"))
    form = configuration.proxies[0].one(UniqueIdFormat)
    assert form is not None
    ctx = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    ctx.source, ctx.destination = net_address("127.0.0.1", 0x8296), net_address("127.0.0.30", 8080)
    ctx.record.accept_date, ctx.record.number = 0x4F7B0A69 * 1000 + 12, 3
    assert form.format.render(ctx) == b"7F000001:8296_7F00001E:1F90_4F7B0A69_0003"


@given(st.text(max_size=30) | st.from_regex(r"(fd@|unix@|abns@|udp@|ipv[46]@|)[a-z0-9.:/\[\]*-]{0,12}", fullmatch=True))
def test_any_target_is_an_address_or_an_error(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(addresses, "resolve", lambda name, family=0: "192.0.2.1")
        try:
            spec = parse_target(Word(text, NOWHERE))
        except ConfigError:
            return
    assert spec.kind in ("fd", "inet", "unix", "abns", "abnsz")
    assert spec.kind == "fd" or spec.datagram


@given(st.text(alphabet="0123456789-,:x ", max_size=20))
def test_any_sample_is_ranges_or_an_error(text: str) -> None:
    try:
        ranges, period = parse_sample(Word(text, NOWHERE))
    except ConfigError:
        return
    numbers = [number for low, high in ranges for number in (low, high)]
    assert numbers == sorted(numbers)
    assert 1 <= numbers[0] <= numbers[-1] <= period
