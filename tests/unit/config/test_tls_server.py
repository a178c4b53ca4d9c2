"""Words of TLS on server lines (manual 5.2). Words of errors are those of the haproxy program where it has some."""

from typing import Any

import pytest
from support.configs import Loaded, good, only_error

from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import ServerParameters
from pointsman.core.tls import VERSION
from pointsman.tls.options import LoadedFiles, ServerTls

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
SAID = "'server x/s'"


def parameters(words: str, *before: str) -> ServerParameters:
    return last(good("backend", *before, f"server s 10.0.0.1:443 {words}"))


def last(loaded: Loaded) -> ServerParameters:
    return loaded.proxy.all(ServerLine)[-1].parameters


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", {}),
        ("ssl", {"ssl": True, "ready": True}),
        ("ssl no-ssl", {"ready": True}),
        ("no-ssl", {}),
        ("check-ssl", {"check": True}),
        ("check-ssl no-check-ssl", {}),
        ("verify none", {"verify": "none"}),
        ("verify required ca-file /a/ca.pem", {"verify": "required", "ca_file": "/a/ca.pem"}),
        ("ca-file @system-ca crl-file b.pem", {"ca_file": "@system-ca", "crl_file": "b.pem"}),
        ("verifyhost a.test", {"verify_host": "a.test"}),
        ("verifyhost a.test no-verifyhost", {}),
        ("no-sni-auto", {"sni_auto": False}),
        ("no-sni-auto sni-auto", {}),
        ("check-sni a.test no-check-sni-auto", {"check_sni": "a.test", "check_sni_auto": False}),
        ("no-check-sni-auto check-sni-auto", {}),
        ("alpn http/1.1,http/1.0", {"alpn": b"\x08http/1.1\x08http/1.0"}),
        ("alpn x check-alpn yy", {"alpn": b"\x01x", "check_alpn": b"\x02yy"}),
        ("no-ssl-reuse", {"reuse": False}),
        ("no-ssl-reuse ssl-reuse", {}),
        ("allow-0rtt", {"early_data": True}),
        ("renegotiate", {"renegotiate": True}),
        ("no-renegotiate", {"renegotiate": False}),
        ("ciphers A:B ciphersuites C", {"ciphers": "A:B", "ciphersuites": "C"}),
        ("curves P-256 sigalgs D client-sigalgs E", {"curves": "P-256", "sigalgs": "D", "client_sigalgs": "E"}),
        ("ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3", {"min_version": "TLSv1.2", "max_version": "TLSv1.3"}),
        ("force-tlsv12", {"min_version": "TLSv1.2", "max_version": "TLSv1.2"}),
        ("force-sslv3", {"min_version": "SSLv3", "max_version": "SSLv3"}),
        ("no-sslv3 no-tlsv10 no-tlsv11", {"without": frozenset(("SSLv3", "TLSv1.0", "TLSv1.1"))}),
        ("no-tls-tickets", {"tickets": False}),
        ("no-tls-tickets tls-tickets", {"tickets": True}),
        ("ktls off", {}),
        ("allow-0rtt", {"early_data": True}),
    ],
)
def test_words(words: str, expected: dict[str, Any]) -> None:
    assert parameters(words).tls == ServerTls(**expected)


def test_a_certificate_is_named_by_its_path() -> None:
    files = parameters("crt /a/b.pem").tls.crt
    assert files is not None
    assert (files.name, files.crt, files.key) == ("/a/b.pem", "/a/b.pem", "")
    assert isinstance(files, LoadedFiles)


def test_default_server_is_taken_over_and_taken_back() -> None:
    tls = parameters("no-ssl verify none", "default-server ssl verify required ca-file /ca.pem no-sni-auto").tls
    assert tls == ServerTls(ready=True, verify="none", ca_file="/ca.pem", sni_auto=False)


def test_names_are_expressions() -> None:
    sni = parameters("ssl sni req.hdr(host),field(1,:)").sni
    assert sni is not None
    assert sni.text == "req.hdr(host),field(1,:)"


def test_lines_that_are_alike_have_an_expression_of_their_own_section() -> None:
    text = "backend {0}\n acl a path /{0}\n server s 1.2.3.4:443 verify none sni acl(a),iif(a.test,b.test)\n"
    loaded = good("backend", before=text.format("one") + text.format("two"))
    one, two = (proxy.all(ServerLine)[0].parameters.sni for proxy in loaded.configuration.proxies[:2])
    assert one is not None
    assert two is not None
    assert one is not two


def test_ktls_is_noticed() -> None:
    loaded = good("backend", "server s 10.0.0.1:443 ktls on")
    assert loaded.notices == [f"{SAID} : 'ktls' has no effect: TLS of the kernel is not used here (manual 5.2)"]


@pytest.mark.parametrize(
    "words, message",
    [
        ("verify", f"{SAID} : 'verify' : missing verify method"),
        (
            "verify optional",
            f"{SAID} : 'verify' : unknown verify method 'optional', only 'none' and 'required' are supported.",
        ),
        ("verifyhost", f"{SAID} : 'verifyhost' : missing hostname to verify against"),
        ("ca-file", f"{SAID} : 'ca-file' : missing CAfile path"),
        ("crl-file", f"{SAID} : 'crl-file' : missing CRLfile path"),
        ("crt", f"{SAID} : 'crt' : missing certificate file path"),
        ("sni", f"{SAID} : 'sni' : missing sni expression"),
        ("sni foo", "unknown fetch method 'foo'"),
        (
            "sni res.hdr(a)",
            "sample fetch <res.hdr> may not be reliably used here because it is not available in",
        ),
        ("alpn", f"{SAID} : 'alpn' : missing the comma-delimited ALPN protocol suite"),
        ("alpn " + "a" * 256, f"{SAID} : 'alpn' : ALPN protocol name too long"),
        ("ssl-min-ver TLSv9", f"{SAID} : 'ssl-min-ver' : unknown ssl/tls version 'TLSv9'"),
        ("ssl-max-ver", f"{SAID} : 'ssl-max-ver' : missing the ssl/tls version"),
        ("ciphers", f"{SAID} : 'ciphers' : missing cipher suite"),
        ("ktls maybe", f"{SAID} : 'ktls' : only supports 'on', 'off' (got 'maybe')"),
        ("npn h2", "server option 'npn' is not supported: its successor is ALPN"),
    ],
)
def test_errors(words: str, message: str) -> None:
    assert only_error("backend", f"server s 10.0.0.1:443 {words}").startswith(message)


def test_relative_names_start_from_their_bases() -> None:
    before = "global\n ca-base /cas\n crt-base /crts\n"
    tls = last(good("backend", "server s 10.0.0.1:443 ca-file a.pem crl-file /b.pem crt c.pem", before=before)).tls
    assert (tls.ca_file, tls.crl_file) == ("/cas/a.pem", "/b.pem")
    assert tls.crt is not None
    assert tls.crt.crt == "/crts/c.pem"
