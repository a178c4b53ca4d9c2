"""What `global` says of TLS (manual 3.1, 3.2), and what bind lines finally say with it. Words of errors and the table
of versions are those of the haproxy program (3.2)."""

from pathlib import Path

import pytest
from support.configs import Loaded, good, only_error, read

from pointsman.config.bind import Bind
from pointsman.config.command_line import CommandLine
from pointsman.config.ocsp import HttpClient, OcspUpdates, http_client, ocsp_updates
from pointsman.config.tls_front import front_tls
from pointsman.config.tls_global import bind_defaults, server_defaults
from pointsman.config.tls_tuning import TlsTuning, looked_for, tls_tuning
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.tls import MISSING
from pointsman.tls.contexts import TlsSetupError, versions
from pointsman.tls.files import ExtraFiles
from pointsman.tls.options import NO_PROTOCOLS, BindTls, CertificateList, ServerTls, under

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")


def front(loaded: Loaded, http: bool = True) -> BindTls:
    """What the last bind line finally says."""
    bind = loaded.proxy.all(Bind)[-1]
    return front_tls(loaded.configuration, loaded.proxy, bind, http, loaded.diagnostics)


@pytest.mark.parametrize(
    "line, default, spoken",
    [
        ("", "", "23"),
        ("ssl-min-ver TLSv1.0", "", "0123"),
        ("", "ssl-min-ver TLSv1.0", "0123"),
        ("ssl-min-ver TLSv1.2", "ssl-min-ver TLSv1.0", "23"),
        ("ssl-max-ver TLSv1.2", "ssl-min-ver TLSv1.0", "012"),
        ("ssl-min-ver TLSv1.0", "ssl-max-ver TLSv1.2", "012"),
        ("ssl-max-ver TLSv1.1", "", "1"),
        ("", "ssl-max-ver TLSv1.1", "1"),
        ("ssl-max-ver TLSv1.1", "ssl-min-ver TLSv1.2", ""),
        ("force-tlsv10", "", "0"),
        ("", "force-tlsv10", "0"),
        ("force-tlsv12", "force-tlsv13", "2"),
        ("force-tlsv13", "ssl-min-ver TLSv1.0", "3"),
        ("force-tlsv13", "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2", "3"),
        ("no-tlsv12", "", "3"),
        ("", "no-tlsv12", "3"),
        ("no-tlsv13", "", "2"),
        ("no-tlsv13", "ssl-min-ver TLSv1.0", "0123"),
        ("ssl-min-ver TLSv1.0", "no-tlsv13", "0123"),
        ("no-tlsv12 ssl-min-ver TLSv1.0", "", "0123"),
        ("no-tlsv12", "no-tlsv13", ""),
        ("", "no-tlsv12 no-tlsv13", ""),
        ("no-tlsv11", "", "23"),
        ("no-tlsv12 ssl-max-ver TLSv1.2", "", "2"),
        ("no-sslv3 no-tlsv10", "", "23"),
        ("no-tlsv10 no-tlsv11", "force-tlsv12", "2"),
        ("", "no-tlsv13 ssl-max-ver TLSv1.3", "23"),
        ("", "no-tlsv13 ssl-max-ver TLSv1.2", "2"),
        ("no-tlsv12", "force-tlsv12", "2"),
    ],
)
def test_versions_of_a_line_and_of_global(line: str, default: str, spoken: str) -> None:
    """Digits: which of TLS 1.0 to 1.3 haproxy spoke with openssl s_client."""
    before = f"global\n ssl-default-bind-options {default}\n" if default else ""
    tls = front(good("frontend", f"bind :443 ssl {line}", before=before))
    try:
        low, high = versions(tls)
        found = "".join(str(minor) for minor in range(4) if low <= f"TLSv1.{minor}" <= high)
    except TlsSetupError as error:
        assert str(error) == "all SSL/TLS versions are disabled"
        found = ""
    assert found == spoken


