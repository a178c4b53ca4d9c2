"""A program with backends of one checked server each: what its statistics and its log say of them.

Also servers that say what they are told to, for checks that speak a protocol.
"""

from __future__ import annotations

import csv
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType

from support.programs import Kind, Program
from support.receiver import LogReceiver
from support.scenario import query

PATIENCE = 15.0  # seconds until something is so

HEAD = """
global
    stats socket {dir}/stats level admin
    log {log} local0
    max-spread-checks 500ms
    GLOBAL
defaults
    mode tcp
    log global
    timeout connect 15s
    timeout client 15s
    timeout server 15s
frontend front
    bind 127.0.0.1:{port:front}
"""
COLUMNS = ("status", "check_status", "check_code", "last_chk", "check_desc")


@dataclass(frozen=True)
class Checked:
    """A backend: its lines, and the words of its server behind the address. `port`: of that server."""

    lines: str
    port: int
    words: str = "check inter 15s fastinter 15s fall 1 rise 1"


class CheckStand:
    """`backends` by a name of the test's own. Use it as a context."""

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        backends: Mapping[str, Checked],
        main: str = "",
        sections: str = "",
    ) -> None:
        self.places = {name: f"b{place}" for place, name in enumerate(backends)}
        self.log = LogReceiver()
        text = HEAD.replace("GLOBAL", main)
        for name, one in backends.items():
            lines = "".join(f"    {line.strip()}\n" for line in one.lines.split("|") if line.strip())
            text += f"backend {self.places[name]}\n{lines}    server s 127.0.0.1:{one.port} {one.words}\n"
        self.program = Program(kind, text + sections, folder, {"log": self.log.where})

    def __enter__(self) -> CheckStand:
        self.program.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.program.__exit__(*error)  # type: ignore[arg-type]
        self.log.close()

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command)

    def rows(self) -> dict[str, tuple[str, ...]]:
        """State, status, code, text and description of each server."""
        lines = self.ask("show stat").lstrip("# ").strip().splitlines()
        found = {row["pxname"]: row for row in csv.DictReader(lines) if row["svname"] == "s"}
        # The star is for a check that is under way.
        return {
            name: tuple(_plain(found[place][column].removeprefix("* ")) for column in COLUMNS)
            for name, place in self.places.items()
        }

    def until(self, holds: Callable[[dict[str, tuple[str, ...]]], bool]) -> dict[str, tuple[str, ...]]:
        """The rows as soon as they are as they should be, or when patience is over."""
        limit = time.monotonic() + PATIENCE
        while True:
            rows = self.rows()
            if holds(rows) or time.monotonic() > limit:
                return rows
            time.sleep(0.05)

    def checked(self) -> dict[str, tuple[str, ...]]:
        """The rows as soon as each server has been checked."""
        return self.until(lambda rows: all(row[1] not in ("", "INI") for row in rows.values()))

    def said(self, name: str) -> list[str]:
        """What the log says of a server, without what differs from run to run."""
        place = self.places[name]
        lines = [line.rstrip() for line in self.log.wait(0) if f" {place}/s " in line]
        lines = [_plain(line.partition(f"{place}/s ")[2]) for line in lines]
        return [re.sub(r"duration: \d+ms", "duration: 0ms", line) for line in lines]


def _plain(text: str) -> str:
    """An error of the system without its name, which HAProxy says where the error has come late."""
    return re.sub(r"E[A-Z]+ returned by OS \(([^)]*)\)", r"\1", text)


Said = bytes | EllipsisType


class Talker:
    """A server that says things: `...` waits until it is told something. At the end it holds, closes or resets."""

    def __init__(self, *said: Said, end: str = "hold") -> None:
        self.said = said
        self.end = end
        self.heard: list[bytes] = []
        self.ends: list[str] = []  # how its connections ended: "end", "reset"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                for one in self.said:
                    if isinstance(one, EllipsisType):
                        self.heard.append(sock.recv(65_536))
                    else:
                        sock.sendall(one)
                if self.end == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif self.end == "hold":
                    while data := sock.recv(65_536):
                        self.heard.append(data)
                    self.ends.append("end")
            except ConnectionError:
                self.ends.append("reset")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
