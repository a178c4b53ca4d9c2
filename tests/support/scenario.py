"""A scenario: one configuration, scripted servers, one talk; and its transcript, the same for every right program.

The configuration may use {port:x}, {dir}, {log} (address of the log receiver), {server:x} (address of the scripted
server x; one that is not in `servers` answers 200 with its own name as the body), {refused:x} (an address where nobody
listens), {silent:x} (one where a connect never ends) and {file:x} (path of a file from `files`).
"""

from __future__ import annotations

import csv
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support import normalise
from support.actor import Actor, Bells, Step
from support.origin import Origin, Script, answering
from support.ports import Silent, free_port
from support.programs import LANES, Kind, Program
from support.receiver import LogReceiver

GLOBAL = """
global
    log {log} format raw local0
    stats socket {dir}/stats level admin
"""

HTTP = (
    GLOBAL
    + """
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
"""
)

TCP = HTTP.replace("mode http", "mode tcp").replace("option httplog", "option tcplog")


@dataclass(frozen=True, slots=True)
class Open(Step):
    """Client only: connects to {port:<port>}, from `source`; the connection becomes the current one under `name`."""

    port: str = "front"
    name: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class On(Step):
    """Client only: the following steps are taken on that connection."""

    name: str


@dataclass(frozen=True, slots=True)
class Stat(Step):
    """Client only: notes columns of `show stat` for the rows (proxy/service) that match the pattern."""

    rows: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asks(Step):
    """Client only: gives the runtime socket a command, and notes the answer; of `show table` only what is the same on
    every run."""

    command: str


@dataclass(frozen=True, slots=True)
class Logged(Step):
    """Client only: waits until so many log lines have come, so that what follows happens after them."""

    count: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Data of one comparison. `expect` are texts that every right transcript has (a line may be matched in part).

    differs: why Pointsman's transcript must differ from haproxy's; then `expect` is what haproxy shows and `ours` what
    Pointsman shows, and equality of the two fails the test, so that the list of differences stays true.
    from_peer, until_peer: the peer's versions for which that holds, the last one excluded; with any other both
    transcripts have to be equal, and to hold `ours`. (2, 6) is Debian 12's.
    """

    name: str
    config: str
    talk: Sequence[Step]
    servers: Mapping[str, Sequence[Script]] = field(default_factory=dict)
    prelude: str = HTTP
    expect: Sequence[str] = ()
    logs: int = 1
    differs: str = ""
    from_peer: tuple[int, int] = (0, 0)
    until_peer: tuple[int, int] = (99, 0)
    ours: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    # The keyword for which Pointsman refuses this configuration as long as it has not been built.
    later: str = ""
    # Why Debian's haproxy is not asked at all; then Pointsman alone has to show `expect`.
    alone: str = ""
    # Header lines whose bytes are volatile by nature; their values are replaced.
    volatile: Sequence[str] = ()
    # Log lines may come in either order where two connections end at the same time.
    unordered: bool = False
    # Servers are also asked by health checks: how often depends on time, so equal connections are shown once, sorted.
    repeats: bool = False

    def differs_from(self, version: tuple[int, int]) -> bool:
        """True where the two transcripts must not be equal with this version of the peer."""
        return bool(self.differs) and self.from_peer <= version < self.until_peer


@dataclass(slots=True)
class Transcript:
    """What was seen from outside, normalised: by client connection, by server connection, and the log."""

    clients: dict[str, list[str]]
    servers: dict[str, list[str]]
    log: list[str]

    def text(self) -> str:
        """All of it as text."""
        parts = [f"--- client {name}\n" + "\n".join(lines) for name, lines in self.clients.items()]
        parts += [f"--- server {name}\n" + "\n".join(lines) for name, lines in self.servers.items()]
        parts.append("--- log\n" + "\n".join(self.log))
        return "\n".join(parts) + "\n"


def query(path: Path, command: str) -> str:
    """Asks the runtime socket one command; its answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        sock.sendall(command.encode() + b"\n")
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer.decode("latin-1")


def show_stat(path: Path) -> dict[str, dict[str, str]]:
    """`show stat` as rows by "proxy/service"."""
    lines = query(path, "show stat").lstrip("# ").strip().splitlines()
    return {f"{row['pxname']}/{row['svname']}": row for row in csv.DictReader(lines)}