def test_what_is_ambiguous_gets_haproxys_warnings() -> None:
    loaded = good("frontend", "bind :443 ssl no-sslv3 ssl-min-ver TLSv1.2")
    front(loaded)
    assert loaded.warnings == [
        "Proxy 'x': no-sslv3/no-tlsv1x are ignored for bind ':443' at [haproxy.cfg:2]. Use only 'ssl-min-ver' and "
        "'ssl-max-ver' to fix."
    ]
    loaded = good("frontend", "bind :443 ssl ssl-max-ver TLSv1.1")
    front(loaded)
    assert loaded.warnings == [
        "Proxy 'x': Ambiguous configuration for bind ':443' at [haproxy.cfg:2]: the ssl-min-ver value is not "
        "configured and the ssl-max-ver value is lower than the default ssl-min-ver value (TLSv1.2). Setting the "
        "ssl-min-ver to TLSv1.1. Use 'ssl-min-ver' to fix this."
    ]
    loaded = good("frontend", "bind :443 ssl no-sslv3 no-tlsv11")
    front(loaded)
    assert loaded.warnings == []


@pytest.mark.parametrize(
    "options, spoken",
    [
        ("[ssl-min-ver TLSv1.0]", "23"),
        ("[ssl-max-ver TLSv1.2]", "2"),
        ("[ssl-min-ver TLSv1.3]", "3"),
        ("[ssl-max-ver TLSv1.1]", ""),
        ("", "23"),
    ],
)
def test_a_line_of_a_list_speaks_no_more_than_its_bind_line(options: str, spoken: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"a.pem {options}\n")
    tls = front(good("frontend", f"bind :443 ssl crt-list {tmp_path}/list"))
    (listed,) = tls.certificates
    assert isinstance(listed, CertificateList)
    said = under(tls, listed.lines[0].options)
    assert said.min_version is not None and said.max_version is not None
    found = "".join(str(minor) for minor in range(4) if said.min_version <= f"TLSv1.{minor}" <= said.max_version)
    assert found == spoken


@pytest.mark.parametrize(
    "words, http, offer",
    [
        ("", True, b"\x02h2\x08http/1.1"),
        ("proto h1", True, b"\x08http/1.1"),
        ("proto h2", True, b"\x02h2"),
        ("", False, NO_PROTOCOLS),
        ("alpn foo", True, b"\x03foo"),
        ("no-alpn", True, NO_PROTOCOLS),
        ("alpn ,", True, NO_PROTOCOLS),
        ("alpn h2,http/1.1", True, b"\x02h2\x08http/1.1"),
        ("alpn h2", True, b"\x02h2"),
        ("alpn h2,http/1.1", False, b"\x02h2\x08http/1.1"),
    ],
)
def test_what_alpn_offers(words: str, http: bool, offer: bytes) -> None:
    loaded = good("frontend", f"bind :443 ssl {words}")
    assert front(loaded, http).alpn == offer
    assert loaded.warnings == []


