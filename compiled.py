"""The modules that mypyc compiles: what a request passes, from the reactor to its log line (read by setup.py).

Whole folders, less what only configures: keyword parsers, frozen dataclasses and everything that makes classes at run
time, which mypyc cannot or need not compile.
"""
from pathlib import Path

FOLDERS = {
    "net": (),
    "proto": (),
    "stream": (),
    "server": ("fetches", "state_row"),
    "balance": ("keywords", "build", "registry", "hashing"),
    "log": ("keywords", "build", "target"),
    "rules": ("captures", "errors", "keywords", "pages", "reply_words", "rule"),
    "sample": ("acl_lists", "arguments", "lists", "matching", "pattern", "regex", "registry", "tag", "types", "users"),
    "sample/fetch": (),
}
SINGLE = (
    "config/verdict.py", "core/address.py", "core/arena.py", "core/epoch.py", "core/hashes.py",
    "sample/converter/number.py", "sample/converter/text.py")


def files() -> list[str]:
    """Their paths, from the repository's root."""
    root = Path("pointsman")
    found = [root / name for name in SINGLE]
    for folder, left_out in FOLDERS.items():
        found += [path for path in (root / folder).glob("*.py") if path.stem not in ("__init__", *left_out)]
    return sorted(str(path) for path in found)
