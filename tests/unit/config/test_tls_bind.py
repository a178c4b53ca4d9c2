"""Words of TLS on `bind` lines (manual 5.1): what the model says, and errors in the words of the haproxy program."""

from pathlib import Path

import pytest
from support.configs import good, only_error, read, section

from pointsman.config import tls_bind
from pointsman.config.bind import Bind
from pointsman.config.crt_list import CRT_LIST_WORDS
from pointsman.core.tls import MISSING, WORDS
from pointsman.tls.options import (
    EVERY_ERROR,
    NO_PROTOCOLS,
    BindTls,
    CertificateLine,
    CertificateList,
    FrontOptions,
)
from pointsman.tls.verify_errors import LAST, NAMES, NUMBERS

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

SAID = "'bind :443' in section 'frontend'"


def tls(words: str, before: str = "") -> BindTls:
    (line,) = good("frontend", f"bind :443 ssl {words}", before=before).proxy.all(Bind)
    assert line.parameters.tls.ssl
    return line.parameters.tls


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", BindTls(ssl=True)),
        ("strict-sni", BindTls(ssl=True, strict=True)),
        ("strict-sni no-strict-sni", BindTls(ssl=True, strict=False)),
        ("alpn http/1.1,http/1.0", BindTls(ssl=True, alpn=b"\x08http/1.1\x08http/1.0")),
        ("alpn http/1.1 alpn http/1.0", BindTls(ssl=True, alpn=b"\x08http/1.0")),
        ("alpn a,,b,", BindTls(ssl=True, alpn=b"\x01a\x01b")),
        ("alpn http/1.1 no-alpn", BindTls(ssl=True, alpn=NO_PROTOCOLS)),
        ("alpn ,", BindTls(ssl=True, alpn=NO_PROTOCOLS)),
        ("alpn h2,http/1.1", BindTls(ssl=True, alpn=b"\x02h2\x08http/1.1")),
        ("verify none", BindTls(ssl=True, verify="none")),
        ("verify required ca-file /ca.pem", BindTls(ssl=True, verify="required", ca_file="/ca.pem")),
        ("ca-file @system-ca", BindTls(ssl=True, ca_file="@system-ca")),
        ("ca-verify-file a crl-file b", BindTls(ssl=True, ca_verify_file="a", crl_file="b")),
        ("allow-0rtt", BindTls(ssl=True, early_data=True)),
        ("no-ca-names", BindTls(ssl=True, names_of_authorities=False)),
        ("ca-ignore-err all", BindTls(ssl=True, ignored_of_authorities=EVERY_ERROR)),
        ("ca-ignore-err 10,,X509_V_ERR_CERT_REVOKED", BindTls(ssl=True, ignored_of_authorities=frozenset((10, 23)))),
        ("crt-ignore-err 10 crt-ignore-err 94", BindTls(ssl=True, ignored_of_client=frozenset((10, 94)))),
        ("ciphers ALL:!RC4", BindTls(ssl=True, ciphers="ALL:!RC4")),
        ("ciphersuites TLS_AES_128_GCM_SHA256", BindTls(ssl=True, ciphersuites="TLS_AES_128_GCM_SHA256")),
        ("curves X25519:P-256 ecdhe prime256v1", BindTls(ssl=True, curves="X25519:P-256", ecdhe="prime256v1")),
        ("sigalgs a client-sigalgs b", BindTls(ssl=True, sigalgs="a", client_sigalgs="b")),
        ("ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2", BindTls(ssl=True, min_version="TLSv1.0", max_version="TLSv1.2")),
        ("force-tlsv12", BindTls(ssl=True, min_version="TLSv1.2", max_version="TLSv1.2")),
        ("force-tlsv12 ssl-min-ver TLSv1.3", BindTls(ssl=True, min_version="TLSv1.3", max_version="TLSv1.2")),
        ("no-sslv3 no-tlsv11", BindTls(ssl=True, without=frozenset(("SSLv3", "TLSv1.1")))),
        ("prefer-client-ciphers", BindTls(ssl=True, prefer_client_ciphers=True)),
        ("no-tls-tickets", BindTls(ssl=True, tickets=False)),
        ("no-tls-tickets tls-tickets", BindTls(ssl=True, tickets=True)),
        ("tls-ticket-keys keys", BindTls(ssl=True, ticket_keys="keys")),
        ("ktls off", BindTls(ssl=True)),
    ],
)
def test_words(words: str, expected: BindTls) -> None:
    assert tls(words) == expected


