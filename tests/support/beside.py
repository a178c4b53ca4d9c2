"""The engine of `pointsman explain` beside live proxies (stand.py): one configuration, loaded by both; each request is
explained by the one and sent through the other, and the same must have become of it.

    with Beside(text, folder) as beside:         # servers of the text are scripted ones of the test
        beside.ask(Asked(url="/x"))              # sends, explains, compares; AssertionError where they differ

Compared are: the server (one of the candidates, where chance decides), the bytes that it gets, those that the client
gets, the log line, and each field of a log that is no time. Both begin with the same state and see the same requests,
so turns, tables and variables of the process must go on alike.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pointsman.core.address import NetAddress
from pointsman.log.logger import Logger
from pointsman.log.policy import When
from pointsman.proto.reasons import reason_of
from pointsman.sample.context import Context
from pointsman.sample.fetch import constant
from pointsman.sample.passwords import PASSWORDS
from pointsman.stream.frontends import LiveFrontend
from pointsman.verbs.explain.engine import Engine
from pointsman.verbs.explain.entrance import Entrance, enter
from pointsman.verbs.explain.lines import LogFields, line_of
from pointsman.verbs.explain.model import Answered, Asked, Explanation
from pointsman.verbs.explain.request import head_of
from pointsman.verbs.explain.words import shown
from support.stand import End, Lines, Stand

SERVER = re.compile(r"(?m)^(\s*server\s+\S+\s+)((?:\d+\.){3}\d+:\d+|[a-z0-9.-]+\.(?:internal|example|local|test):\d+)")
# Tags whose values are times, or count what the other one has not seen.
MOVING = {
    *("T", "Tl", "Ts", "t", "tr", "trg", "trl", "ms", "pid", "rt", "lc", "H", "ID"),
    *("Ta", "Tc", "Td", "Th", "Ti", "Tq", "TR", "Tr", "Tt", "Tu", "Tw"),
    *("bi", "bp"),  # our own end of the server's connection: there is none
}
SIZES = ("U", "B")
NO_ANSWER = 3_000  # ms until a request that nobody has answered counts as one without an answer


class Written(Lines):
    """Stands in for a frontend's logger: keeps its lines, and all fields."""

    def __init__(self, real: Logger | None, fields: LogFields) -> None:
        super().__init__(When.END if real is None else real.when)
        self.real = real
        self.fields = fields
        self.written: list[tuple[str, Mapping[str, str]]] = []
        if real is not None:
            self.line, self.error_line = real.line, real.error_line

    def stream(self, ctx: Context, level: int = 6) -> None:
        line = "" if self.real is None else shown(line_of(self.real, ctx))
        self.written.append((line, self.fields.of(ctx)))


@dataclass
class Seen:
    """What the live program did."""

    server: str = ""  # "backend/server"
    head: str = ""  # as that got it
    response: str = ""  # head, as the client got it
    body: bytes = b""
    line: str | None = None  # of the log; None: there was none
    fields: Mapping[str, str] = field(default_factory=dict)


class Told(Stand):
    """Its clients come from where a question says."""

    fields: LogFields
    logged = 0
    entrance: Entrance | None = None

    def _logger(self, when: When) -> Lines:
        frontend = self.live.frontends[self.logged]
        self.logged += 1
        return Written(frontend.logger, self.fields)

    def _source(self, address: NetAddress) -> NetAddress:
        return address if self.entrance is None else self.entrance.source

    def _here(self) -> NetAddress:
        return super()._here() if self.entrance is None else self.entrance.destination


