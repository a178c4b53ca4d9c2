"""What happens in a run: its requests, newest last, for the page; and lines for the terminal.

A frontend that logs has its own lines shown. For one that does not there is a line of the run's.
"""

import re
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Final

from pointsman.config.keyword import is_number
from pointsman.verbs.trial.running import Running

MOST: Final = 500  # requests and lines that are remembered
OWN_CHANGE: Final = re.compile(r" : (?:IP|port) changed from .* by 'stats socket command'$")  # a fault: see Running
FIELDS: Final = 13  # of a line of told.py


@dataclass(slots=True)
class Exchange:
    """One request, or one connection of TCP."""

    number: int
    time: str
    client: str
    place: str  # where it came in
    frontend: str
    backend: str
    server: str
    status: str
    size: str
    letters: str
    ms: str
    request: str


class Seen:
    def __init__(self, running: Running, quiet: bool = False) -> None:
        self.running = running
        self.quiet = quiet
        self.requests: deque[Exchange] = deque(maxlen=MOST)
        self.lines: deque[tuple[int, str]] = deque(maxlen=MOST)
        self.number = 0
        running.on_line = self.line
        running.on_request = self.request

    def line(self, text: str) -> None:
        """One that the file itself has logged."""
        if OWN_CHANGE.search(text):
            return
        self.number += 1
        self.lines.append((self.number, text))
        if not self.quiet:
            self.show(text)

    def show(self, text: str) -> None:
        """On the terminal, whose control sequences no client shall write."""
        try:
            print("".join(char if char.isprintable() else "?" for char in text), flush=True)
        except BrokenPipeError:
            self.quiet = True  # whoever read it has gone; the page goes on

    def request(self, fields: list[str]) -> None:
        if len(fields) < FIELDS:
            return  # a handshake that failed: the logger has words of its own for it
        at, client, place, frontend, backend, server, status, size, letters, ms, method, uri, version = fields[:FIELDS]
        self.number += 1
        seconds = float(at) if is_number(at.replace(".", "", 1)) else time.time()
        shown = time.strftime("%H:%M:%S", time.localtime(seconds)) + f"{seconds % 1:.3f}"[1:]
        request = f"{method} {uri} {version}".strip()
        one = Exchange(self.number, shown, client, place, frontend, backend, server, status, size, letters, ms, request)
        self.requests.append(one)
        if not self.quiet and frontend.rstrip("~") not in self.running.plan.logging:
            self.show(f"{shown} {frontend} {backend}/{server} {status} {letters} {ms}ms {request}".rstrip())

    def since(self, number: int) -> list[dict[str, object]]:
        """Requests that came behind that one."""
        return [asdict(one) for one in self.requests if one.number > number]

    def lines_since(self, number: int) -> list[str]:
        return [text for index, text in self.lines if index > number]
