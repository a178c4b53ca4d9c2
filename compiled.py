"""The modules that mypyc compiles: what a request passes, from the reactor to its log line (read by setup.py).

Whole folders, less what only configures: keyword parsers, frozen dataclasses and everything that makes classes at run
time, which mypyc cannot or need not compile. Each folder has its figure.

A build in the source tree leaves a note (NOTE) of what it was made from: `python compiled.py` compares it with the
sources as they are and ends with 0 where a build would change nothing, so that make builds only when it must, whatever
the times of files say after `git pull`. The tests refuse to run with compiled files that are older than their source.
"""
from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "pointsman"
NOTE = PACKAGE / ".compiled"  # one line: a digest and YES, FAILED or OFF
EXTENSIONS = ("core/_cells.c", "core/_calls.c", "proto/_cut.c")  # written in C, each a module of its own
LIBRARY = "pointsman._hot"  # all of them are one library; each module's own file only opens it
YES, FAILED, OFF = "compiled", "failed", "off"

# Figures, of an earlier version: user instructions that a request spends in the folder's own compiled code, in the rows
# full, path+id and close: a known request, one that differs, one with its connection. Of 38,200, 63,900 and 186,000 in
# all; what the code asks of CPython is the larger part of the rest. Interpreted: 576,000, 709,000 and 753,000. Measured
# with Python 3.11.2, mypy 2.4 and gcc 12: make bench-profile BENCH="full --modules --top 150" shows each module.
FOLDERS = {
    "net": (),  # 1,420  1,420  2,380
    "proto": ("cut",),  # 150  2,550  7,060
    "stream": (),  # 4,520  5,430  9,360
    "server": ("fetches", "state_row"),  # 1,200  1,200  1,670
    "balance": ("keywords", "build", "registry", "hashing"),  # 170  170  170
    "log": ("keywords", "build", "target"),  # 1,390  1,410  1,330
    "rules": ("captures", "errors", "keywords", "pages", "reply_words", "rule"),  # 0  550  800
    # 1,770  4,750  4,360
    "sample": ("acl_lists", "arguments", "lists", "matching", "pattern", "regex", "registry", "tag", "types", "users"),
    "sample/fetch": (),  # nothing in these rows: their conditions are answered from what heads and shapes remember
}
# core: 0  0  740
SINGLE = (
    "config/verdict.py", "core/address.py", "core/arena.py", "core/columns.py", "core/epoch.py", "core/hashes.py",
    "core/wishes.py", "listener/listener.py", "listener/proxy_wait.py", "sample/converter/number.py",
    "sample/converter/text.py")

# mypyc copies the values of constants into the code that uses them, from other modules too.
CONSTANT = re.compile(r"^\s*\w+\s*:\s*Final\b.*=.*$", re.MULTILINE)


def files() -> list[str]:
    """Their paths, from the repository's root."""
    found = [PACKAGE / name for name in SINGLE]
    for folder, left_out in FOLDERS.items():
        found += [path for path in (PACKAGE / folder).glob("*.py") if path.stem not in ("__init__", *left_out)]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def digest() -> str:
    """Of all that the compiled files depend on: their sources, others' constants, what builds them, the interpreter."""
    listed = set(files())
    total = hashlib.sha256(f"{sys.implementation.cache_tag}\n".encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        total.update(f"{name}\n{text if name in listed else CONSTANT.findall(text)}\n".encode())
    for path in (ROOT / "setup.py", *[PACKAGE / name for name in EXTENSIONS]):  # compiled.py's lists are in it already
        total.update(path.read_bytes())
    return total.hexdigest()


def built() -> list[Path]:
    """Compiled modules in the source tree, whatever they were made from."""
    others = [Path(name).stem for name in EXTENSIONS]
    return [path for path in PACKAGE.rglob("*.so") if path.name.partition(".")[0] not in others]


def write_note(was: str, how: str) -> None:
    """`was`: the digest when the build began; `how`: YES, FAILED or OFF."""
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
    return bool(built()) and noted() != (digest(), YES)


def is_current() -> bool:
    """A build would change nothing. Modules that could not be compiled are not tried again before they change."""
    was, how = noted()
    wanted = OFF if os.environ.get("POINTSMAN_COMPILE") == "0" else YES
    return was == digest() and how in (wanted, FAILED) and (bool(built()) == (how == YES))


if __name__ == "__main__":
    sys.exit(0 if is_current() else 1)
