"""Which build is wanted, and whether what stands in the source tree serves."""

from pathlib import Path

import pytest

import compiled


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree of one hot module."""
    folder = tmp_path / "pointsman"
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "wire.py").write_text("SIZE = 1\n")
    (folder / "words.py").write_text("X: Final = 1\ny = 1\n")
    for name in (*compiled.written(), "../setup.py", "../objectcache.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    for name, value in {"ROOT": tmp_path, "PACKAGE": folder, "NOTE": folder / ".compiled", "SINGLE": ()}.items():
        monkeypatch.setattr(compiled, name, value)
    monkeypatch.delenv("POINTSMAN_BUILD", raising=False)
    monkeypatch.delenv("POINTSMAN_COMPILE", raising=False)
    return folder


def build(package: Path, how: str) -> None:
    """What a build leaves."""
    (package / "net" / "wire.cpython-311.so").unlink(missing_ok=True)
    if how in compiled.COMPILED:
        (package / "net" / "wire.cpython-311.so").touch()
    compiled.write_note(compiled.digest(), how)


def test_the_environment_names_the_build(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.kind() == compiled.OPTIMIZED
    monkeypatch.setenv("POINTSMAN_BUILD", "everyday")
    assert compiled.kind() == compiled.EVERYDAY
    monkeypatch.setenv("POINTSMAN_BUILD", "fast")
    with pytest.raises(SystemExit, match="POINTSMAN_BUILD=fast: one of optimized, everyday, off, extensions"):
        compiled.kind()
    monkeypatch.setenv("POINTSMAN_COMPILE", "0")
    assert compiled.kind() == compiled.OFF


def test_any_compiled_build_serves_unless_one_is_named(package: Path) -> None:
    assert not compiled.is_current() and not compiled.is_stale()
    for how, other in ((compiled.EVERYDAY, compiled.OPTIMIZED), (compiled.OPTIMIZED, compiled.EVERYDAY)):
        build(package, how)
        assert compiled.is_current() and compiled.is_current(how) and not compiled.is_current(other)
        assert not compiled.is_stale()


def test_what_failed_is_not_tried_again_before_it_changes(package: Path) -> None:
    build(package, compiled.FAILED)
    assert compiled.is_current() and compiled.is_current(compiled.OPTIMIZED) and not compiled.is_stale()
    (package / "net" / "wire.py").write_text("SIZE = 2\n")
    assert not compiled.is_current()


@pytest.mark.parametrize(
    ("name", "text", "matters"),
    [
        ("net/wire.py", "SIZE = 2\n", True),
        ("net/more.py", "", True),
        ("core/_cells.c", "int x;\n", True),
        ("core/_tls_bio.c", "int x;\n", True),
        ("core/_tls.h", "int x;\n", True),
        ("words.py", "X: Final = 2\ny = 1\n", True),
        ("words.py", "X: Final = 1\ny = 2\n", False),
        ("plain.txt", "x", False),
    ],
)
def test_what_makes_it_stale(package: Path, name: str, text: str, matters: bool) -> None:
    build(package, compiled.EVERYDAY)
    (package / name).write_text(text)
    assert compiled.is_stale() == matters and compiled.is_current() != matters


def test_off_is_current_only_where_it_is_wanted(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(package, compiled.OFF)
    assert not compiled.is_current()
    monkeypatch.setenv("POINTSMAN_COMPILE", "0")
    assert compiled.is_current()
    build(package, compiled.EVERYDAY)
    assert not compiled.is_current()
