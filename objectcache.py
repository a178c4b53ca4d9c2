"""Objects and libraries reused by content: what a compiler made of the same text once is not made again (setup.py).

The key of an object is the digest of its source, of every header of the project and of mypyc that it includes, and of
the compiler and its words; that of a library, of its objects' keys and the linker's words. Paths and times do not
count: clones, worktrees, branches and pip's temporary folders share what they have in common.

Both live in ~/.cache/pointsman (under XDG_CACHE_HOME, where that is set), or in build/cache where that cannot be or is
another user's; POINTSMAN_CACHE names another folder. What has not been used for longest goes when there is too much.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIMIT = 1 << 30  # bytes of the cache
TOLD_EVERY = 10.0  # s between lines of progress where a line cannot be written over

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+["<]([^">\n]+)[">]', re.MULTILINE)


@dataclass(frozen=True)
class Library:
    """What is to be made: a shared library of some sources, put in the place `target`."""

    sources: Sequence[str]
    target: Path
    include_dirs: Sequence[str] = ()
    compile_words: Sequence[str] = ()
    link_words: Sequence[str] = ()


def cache_folder(root: Path) -> Path:
    """Where objects are kept: a folder of this user's."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    named = os.environ.get("POINTSMAN_CACHE")
    for folder in (Path(named) if named else Path(base, "pointsman"), root / "build" / "cache"):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Whoever can write there decides what this user runs.
            if folder.is_absolute() and folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK):
                return folder
        except OSError:
            continue
    raise SystemExit(f"no folder for objects can be made: neither {base}/pointsman nor {root}/build/cache")


@cache
def _read(path: str) -> tuple[bytes, tuple[str, ...]]:
    """A file's digest, and the names that it includes."""
    data = Path(path).read_bytes()
    return hashlib.sha256(data).digest(), tuple(name.decode() for name in _INCLUDE.findall(data))


def _with_headers(source: str, folders: Iterable[str]) -> Iterator[bytes]:
    """Digests of a source and of all that it includes; the system's own headers are in none of the folders."""
    seen, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        digest, names = _read(path)
        yield digest
        for name in names:
            for folder in (os.path.dirname(path), *folders):
                found = os.path.normpath(os.path.join(folder, name))
                if os.path.isfile(found):
                    if found not in seen:
                        seen.add(found)
                        waiting.append(found)
                    break


class Builder:
    """Makes libraries with one compiler, on `jobs` processors. Messages of the compiler go to standard error."""

    def __init__(
        self, folder: Path, compiler: Sequence[str], linker: Sequence[str], jobs: int, include_dirs: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.compiler, self.linker = list(compiler), list(linker)
        self.system = [f"-I{name}" for name in include_dirs]
        self.jobs = jobs
        self.made = 0  # objects and libraries that no cache had
        self._identity = ""

    def build(self, libraries: Sequence[Library]) -> list[Library]:
        """Puts all of them in their places; those that could not be made, whose place is empty then."""
        objects = [self._objects(library) for library in libraries]
        keys = [self._key(*parts, *self.linker, *library.link_words) for library, parts in zip(libraries, objects)]
        absent = [number for number, key in enumerate(keys) if not self._has(f"{key}.so")]
        wanted = {
            key: (libraries[number], source)
            for number in absent
            for key, source in objects[number].items()
            if not self._has(f"{key}.o")
        }
        self._side_by_side("compiling", [(self._compile, key, *wanted[key]) for key in wanted])
        links = [
            (self._link, keys[number], libraries[number], list(objects[number]))
            for number in absent
            if all(self._has(f"{key}.o") for key in objects[number])
        ]
        self._side_by_side("linking", links)
        failed = [library for library, key in zip(libraries, keys) if not self._put(key, library.target)]
        self._prune()
        return failed

    def _objects(self, library: Library) -> dict[str, str]:
        """Key: source."""
        found = {}
        for source in library.sources:
            texts = [one.hex() for one in _with_headers(source, library.include_dirs)]
            found[self._key(*texts, *self.compiler, *library.compile_words)] = source
        return found

    def _key(self, *parts: str) -> str:
        self._identity = self._identity or _identity(self.compiler[0])
        return hashlib.sha256("\0".join((self._identity, *parts)).encode()).hexdigest()

    def _has(self, name: str) -> bool:
        """Whether the cache has it; it counts as used then."""
        try:
            os.utime(self.folder / name)
        except OSError:
            return False
        return True

    def _compile(self, key: str, library: Library, source: str) -> None:
        includes = [f"-I{name}" for name in library.include_dirs]
        self._make(f"{key}.o", [*self.compiler, *includes, *self.system, "-c", source, *library.compile_words])

    def _link(self, key: str, library: Library, objects: Sequence[str]) -> None:
        paths = [str(self.folder / f"{name}.o") for name in objects]
        self._make(f"{key}.so", [*self.linker, *paths, *library.link_words])

    def _make(self, name: str, words: Sequence[str]) -> None:
        """Runs the command, which writes what `name` stands for; nobody ever sees half of it."""
        handle, path = tempfile.mkstemp(dir=self.folder, prefix="new-")
        os.close(handle)
        try:
            done = subprocess.run([*words, "-o", path], capture_output=True, text=True, check=False)
            if done.stderr:
                print(done.stderr, end="", file=sys.stderr)
            if done.returncode == 0:
                os.replace(path, self.folder / name)
                self.made += 1
        except OSError as error:
            print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        finally:
            Path(path).unlink(missing_ok=True)

    def _put(self, key: str, target: Path) -> bool:
        """A copy, in one step: programs that run keep what they have opened."""
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(self.folder / f"{key}.so", beside)
            beside.chmod(0o755)
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            return False
        return True

    def _side_by_side(self, what: str, calls: Sequence[tuple[Callable[..., None], *tuple[object, ...]]]) -> None:
        """All of them, with a line that says how far it is."""
        progress = Progress(what, len(calls))
        with ThreadPoolExecutor(self.jobs) as pool:
            for one in [pool.submit(call, *words) for call, *words in calls]:
                one.result()
                progress.step()

    def _prune(self) -> None:
        """What has not been used for longest, until there is little enough; what a killed build left, after a day."""
        files = sorted(
            ((path.stat(), path) for path in self.folder.iterdir() if path.is_file()), key=lambda one: one[0].st_mtime
        )
        total = sum(stat.st_size for stat, _ in files)
        for stat, path in files:
            old = path.name.startswith("new-") and stat.st_mtime < time.time() - 86400
            if total > LIMIT or old:
                path.unlink(missing_ok=True)
                total -= stat.st_size


class Progress:
    """ "compiling 37 of 112", written over itself on a terminal, else now and then as a line."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.count = what, total, 0
        self.over = sys.stderr.isatty()
        self.told = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self.count += 1
        last = self.count == self.total
        if self.over:
            print(f"\r{self.what} {self.count} of {self.total}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif time.monotonic() - self.told > TOLD_EVERY:
            print(f"{self.what} {self.count} of {self.total}", file=sys.stderr, flush=True)
            self.told = time.monotonic()


def _identity(compiler: str) -> str:
    """What else decides what comes out: the compiler's version and machine, and whose headers it reads."""
    try:
        said = subprocess.run(
            [compiler, "-v"], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        ).stderr
    except OSError:
        said = "none"
    return f"{said}\0{sys.hexversion}\0{sysconfig.get_config_var('EXT_SUFFIX')}"
