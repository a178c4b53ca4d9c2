"""Environment variables in addresses, without quotes (manual 2.3; 4.2, bind, server, source; management manual 13)."""

import pytest

import pointsman.keywords
from pointsman.config.bind import Bind
from pointsman.config.global_section import StatsSocket
from pointsman.config.load import load_text
from pointsman.config.proxy import SourceSetting
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import Diagnostics
from pointsman.log.target import LogTarget
from pointsman.server.checks.plan import CheckRule
from pointsman.server.checks.steps import Connect

assert pointsman.keywords

VARIABLES = {
    "IP": "127.0.0.1",
    "PORT": "7100",
    "SRV": "127.0.0.2",
    "SOCK": "/tmp/s.sock",
    "EMPTY": "",
    "SEVERAL": "127.0.0.1:1,127.0.0.1:2",
}


def read(text: str) -> tuple[Configuration, list[str]]:
    found = Diagnostics()
    configuration = load_text(text, found, variables=dict(VARIABLES))
    return configuration, [one.message for one in found.findings]


def inet(host: str, port: int | None) -> AddressSpec:
    return AddressSpec("inet", host, port)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${IP}:${PORT}", [inet("127.0.0.1", 7100)]),
        ("$IP:$PORT", [inet("127.0.0.1", 7100)]),
        (":$PORT", [inet("", 7100)]),
        ("${NO}:$PORT", [inet("", 7100)]),
        ("$IP:$PORT-7102", [inet("127.0.0.1", port) for port in (7100, 7101, 7102)]),
        ("$IP:1,$SRV:2", [inet("127.0.0.1", 1), inet("127.0.0.2", 2)]),
        ("${SEVERAL}", [inet("127.0.0.1", 1), inet("127.0.0.1", 2)]),
        ("${NO-127.0.0.9}:${PORT-80}", [inet("127.0.0.9", 7100)]),
        ("'${IP}':80", [inet("127.0.0.1", 80)]),
        ("unix@${SOCK}", [AddressSpec("unix", "/tmp/s.sock")]),
        ("$SOCK", [AddressSpec("unix", "/tmp/s.sock")]),
    ],
)
def test_bind(word: str, expected: list[AddressSpec]) -> None:
    configuration, said = read(f"frontend f\n bind {word}\n")
    assert (said, list(configuration.proxies[0].all(Bind)[0].addresses)) == ([], expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${SRV}:${PORT}", inet("127.0.0.2", 7100)),
        ("${SRV}", inet("127.0.0.2", None)),
        ("${NO}:${NO2}", inet("", None)),
        ("$SRV:", inet("127.0.0.2", None)),
        ("$SRV:+$PORT", AddressSpec("inet", "127.0.0.2", 7100, port_offset=True)),
    ],
)
def test_server(word: str, expected: AddressSpec) -> None:
    configuration, said = read(f"backend b\n server s {word} disabled\n")
    assert (said, configuration.proxies[0].all(ServerLine)[0].address) == ([], expected)


def test_parameters_of_servers_see_the_environment_of_their_own_line() -> None:
    line = "check addr ${SRV}:${PORT} source ${IP}:${PORT}-7105"
    configuration, said = read(
        f"backend a\n server s :1 {line}\nglobal\n setenv PORT 7101\nbackend b\n server s :1 {line}\n"
    )
    assert said == []
    for proxy, port in zip(configuration.proxies, (7100, 7101), strict=True):
        parameters = proxy.all(ServerLine)[0].parameters
        assert (parameters.check_address, parameters.check_port) == ("127.0.0.2", port)
        assert parameters.source is not None and parameters.source.address == inet("127.0.0.1", port)
        assert parameters.source.last_port == 7105


def test_other_addresses() -> None:
    configuration, said = read(
        "global\n stats socket ${SOCK} level admin\n log ${IP}:${PORT} local0\n"
        "backend b\n source ${SRV}\n option httpchk\n http-check connect addr ${SRV}:${PORT}\n http-check send uri /\n"
        " server s :1\n"
    )
    assert said == []
    assert configuration.main.all(StatsSocket)[0].addresses == (AddressSpec("unix", "/tmp/s.sock"),)
    assert configuration.main.all(LogTarget)[0].address == AddressSpec("inet", "127.0.0.1", 7100, datagram=True)
    backend = configuration.proxies[0]
    source = backend.one(SourceSetting)
    assert source is not None and source.source.address == inet("127.0.0.2", None)
    step = next(rule.step for rule in backend.all(CheckRule) if isinstance(rule.step, Connect))
    assert (step.address, step.port) == ("127.0.0.2", 7100)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frontend f\n bind $NO", "'$NO' resolves to an empty address (environment variable missing?)"),
        ("frontend f\n bind :$NO", "missing port specification in ':'"),
        ("frontend f\n bind ${IP:-x}:80", "unmatched brace in environment variable name in '${IP:-x}:80'"),
        ("frontend f\n bind fd@$NO", "file descriptor '' is not a valid integer in 'fd@'"),
        (
            "backend b\n server s $EMPTY",
            "'server b/s' : '$EMPTY' resolves to an empty address (environment variable missing?)",
        ),
        (
            "backend b\n server s :1 addr ${NO}",
            "'server b/s' : 'addr' : '${NO}' resolves to an empty address (environment variable missing?)",
        ),
        ("global\n log ${NO} local0", "'${NO}' resolves to an empty address (environment variable missing?)"),
    ],
)
def test_what_is_missing(line: str, message: str) -> None:
    assert read(line + "\n")[1] == [message]


@pytest.mark.parametrize(
    ("words", "address", "port"),
    [
        ("addr 127.0.0.1:7806", "127.0.0.1", 7806),
        ("addr 127.0.0.1:7806 port 5", "127.0.0.1", 5),
        ("port 5 addr 127.0.0.1:7806", "127.0.0.1", 5),
        ("addr ::1", "::1", 0),
        ("addr [::1]:80", "::1", 80),
        ("addr :80", "", 80),
        ("addr localhost:80", "127.0.0.1", 80),
    ],
)
def test_the_address_of_a_check_may_have_a_port(words: str, address: str, port: int) -> None:
    for rules in ("option httpchk\n http-check", "option tcp-check\n tcp-check"):
        configuration, said = read(f"backend b\n {rules} connect {words}\n server s :1 check\n")
        step = next(rule.step for rule in configuration.proxies[0].all(CheckRule) if isinstance(rule.step, Connect))
        assert (said, step.address, step.port) == ([], address, port)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("127.0.0.1:+1", "port offset not permitted here in '127.0.0.1:+1'"),
        ("127.0.0.1:1-2", "port range not permitted here in '127.0.0.1:1-2'"),
        ("fd@3", "invalid address: '' in 'fd@3'"),
    ],
)
def test_addresses_that_no_check_can_have(word: str, message: str) -> None:
    assert read(f"backend b\n option httpchk\n http-check connect addr {word}\n")[1] == [
        f"'http-check connect' : 'addr' : {message}"
    ]
    assert read(f"backend b\n server s :1 addr {word}\n")[1] == [f"'server b/s' : 'addr' : {message}"]
