"""mailers sections and email-alert (manual 12.3, 4.2). Messages are those of the peer program (3.2), but for words that
it overlooks: this program says so."""

from __future__ import annotations

import socket

import pytest

from pointsman.config.load import load_text
from pointsman.config.mailers import EmailAlerts, check_mailers, email_alerts
from pointsman.core.diagnostics import Diagnostics

OFFICE = "mailers office\n mailer one 192.0.2.1:25\n"
ALL = " email-alert mailers office\n email-alert from f@x\n email-alert to t@x\n"


def read(text: str) -> tuple[list[EmailAlerts | None], list[tuple[str, int, str]]]:
    """What each proxy sends, and what is said of the file."""
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics)
    check_mailers(configuration, configuration.proxies, diagnostics)
    said = [(one.severity.name, one.position.line, one.message) for one in diagnostics.findings]
    return [email_alerts(proxy, configuration) for proxy in configuration.proxies], said


def test_the_example_of_the_manual() -> None:
    (found,), said = read(
        "mailers mymailers\n timeout mail 20s\n mailer smtp1 192.168.0.1:587\n mailer smtp2 [2001:db8::2]:587\n"
        "backend mybackend\n mode tcp\n email-alert mailers mymailers\n email-alert from test1@horms.org\n"
        " email-alert to test2@horms.org\n"
    )
    assert said == [] and found is not None
    assert [(one.name, one.host, one.port) for one in found.section.mailers] == [
        ("smtp1", "192.168.0.1", 587),
        ("smtp2", "2001:db8::2", 587),
    ]
    assert (found.section.name, found.section.timeout) == ("mymailers", 20_000)
    assert (found.sender, found.recipient, found.level) == ("test1@horms.org", "test2@horms.org", 1)
    assert found.hostname == socket.gethostname()


def test_defaults_are_inherited_one_by_one() -> None:
    found, said = read(
        f"defaults\n{ALL} email-alert level notice\n email-alert myhostname lb.example\n"
        f"{OFFICE}backend a\n email-alert to a@x\n email-alert level info\nlisten b\nfrontend c\n"
    )
    assert said == []
    shown = [(one.sender, one.recipient, one.level, one.hostname, one.section.timeout) for one in found if one]
    assert shown == [
        ("f@x", "a@x", 6, "lb.example", 10_000),
        ("f@x", "t@x", 5, "lb.example", 10_000),
        ("f@x", "t@x", 5, "lb.example", 10_000),
    ]


@pytest.mark.parametrize("missing", ["mailers office", "from f@x", "to t@x"])
def test_a_part_is_missing(missing: str) -> None:
    (found,), said = read(f"{OFFICE}frontend f\n{ALL}".replace(f" email-alert {missing}\n", ""))
    assert found is None
    assert said == [
        (
            "WARNING",
            4,
            "'email-alert' will be ignored for frontend 'f' (the presence of any of 'email-alert from', "
            "'email-alert level', 'email-alert mailers', 'email-alert myhostname', or 'email-alert to' requires each "
            "of 'email-alert from', 'email-alert mailers' and 'email-alert to' to be present).",
        ),
        ("WARNING", 1, "Removing incomplete section 'mailers office'."),
    ]


def test_a_section_that_is_not_there() -> None:
    (found,), said = read(f"listen l\n{ALL}")
    assert found is None
    assert said == [("ALERT", 2, "Proxy 'l': unable to find mailers 'office'.")]


def test_a_section_without_mailers() -> None:
    (found,), said = read(f"mailers office\nlisten l\n{ALL}")
    assert found is not None and found.section.mailers == ()
    assert said == [("WARNING", 1, "mailers 'office' has no mailer configured!")]


def test_a_section_whose_only_mailer_is_wrong_is_one_error() -> None:
    assert read(f"mailers office\n mailer one 192.0.2.1\nlisten l\n{ALL}")[1] == [
        ("ALERT", 2, "'mailer one' : missing port specification in '192.0.2.1'")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mailers", "missing name for mailers section."),
        ("mailers a$", "character '$' is not permitted in 'mailers' name 'a$'."),
        (
            "mailers office",
            "mailers section 'office' has the same name as another mailers section declared at haproxy.cfg:1.",
        ),
        (" mailer", "'mailer' expects <name> and <addr>[:<port>] as arguments."),
        (" mailer a", "'mailer' expects <name> and <addr>[:<port>] as arguments."),
        (" mailer a$ 192.0.2.1:25", "character '$' is not permitted in server name 'a$'."),
        (" mailer a 192.0.2.1", "'mailer a' : missing port specification in '192.0.2.1'"),
        (" mailer a 192.0.2.1:0", "'mailer a' : invalid port '0'"),
        (" mailer a 192.0.2.1:+1", "'mailer a' : port offset not permitted here in '192.0.2.1:+1'"),
        (" mailer a 192.0.2.1:25-26", "'mailer a' : port range not permitted here in '192.0.2.1:25-26'"),
        (" mailer a /tmp/x", "'mailer a' : TCP not supported for this address family."),
        (" mailer a fd@3", "'mailer a' : a file descriptor is not acceptable here in 'fd@3'"),
        (" mailer a udp@192.0.2.1:25", "'mailer a' : dgram-type address not acceptable in 'udp@192.0.2.1:25'"),
        (" timeout mail", "'timeout mail' expects <time> as argument."),
        (" timeout mail x", "'x' is not a time"),
        (" timeout foo 3s", "'timeout' supports 'mail' (got 'foo')"),
        (" foo", "unknown keyword 'foo' in 'mailers' section"),
    ],
)
def test_lines_of_sections_that_are_wrong(line: str, message: str) -> None:
    said = read(f"{OFFICE}{line}\n")[1]
    assert ("ALERT", 3, message) in said
    assert [one for one in said if one[0] == "ALERT"] == [("ALERT", 3, message)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mailers", "missing argument after 'mailers'."),
        ("from", "missing argument after 'from'."),
        ("to", "missing argument after 'to'."),
        ("myhostname", "missing argument after 'myhostname'."),
        ("level", "unknown log level '' after 'level'"),
        ("level 5", "unknown log level '5' after 'level'"),
        ("level warn", "unknown log level 'warn' after 'level'"),
        ('to "t@x\\r\\nRCPT"', "'email-alert to' : character '\\r' is not permitted in 't@x\r\nRCPT'"),
        ("from <f@x>", "'email-alert from' : character '<' is not permitted in '<f@x>'"),
    ],
)
def test_lines_of_proxies_that_are_wrong(line: str, message: str) -> None:
    assert read(f"{OFFICE}listen l\n{ALL} email-alert {line}\n")[1] == [("ALERT", 7, message)]


def test_what_is_overlooked_is_said() -> None:
    found, said = read(
        "mailers office x\n mailer one 192.0.2.1:25 y\n timeout mail 0 z\nlisten l\n"
        f"{ALL} email-alert level info u\n email-alert myhostname me v\n"
    )
    assert found[0] is not None and found[0].section.timeout == 10_000
    assert [(level, line, message.rpartition(": ")[2]) for level, line, message in said] == [
        ("WARNING", line, f"argument '{word}' is ignored")
        for line, word in ((1, "x"), (2, "y"), (3, "z"), (8, "u"), (9, "v"))
    ]
