"""crt-store sections (manual 12.7). Names, what is accepted, and words of errors are the haproxy program's (3.2)."""

from pathlib import Path

import pytest
from support.configs import Loaded, read

from pointsman.config.bind import Bind
from pointsman.config.certificates import stored_certificates
from pointsman.config.server_line import ServerLine
from pointsman.core.tls import MISSING
from pointsman.tls.options import CertificateLine, CertificateList, LoadedFiles

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

BIND = "'bind :443' in section 'frontend'"
LOAD = "'load' in section 'crt-store'"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "base"):
        folder.mkdir(exist_ok=True)
        for name in ("a.crt", "b.crt"):
            (folder / name).touch()


def store(lines: str, name: str = "", before: str = "") -> Loaded:
    return read(before + f"crt-store {name}\n" + "".join(f" {line}\n" for line in lines.split("; ")))


def stored(lines: str, name: str = "", before: str = "") -> LoadedFiles:
    loaded = store(lines, name, before)
    assert loaded.errors == []
    (files,) = stored_certificates(loaded.configuration)
    return files


@pytest.mark.parametrize(
    "name, lines, known, crt",
    [
        ("", "load crt a.crt", "a.crt", "a.crt"),
        ("", "load crt a.crt alias x", "@/x", "a.crt"),
        ("web", "load crt a.crt", "@web/a.crt", "a.crt"),
        ("web", "load crt a.crt alias x", "@web/x", "a.crt"),
        ("web", "load crt a.crt alias x/y", "@web/x/y", "a.crt"),
        ("web", "crt-base base; load crt a.crt", "@web/a.crt", "base/a.crt"),
        ("", "crt-base base; load crt a.crt", "base/a.crt", "base/a.crt"),
        ("we/b", "load alias x crt a.crt", "@we/b/x", "a.crt"),
    ],
)
def test_names(name: str, lines: str, known: str, crt: str) -> None:
    files = stored(lines, name)
    assert (files.name, files.crt, files.explicit) == (known, crt, True)


def test_paths_start_from_the_store_or_else_from_global() -> None:
    line = "load crt a.crt key k ocsp o issuer i sctl s"
    before = "global\n crt-base base\n key-base keys\n"
    for lines, crt, key in (
        (line, "base", "keys"),
        (f"crt-base .; {line}", ".", "keys"),
        (f"key-base other; {line}", "base", "other"),
    ):
        files = stored(lines, "web", before)
        paths = (files.crt, files.key, files.ocsp, files.issuer, files.sctl)
        assert paths == (f"{crt}/a.crt", f"{key}/k", f"{crt}/o", f"{crt}/i", f"{crt}/s")
    files = stored("load crt a.crt key /k issuer /i", "web", "global\n key-base keys\n")
    assert (files.key, files.issuer) == ("/k", "/i")


@pytest.mark.parametrize(
    "words, expected",
    [
        ("ocsp-update on", {"ocsp_update": True}),
        ("ocsp-update off", {"ocsp_update": False}),
        ("jwt on", {"jwt": True}),
        ("jwt off", {}),
        ("generate-dummy on", {"generate": "RSA 2048 P-384"}),
        ("generate-dummy on keytype RSA bits 4096", {"generate": "RSA 4096 P-384"}),
        ("curves P-256 keytype ECDSA generate-dummy on", {"generate": "ECDSA 2048 P-256"}),
        ("generate-dummy off keytype ECDSA", {}),
    ],
)
def test_options(words: str, expected: dict[str, object]) -> None:
    files = stored(f"load crt a.crt {words}")
    given = {"ocsp_update": None, "jwt": False, "generate": ""} | expected
    assert {name: getattr(files, name) for name in given} == given


def test_what_is_generated_needs_no_file() -> None:
    assert stored("load crt none.crt generate-dummy on").name == "none.crt"


def test_a_store_goes_on_and_several_have_names_of_their_own() -> None:
    loaded = read(
        "crt-store web\n load crt a.crt\ncrt-store\n load crt a.crt\ncrt-store web\n load crt b.crt\n"
        "crt-store other\n load crt a.crt alias x\n"
    )
    assert loaded.errors == []
    names = [files.name for files in stored_certificates(loaded.configuration)]
    assert names == ["@web/a.crt", "a.crt", "@web/b.crt", "@other/x"]


@pytest.mark.parametrize(
    "lines, message",
    [
        ("load", f"{LOAD}: mandatory 'crt' parameter not found."),
        ("load key k", f"{LOAD}: mandatory 'crt' parameter not found."),
        ("load a.crt", "'load a.crt' in section 'crt-store': unknown keyword 'a.crt'."),
        ("load crt a.crt foo", "'load foo' in section 'crt-store': unknown keyword 'foo'."),
        ("load crt", f"{LOAD} : 'crt' : expects a file name as argument"),
        ("load crt none.crt", "cannot open the file 'none.crt'."),
        ("load crt a.crt; load crt a.crt", f"{LOAD}: store '@web/a.crt' was already defined."),
        ("load crt a.crt alias x; load crt b.crt alias x", f"{LOAD}: store '@web/x' was already defined."),
        (
            "load crt a.crt ocsp-update foo",
            "cannot parse 'ocsp-update' value 'foo', 'on' or 'off' is expected.",
        ),
        ("load crt a.crt keytype DSA", f"{LOAD} : 'keytype' : only supports 'RSA', 'ECDSA' (got 'DSA')"),
        ("load crt a.crt bits 100", f"{LOAD} : 'bits' : '100' is no size of a key"),
        ("load crt a.crt bits x", f"{LOAD} : 'bits' : 'x' is no size of a key"),
        ("crt-base", "'crt-base' requires a <path> argument."),
        ("key-base", "'key-base' requires a <path> argument."),
        ("foo", "unknown keyword 'foo' in 'crt-store' section"),
        ("no load crt a.crt", "negation/default is not supported for 'load'."),
    ],
)
def test_errors(lines: str, message: str) -> None:
    assert store(lines, "web").errors == [message]


