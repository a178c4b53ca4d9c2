"""The modules that mypyc compiles: what a request passes, from the reactor to its log line (read by setup.py).

Whole folders, less what only configures: keyword parsers, frozen dataclasses and everything that makes classes at run
time, which mypyc cannot or need not compile. Each folder has its figure.

There are two such builds, and two without (POINTSMAN_BUILD in the environment of setup.py):

- optimized     one library at -O3, what runs fastest: installations, wheels, the benchmark, CI; the default
- everyday      a library for each module at -O1, so that a change of one is compiled in seconds: development
- off           none of them, and what there was is removed (also: POINTSMAN_COMPILE=0)
- extensions    those written in C alone; the hot modules stay as they are, compiled or not

A build in the source tree leaves a note (NOTE) of what it was made from: `python compiled.py [KIND]` compares it with
the sources as they are and ends with 0 where a build would change nothing, so that make builds only when it must,
whatever the times of files say after `git pull`. The tests refuse to run with compiled files that are older than their
source. `python compiled.py requirements` prints what a build needs of PyPI.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "pointsman"
NOTE = PACKAGE / ".compiled"  # one line: a digest, and a kind or FAILED
# Written in C, each a module of its own.
EXTENSIONS = (
    "core/_cells.c",
    "core/_calls.c",
    "core/_crypt.c",
    "core/_pcre.c",
    "core/_slabs.c",
    "core/_tls.c",
    "proto/_cut.c",
)
LIBRARIES = {
    "core/_crypt.c": ["crypto"],
    "core/_pcre.c": ["pcre2-8"],
    "core/_tls.c": ["ssl", "crypto"],
}  # what they are linked with
PARTS = {  # further sources of one
    "core/_slabs.c": tuple(f"core/_slabs_{part}.c" for part in ("entry", "layout", "lock", "many", "one", "program")),
    "core/_tls.c": tuple(
        f"core/_tls_{part}.c"
        for part in (
            *("bio", "callbacks", "choice", "connection", "context", "crl", "dummy", "early", "facts", "hello"),
            *("identity", "key", "ocsp", "pem", "values", "x509"),
        )
    ),
}
HEADERS = ("core/_slabs.h", "core/_tls.h")
LIBRARY = "pointsman._hot"  # all of them are one library; each module's own file only opens it
OPTIMIZED, EVERYDAY, OFF, EXTENSIONS_ONLY = "optimized", "everyday", "off", "extensions"
COMPILED = (OPTIMIZED, EVERYDAY)
FAILED = "failed"

# Figures, of an earlier version: user instructions that a request spends in the folder's own compiled code, in the rows
# full, path+id and close: a known request, one that differs, one with its connection. Of 38,200, 63,900 and 186,000 in
# all; what the code asks of CPython is the larger part of the rest. Interpreted: 576,000, 709,000 and 753,000. Measured
# with Python 3.11.2, mypy 2.4 and gcc 12: make bench-profile BENCH="full --modules --top 150" shows each module.
FOLDERS = {
    "net": ("answering",),  # 1,420  1,420  2,380
    "proto": ("cut",),  # 150  2,550  7,060
    "stream": (),  # 4,520  5,430  9,360
    "server": ("converters", "fetches", "state_file", "state_row"),  # 1,200  1,200  1,670
    "balance": ("keywords", "build", "registry", "hashing"),  # 170  170  170
    "log": ("keywords", "build", "target"),  # 1,390  1,410  1,330
    # 0  550  800
    "rules": (
        "captures",
        "errors",
        "explained",
        "forwarded_words",
        "keywords",
        "layer4_words",
        "pages",
        "persistence",
        "reply_words",
        "rule",
        "send_name",
        "service",
        "stats",
        "stick",
        "switching",
    ),
    # 1,770  4,750  4,360
    "sample": (
        *("acl_lists", "arguments", "crypt", "lists", "lookup", "passwords", "pattern", "regex", "registry", "tag"),
        *("tap", "trace", "types", "users"),
    ),
    "sample/fetch": (),  # nothing in these rows: their conditions are answered from what heads and shapes remember
}
# core: 0  0  740. lexer and words: nothing in these rows, but a tenth of the time in which a large file is read
SINGLE = (
    "config/lexer.py",
    "config/verdict.py",
    "core/address.py",
    "core/arena.py",
    "core/columns.py",
    "core/epoch.py",
    "core/hashes.py",
    "core/wishes.py",
    "core/words.py",
    "listener/listener.py",
    "listener/proxy_wait.py",
    "sample/converter/number.py",
    "sample/converter/text.py",
    "tables/stick_table.py",
    "tables/stick_tables.py",
    "tables/tracked.py",
)

# mypyc copies the values of constants into the code that uses them, from other modules too.
CONSTANT = re.compile(r"^\s*\w+\s*:\s*Final\b.*=.*$", re.MULTILINE)


def files() -> list[str]:
    """Their paths, from the repository's root."""
    found = [PACKAGE / name for name in SINGLE]
    for folder, left_out in FOLDERS.items():
        found += [path for path in (PACKAGE / folder).glob("*.py") if path.stem not in ("__init__", *left_out)]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def written() -> list[str]:
    """What is written in C, headers as well: paths from the package."""
    return [*EXTENSIONS, *(part for parts in PARTS.values() for part in parts), *HEADERS]


