"""h1-case-adjust, h1-case-adjust-file and their options (manual 3.1, 4.2). What is an error is one in HAProxy 3.2, but
for a name that is not in lower case, which never has an effect there."""

from pathlib import Path

import pytest
from support.configs import good, read, section

from pointsman.config.case_adjust import spellings
from pointsman.config.setting import In

LINE = "h1-case-adjust content-length Content-Length"


def found(*lines: str) -> dict[bytes, bytes]:
    loaded = good("global", *lines)
    names = spellings(loaded.configuration.main, loaded.diagnostics)
    assert loaded.errors == []
    return names


def test_the_manuals_example() -> None:
    assert found(LINE) == {b"content-length": b"Content-Length"}
    assert found(LINE, "h1-case-adjust x-a X-A") == {b"content-length": b"Content-Length", b"x-a": b"X-A"}
    assert found() == {}


def test_a_file(tmp_path: Path) -> None:
    """Comments, empty lines, blanks around; the last file holds, and lines besides."""
    first, last = tmp_path / "first", tmp_path / "last"
    first.write_text("x-q X-Q\n")
    last.write_text("# a comment\n\n \t x-b X-B \t\nhost\tHOST\n")
    names = found(f"h1-case-adjust-file {first}", LINE, f"h1-case-adjust-file {last}")
    assert names == {b"content-length": b"Content-Length", b"x-b": b"X-B", b"host": b"HOST"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["h1-case-adjust"], "'h1-case-adjust' expects <from> and <to> as argument."),
        (["h1-case-adjust x-a"], "'h1-case-adjust' expects <from> and <to> as argument."),
        (["h1-case-adjust x-a X-B"], "'h1-case-adjust': <from> and <to> must not differ except for their case"),
        (["h1-case-adjust X-A x-a"], "'h1-case-adjust': <from> must be in lower case"),
        (["h1-case-adjust x-a X-A", "h1-case-adjust x-a X-a"], "'h1-case-adjust': duplicate entry 'x-a'"),
        (["h1-case-adjust-file"], "'h1-case-adjust-file' expects <file> as argument."),
        (["h1-case-adjust-file /nowhere"], "h1-case-adjust-file '/nowhere': No such file or directory"),
    ],
)
def test_mistakes(lines: list[str], message: str) -> None:
    assert section("global", *lines).errors == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x-a\n", "line 1: expects <from> and <to>"),
        ("\n# c\nx-a X-A more\n", "line 3: expects <from> and <to>"),
        ("x-a X-B\n", "line 1: <from> and <to> must not differ except for their case"),
        ("x-a X-A\nx-a x-A\n", "line 2: duplicate entry 'x-a'"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "names"
    path.write_text(text)
    assert section("global", f"h1-case-adjust-file {path}").errors == [f"h1-case-adjust-file '{path}', {message}"]


def test_a_name_in_a_line_and_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("\nx-a X-a\n")
    loaded = good("global", f"h1-case-adjust-file {path}", "h1-case-adjust x-a X-A")
    spellings(loaded.configuration.main, loaded.diagnostics)
    assert loaded.errors == [f"h1-case-adjust-file '{path}': duplicate entry 'x-a' at line 2"]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("h1-case-adjust-bogus-client", In.DEFAULTS | In.FRONT),
        ("h1-case-adjust-bogus-server", In.DEFAULTS | In.BACK),
    ],
)
def test_who_may_have_the_options(name: str, kinds: In) -> None:
    for kind, word in ((In.DEFAULTS, "defaults d"), (In.FRONTEND, "frontend x"), (In.BACKEND, "backend x")):
        loaded = read(f"{word}\n mode http\n option {name}\n no option {name}\n")
        assert loaded.errors == []
        assert bool(loaded.warnings) == (not kinds & kind)
