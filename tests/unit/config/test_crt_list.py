"""Lists of certificates: files of bind lines, `ssl-f-use`, and what several lines say of one certificate (manual 5.1
"crt-list", 4.2 "ssl-f-use"). What is accepted, and the words of errors, are those of the haproxy program (3.2)."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.configs import Loaded, good, section

from pointsman.config.bind import Bind
from pointsman.config.tls_front import front_tls
from pointsman.core.tls import MISSING
from pointsman.tls.options import CertificateLine, CertificateList, FrontOptions, LoadedFiles

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

SAID = "'bind :443' in section 'frontend' : 'crt-list'"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files by their bare names."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.pem", "b.pem.rsa", "b.pem.ecdsa", "own.key", "ca.pem"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    return tmp_path


def load(content: str | bytes, line: str = "crt-list list", before: str = "") -> Loaded:
    Path("list").write_bytes(content if isinstance(content, bytes) else content.encode())
    return section("frontend", f"bind :443 ssl {line}", before=before)


def lines(content: str | bytes, before: str = "") -> tuple[CertificateLine, ...]:
    loaded = load(content, before=before)
    assert loaded.errors == []
    (listed,) = loaded.proxy.all(Bind)[0].parameters.tls.certificates
    assert isinstance(listed, CertificateList) and listed.name == "list"
    return listed.lines


@pytest.mark.parametrize(
    "content, files, filters",
    [
        ("", [], []),
        ("\n \t\n\r\n# a.pem\n", [], []),
        ("a.pem\n", ["a.pem"], [()]),
        ("\ta.pem\tx.y  z\n", ["a.pem"], [("x.y", "z")]),
        ("a.pem x.y\r\n", ["a.pem"], [("x.y",)]),
        ("a.pem # x\n", ["a.pem"], [("#", "x")]),
        ("a.pem x#y\n", ["a.pem"], [("x#y",)]),
        ('a.pem "x y"\n', ["a.pem"], [('"x', 'y"')]),
        ("a.pem [] x\n", ["a.pem"], [("x",)]),
        ("a.pem [ ] x\n", ["a.pem"], [("x",)]),
        ("a.pem [verify none]y.z\n", ["a.pem"], None),
        ("a.pem[verify none] y.z\n", ["a.pem"], None),
        ("a.pem *.x !y.x\n", ["a.pem"], [("*.x", "!y.x")]),
        ("a.pem !*\n", ["a.pem"], [("!*",)]),
        ("b.pem x\n", ["b.pem.ecdsa", "b.pem.rsa"], [("x",), ("x",)]),
        ("none.pem\n", ["none.pem"], [()]),
        ("$HOME/x\n", ["$HOME/x"], [()]),
        ("a.pem " + " ".join(f"n{i}.example.com" for i in range(2000)) + "\n", ["a.pem"], None),
        (b"a.pem \xff\n", ["a.pem"], [("\udcff",)]),
    ],
)
def test_lines(content: str | bytes, files: list[str], filters: list[tuple[str, ...]] | None) -> None:
    found = lines(content)
    assert [line.files.name for line in found] == files == [line.files.crt for line in found]
    if filters is not None:
        assert [line.filters for line in found] == filters
        assert all(line.options == FrontOptions() and not line.default for line in found)


def test_places_and_defaults() -> None:
    found = lines("# first\nb.pem [alpn x] *\n\na.pem y *\n")
    assert [(line.number, line.default) for line in found] == [(2, True), (2, True), (4, True)]
    at = found[-1].at
    assert at is not None and (at.file, at.line, at.column, at.length) == ("list", 4, 1, 5)


@pytest.mark.parametrize(
    "words, expected",
    [
        ("alpn h2,x", FrontOptions(alpn=b"\x02h2\x01x")),
        ("alpn x no-alpn", FrontOptions(alpn=b"")),
        (
            "ca-file ca.pem ca-verify-file b crl-file c",
            FrontOptions(ca_file="ca.pem", ca_verify_file="b", crl_file="c"),
        ),
        ("ciphers A ciphersuites B", FrontOptions(ciphers="A", ciphersuites="B")),
        ("sigalgs A client-sigalgs B", FrontOptions(sigalgs="A", client_sigalgs="B")),
        ("curves A ecdhe B", FrontOptions(curves="A", ecdhe="B")),
        ("no-ca-names verify optional", FrontOptions(names_of_authorities=False, verify="optional")),
        ("ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3", FrontOptions(min_version="TLSv1.2", max_version="TLSv1.3")),
    ],
)
def test_options(words: str, expected: FrontOptions) -> None:
    (line,) = lines(f"a.pem [{words}] x\n")
    assert (line.options, line.filters) == (expected, ("x",))
    assert line.files.crt == "a.pem" and not line.files.explicit


def test_a_bracket_that_is_not_closed_gets_a_warning() -> None:
    loaded = load("a.pem [alpn x\n")
    assert loaded.errors == []
    assert loaded.warnings == [f"{SAID} : parsing [list:1]: missing ']'"]


def test_a_name_before_the_bracket_is_left_out_with_a_warning() -> None:
    loaded = load("a.pem x [alpn y] z\n")
    (finding,) = loaded.diagnostics.findings
    assert finding.message == (
        f"{SAID} : parsing [list:1]: malformated line, filters can't be between filename and options!"
    )
    assert loaded.errors == [] and finding.position.column == 7
    (listed,) = loaded.proxy.all(Bind)[0].parameters.tls.certificates
    assert isinstance(listed, CertificateList)
    assert (listed.lines[0].filters, listed.lines[0].options) == (("z",), FrontOptions(alpn=b"\x01y"))


def test_options_of_files() -> None:
    (line,) = lines("a.pem [key own.key ocsp o issuer i sctl s ocsp-update on] x\n")
    at = line.files.at
    assert line.files == LoadedFiles(
        name="a.pem", crt="a.pem", key="own.key", ocsp="o", issuer="i", sctl="s", ocsp_update=True, explicit=True, at=at
    )
    assert at is not None and (at.file, at.line) == ("list", 1)
    (line,) = lines("a.pem [ocsp-update off]\n")
    assert (line.files.ocsp_update, line.files.explicit) == (False, False)  # what is beside the file is still found


def test_certificates_stand_behind_crt_base_and_nothing_else() -> None:
    (line,) = lines("a.pem [key own.key issuer i]\n", before="global\n crt-base /c\n key-base /k\n")
    assert (line.files.crt, line.files.key, line.files.issuer) == ("/c/a.pem", "own.key", "i")


@pytest.mark.parametrize(
    "content, message, place",
    [
        ("a.pem", "parsing [list:1]: Missing LF on last line, file might have been truncated at position 6.", (1, 6)),
        ("a.pem\nx\0y\n", "parsing [list:2]: unexpected NUL character", (2, 2)),
        ("a.pem alpn x]\n", "parsing [list:1]: missing '['", (1, 13)),
        ("a.pem [alpn x] [alpn y]\n", "parsing [list:1]: too many '['", (1, 16)),
        ("a.pem [alpn x]]\n", "parsing [list:1]: too many ']'", (1, 15)),
        ("[alpn x] a\n", "parsing [list:1]: file name expected before '['", (1, 1)),
        ("a.pem [foo x]\n", "parsing [list:1]: unknown ssl keyword foo", (1, 8)),
        ("\na.pem [strict-sni]\n", "parsing [list:2]: unknown ssl keyword strict-sni", (2, 8)),
        ("a.pem [alias x]\n", "parsing [list:1]: unknown ssl keyword alias", (1, 8)),
        ('a.pem [ciphers "A B"]\n', 'parsing [list:1]: unknown ssl keyword B"', (1, 19)),
        ("a.pem [alpn]\n", "'alpn' : missing the comma-delimited ALPN protocol suite", (1, 12)),
        (
            "a.pem [verify foo]\n",
            "'verify' : unknown verify method 'foo', only 'none', 'optional', and 'required' are supported",
            (1, 15),
        ),
        (f"a.pem {'x' * 65_530}\n", "parsing [list:1]: line too long, limit is 65535 characters", (1, 1)),
        ("folder\n", "'folder' is a directory, and a line is for one certificate", (1, 1)),
        (
            "b.pem [ocsp-update on]\n",
            "Can't load 'b.pem'. Using crt-store keyword is not compatible with multi certificates bundle.",
            (1, 1),
        ),
        ("@none/x\n", "unable to stat SSL certificate from file '@none/x' : No such file or directory.", (1, 1)),
    ],
)
def test_errors(content: str, message: str, place: tuple[int, int]) -> None:
    (finding,) = load(content).diagnostics.findings
    assert finding.message == f"{SAID} : {message}"
    assert (finding.position.file, finding.position.line, finding.position.column) == ("list", *place)


def test_all_errors_are_told_in_one_run() -> None:
    loaded = load("a.pem [foo]\nb.pem\na.pem [alpn]\nx")
    assert [(one.position.line, one.position.column) for one in loaded.diagnostics.findings] == [
        (1, 8),
        (3, 12),
        (4, 2),
    ]


WORDS = [
    "a.pem",
    "b.pem",
    "@x/y",
    "[",
    "]",
    "alpn",
    "x",
    "*",
    "!*.a",
    "key",
    "verify",
    "none",
    "crt",
    " ",
    "\t",
    "#",
    "\r",
]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from([" ", "\n"]), st.text(max_size=3))))
def test_whatever_stands_in_a_list_is_a_line_or_an_error_with_its_place(parts: list[str]) -> None:
    content = "".join(parts).encode("utf-8", "surrogatepass") + b"\n"
    for finding in load(content).diagnostics.findings:
        assert "internal error" not in finding.message
        assert finding.position.file == "list"
        assert 1 <= finding.position.line <= content.count(b"\n")


def test_values_are_on_or_off() -> None:
    assert load("a.pem [ocsp-update foo]\n").errors == [
        "cannot parse 'ocsp-update' value 'foo', 'on' or 'off' is expected."
    ]


def test_what_is_refused_says_why() -> None:
    (message,) = load("a.pem [npn h2]\n").errors
    assert message.startswith("bind option 'npn' is not supported: ")
    (message,) = load("a.pem [acme x]\n").errors
    assert message.startswith("load option 'acme' is not supported: ")


def test_the_nearest_option_is_named() -> None:
    (finding,) = load("a.pem [cipher x]\n").diagnostics.findings
    assert finding.hint == "did you mean 'ciphers'?"


def test_filters_that_exclude_nothing_get_a_warning() -> None:
    for content in ("a.pem !x\n", "a.pem [alpn y] x !z\n"):
        assert load(content).warnings == [
            'crt-list: negative filters on crt-list line "a.pem" without a positive wildcard filter won\'t do anything!'
        ]
    assert load("a.pem *.x !y.x\n").warnings == []


def test_a_line_is_for_the_file_it_begins_with() -> None:
    loaded = load("a.pem [crt b.pem]\n")
    assert loaded.warnings == [f"{SAID} : parsing [list:1]: 'crt' is ignored, as the line is for 'a.pem'"]


def test_a_list_is_read_once() -> None:
    Path("list").write_text("a.pem !x\n")
    loaded = good("frontend", "bind :443 ssl crt-list list", "bind :444 ssl crt-list list")
    first, second = (bind.parameters.tls.certificates[0] for bind in loaded.proxy.all(Bind))
    assert first is second and len(loaded.warnings) == 1


LINE_2 = f"{SAID} : 'a.pem' in crt-list 'list' line 2, is already defined with incompatible parameters: "


@pytest.mark.parametrize(
    "content, message",
    [
        (
            "a.pem [ocsp-update on] x\na.pem [ocsp-update off] y\n",
            LINE_2 + "different parameter 'ocsp-update' : previously 'on' vs 'off'",
        ),
        (
            "a.pem [ocsp-update on] x\na.pem y\n",
            LINE_2 + "it was defined with keywords, and is without them here, different parameter 'ocsp-update' : "
            "previously 'on' vs 'default (ocsp-update.mode off)'",
        ),
        (
            "a.pem x\na.pem [ocsp-update off] y\n",
            LINE_2 + "it was defined without any keyword, and has some here, different parameter 'ocsp-update' : "
            "previously 'default (ocsp-update.mode off)' vs 'off'",
        ),
        (
            "a.pem [key own.key]\na.pem [key x]\n",
            LINE_2 + "different parameter 'key' : previously 'own.key' vs 'x'",
        ),
        (
            "a.pem\na.pem [key own.key]\n",
            LINE_2 + "it was defined without any keyword, and has some here, different parameter 'key' : previously "
            "'none' vs 'own.key'",
        ),
        ("a.pem [key own.key issuer i]\na.pem [issuer i key own.key]\n", ""),
        ("a.pem [ocsp-update on] x\na.pem [ocsp-update on alpn y] z\n", ""),
        ("a.pem x\na.pem [alpn z] y\n", ""),
    ],
)
def test_lines_have_to_agree_on_a_certificate(content: str, message: str) -> None:
    loaded = load(content)
    assert loaded.errors == ([message] if message else [])
    for finding in loaded.diagnostics.findings:
        assert finding.hint == "it was defined at list:1" and finding.position.line == 2


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "crt a.pem crt-list list",
            f"{SAID} : 'a.pem' in crt-list 'list' line 1, is already defined with incompatible parameters: it was "
            "defined without any keyword, and has some here, different parameter 'ocsp-update' : previously 'default "
            "(ocsp-update.mode on)' vs 'on'",
        ),
        (
            "crt-list list crt a.pem",
            "'bind :443' in section 'frontend' : Can't load 'a.pem', is already defined with incompatible parameters: "
            "it was defined with keywords, and is without them here, different parameter 'ocsp-update' : previously "
            "'on' vs 'default (ocsp-update.mode on)'",
        ),
    ],
)
def test_bind_lines_have_to_agree_as_well(line: str, message: str) -> None:
    assert load("a.pem [ocsp-update on]\n", line, before="global\n ocsp-update.mode on\n").errors == [message]


def used(*words: str) -> CertificateList:
    loaded = good("frontend", "bind :443 ssl", *(f"ssl-f-use {one}" for one in words), "mode http")
    bind = loaded.proxy.all(Bind)[0]
    (listed,) = front_tls(loaded.configuration, loaded.proxy, bind, True, loaded.diagnostics).certificates
    assert isinstance(listed, CertificateList)
    return listed


def test_certificates_of_a_frontend_are_a_list() -> None:
    listed = used("crt a.pem key own.key alpn x", "crt b.pem", "ktls off curves C crt z")
    assert listed.name == "@x" and not listed.folder
    assert [line.files.crt for line in listed.lines] == ["a.pem", "b.pem.ecdsa", "b.pem.rsa", "z"]
    assert [line.options for line in listed.lines] == [
        FrontOptions(alpn=b"\x01x"),
        FrontOptions(),
        FrontOptions(),
        FrontOptions(curves="C"),
    ]
    assert (listed.lines[0].files.key, listed.lines[0].files.explicit, listed.lines[0].number) == ("own.key", True, 0)


def test_they_stand_behind_those_of_the_bind_line() -> None:
    loaded = good("frontend", "ssl-f-use crt a.pem", "bind :443 ssl crt x", "bind :444 ssl", "bind :80")
    first, second, third = loaded.proxy.all(Bind)
    for bind, count in ((first, 2), (second, 1)):
        found = front_tls(loaded.configuration, loaded.proxy, bind, True, loaded.diagnostics).certificates
        assert len(found) == count and isinstance(found[-1], CertificateList)
    assert not third.parameters.tls.ssl


@pytest.mark.parametrize(
    "words, message",
    [
        ("", "Trying to load a certificate but no 'crt' keyword specified."),
        ("alpn x", "Trying to load a certificate but no 'crt' keyword specified."),
        ("a.pem", "unknown crt keyword 'a.pem'"),
        ("crt a.pem [alpn x]", "unknown crt keyword '[alpn'"),
        ("crt a.pem strict-sni", "unknown crt keyword 'strict-sni'"),
        ("crt", "'ssl-f-use' : 'crt' : expects a file name as argument"),
        ("crt a.pem alpn", "'ssl-f-use' : 'alpn' : missing the comma-delimited ALPN protocol suite"),
        ("crt folder", "'ssl-f-use' : 'folder' is a directory, and a line is for one certificate"),
        ("crt a.pem crt x", "'crt' already specified, aborting."),
    ],
)
def test_errors_of_ssl_f_use(words: str, message: str) -> None:
    assert section("frontend", f"ssl-f-use {words}").errors == [message]


def test_ssl_f_use_has_no_place_in_other_sections() -> None:
    assert section("defaults", "ssl-f-use crt a.pem").errors == ["'ssl-f-use' not allowed in 'defaults' section."]
    (warning,) = section("backend", "ssl-f-use crt a.pem").warnings
    assert warning == "'ssl-f-use' ignored because backend 'x' has no frontend capability."