def digest() -> str:
    """Of all that the compiled files depend on: their sources, others' constants, what builds them, the interpreter."""
    listed = set(files())
    total = hashlib.sha256(f"{sys.implementation.cache_tag}\n".encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        total.update(f"{name}\n{text if name in listed else CONSTANT.findall(text)}\n".encode())
    # compiled.py's lists are in it already
    for path in (ROOT / "setup.py", ROOT / "objectcache.py", *[PACKAGE / name for name in written()]):
        total.update(path.read_bytes())
    return total.hexdigest()


def built() -> list[Path]:
    """Compiled modules in the source tree, whatever they were made from."""
    others = [Path(name).stem for name in EXTENSIONS]
    return [path for path in PACKAGE.rglob("*.so") if path.name.partition(".")[0] not in others]


def kind() -> str:
    """Which build the environment wants. SystemExit where it names none."""
    if os.environ.get("POINTSMAN_COMPILE") == "0":
        return OFF
    wanted = os.environ.get("POINTSMAN_BUILD") or OPTIMIZED
    if wanted not in (*COMPILED, OFF, EXTENSIONS_ONLY):
        raise SystemExit(f"POINTSMAN_BUILD={wanted}: one of {', '.join((*COMPILED, OFF, EXTENSIONS_ONLY))} is expected")
    return wanted


def write_note(was: str, how: str) -> None:
    """`was`: the digest when the build began; `how`: its kind, or FAILED."""
    NOTE.write_text(f"{was} {how}\n", encoding="ascii")


def noted() -> tuple[str, str]:
    """What the last build was made from, and how it went; ("", "") without any."""
    try:
        was, _, how = NOTE.read_text(encoding="ascii").strip().partition(" ")
    except OSError:
        return "", ""
    return was, how


def is_stale() -> bool:
    """Compiled modules stand in the source tree that were not made from the sources beside them."""
    was, how = noted()
    return bool(built()) and not (was == digest() and how in COMPILED)


def is_current(wanted: str = "") -> bool:
    """A build would change nothing; "": any compiled one serves. What could not be compiled is not tried again before
    it changes."""
    was, how = noted()
    kinds = (OFF,) if kind() == OFF else (wanted,) if wanted else COMPILED
    return was == digest() and how in (*kinds, FAILED) and bool(built()) == (how in COMPILED)


if __name__ == "__main__":
    if sys.argv[1:] == ["requirements"]:
        print(*tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"], sep="\n")
        sys.exit()
    sys.exit(0 if is_current(*sys.argv[1:2]) else 1)
