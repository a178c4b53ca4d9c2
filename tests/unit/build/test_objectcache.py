"""What a compiler made once is not made again for the same content, and always for another."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import objectcache
from objectcache import Builder, Library, cache_folder

CC = os.environ.get("CC", "gcc")
pytestmark = pytest.mark.skipif(shutil.which(CC) is None, reason="no C compiler is installed")

NUMBER = '#include "number.h"\nint number(void) { return NUMBER; }\n'


class Place:
    """A folder with sources, and what a builder makes of them."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)
        self.write("number.c", NUMBER)
        self.write("include/number.h", '#include "deeper.h"\n#define NUMBER DEEPER\n')
        self.write("include/deeper.h", "#define DEEPER 7\n")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self, *words: str, sources: tuple[str, ...] = ("number.c",)) -> tuple[int, bool]:
        """How many objects and libraries had to be made, and whether the library is there."""
        objectcache._read.cache_clear()
        builder = Builder(self.cache, [CC, "-fPIC"], [CC, "-shared"], 2)
        library = Library(
            [str(self.folder / one) for one in sources], self.folder / "lib.so", [str(self.folder / "include")], words
        )
        failed = builder.build([library])
        assert failed in ([], [library]) and bool(failed) != library.target.exists()
        return builder.made, not failed

    def value(self) -> int:
        """What the library's function returns."""
        code = f"import ctypes; print(ctypes.CDLL({str(self.folder / 'lib.so')!r}).number())"
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "one", tmp_path / "cache")


def test_the_same_content_is_made_once_whatever_its_path_and_time(place: Place, tmp_path: Path) -> None:
    assert place.build() == (2, True) and place.value() == 7
    os.utime(place.folder / "number.c", (1, 1))
    (place.folder / "lib.so").unlink()
    assert place.build() == (0, True) and place.value() == 7
    other = Place(tmp_path / "two", place.cache)
    assert other.build() == (0, True) and other.value() == 7


def test_another_source_header_or_word_makes_another(place: Place) -> None:
    place.build()
    place.write("number.c", NUMBER.replace("NUMBER;", "NUMBER + 1;"))
    assert place.build() == (2, True) and place.value() == 8
    place.write("include/deeper.h", "#define DEEPER 17\n")  # a header's header
    assert place.build() == (2, True) and place.value() == 18
    assert place.build("-DOTHER") == (2, True)
    place.write("number.c", NUMBER)
    place.write("include/deeper.h", "#define DEEPER 7\n")
    assert place.build() == (0, True) and place.value() == 7, "what was is still known"


def test_of_a_library_that_cannot_be_made_nothing_is_left(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.build()
    place.write("broken.c", "int broken(void) { return UNKNOWN; }\n")
    assert place.build(sources=("number.c", "broken.c")) == (0, False)
    assert "UNKNOWN" in capfd.readouterr().err
    assert not [one for one in place.cache.iterdir() if one.name.startswith("new-")]
    place.write("broken.c", "int broken(void) { return 1; }\n")
    assert place.build(sources=("number.c", "broken.c")) == (2, True), "one object, one library"


def test_without_a_compiler_it_says_so(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    library = Library([str(place.folder / "number.c")], place.folder / "lib.so", [str(place.folder / "include")])
    assert Builder(place.cache, ["no-such-compiler"], ["no-such-linker"], 1).build([library]) == [library]
    assert "no-such-compiler: No such file or directory" in capfd.readouterr().err


def test_a_library_in_use_is_replaced_not_written_over(place: Place) -> None:
    place.build()
    with (place.folder / "lib.so").open("rb") as opened:
        before = opened.read()
        place.write("include/deeper.h", "#define DEEPER 17\n")
        place.build()
        opened.seek(0)
        assert opened.read() == before
        assert os.fstat(opened.fileno()).st_ino != (place.folder / "lib.so").stat().st_ino


def test_what_was_not_used_for_longest_goes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.build()
    old = {one.name for one in place.cache.iterdir()}
    for name in old:
        os.utime(place.cache / name, (1000, 1000))
    (place.cache / "new-1").write_bytes(b"of a build that was killed")
    os.utime(place.cache / "new-1", (1000, 1000))
    size = sum(one.stat().st_size for one in place.cache.iterdir())
    monkeypatch.setattr(objectcache, "LIMIT", size)
    place.write("include/deeper.h", "#define DEEPER 17\n")
    assert place.build() == (2, True)
    kept = {one.name for one in place.cache.iterdir()}
    assert len(kept - old) == 2 and not old <= kept and "new-1" not in kept
    assert place.build() == (0, True)


def test_the_folder_of_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POINTSMAN_CACHE", raising=False)
    assert cache_folder(tmp_path) == tmp_path / "home" / "pointsman"
    assert (tmp_path / "home" / "pointsman").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("POINTSMAN_CACHE", str(tmp_path / "mine"))
    assert cache_folder(tmp_path) == tmp_path / "mine"
    monkeypatch.setenv("POINTSMAN_CACHE", "/proc/none")
    assert cache_folder(tmp_path) == tmp_path / "build" / "cache"


@pytest.mark.root
def test_objects_of_another_user_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home" / "pointsman"
    folder.mkdir(parents=True)
    os.chown(folder, 65534, 65534)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POINTSMAN_CACHE", raising=False)
    assert cache_folder(tmp_path) == tmp_path / "build" / "cache"