class Beside:
    def __init__(self, text: str, folder: Path, servers: Mapping[str, str] | None = None, h2: bool = False) -> None:
        """`servers`: names by which the text has addresses of servers ("{a}"); else those on its lines are replaced.
        `h2`: clients speak HTTP/2; then sizes and the bytes that they get are not compared, but for the status."""
        self.h2 = h2
        self.names: dict[str, str] = {}  # of our own listeners, by the address in the text
        if servers is None:
            text = SERVER.sub(lambda found: found[1] + "{" + self._name(found[2]) + "}", text)
            servers = {name: name for name in self.names.values()}
        fields = LogFields()
        kind = type("Told", (Told,), {"fields": fields, "h2": "front" if h2 else "", "odd": False})
        self.stand: Told = kind(text, *servers)
        for one, sock in self.stand.listeners.items():
            text = text.replace("{" + one + "}", f"127.0.0.1:{sock.getsockname()[1]}")
        file = folder / "haproxy.cfg"
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        self.engine = Engine([str(file)])
        assert not self.engine.failed, [one.message for one in self.engine.diagnostics.findings]
        self.engine.live.program.date_offset = self.stand.live.program.date_offset
        self.ends: dict[str, list[End]] = {name: [] for name in self.stand.listeners}
        self.told = 0  # questions
        self._randrange = random.randrange

    def _name(self, address: str) -> str:
        if address not in self.names:
            number = len(self.names)
            self.names[address] = "s" + chr(97 + number // 26) + chr(97 + number % 26)
        return self.names[address]

    def __enter__(self) -> Beside:
        self.stand.__enter__()
        constant.random.randrange = lambda *_: 0  # type: ignore[method-assign]  # as explanations have it
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        constant.random.randrange = self._randrange  # type: ignore[method-assign]
        self.engine.close()
        self.stand.__exit__(kind, error, None)

    # One question.

    def ask(self, asked: Asked, answers: Callable[[str], Answered] | None = None) -> Explanation:
        """Send it, explain it, compare. `answers`: what each server says, by its name; else `asked.answer` holds."""
        self.told += 1
        if self.h2:
            asked = replace(asked, version="2")
        entrance = enter(self.engine.live, self.engine.assembly.doors, asked)
        random.seed(self.told)
        PASSWORDS.attach(self.stand.reactor)
        begun = self.stand.clock
        seen = self._live(asked, entrance, answers or (lambda _: asked.answer))
        if answers is not None and seen.server:
            asked = replace(asked, answer=answers(seen.server))
        random.seed(self.told)
        over, self.stand.clock = self.stand.clock, begun
        found = self.engine.explain(asked)
        self.stand.clock = over
        try:
            compare(found, seen, self.h2)
        except AssertionError as error:
            error.add_note(f"question {self.told}: {asked}")
            raise
        return found

    def _live(self, asked: Asked, entrance: Entrance, answers: Callable[[str], Answered]) -> Seen:
        stand, seen = self.stand, Seen()
        name = entrance.frontend.name.decode()
        stand.entrance = entrance
        frontend = stand.frontend(name)
        door = entrance.door
        if door is not None:
            index = [one.state for one in self.engine.assembly.doors].index(door.state)
            stand.bind_states[id(frontend)] = stand.live.listeners[index].bind_state
            frontend.own(stand.bind_states[id(frontend)])
        client = self._opened(name, frontend)
        if client is None:
            return seen
        client.send(head_of(replace(asked, version="1.1") if self.h2 else asked) + asked.body)
        got = client.take()
        for _ in range(NO_ANSWER // 50):
            self._serve(seen, answers)
            got += client.take()
            if b"\r\n\r\n" in got or client.closed:
                break
            stand.wait(50)
        head, end, seen.body = got.partition(b"\r\n\r\n")
        seen.response = shown_lines(head + end)
        client.close()
        stand.settle()
        logger = frontend.logger
        assert isinstance(logger, Written)
        if logger.written:
            seen.line, seen.fields = logger.written.pop()
            logger.written.clear()
        return seen

    def _opened(self, name: str, frontend: LiveFrontend) -> End | None:
        end, arrival = self.stand.arrive(name)
        if not frontend.screens or frontend.screen(arrival):
            frontend.open(arrival)
            self.stand.settle()
            return end
        end.close()
        return None

    def _serve(self, seen: Seen, answers: Callable[[str], Answered]) -> None:
        """Whoever got the request answers it."""
        for name, ends in self.ends.items():
            ends += self.stand.arrivals(name)
            for end in ends:
                if end.closed or end.sock.fileno() < 0:
                    continue
                got = end.take()
                if not got:
                    continue
                head, mark, _ = got.partition(b"\r\n\r\n")
                seen.head = shown_lines(head + mark)
                seen.server = name
                end.send(answer_of(answers(name), seen.head.partition(" ")[0]))
            self.ends[name] = [end for end in ends if not end.closed]


def shown_lines(head: bytes) -> str:
    return "\n".join(shown(line) for line in head.split(b"\r\n") if line)


def answer_of(answer: Answered, method: str) -> bytes:
    """In HTTP/1."""
    names = {name.lower() for name, _ in answer.headers}
    reason = answer.reason or reason_of(answer.status).decode()
    lines = [f"HTTP/1.1 {answer.status} {reason}", *[f"{name}: {value}" for name, value in answer.headers]]
    if not names & {"content-length", "transfer-encoding"} and answer.status >= 200 and answer.status not in (204, 304):
        lines.append(f"content-length: {len(answer.body)}")
    body = b"" if method == "HEAD" or answer.status in (204, 304) else answer.body
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape") + body


def compare(found: Explanation, seen: Seen, h2: bool) -> None:
    """The same has become of it."""
    told = "\n".join(found.response) if not h2 else str(found.status or "")
    done = seen.response if not h2 else "".join(seen.response.split()[1:2])
    differences = [
        f"{what}: explained {ours!r}, done {live!r}"
        for what, ours, live in (
            ("request", "\n".join(found.request), seen.head),
            ("response", told, done),
            ("logged", found.log_line != "" or seen.line == "", seen.line is not None),
        )
        if ours != live
    ]
    if seen.line is not None:
        differences += _fields(found, seen.fields, h2)
        chance = found.server is not None and len(found.server.candidates) > 0
        mine = seen.fields["bi"] != "-" and seen.fields["bi"] in seen.line
        if (
            not differences
            and not chance
            and not mine
            and not h2
            and seen.fields["Tt"] in ("0", "-1")
            and found.log_line != seen.line
        ):
            differences.append(f"line: explained {found.log_line!r}, done {seen.line!r}")
    assert not differences, "\n".join(differences)


def _fields(found: Explanation, seen: Mapping[str, str], h2: bool) -> list[str]:
    told = dict(found.log_fields)
    if found.server is not None and seen.get("s") in found.server.candidates:
        for name in ("s", "si", "sp"):  # chance has decided
            told[name] = seen[name]
    return [
        f"%{name}: explained {told[name]!r}, done {text!r}"
        for name, text in seen.items()
        if name not in MOVING and told[name] != text and not (h2 and name in SIZES)
    ]