@pytest.mark.parametrize(
    "words, message",
    [
        ("crt", "'crt' : missing certificate location"),
        ("default-crt", "'default-crt' : missing certificate location"),
        ("crt-list", "'crt-list' : missing certificate location"),
        ("crt-list /none", "'crt-list' : cannot open file '/none' : No such file or directory"),
        ("verify", "'verify' : missing verify method"),
        (
            "verify foo",
            "'verify' : unknown verify method 'foo', only 'none', 'optional', and 'required' are supported",
        ),
        ("alpn", "'alpn' : missing the comma-delimited ALPN protocol suite"),
        (f"alpn {'x' * 256}", "'alpn' : ALPN protocol name too long"),
        ("ca-ignore-err", "'ca-ignore-err' : missing error IDs list"),
        ("ca-ignore-err 0", "'ca-ignore-err' : ID '0' out of range (1..94) in error IDs list '0'"),
        ("ca-ignore-err 95", "'ca-ignore-err' : ID '95' out of range (1..94) in error IDs list '95'"),
        ("crt-ignore-err -1", "'crt-ignore-err' : error constant '-1' unknown in error IDs list '-1'"),
        ("crt-ignore-err all,10", "'crt-ignore-err' : error constant 'all' unknown in error IDs list 'all,10'"),
        ("ssl-min-ver", "'ssl-min-ver' : missing the ssl/tls version"),
        ("ssl-max-ver TLSv1.4", "'ssl-max-ver' : unknown ssl/tls version 'TLSv1.4'"),
        ("ciphers", "'ciphers' : missing cipher suite"),
        ("ciphersuites", "'ciphersuites' : missing cipher suite"),
        ("curves", "'curves' : missing curve suite"),
        ("ecdhe", "'ecdhe' : missing named curve"),
        ("sigalgs", "'sigalgs' : missing signature algorithm list"),
        ("client-sigalgs", "'client-sigalgs' : missing signature algorithm list"),
        ("ca-file", "'ca-file' : missing CAfile path"),
        ("ca-verify-file", "'ca-verify-file' : missing CAfile path"),
        ("crl-file", "'crl-file' : missing CRLfile path"),
        ("tls-ticket-keys", "'tls-ticket-keys' : missing TLS ticket keys file path"),
    ],
)
def test_errors(words: str, message: str) -> None:
    assert only_error("frontend", f"bind :443 ssl {words}") == f"{SAID} : {message}"
    assert only_error("frontend", f"bind :443 {words}") == f"{SAID} : {message}"  # without ssl it is looked at, too


@pytest.mark.parametrize("words", ["npn h2", "ech /keys", "generate-certificates", "ca-sign-file x", "ca-sign-pass x"])
def test_what_is_refused_for_good_says_why(words: str) -> None:
    message = only_error("frontend", f"bind :443 ssl {words}")
    assert message.startswith(f"bind option '{words.partition(' ')[0]}' is not supported: ") and len(message) > 60


def test_errors_name_the_nearest_word() -> None:
    for words, near in (
        ("ca-ignore-err X509_V_ERR_CERT_HAS_EXPIRD", "X509_V_ERR_CERT_HAS_EXPIRED"),
        ("ssl-min-ver tlsv1.2", "TLSv1.2"),
        ("strict-sin", "strict-sni"),
    ):
        (finding,) = section("frontend", f"bind :443 ssl {words}").diagnostics.findings
        assert finding.hint == f"did you mean '{near}'?"
        assert finding.position.text[finding.position.column - 1 :].startswith(words.split()[-1])


def test_the_kernels_tls_is_a_notice() -> None:
    assert good("frontend", "bind :443 ssl ktls on").notices == [
        f"{SAID} : 'ktls' has no effect: TLS is done by OpenSSL here, never by the kernel (manual 5.1)"
    ]
    assert only_error("frontend", "bind :443 ssl ktls 1") == f"{SAID} : 'ktls' : only supports 'on', 'off' (got '1')"


def test_files_of_authorities_stand_behind_ca_base() -> None:
    said = tls("ca-file a.pem ca-verify-file /b.pem crl-file c.pem", before="global\n ca-base /etc/ca\n")
    assert (said.ca_file, said.ca_verify_file, said.crl_file) == ("/etc/ca/a.pem", "/b.pem", "/etc/ca/c.pem")
    assert tls("ca-file @system-ca", before="global\n ca-base /etc/ca\n").ca_file == "@system-ca"


