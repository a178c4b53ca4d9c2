"""What lines of servers and `global` say of TLS, put together (manual 3.1 ssl-default-server-*, ssl-server-verify)."""

from __future__ import annotations

import pytest
from support.certificates import authority

import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.core.tls import VERSION
from pointsman.server.backend import LiveServer
from pointsman.server.server_name import NameOfExpression, NameOfRequest
from pointsman.tls.back import BackTls
from pointsman.tls.options import ServerTls

assert pointsman.keywords
pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CA = f"ca-file {authority().folder}/ca.pem"


def build(*lines: str, main: str = "", mode: str = "http") -> tuple[list[LiveServer], dict[Severity, list[str]]]:
    text = f"global\n {main}\nbackend b\n mode {mode}\n timeout connect 1s\n timeout server 1s\n"
    diagnostics = Diagnostics()
    live = assemble(load_text(text + "".join(f" {line}\n" for line in lines), diagnostics), diagnostics)
    said: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    for finding in diagnostics.findings:
        said[finding.severity].append(finding.message)
    return live.backends[0].servers, said


def options(words: str, main: str = "") -> ServerTls:
    (server,), said = build(f"server s 127.0.0.1:443 ssl {words}", main=main)
    assert said[Severity.ALERT] == []
    assert isinstance(server.encrypting, BackTls)
    return server.encrypting.shared.options


def test_what_the_line_says_counts_more_than_the_defaults() -> None:
    main = "ssl-default-server-ciphers AES128-SHA\n ssl-server-verify none\n ssl-default-server-options no-tls-tickets"
    found = options("", main)
    assert (found.ciphers, found.verify, found.tickets) == ("AES128-SHA", "none", False)
    found = options(f"ciphers AES256-SHA verify required {CA} tls-tickets", main)
    assert (found.ciphers, found.verify, found.tickets) == ("AES256-SHA", "required", True)


def test_verification_is_the_default_and_needs_authorities() -> None:
    assert options(CA).verify == "required"
    _, said = build("server s 127.0.0.1:443 ssl")
    (message,) = said[Severity.ALERT]
    assert message.startswith("'server b/s' : verify is enabled by default but no CA file specified")
    _, said = build("server s 127.0.0.1:443 check check-ssl")
    assert said[Severity.ALERT] == [message]
    _, said = build("option tcp-check", "tcp-check connect ssl", "server s 127.0.0.1:443 check")
    assert said[Severity.ALERT] == [message]


@pytest.mark.parametrize(
    "words, message",
    [
        (
            f"{CA} crl-file /nope.pem",
            "'server b/s' : Couldn't open the ca-file '/nope.pem' (No such file or directory).",
        ),
        ("ca-file /nope.pem", "'server b/s' : Couldn't open the ca-file '/nope.pem' (No such file or directory)."),
        (
            "verify none crt /nope.pem",
            "'server b/s' : unable to stat SSL certificate from file '/nope.pem' : No such file or directory.",
        ),
        ("verify none ciphers NOPE", "'server b/s' : unable to set SSL cipher list to 'NOPE'"),
        ("verify none force-sslv3", "'server b/s' : all SSL/TLS versions are disabled"),
        ("verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", "'server b/s' : all SSL/TLS versions are disabled"),
    ],
    ids=["crl-file", "ca-file", "crt", "ciphers", "force-sslv3", "versions"],
)
def test_what_cannot_be_had_is_said_once(words: str, message: str) -> None:
    _, said = build(f"server s 127.0.0.1:443 check ssl {words}")
    assert said[Severity.ALERT] == [message]


def test_which_servers_are_encrypted() -> None:
    servers, said = build(
        "server plain 127.0.0.1:1",
        "server on 127.0.0.1:1 ssl verify none",
        "server off 127.0.0.1:1 ssl verify none no-ssl",
        "server checks 127.0.0.1:1 check-ssl verify none",
    )
    assert said[Severity.ALERT] == []
    assert [server.transports is not None for server in servers] == [False, True, False, False]
    assert [server.encrypting is not None for server in servers] == [False, True, True, True]


def test_whom_connections_are_for() -> None:
    def name(words: str, mode: str = "http") -> type | None:
        (server,), _ = build(f"server s 127.0.0.1:1 ssl verify none {words}", mode=mode)
        return None if server.server_name is None else type(server.server_name)

    assert name("") is NameOfRequest
    assert name("no-sni-auto") is name("", "tcp") is None
    assert name("sni str(a)") is name("no-sni-auto sni str(a)") is name("sni str(a)", "tcp") is NameOfExpression


def test_verifyhost_beside_the_hosts_of_requests_is_noticed() -> None:
    def notices(words: str) -> list[str]:
        return build(f"server s 127.0.0.1:1 ssl {words}")[1][Severity.NOTICE]

    (notice,) = notices(f"{CA} verifyhost a.test")
    assert "say 'no-sni-auto'" in notice
    assert notices(f"{CA} verifyhost a.test no-sni-auto") == notices("verify none verifyhost a.test") == []


def test_names_in_expressions_have_to_exist() -> None:
    _, said = build("server s 127.0.0.1:1 ssl verify none sni be_name,concat(x) weight 1")
    assert said[Severity.ALERT] == []
    _, said = build("server s 127.0.0.1:1 ssl verify none sni nbsrv(nope)")
    assert ["nope" in message for message in said[Severity.ALERT]] == [True]
