"""Four times as many lines are four times the work, whatever they hold. The work is counted in instructions of the
interpreter, so that no clock and no other process has a say in it; compiled modules do theirs uncounted."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from pointsman.cli import main

FEW, MANY = 250, 1000
SERIAL = itertools.count()
HEAD = (
    "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
    "frontend f\n bind 127.0.0.1:1\n default_backend b\n"
)
TAIL = "backend b\n server s 127.0.0.1:1\n"


def in_frontend(line: str) -> Callable[[int], str]:
    """A frontend with so many of a line; N in it is another number each time."""
    return lambda count: HEAD + "".join([f" {line.replace('N', str(number))}\n" for number in range(count)]) + TAIL


def in_backend(line: str) -> Callable[[int], str]:
    return lambda count: HEAD + TAIL + "".join([f" {line.replace('N', str(number))}\n" for number in range(count)])


def many_backends(count: int) -> str:
    return HEAD + TAIL + "".join([f"backend b{number}\n server s 127.0.0.1:1\n" for number in range(count)])


def named(count: int) -> str:
    """ACLs, then rules that use them."""
    acls = "".join([f" acl a{number} path_beg /p{number}\n" for number in range(count // 2)])
    rules = "".join([f" use_backend b if a{number} !a0\n" for number in range(count // 2)])
    return HEAD + acls + rules + TAIL


def in_turns(count: int) -> str:
    """ACLs, and behind each a rule that uses it."""
    lines = [f" acl a{number} path_beg /p{number}\n http-request deny if a{number}\n" for number in range(count // 2)]
    return HEAD + "".join(lines) + TAIL


def unknown_words(count: int) -> str:
    """Never the same: answers are remembered."""
    return in_frontend(f"word{next(SERIAL)}xN")(count)


FILES: dict[str, Callable[[int], str]] = {
    "rules": in_frontend("http-request set-header x-N vN if { path /pN }"),
    "computed": in_frontend("http-request set-header x-N %[req.hdr(y-N),lower]"),
    "maps": in_frontend("http-request set-header x %[path,map_str(virt@N)]"),
    "use_backend": in_frontend("use_backend b if { path /pN }"),
    "acls": in_frontend("acl aN path_beg /pN"),
    "one acl": in_frontend("acl a path_beg /pN"),
    "named acls": named,
    "acls and rules in turns": in_turns,
    "tcp-request": in_frontend("tcp-request connection reject if { src_port N }"),
    "bind": in_frontend("bind 127.0.0.1:1N"),
    "numbered binds": in_frontend("bind 127.0.0.1:1N id 7N"),
    "numbered servers": in_backend("server tN 127.0.0.1:1 id 7N"),
    "captures": in_frontend("capture request header x-N len 10"),
    "servers": in_backend("server tN 127.0.0.1:1 check weight 3"),
    "cookies": in_backend("server tN 127.0.0.1:1 cookie cN"),
    "use-server": in_backend("use-server s if { path /pN }"),
    "backends": many_backends,
    "unknown words": unknown_words,
    "unknown backends": in_frontend("use_backend noneN if { path / }"),
    "unknown acls": in_frontend("use_backend b if noneN"),
}


def work(path: Path) -> int:
    """The instructions that are carried out while a file is checked."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        main(["-c", "-q", "-f", str(path)])
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", FILES)
def test_lines(kind: str, tmp_path: Path) -> None:
    first, few, many = tmp_path / "first.cfg", tmp_path / "few.cfg", tmp_path / "many.cfg"
    first.write_text(FILES[kind](FEW))
    few.write_text(FILES[kind](FEW))
    many.write_text(FILES[kind](MANY))
    main(["-c", "-q", "-f", str(first)])  # what is made once
    least, most = work(few), work(many)
    assert most - least > MANY - FEW, "nothing was counted"
    assert most <= 1.1 * MANY / FEW * least


def test_a_map(tmp_path: Path) -> None:
    found: list[int] = []
    for count in (FEW, FEW, MANY):  # the first for what is made once
        (tmp_path / "m.map").write_text("".join([f"/path/{number} value{number}\n" for number in range(count)]))
        (tmp_path / "f.cfg").write_text(f"{HEAD} http-request set-header x %[path,map_str({tmp_path}/m.map)]\n{TAIL}")
        found.append(work(tmp_path / "f.cfg"))
    assert MANY - FEW < found[2] - found[1] <= 300 * (MANY - FEW)