@pytest.mark.parametrize("http", [True, False])
def test_what_alpn_offers_on_lines_of_lists(http: bool, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a [alpn h2,x]\nb [no-alpn]\nc\nd [curves X25519]\n")
    loaded = good("frontend", f"bind :443 ssl alpn y crt-list {tmp_path}/list")
    tls = front(loaded, http)
    (listed,) = tls.certificates
    assert isinstance(listed, CertificateList)
    assert listed.lines[0].options.alpn == b"\x02h2\x01x"  # what is shown is what was said
    offers = [under(tls, line.options).alpn for line in listed.lines]
    assert offers == [b"\x02h2\x01x", NO_PROTOCOLS, b"\x01y", b"\x01y"]
    assert loaded.warnings == []


def test_defaults_of_bind_lines_hold_where_a_line_says_nothing() -> None:
    before = """global
 ssl-default-bind-ciphers A
 ssl-default-bind-ciphersuites B
 ssl-default-bind-curves C
 ssl-default-bind-sigalgs D
 ssl-default-bind-client-sigalgs E
 ssl-default-bind-ciphers F
 ssl-default-bind-options no-tls-tickets strict-sni
 ssl-default-bind-options prefer-client-ciphers
 ssl-security-level 2
"""
    tls = front(good("frontend", "bind :443 ssl", before=before))
    assert (tls.ciphers, tls.ciphersuites, tls.curves, tls.sigalgs, tls.client_sigalgs) == ("F", "B", "C", "D", "E")
    assert (tls.tickets, tls.strict, tls.prefer_client_ciphers, tls.security_level) == (False, True, True, 2)
    tls = front(good("frontend", "bind :443 ssl ciphers X curves Y tls-tickets no-strict-sni", before=before))
    assert (tls.ciphers, tls.ciphersuites, tls.curves, tls.tickets, tls.strict) == ("X", "B", "Y", True, False)
    assert bind_defaults(read("global\n").configuration) == BindTls()


def test_defaults_of_server_lines() -> None:
    loaded = good(
        "global",
        "ssl-default-server-ciphers A",
        "ssl-default-server-ciphersuites B",
        "ssl-default-server-curves C",
        "ssl-default-server-sigalgs D",
        "ssl-default-server-client-sigalgs E",
        "ssl-default-server-options ssl-min-ver TLSv1.1 ssl-max-ver TLSv1.2 no-tls-tickets no-tlsv10 renegotiate",
        "ssl-server-verify none",
    )
    assert server_defaults(loaded.configuration) == ServerTls(
        ciphers="A",
        ciphersuites="B",
        curves="C",
        sigalgs="D",
        client_sigalgs="E",
        min_version="TLSv1.1",
        max_version="TLSv1.2",
        without=frozenset(("TLSv1.0",)),
        tickets=False,
        renegotiate=True,
        verify="none",
    )
    forced = good("global", "ssl-default-server-options renegotiate force-tlsv13 no-renegotiate")
    assert server_defaults(forced.configuration) == ServerTls(
        min_version="TLSv1.3", max_version="TLSv1.3", renegotiate=False, verify="required"
    )


def test_servers_are_verified_unless_the_file_or_the_command_line_says_no() -> None:
    loaded = read("global\n")
    assert server_defaults(loaded.configuration).verify == "required"
    loaded.main.put(CommandLine(verify_servers=False))
    assert server_defaults(loaded.configuration).verify == "none"
    loaded = read("global\n ssl-server-verify required\n")
    loaded.main.put(CommandLine(verify_servers=False))
    assert server_defaults(loaded.configuration).verify == "required"


@pytest.mark.parametrize(
    "line, expected",
    [
        ("maxsslconn 10", TlsTuning(max_connections=10)),
        ("maxsslrate 10", TlsTuning(max_rate=10)),
        ("tune.ssl.capture-buffer-size 96", TlsTuning(capture=96)),
        ("tune.ssl.keylog on", TlsTuning(keylog=True)),
        ("tune.ssl.default-dh-param 2048", TlsTuning(default_dh=2048)),
        ("tune.ssl.default-dh-param 1024", TlsTuning(default_dh=2048)),
        ("tune.ssl.default-dh-param 4095", TlsTuning(default_dh=3072)),
        ("tune.ssl.default-dh-param 9000", TlsTuning(default_dh=8192)),
        ("ssl-dh-param-file /dh.pem", TlsTuning(dh_file="/dh.pem")),
        ("ssl-skip-self-issued-ca", TlsTuning(skip_self_issued=True)),
        ("issuers-chain-path /", TlsTuning(issuers_chain="/")),
        ("ssl-load-extra-del-ext", TlsTuning(replaces_ending=True)),
        ("ssl-passphrase-cmd /bin/echo a b", TlsTuning(passphrase_command=("/bin/echo", "a", "b"))),
        ("noktls", TlsTuning()),
    ],
)
def test_tuning(line: str, expected: TlsTuning) -> None:
    loaded = good("global", line)
    found = tls_tuning(loaded.configuration)
    assert TlsTuning(**{name: getattr(found, name) for name in TlsTuning.__slots__}) == expected
    assert found.at != NOWHERE or expected == TlsTuning()
    assert (loaded.warnings, loaded.notices) == ([], [])


def test_tuning_adds_up() -> None:
    loaded = good("global", "maxsslrate 1", "tune.ssl.keylog on", "maxsslrate 2", "tune.ssl.keylog off")
    found = tls_tuning(loaded.configuration)
    assert (found.max_rate, found.keylog) == (1, False)
    assert loaded.warnings == ["'maxsslrate' already specified. Continuing."]


def test_what_is_looked_for_beside_certificates() -> None:
    assert looked_for(read("global\n").configuration) == ExtraFiles()
    loaded = good("global", "ssl-load-extra-files key ocsp", "ssl-load-extra-del-ext")
    assert looked_for(loaded.configuration) == ExtraFiles(frozenset(("key", "ocsp")), True)
    loaded = good("global", "ssl-load-extra-files none")
    assert looked_for(loaded.configuration) == ExtraFiles(frozenset(), False)


def test_updates_of_ocsp_responses() -> None:
    loaded = good(
        "global",
        "ocsp-update.mode on",
        "ocsp-update.disable on",
        "ocsp-update.maxdelay 6000",
        "ocsp-update.mindelay 5000",
        "ocsp-update.httpproxy 192.0.2.1",
    )
    found = ocsp_updates(loaded.configuration)
    assert (found.on, found.disabled, found.shortest, found.longest) == (True, True, 5000, 6000)
    assert found.proxy == AddressSpec("inet", "192.0.2.1", 80)
    assert ocsp_updates(read("global\n").configuration) == OcspUpdates()


def test_how_responders_are_asked() -> None:
    loaded = good(
        "global",
        "ca-base /etc/ca",
        "httpclient.ssl.verify none",
        "httpclient.ssl.ca-file a.pem",
        "httpclient.timeout.connect 2s",
        "httpclient.retries 1",
    )
    found = http_client(loaded.configuration)
    assert (found.verify, found.ca_file, found.connect, found.retries) == ("none", "/etc/ca/a.pem", 2000, 1)
    assert http_client(read("global\n").configuration) == HttpClient()


def test_old_names_get_a_warning() -> None:
    loaded = good(
        "global",
        "tune.ssl.capture-cipherlist-size 10",
        "tune.ssl.ocsp-update.maxdelay 4000",
        "tune.ssl.ocsp-update.mindelay 4",
    )
    updates = ocsp_updates(loaded.configuration)
    assert (tls_tuning(loaded.configuration).capture, updates.shortest, updates.longest) == (10, 4, 4000)
    assert [warning.split("'")[3] for warning in loaded.warnings] == [
        "tune.ssl.capture-buffer-size",
        "ocsp-update.maxdelay",
        "ocsp-update.mindelay",
    ]


@pytest.mark.parametrize("name", ["crt-base", "ca-base", "key-base"])
def test_a_base_is_said_once(name: str) -> None:
    assert only_error("global", name) == f"global statement '{name}' expects a directory path as an argument."
    assert only_error("global", f"{name} a", f"{name} b") == f"'{name}' already specified."


@pytest.mark.parametrize(
    "line, message",
    [
        ("crt-base a b", "'crt-base' cannot handle unexpected argument 'b'"),
        ("issuers-chain-path", "global statement 'issuers-chain-path' expects a directory path as an argument."),
        ("issuers-chain-path /none", "'issuers-chain-path': there is no directory '/none'."),
        (
            "ssl-load-extra-files",
            "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer, key).",
        ),
        (
            "ssl-load-extra-files foo",
            "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer, key).",
        ),
        ("ssl-load-extra-files all key", "'ssl-load-extra-files' 'none' and 'all' can be only used alone"),
        ("ssl-load-extra-files key none", "'ssl-load-extra-files' 'none' and 'all' can be only used alone"),
        (
            "ssl-default-bind-options",
            "global statement 'ssl-default-bind-options' expects an option as an argument.",
        ),
        (
            "ssl-default-bind-options foo",
            "unknown option 'foo' on global statement 'ssl-default-bind-options'.",
        ),
        ("ssl-default-bind-options crt x", "unknown option 'crt' on global statement 'ssl-default-bind-options'."),
        (
            "ssl-default-bind-options ssl-min-ver",
            "global statement 'ssl-default-bind-options' : 'ssl-min-ver' : missing the ssl/tls version",
        ),
        (
            "ssl-default-server-options",
            "global statement 'ssl-default-server-options' expects an option as an argument.",
        ),
        (
            "ssl-default-server-options strict-sni",
            "unknown option 'strict-sni' on global statement 'ssl-default-server-options'.",
        ),
        (
            "ssl-default-bind-ciphers",
            "global statement 'ssl-default-bind-ciphers' expects a cipher suite as an argument.",
        ),
        ("ssl-default-bind-ciphers a b", "'ssl-default-bind-ciphers' cannot handle unexpected argument 'b'"),
        (
            "ssl-default-server-client-sigalgs",
            "global statement 'ssl-default-server-client-sigalgs' expects signature algorithms as an argument.",
        ),
        ("ssl-server-verify foo", "'ssl-server-verify' expects 'none' or 'required' as argument."),
        ("ssl-security-level", "'ssl-security-level' : missing value"),
        ("ssl-security-level 6", "'ssl-security-level' : expects a value between 0 and 5"),
        ("ssl-security-level -1", "'ssl-security-level' : expects a value between 0 and 5"),
        ("ssl-security-level x", "'ssl-security-level' : expects an integer argument, found 'x'"),
        ("maxsslconn", "'maxsslconn' expects an integer argument."),
        ("maxsslconn -1", "'maxsslconn': '-1' is not a number"),
        ("maxsslrate x", "'maxsslrate': 'x' is not a number"),
        ("tune.ssl.keylog", "'tune.ssl.keylog' expects either 'on' or 'off' but got ''."),
        ("tune.ssl.keylog foo", "'tune.ssl.keylog' expects either 'on' or 'off' but got 'foo'."),
        ("tune.ssl.default-dh-param 1000", "'tune.ssl.default-dh-param' expects a value >= 1024."),
        ("ssl-dh-param-file", "'ssl-dh-param-file' expects a file path as an argument."),
        ("ssl-passphrase-cmd", "'ssl-passphrase-cmd' expects a command as an argument."),
        ("ocsp-update.mode foo", "'ocsp-update.mode' : expecting <on|off>"),
        ("ocsp-update.mindelay 5000", "'ocsp-update.mindelay' can not be higher than ocsp-update.maxdelay."),
        ("ocsp-update.maxdelay 100", "'ocsp-update.maxdelay' can not be lower than ocsp-update.mindelay."),
        ("ocsp-update.maxdelay", "'ocsp-update.maxdelay' expects an integer argument."),
        ("ocsp-update.httpproxy x:80", "'ocsp-update.httpproxy' : invalid address: 'x' in 'x:80'"),
        ("httpclient.ssl.verify foo", "'httpclient.ssl.verify' expects 'none' or 'required' as argument."),
        ("httpclient.timeout.connect", "'httpclient.timeout.connect' expects an integer argument."),
        ("httpclient.retries", "'httpclient.retries' expects an integer argument."),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("global", line) == message


@pytest.mark.parametrize("line", ["ssl-provider fips", "ssl-provider-path /x", "ssl-propquery ?provider=x"])
def test_providers_are_openssls_own_affair(line: str) -> None:
    assert only_error("global", line) == (
        f"'{line.partition(' ')[0]}' is not supported: OpenSSL's own configuration (openssl.cnf, OPENSSL_CONF) says "
        "which providers are loaded"
    )


def test_the_nearest_option_is_named() -> None:
    (finding,) = read("global\n ssl-default-bind-options no-tls-ticket\n").diagnostics.findings
    assert finding.hint == "did you mean 'no-tls-tickets'?"