def names(certificates: tuple[CertificateLine | CertificateList, ...]) -> list[str]:
    """The files in the order of the line, "*" before default ones; a list in brackets."""
    shown = []
    for one in certificates:
        if isinstance(one, CertificateLine):
            assert one.files.name == one.files.crt and one.at is not None
            shown.append("*" * one.default + one.files.crt)
        else:
            shown.append(f"[{' '.join(names(one.lines))}]")
    return shown


def test_certificates_in_the_order_of_the_line(tmp_path: Path) -> None:
    for name in ("x", "b.rsa", "b.ecdsa", "b.dsa", "c.ecdsa"):
        (tmp_path / name).touch()
    before = f"global\n crt-base {tmp_path}\n"
    said = tls("crt x crt b default-crt c crt none crt /none", before=before)
    assert names(said.certificates) == [
        f"*{tmp_path}/x",
        f"{tmp_path}/b.ecdsa",
        f"{tmp_path}/b.rsa",
        f"{tmp_path}/b.dsa",
        f"*{tmp_path}/c.ecdsa",
        f"{tmp_path}/none",
        "/none",
    ]
    first = tls("crt b crt x", before=before)
    assert names(first.certificates)[:3] == [f"*{tmp_path}/b.{kind}" for kind in ("ecdsa", "rsa", "dsa")]
    none = tls("crt b", before=before + " ssl-load-extra-files key ocsp\n")
    assert names(none.certificates) == [f"*{tmp_path}/b"]


def test_a_folder_is_a_list_in_the_order_of_bytes(tmp_path: Path) -> None:
    for name in ("b.pem", "a.pem", "B.pem", "a.txt", ".hidden", "z.key", "z.ocsp", "z.sctl", "z.issuer", "c.pem.rsa"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (listed,) = tls(f"crt {tmp_path}/").certificates
    assert isinstance(listed, CertificateList) and listed.folder and listed.name == str(tmp_path)
    shown = names(listed.lines)
    assert shown == [f"{tmp_path}/{name}" for name in ("B.pem", "a.pem", "a.txt", "b.pem", "c.pem.rsa")]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    assert only_error("frontend", f"bind :443 ssl crt {tmp_path}") == (
        f"{SAID} : unable to scan directory '{tmp_path}' : Permission denied."
    )


def test_without_openssl_one_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_bind, "MISSING", WORDS)
    loaded = section("frontend", "bind :443 ssl crt x", "bind :444 ssl crt x")
    assert loaded.errors == [f"{SAID} : 'ssl' : {WORDS}"]


def test_words_without_ssl_get_a_notice_each() -> None:
    loaded = good("frontend", "bind :80 crt /x no-sslv3 verify none name a")
    assert [notice.split("'")[5] for notice in loaded.notices] == ["crt", "no-sslv3", "verify"]
    assert good("frontend", "bind :443 crt /x ssl").notices == []


def test_a_socket_of_the_runtime_api_takes_no_tls() -> None:
    assert read("global\n stats socket :1 ssl crt x\n").errors == [
        "'stats socket' : 'ssl' is not built for the runtime API (manual 3.1)"
    ]


def test_the_options_of_crt_lists_are_those_of_the_manual() -> None:
    assert " ".join(CRT_LIST_WORDS) == (
        "allow-0rtt alpn ca-file ca-verify-file ciphers ciphersuites client-sigalgs crl-file curves ecdhe ktls "
        "no-alpn no-ca-names sigalgs ssl-max-ver ssl-min-ver verify"
    )


def test_the_names_of_errors_are_openssls() -> None:
    assert LAST == 94 and len(NAMES) == 95
    assert NUMBERS["X509_V_ERR_UNSPECIFIED"] == 1 and NAMES[10] == "X509_V_ERR_CERT_HAS_EXPIRED"
    assert NAMES[62] == "X509_V_ERR_HOSTNAME_MISMATCH" and NAMES[94] == "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS"


def test_a_line_of_a_list_has_its_options_and_names(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("# comment\n\nx [alpn http/1.1 no-ca-names]  *.a !b.a\r\ny\n")
    (listed,) = tls(f"crt-list {file}").certificates
    assert isinstance(listed, CertificateList) and not listed.folder and listed.name == str(file)
    first, second = listed.lines
    assert first.options == FrontOptions(alpn=b"\x08http/1.1", names_of_authorities=False)
    assert (first.files.crt, first.filters, first.number, first.default) == ("x", ("*.a", "!b.a"), 3, False)
    assert (second.files.crt, second.options, second.filters) == ("y", FrontOptions(), ())
