"""python -m bench.regexes: nanoseconds of one call, by engine: the extension over PCRE2, Python's `re`, and the package
pypcre where it is installed. What core/regex.py quotes."""

import importlib
import re
import timeit
from collections.abc import Callable
from typing import Final

from pointsman.core.regex import compile_bytes, how

CASES: Final = (
    (rb"\.(css|eot|gif|ico|jpe?g|js|png|svg|ttf|webp|woff2?|xml)$", b"/static/app/main.js"),
    (rb"^/api/v[0-9]+/(.*)", b"/api/v2/users/1"),
    (rb"(?i)union\s+select", b"/index.html?id=1234567890&x=y"),
    (rb"^/foo", b"/bar/x"),
)
CALLS: Final = 20_000
ROUNDS: Final = 7


def cost(call: Callable[[bytes], object], value: bytes) -> int:
    """The least of several rounds, without what the loop costs."""
    timer = timeit.Timer("call(value)", globals={"call": call, "value": value})
    empty = timeit.Timer("value", globals={"value": value})
    return round((min(timer.repeat(ROUNDS, CALLS)) - min(empty.repeat(ROUNDS, CALLS))) / CALLS * 1e9)


def engines(pattern: bytes) -> list[tuple[str, Callable[[bytes], object]]]:
    made = compile_bytes(pattern, False, True)
    found: list[tuple[str, Callable[[bytes], object]]] = [
        ("test", made.test),
        ("groups", made.groups),
        ("re", re.compile(pattern).search),
    ]
    try:
        found.append(("pypcre", importlib.import_module("pcre").compile(pattern).search))
    except ImportError:
        pass
    return found


def main() -> None:
    print(f"test and groups: {how()}")
    for pattern, value in CASES:
        figures = "  ".join(f"{name} {cost(call, value)} ns" for name, call in engines(pattern))
        print(f"{pattern.decode()[:40]:<40}  {figures}")


if __name__ == "__main__":
    main()
