"""How long what is known of an exchange lasts: each attribute of a context and of its record has a line that says so
(support/contract.py), and `reset`, between two exchanges of a connection, does what these lines say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from support.contract import CONTEXT, RECORD, SESSION, Facts, Life, Phase, exchange, look, names_of, still

from pointsman.core.address import NetAddress, net_address
from pointsman.core.diagnostics import Position
from pointsman.core.tcp_info import Measured
from pointsman.proto.message import Request, Response
from pointsman.proto.weight import Buffer
from pointsman.sample.context import (
    Context,
    DecidedBy,
    ListenerFacts,
    ProxyFacts,
    ServerFacts,
    Session,
    StreamsFacts,
)
from pointsman.sample.hints import Hints
from pointsman.sample.limits import Limits
from pointsman.sample.need import TIME, Need
from pointsman.sample.record import Counted, Record

_NEW: Final[dict[str, Callable[[], object]]] = {  # what has no other value by its type alone
    "frontend": lambda: ProxyFacts("another", 9, True),
    "backend": lambda: ProxyFacts("another", 9, True),
    "listener": lambda: ListenerFacts("another", 9),
    "server": lambda: ServerFacts("another", 9),
    "request": Request,
    "response": Response,
    "record": Record,
    "answer": lambda: 403,
    "server_measured": lambda: Measured(-1),
    "server_streams": StreamsFacts,
    "parent": lambda: Context(ProxyFacts("another", 9, True), Session(ListenerFacts("another", 9))),
    "buffer": lambda: Buffer(8000, 500),
    "counted": Counted,
    "decided_by": DecidedBy,
    "need": lambda: Need(TIME),
    "hints": Hints,
    "last_rule": lambda: Position("another.cfg", 9),
    "limits": Limits,
    "noted": list,
    "redone": list,
    "tracked": list,
    "waiting_rule": lambda: Position("another.cfg", 9),
    "request_cookie": lambda: b"c=1",
    "response_cookie": lambda: b"c=1",
}


def another(name: str, value: object, number: int) -> object:
    """A value that the attribute does not have."""
    if name == "session":
        return session()
    if name in _NEW:
        return _NEW[name]()
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    if isinstance(value, bytes):
        return value + b"filled"
    if isinstance(value, list):
        return [number] if name.endswith("sizes") else [b"filled"]
    if isinstance(value, dict):
        return {b"txn.filled": number}
    if value is None or isinstance(value, NetAddress):
        return net_address(f"192.0.2.{number}", number)
    raise AssertionError(f"how is {name} filled?")


def fill(thing: object, fresh: object) -> dict[str, object]:
    """Give every attribute a value of its own: these values."""
    for number, name in enumerate(names_of(fresh), 1):
        setattr(thing, name, another(name, getattr(fresh, name), number))
    filled = {name: getattr(thing, name) for name in names_of(thing)}
    assert all(value is not getattr(fresh, name) for name, value in filled.items())
    return filled


def session() -> Session:
    made = Session(ListenerFacts("", 1))
    made.source, made.destination = net_address("192.0.2.201", 1), net_address("192.0.2.202", 2)
    return made


def context() -> Context:
    return Context(ProxyFacts("front", 2, True), session())


def wrong(thing: object, filled: dict[str, object], fresh: object, facts: dict[str, Facts]) -> list[str]:
    """Which attributes are not as their lines say, once it was reset."""
    found = []
    for name, fact in facts.items():
        value = getattr(thing, name)
        wanted = {
            Life.CONNECTION: filled[name],
            Life.EXCHANGE: getattr(fresh, name),
            Life.REAL: getattr(filled.get("session"), name, None),
            Life.OTHER: filled[name],
        }[fact.life]
        if value != wanted:
            found.append(name)
    return found


def reset_context(facts: dict[str, Facts]) -> list[str]:
    fresh, thing = context(), context()
    filled = fill(thing, fresh)
    thing.reset()
    assert thing.room == thing.buffer.reserve
    thing.room = 0
    return wrong(thing, {**filled, "room": 0}, fresh, facts)


def reset_record(facts: dict[str, Facts]) -> list[str]:
    fresh, thing = Record(), Record()
    filled = fill(thing, fresh)
    thing.reset()
    assert not thing.first
    return wrong(thing, {**filled, "first": False}, fresh, facts)


@pytest.mark.parametrize("made, facts", [(context(), CONTEXT), (session(), SESSION), (Record(), RECORD)])
def test_each_attribute_has_a_line(made: object, facts: dict[str, Facts]) -> None:
    assert names_of(made) == sorted(facts)
    assert all(fact.why for fact in facts.values() if fact.life is Life.OTHER)


def test_a_reset_does_what_the_lines_say() -> None:
    assert reset_context(CONTEXT) == []
    assert reset_record(RECORD) == []


@pytest.mark.parametrize("name", [name for name, fact in CONTEXT.items() if fact.life is not Life.OTHER])
def test_a_wrong_line_of_a_context_is_found(name: str) -> None:
    life = Life.EXCHANGE if CONTEXT[name].life is Life.CONNECTION else Life.CONNECTION
    assert reset_context({**CONTEXT, name: Facts(CONTEXT[name].belongs, life)}) == [name]


@pytest.mark.parametrize("name", [name for name, fact in RECORD.items() if fact.life is not Life.OTHER])
def test_a_wrong_line_of_a_record_is_found(name: str) -> None:
    life = Life.EXCHANGE if RECORD[name].life is Life.CONNECTION else Life.CONNECTION
    assert reset_record({**RECORD, name: Facts(RECORD[name].belongs, life)}) == [name]


@pytest.mark.parametrize("phase", Phase)
def test_what_is_looked_at_is_all_there_is(phase: Phase) -> None:
    """The view of an exchange that proves declarations leaves nothing out."""
    with still():
        ctx = exchange(phase)
        seen = look(ctx)
        assert set(names_of(ctx)) - {"record"} <= set(seen)
        assert {f"record.{name}" for name in names_of(ctx.record)} <= set(seen)
        assert {f"session.{name}" for name in names_of(ctx.session)} <= set(seen)
        assert ctx.request is not None
        remembered = {"lines", "values", "shape"}
        assert {f"request.{name}" for name in set(names_of(ctx.request)) - remembered} <= set(seen)