@pytest.mark.parametrize("word", ["acme x", "domains x", "ips 192.0.2.1"])
def test_what_is_refused_says_why(word: str) -> None:
    (message,) = store(f"load crt a.crt {word}").errors
    assert message.startswith(f"load option '{word.split(maxsplit=1)[0]}' is not supported: ACME is not spoken here")


def test_the_nearest_option_is_named() -> None:
    (finding,) = store("load crt a.crt isuer x").diagnostics.findings
    assert finding.hint == "did you mean 'issuer'?"
    assert finding.position.text[finding.position.column - 1 :] == "isuer x"


def test_a_word_said_twice_gets_a_warning() -> None:
    loaded = store("load crt b.crt crt a.crt key x key y alias one alias two", "web")
    assert loaded.warnings == ["'crt' already specified, overwriting.", "'key' already specified, overwriting."]
    (files,) = stored_certificates(loaded.configuration)
    assert (files.name, files.crt, files.key) == ("@web/two", "a.crt", "y")


def test_a_section_has_one_name() -> None:
    assert read("crt-store web extra\n load crt a.crt\n").errors == [
        "'crt-store' section only supports a <name> argument."
    ]


def bound(loaded: Loaded) -> list[CertificateLine | CertificateList]:
    assert loaded.errors == []
    return list(loaded.proxy.all(Bind)[0].parameters.tls.certificates)


def test_bind_lines_and_lists_refer_to_what_is_loaded() -> None:
    Path("list").write_text("@web/x [alpn y] z\n@/one\nb.crt\n")
    stores = (
        "crt-store\n load crt a.crt key k alias one\n load crt b.crt key m\n"
        "crt-store web\n crt-base base\n load crt a.crt key k alias x\n"
    )
    front = "frontend f\n bind :443 ssl crt @/one crt b.crt default-crt @web/x crt-list list\n"
    found = bound(read(stores + front))
    assert [one.files.key for one in found if isinstance(one, CertificateLine)] == ["k", "m", "k"]
    listed = found[-1]
    assert isinstance(listed, CertificateList)
    assert [line.files.name for line in listed.lines] == ["@web/x", "@/one", "b.crt"]
    assert [line.files.crt for line in listed.lines] == ["base/a.crt", "a.crt", "b.crt"]
    assert listed.lines[0].filters == ("z",)


def test_a_server_refers_to_what_is_loaded() -> None:
    stores = "global\n crt-base base\ncrt-store web\n load crt a.crt key k alias x\n"
    loaded = read(stores + "backend b\n server s :1 ssl crt @web/x\n server t :2 ssl crt b.crt\n")
    assert loaded.errors == []
    first, second = (line.parameters.tls.crt for line in loaded.proxy.all(ServerLine))
    assert first is not None and (first.name, first.key) == ("@web/x", "k")
    assert second is not None and second.crt == "base/b.crt"


@pytest.mark.parametrize("name", ["@web/none", "@web", "@none/x", "@/x", "@web/a.crt"])
def test_what_is_not_loaded_is_an_error(name: str) -> None:
    loaded = read(f"crt-store web\n load crt a.crt alias x\nfrontend f\n bind :443 ssl crt {name}\n")
    assert loaded.errors == [f"{BIND} : unable to stat SSL certificate from file '{name}' : No such file or directory."]


def test_a_store_stands_before_who_refers_to_it() -> None:
    loaded = read("frontend f\n bind :443 ssl crt @web/x\ncrt-store web\n load crt a.crt alias x\n")
    assert len(loaded.errors) == 1


@pytest.mark.parametrize(
    "words, options, wrong",
    [
        ("ocsp-update on", "", ""),
        ("ocsp-update on", "[ocsp-update on]", ""),
        ("ocsp-update on", "[ocsp-update off]", "different parameter 'ocsp-update' : previously 'on' vs 'off'"),
        ("key k", "[key x]", "different parameter 'key' : previously 'k' vs 'x'"),
        ("key k", "[alpn x]", ""),
        (
            "key k",
            "[ocsp-update on]",
            "different parameter 'key' : previously 'k' vs 'none', different parameter 'ocsp-update' : previously "
            "'default (ocsp-update.mode off)' vs 'on'",
        ),
    ],
)
def test_lists_have_to_agree_with_the_store(words: str, options: str, wrong: str) -> None:
    Path("list").write_text(f"@web/x {options}\n")
    loaded = read(f"crt-store web\n load crt a.crt alias x {words}\nfrontend f\n bind :443 ssl crt-list list\n")
    said = f"{BIND} : 'crt-list' : '@web/x' in crt-list 'list' line 1, is already defined with incompatible parameters"
    assert loaded.errors == ([f"{said}: {wrong}"] if wrong else [])