class Run:
    """One scenario on one program."""

    def __init__(self, scenario: Scenario, kind: Kind, folder: Path) -> None:
        self.scenario = scenario
        self.kind = kind
        self.folder = folder
        self.bells = Bells()
        self.receiver = LogReceiver()
        self.names: dict[int, str] = {}
        self.silents: list[Silent] = []
        self.origins: dict[str, Origin] = {}
        self.clients: dict[str, Actor] = {}
        self.current = ""
        self.program = Program(kind, scenario.prelude + scenario.config, folder, self._values())

    def _values(self) -> dict[str, str]:
        text = self.scenario.prelude + self.scenario.config
        values = {"log": self.receiver.where}
        for word, name in re.findall(r"\{(server|refused|silent|file):([A-Za-z0-9_.-]+)\}", text):
            key = f"{word}:{name}"
            if key in values:
                continue
            if word == "file":
                path = self.folder / name
                path.write_bytes(self.scenario.files[name])
                values[key] = str(path)
                continue
            values[key] = f"127.0.0.1:{self._port(word, name)}"
        return values

    def _port(self, word: str, name: str) -> int:
        if word == "server":
            scripts = self.scenario.servers.get(name, answering(name.encode()))
            self.origins[name] = Origin(scripts, self.bells)
            port = self.origins[name].port
        elif word == "silent":
            self.silents.append(Silent())
            port = self.silents[-1].port
        else:
            port = free_port()
        self.names[port] = f"<{word} {name}>"
        return port

    def play(self) -> Transcript:
        """Starts the program, plays the talk, ends everything, returns what was seen."""
        try:
            with self.program:
                for step in self.scenario.talk:
                    self._step(step)
                self.receiver.wait(self.scenario.logs)
                for client in self.clients.values():
                    client.close()
        finally:
            servers = {name: origin.close() for name, origin in self.origins.items()}
            lines = self.receiver.close(ended=True)
            for silent in self.silents:
                silent.close()
            for client in self.clients.values():
                client.close()
        return self._transcript(servers, lines)

    def _step(self, step: Step) -> None:
        if isinstance(step, Open):
            self._open(step)
        elif isinstance(step, On):
            self.current = step.name
        elif isinstance(step, Logged):
            self.receiver.wait(step.count)
        elif isinstance(step, Stat):
            self._stat(step)
        elif isinstance(step, Asks):
            self._ask(step)
        else:
            if not self.clients:
                self._open(Open())
            self.clients[self.current].play([step])

    def _open(self, step: Open) -> None:
        if self.clients and LANES != "1":
            # The last answer came before its lane counted and logged; another lane would accept this one before that.
            time.sleep(0.03)
        source = (step.source, 0) if step.source else None
        self.current = step.name or str(len(self.clients) + 1)
        try:
            sock = socket.create_connection(("127.0.0.1", self.program.ports[step.port]), 3, source)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except ConnectionResetError:  # it was refused faster than it was looked at: as good as closed behind that
            sock, other = socket.socketpair()
            other.close()
            self.clients[self.current] = Actor(sock, self.bells)
            return
        self.names[sock.getsockname()[1]] = f"<client {self.current}>"
        self.clients[self.current] = Actor(sock, self.bells)

    def _stat(self, step: Stat) -> None:
        limit = time.monotonic() + 3
        rows = show_stat(self.folder / "stats")
        # A star in front of check_status: another check is under way, whose code and text are not there yet.
        while any(row["check_status"].startswith("*") for row in rows.values()) and time.monotonic() < limit:
            time.sleep(0.005)
            rows = show_stat(self.folder / "stats")
        if "show stat" not in self.clients:
            self.clients["show stat"] = Actor(socket.socket(), self.bells)
        notes = self.clients["show stat"].notes
        for name, row in rows.items():
            if re.fullmatch(step.rows, name):
                notes.append(f"{name}: " + " ".join(f"{column}={row[column]}" for column in step.columns))

    def _ask(self, step: Asks) -> None:
        if "runtime" not in self.clients:
            self.clients["runtime"] = Actor(socket.socket(), self.bells)
        leaves = re.fullmatch(r"set server (\S+) state maint", step.command)
        if leaves:
            self._until_idle(leaves[1])
        lines = [line for line in query(self.folder / "stats", step.command).splitlines() if line]
        if step.command.startswith("show table "):
            lines = [normalise.table_line(line) for line in lines]
            lines = lines[:1] + sorted(lines[1:])
        self.clients["runtime"].notes += [f"> {step.command}", *lines]

    def _until_idle(self, server: str) -> None:
        """A client that has its answer may be counted for a moment yet: the log would tell of it."""
        limit = time.monotonic() + 1
        while show_stat(self.folder / "stats")[server]["scur"] != "0" and time.monotonic() < limit:
            time.sleep(0.005)

    def _transcript(self, servers: Mapping[str, list[list[str]]], lines: Sequence[str]) -> Transcript:
        self.names |= {port: f"<port {name}>" for name, port in self.program.ports.items()}
        folder = str(self.folder)

        def named(line: str) -> str:
            line = normalise.ports(line.replace(folder, "<dir>"), self.names)
            for name in self.scenario.volatile:
                line = re.sub(rf"(?i)^({name}): .*", r"\1: <volatile>", line)
            return normalise.header_line(line)

        seen = {name: [named(line) for line in actor.notes] for name, actor in self.clients.items()}
        behind = {}
        for name, connections in servers.items():
            used = [notes for notes in connections if notes]
            blocks = ["\n".join("  " + named(line) for line in notes) for notes in used]
            if self.scenario.repeats:
                # Without connections that the end of the program has cut off before a byte.
                blocks = sorted({block for block in blocks if not block.startswith("  (closed")})
            behind[name] = [f"connections: {len(blocks)}"]
            for number, block in enumerate(blocks, 1):
                behind[name] += [f"connection {number}:", block]
        log = [normalise.log_line(named(line)) for line in lines]
        # Each lane writes its lines in batches of its own. A test run with one lane compares their order.
        unordered = self.scenario.unordered or LANES != "1"
        return Transcript(seen, behind, sorted(log) if unordered else log)


def run(scenario: Scenario, kind: Kind, folder: Path) -> Transcript:
    """Plays the scenario on the program; its transcript."""
    folder.mkdir(parents=True, exist_ok=True)
    return Run(scenario, kind, folder).play()
