"""One question to the engine: the exchange that it makes, and what else could be, where a value cannot be known.

A branch is the same question once more, with one unknown value fixed so that its ACL is decided the other way, and the
others as they were taken before. It changes nothing: no turn is taken, tables are others and empty, changes are
dropped. Branches that end alike are not told.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pointsman.assemble.live import Live
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.slabs import Slab
from pointsman.sample.passwords import PASSWORDS
from pointsman.sample.trace import SampleRecord
from pointsman.sample.types import Value
from pointsman.server.backend import LiveServer
from pointsman.server.server import STOPPED
from pointsman.stream.acceptor import BindState
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.changes import CHANGES, Change, number, saved, text
from pointsman.tables.patterns import LISTS, PatternError
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES
from pointsman.verbs.explain.choice import chosen
from pointsman.verbs.explain.entrance import AskedError, Door, Entrance, enter
from pointsman.verbs.explain.exchange import Exchange
from pointsman.verbs.explain.http_exchange import HttpExchange
from pointsman.verbs.explain.limits import limits_of
from pointsman.verbs.explain.lines import LogFields
from pointsman.verbs.explain.model import Asked, Branch, Choice, Explanation, Unknown
from pointsman.verbs.explain.plans import Plans
from pointsman.verbs.explain.raw_exchange import RawExchange
from pointsman.verbs.explain.request import sent
from pointsman.verbs.explain.unknowns import Knowledge
from pointsman.verbs.explain.words import shown, value_text

DATES = re.compile(r"(?:date|date_us|request_date|accept_date)\b")  # fetches that depend on when it is asked
DEEP = 4  # branches in branches
MOST = 8  # branches of one explanation
NO_SLAB = 64  # entries of the tables of a branch


@dataclass(slots=True)
class Assembly:
    """What questions go to. `saved`: what puts back lists of patterns that rules have changed, by number."""

    live: Live
    doors: list[Door]
    knowledge: Knowledge
    fields: LogFields = field(default_factory=LogFields)
    plans: Plans = field(default_factory=Plans)
    states: dict[int, BindState] = field(default_factory=dict)  # of frontends without a bind line
    saved: dict[int, Change] = field(default_factory=dict)

    def state(self, entrance: Entrance) -> BindState:
        if entrance.door is not None:
            return entrance.door.state
        return self.states.setdefault(id(entrance.frontend), BindState("", 1, self.live.process))

    def servers(self, names: frozenset[str]) -> list[LiveServer]:
        """Raises AskedError."""
        servers: list[LiveServer] = []
        for name in sorted(names):
            backend, _, server = name.partition("/")
            found = [
                one
                for proxy in self.live.backends
                if shown(proxy.name) == backend
                for one in proxy.servers
                if shown(one.name) == server
            ]
            if not found:
                raise AskedError(f"there is no server '{name}': name it as backend/server")
            servers += found
        for lead in servers:  # which grows: who tracks one that is down is down, too
            servers += [
                one
                for proxy in self.live.backends
                for one in proxy.servers
                if one.tracks is lead and one not in servers
            ]
        return servers

    def keep(self, changes: list[Change]) -> None:
        """What traffic would have changed by now is changed."""
        for change in changes:
            if text(change, 0) == "map" and (name := number(change, 1)) not in self.saved:
                found = LISTS.find(f"#{name}")
                if found is not None:
                    self.saved[name] = saved(found)
            try:
                CHANGES.apply(change)
            except PatternError:
                continue


def fresh_slab(table: StickTable, most: int = 0) -> Slab:
    """Without entries."""
    options = table.options
    size = min(options.size, most) if most else options.size
    return Slab(size, options.key_size, table.data_size, table.slots, -1)


class Asking:
    def __init__(self, assembly: Assembly, asked: Asked) -> None:
        self.assembly = assembly
        self.asked = asked
        self.entrance = enter(assembly.live, assembly.doors, asked)
        self.servers = assembly.servers(asked.down)
        self.number = -1
        self.left = MOST  # branches that may still be tried

    def explain(self) -> Explanation:
        """Raises AskedError."""
        PASSWORDS.attach(self.assembly.live.reactor)
        self.assembly.live.reactor.turn(0)  # so that it knows the time
        with _down(self.servers):
            with CHANGES.gathered() as changes:
                found, exchange = self._run({}, changes, None)
            self.number = exchange.record.number
            branches = self._branches(found, exchange, {}, DEEP)
        self.assembly.keep(changes)
        return replace(found, branches=branches)

    def _run(
        self, pins: Mapping[str, Value | None], changes: list[Change], turns: bytes | None
    ) -> tuple[Explanation, Exchange]:
        """Once. `turns`: see Exchange."""
        assembly, asked, entrance = self.assembly, self.asked, self.entrance
        with assembly.knowledge.assume(asked.given, pins):
            head, body = sent(asked, entrance)
            kind = HttpExchange if entrance.frontend.http else RawExchange
            exchange = kind(
                assembly.live.reactor,
                entrance,
                assembly.state(entrance),
                assembly.plans,
                assembly.fields,
                changes,
                self._unknown,
            )
            exchange.number = self.number
            exchange.turns = turns
            try:
                if exchange.admit():
                    exchange.run(head, body, asked.answer)
                return self._told(exchange), exchange
            finally:
                exchange.close()

    def _unknown(self, sample: SampleRecord) -> Unknown | None:
        return self.assembly.knowledge.told(sample, self.asked.given, bool(self.asked.down))

    def _branches(
        self, found: Explanation, exchange: Exchange, pins: dict[str, Value | None], deep: int
    ) -> tuple[Branch, ...]:
        """`pins`: what has been fixed already."""
        told: list[Branch] = []
        witness = exchange.witness
        known = {one.text: one.value for one in witness.asked if self._unknown(one) is not None}
        if not known or not deep:
            return ()
        base = {**known, **pins}
        met = set(pins)
        for record in witness.acls:
            if record.text not in known or record.text in met or not self.left:
                continue
            there, value = self.assembly.knowledge.other(record)
            if not there:
                continue
            met.add(record.text)
            self.left -= 1
            others = {**base, record.text: value}
            with _nothing_kept(), CHANGES.gathered() as changes:
                other, again = self._run(others, changes, exchange.server.name if exchange.server is not None else b"")
            if _same(found, other):
                continue
            unknown = self._unknown(record.samples[0]) if record.samples else None
            if unknown is None:
                continue
            other = replace(other, branches=self._branches(other, again, others, deep - 1))
            told.append(
                Branch(
                    unknown=replace(unknown, assumed=None if value is None else value_text(value)), explanation=other
                )
            )
        return tuple(told)

    # What is told.

    def _told(self, exchange: Exchange) -> Explanation:
        live, entrance, witness = self.assembly.live, self.entrance, exchange.witness
        frontend = entrance.frontend
        witness.end()
        backend = exchange.backend
        front = live.sections[id(frontend)]
        back = live.sections[id(backend)] if backend is not None else None
        log = exchange.log
        if log is not None and log.why:
            exchange.notes.append(log.why)
        unknown = {one.text: one for stage in witness.stages for step in stage.steps for one in step.unknown}
        record = exchange.record
        if any(DATES.match(one.text) for one in witness.asked):
            exchange.notes.append("the date is that of now")
        return Explanation(
            asked=self.asked,
            frontend=shown(frontend.name),
            at=front.at,
            bind=entrance.door.bind.at if entrance.door is not None else NOWHERE,
            stages=tuple(witness.stages),
            outcome=exchange.outcome,
            ended_by=exchange.ended_by,
            backend=shown(backend.name) if backend is not None else "",
            backend_at=back.at if back is not None else NOWHERE,
            backend_why=_why_backend(exchange),
            server=self._choice(backend, exchange),
            limits=limits_of(front, back, backend, exchange.server, exchange.context, witness.limits_at),
            request=_lines(exchange.request_head),
            body_from=exchange.body_from,
            body=exchange.content,
            status=exchange.status,
            response=_lines(exchange.response),
            letters="".join(map(chr, (record.cause, record.step, record.cookie_request, record.cookie_response))),
            log_line=log.line if log is not None else "",
            log_fields=log.fields if log is not None else {},
            variables={
                shown(name): value_text(value)
                for name, value in (*exchange.session.variables.items(), *exchange.context.variables.items())
                if value is not None
            },
            unknown=tuple(unknown.values()),
            notes=tuple(exchange.notes),
        )

    def _choice(self, backend: BackendProxy | None, exchange: Exchange) -> Choice | None:
        if backend is None or exchange.outcome not in ("server", "no server"):
            return None
        forced = exchange.witness.forced_by if exchange.forced is not None else None
        return chosen(
            self.assembly.live,
            backend,
            exchange.server,
            exchange.candidates,
            forced,
            self.asked.down,
            exchange.context,
        )


@contextmanager
def _down(servers: list[LiveServer]) -> Iterator[None]:
    """They are down as long as this lasts."""
    states = [server.state for server in servers]
    _set(servers, [STOPPED] * len(servers))
    try:
        yield
    finally:
        _set(servers, states)


def _set(servers: list[LiveServer], states: list[int]) -> None:
    for server, state in zip(servers, states, strict=True):
        server.state = state
    for backend in {id(server.backend): server.backend for server in servers}.values():
        backend.refresh()


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Tables are others as long as this lasts."""
    tables = list(TABLES.by_name.values())
    kept = [table.slab for table in tables]
    for table in tables:
        table.slab = fresh_slab(table, NO_SLAB)
    try:
        yield
    finally:
        for table, slab in zip(tables, kept, strict=True):
            table.slab = slab


def _same(one: Explanation, other: Explanation) -> bool:
    """They come to the same end."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("outcome", "ended_by", "backend", "status", "request", "response", "variables")
    ) and (one.server and one.server.name) == (other.server and other.server.name)


def _lines(head: bytes) -> tuple[str, ...]:
    return tuple(shown(line) for line in head.split(b"\r\n") if line)


def _why_backend(exchange: Exchange) -> str:
    backend, frontend = exchange.backend, exchange.frontend
    if backend is None:
        return ""
    for stage in exchange.witness.stages:
        for step in stage.steps:
            if step.what in ("use_backend", "default_backend") and step.ran and step.names == shown(backend.name):
                return step.what
    return "listen" if backend is frontend.twin else "default_backend"
