"""What `show table` prints, as values, for tests that compare it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"0x[0-9a-f]+: key=(.*?) use=(\d+) exp=(\d+)(?: shard=\d+)?(.*)")


def ask(path: Path, command: str) -> str:
    """The answer of a stats socket."""
    with socket.socket(socket.AF_UNIX) as console:
        console.settimeout(10)
        console.connect(str(path))
        console.sendall(command.encode() + b"\n")
        answer = b""
        while piece := console.recv(65536):
            answer += piece
    return answer.decode("latin-1")


def dump(path: Path, table: str) -> dict[str, dict[str, int]]:
    """Entries by their keys: values by name, and `use`, without what is 0."""
    found = {}
    for line in ask(path, f"show table {table}").splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            values = {"use": int(match[2])}
            for word in match[4].split():
                name, _, value = word.partition("=")
                values[name] = int(value) if value.isdigit() else -1
            found[match[1]] = {name: value for name, value in values.items() if value}
    return found
