"""Attempts, and what is known of names, against a name server that does what a test wants (manual 5.3.2). What is asked
in which order, and what is counted, was compared with the peer program (3.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from support.name_server import (
    AAAA,
    CNAME,
    RCODE_REFUSED,
    RCODE_SERVFAIL,
    SILENCE,
    SRV,
    A,
    NameServer,
    Query,
    packed_name,
    record,
    reply,
    said,
)
from support.ports import free_port

from pointsman.config.command_line import CommandLine
from pointsman.config.load import load_text
from pointsman.config.resolvers import AcceptedFamilies, Holds, NameServerLine, ResolversOptions
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import Diagnostics
from pointsman.net.clock import monotonic_ms
from pointsman.resolve.attempt import Attempt
from pointsman.resolve.families import ACCEPTED, AUTO, accepted_families
from pointsman.resolve.name_server import COUNTERS, PIPELINED
from pointsman.resolve.resolution import ADDRESS, SERVICE, Record, Resolution, Resolvers, ResolversSection

PATIENCE = 15.0
BOTH = AcceptedFamilies(families=frozenset((4, 6)), auto=False)
PTR = b"\xc0\x0c"


class Stand:
    """Name servers, and a section that asks them, in a loop of its own."""

    def __init__(self, servers: int = 1, stream: bool = False, most: int = 0, **options: object) -> None:
        self.loop = asyncio.new_event_loop()
        self.dns = [NameServer() for _ in range(servers)]
        lines = tuple(
            NameServerLine(name=f"n{index}", host="127.0.0.1", port=one.port, stream=stream, most=most)
            for index, one in enumerate(self.dns)
        )
        values = {"retry": 10_000, "resolve": 20, "retries": 1, **options}
        made = ResolversOptions(name="d", servers=lines, **values)  # type: ignore[arg-type]
        self.resolvers = Resolvers()
        self.resolvers.make([made], BOTH, Arena(1, 1 << 10))
        self.section = self.resolvers.by_name["d"]
        self.told: list[tuple[str, tuple[Record, ...]]] = []
        for one in self.dns:
            one.__enter__()
        self.resolvers.start(self.loop)

    @property
    def zone(self) -> dict[tuple[str, int], int | Sequence[str | tuple[int, int, int, str]]]:
        return self.dns[0].zone

    def tell(self, resolution: Resolution) -> None:
        self.told.append((resolution.status, resolution.records))

    def follow(self, name: str, kind: str = ADDRESS, prefer: int = 4) -> Resolution:
        return self.section.resolve(name, kind, prefer, self.tell)

    def run(self, what: Callable[[], bool]) -> None:
        """Until that is true."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, self.told
            self.loop.run_until_complete(asyncio.sleep(0.002))

    def begin(self, name: str, prefer: int = 4) -> asyncio.Future[str]:
        return asyncio.ensure_future(self.section.address(name, prefer), loop=self.loop)

    def address(self, name: str, prefer: int = 4) -> str:
        """Nobody waits for the next round: it begins as soon as all have answered."""
        task = self.begin(name, prefer)

        def ended() -> bool:
            for attempt in self.attempts():
                if not attempt.open and attempt.timer is not None:
                    attempt.timer.cancel()
                    attempt.late()
            return task.done()

        self.run(ended)
        return task.result()

    def attempts(self) -> list[Attempt]:
        """Those that are under way."""
        return [work.attempt for work in self.section.work.values() if work.attempt is not None]

    def again(self) -> None:
        """Another attempt for all."""
        for work in self.section.work.values():
            work.begin()

    def asked(self, name: str, server: int = 0) -> list[int]:
        return [query.type for query in self.dns[server].asked(name)]

    def counted(self, server: int = 0) -> dict[str, int]:
        names = [name for name, _ in COUNTERS]
        return {name: count for name, count in zip(names, self.section.servers[server].counted()) if count}

    def close(self) -> None:
        self.resolvers.stop()
        for one in self.dns:
            one.stop()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        assert self.section.numbers == {}


@pytest.fixture
def make() -> Iterator[Callable[..., Stand]]:
    made: list[Stand] = []

    def stand(servers: int = 1, **options: object) -> Stand:
        made.append(Stand(servers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield stand
    for one in made:
        one.close()
    ACCEPTED.set(AUTO)


Make = Callable[..., Stand]


def four(*addresses: str) -> tuple[Record, ...]:
    return tuple(Record(address, 4) for address in addresses)


# One attempt.


def test_the_preferred_family_comes_first(make: Make) -> None:
    stand = make()
    stand.zone["a.x", A] = ["10.0.0.1"]
    stand.zone["a.x", AAAA] = ["::1"]
    assert (stand.address("a.x", 4), stand.asked("a.x")) == ("10.0.0.1", [A])
    assert (stand.address("a.x", 6), stand.asked("a.x")) == ("::1", [A, AAAA])
    assert stand.counted() == {"sent": 2, "valid": 2}


def test_the_other_family_is_asked_for_where_there_is_none(make: Make) -> None:
    stand = make()
    stand.zone["a.x", A] = ["10.0.0.1"]
    assert (stand.address("a.x", 6), stand.asked("a.x")) == ("10.0.0.1", [AAAA, A])
    assert stand.counted() == {"sent": 2, "valid": 1, "any_err": 1}


@pytest.mark.parametrize(
    "entry, counter", [(None, "nx"), (RCODE_REFUSED, "refused"), (RCODE_SERVFAIL, "other"), ((), "any_err")]
)
def test_rounds_of_errors(make: Make, entry: int | tuple[()] | None, counter: str) -> None:
    stand = make(retries=2)
    if entry is not None:
        stand.zone["e.x", A] = stand.zone["e.x", AAAA] = entry
    assert stand.address("e.x") == ""
    assert stand.asked("e.x") == [A, AAAA, A, AAAA]
    assert stand.counted() == {"sent": 4, counter: 4}


def test_silence(make: Make) -> None:
    """The same type is asked for again."""
    stand = make(retry=20, retries=2)
    stand.zone["s.x", A] = SILENCE
    assert stand.address("s.x") == ""
    stand.run(lambda: stand.asked("s.x") == [A, A])
    assert stand.counted() == {"sent": 2, "timeout": 2}


def test_no_retries_are_one_round(make: Make) -> None:
    stand = make(retries=0)
    assert (stand.address("n.x"), stand.asked("n.x")) == ("", [A, AAAA])


def test_names_that_cannot_be(make: Make) -> None:
    stand = make()
    for name in ("", "a..b", "x" * 64, "a b"):
        assert stand.address(name) == ""
    assert stand.dns[0].queries == []


def test_the_payload_is_announced(make: Make) -> None:
    stand = make(payload=1232)
    stand.zone["a.x", A] = ["10.0.0.1"]
    assert stand.address("a.x.") == "10.0.0.1"
    assert stand.dns[0].queries[0].payload == 1232


def ok(query: Query) -> Sequence[bytes]:
    return [reply(query, [record(PTR, A, said(A, "10.0.0.7"))])] if query.type == A else [reply(query, rcode=3)]


LIES: dict[str, tuple[Callable[[Query], Sequence[bytes]], dict[str, int]]] = {
    "truncated": (lambda query: [reply(query, flags=0x8380)], {"truncated": 2}),
    "another question": (lambda query: [reply(query, question=packed_name("b.x") + b"\0\1\0\1")], {"invalid": 2}),
    "another owner": (
        lambda query: [reply(query, [record(packed_name("b.x"), query.type, bytes(4 if query.type == A else 16))])],
        {"invalid": 2},
    ),
    "garbage": (lambda query: [query.id.to_bytes(2, "big") + b"\x80" * 20], {"invalid": 2}),
    "an alias alone": (
        lambda query: [reply(query, [record(PTR, CNAME, packed_name("b.x"))])],
        {"cname": 2, "cname_error": 2},
    ),
    "too big": (lambda query: [reply(query, [record(PTR, A, bytes([1, 1, 1, n])) for n in range(40)])], {"too_big": 2}),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies(make: Make, lie: str) -> None:
    stand = make()
    stand.dns[0].answer, counts = LIES[lie]
    assert stand.address("a.x") == ""
    assert stand.counted() == {"sent": 2, **counts}
    assert stand.asked("a.x") == [A, AAAA]


def test_answers_that_nobody_waits_for(make: Make) -> None:
    """Another id, and the same answer twice."""
    stand = make()
    wrong = record(PTR, A, said(A, "6.6.6.6"))

    def answer(query: Query) -> Sequence[bytes]:
        return [reply(query, [wrong], id=query.id ^ 1), b"!", *ok(query), *ok(query)]

    stand.dns[0].answer = answer
    assert stand.address("a.x") == "10.0.0.7"
    stand.run(lambda: stand.counted() == {"sent": 1, "valid": 1, "invalid": 1, "outdated": 2})


def test_ids_cannot_be_guessed(make: Make) -> None:
    stand = make()
    for number in range(40):
        stand.zone[f"a{number}.x", A] = ["10.0.0.1"]
        stand.address(f"a{number}.x")
    ids = [query.id for query in stand.dns[0].queries]
    assert len(set(ids)) > 35
    assert len({(after - before) % 65536 for before, after in pairwise(ids)}) > 35


# Several name servers.


def nothing(query: Query) -> Sequence[bytes]:
    return [reply(query, rcode=3)]


def test_the_first_valid_answer_counts(make: Make) -> None:
    stand = make(2)
    stand.dns[0].answer = nothing

    def slow(query: Query) -> Sequence[bytes]:
        end = time.monotonic() + PATIENCE
        while not stand.counted().get("nx") and time.monotonic() < end:
            time.sleep(0.002)
        return ok(query)

    stand.dns[1].answer = slow
    assert stand.address("a.x") == "10.0.0.7"
    assert (stand.asked("a.x"), stand.asked("a.x", 1)) == ([A], [A])
    assert (stand.counted(), stand.counted(1)) == ({"sent": 1, "nx": 1}, {"sent": 1, "valid": 1})


def test_one_is_silent_and_the_other_has_the_other_family(make: Make) -> None:
    stand = make(2)
    stand.dns[0].zone["a.x", A] = SILENCE
    stand.dns[0].zone["a.x", AAAA] = SILENCE
    stand.dns[1].zone["a.x", AAAA] = ["::7"]
    task = stand.begin("a.x")
    stand.run(lambda: [one.open for one in stand.attempts()] == [{stand.section.servers[0]}])
    stand.attempts()[0].late()
    stand.run(task.done)
    assert task.result() == "::7"
    assert stand.asked("a.x", 1) == [A, AAAA]
    assert stand.counted()["timeout"] == 1


def test_one_is_gone(make: Make) -> None:
    stand = make(2)
    stand.dns[0].stop()
    stand.dns[1].answer = ok
    for number in range(4):
        assert stand.address(f"a{number}.x") == "10.0.0.7"
    assert stand.counted() == {"sent": 4}


def test_nobody_can_be_asked(make: Make) -> None:
    stand = make(0, retry=10)
    assert stand.address("a.x") == ""
    line = NameServerLine(name="n", host="255.255.255.255", port=53)  # a broadcast needs a right that we never have
    section = ResolversSection(
        "e", Holds(), ResolversOptions(name="e", servers=(line,), retry=10, retries=2), Arena(1, 64)
    )
    section.start(stand.loop)
    assert stand.loop.run_until_complete(section.address("a.x", 4)) == ""
    assert section.servers[0].counted()[:2] == [0, 2]
    section.stop()


# Those who ask at the same time, and soon again.


def test_who_asks_the_same_waits_for_the_same_answer(make: Make) -> None:
    stand = make()
    stand.zone["a.x", A] = ["10.0.0.1", "10.0.0.2"]

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*[stand.section.address("A.x", 4) for _ in range(5)])

    assert sorted(stand.loop.run_until_complete(all_at_once())) == ["10.0.0.1"] * 3 + ["10.0.0.2"] * 2
    assert stand.asked("a.x") == [A]


def test_an_answer_is_good_for_hold_valid(make: Make) -> None:
    stand = make(holds=Holds(valid=60_000))
    stand.zone["a.x", A] = ["10.0.0.1", "10.0.0.2"]
    assert [stand.address("a.x") for _ in range(3)] == ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    assert stand.asked("a.x") == [A]
    stand = make(holds=Holds(valid=0))
    stand.zone["a.x", A] = ["10.0.0.1"]
    assert [stand.address("a.x") for _ in range(2)] == ["10.0.0.1"] * 2
    assert stand.asked("a.x") == [A, A]
    assert stand.section.work == stand.section.cached == {}


def test_errors_are_asked_about_again(make: Make) -> None:
    stand = make()
    assert [stand.address("n.x") for _ in range(2)] == ["", ""]
    assert stand.asked("n.x") == [A, AAAA, A, AAAA]
    assert stand.section.work == stand.section.cached == {}


def test_who_waits_no_more_stops_nobody(make: Make) -> None:
    stand = make()
    stand.zone["a.x", A] = ["10.0.0.1"]

    async def one_leaves() -> str:
        gone = asyncio.ensure_future(stand.section.address("a.x", 4))
        stays = asyncio.ensure_future(stand.section.address("a.x", 4))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert stand.loop.run_until_complete(one_leaves()) == "10.0.0.1"


# What is asked again and again.


def test_answers_that_grow_shrink_and_vanish(make: Make) -> None:
    stand = make(holds=Holds(nx=0))
    stand.zone["a.x", A] = ["10.0.0.1"]
    stand.follow("a.x")
    stand.run(lambda: ("valid", four("10.0.0.1")) in stand.told)
    stand.zone["a.x", A] = ["10.0.0.1", "10.0.0.2"]
    stand.run(lambda: ("valid", four("10.0.0.1", "10.0.0.2")) in stand.told)
    stand.told.clear()
    stand.zone["a.x", A] = ["10.0.0.2"]
    stand.run(lambda: ("valid", four("10.0.0.2")) in stand.told)
    del stand.zone["a.x", A]
    stand.run(lambda: ("nx", ()) in stand.told)
    stand.zone["a.x", A] = ["10.0.0.3"]
    stand.run(lambda: ("valid", four("10.0.0.3")) in stand.told)


def test_an_error_is_overlooked_for_its_hold_time(make: Make) -> None:
    stand = make(holds=Holds(nx=60_000))
    stand.zone["a.x", A] = ["10.0.0.1"]
    resolution = stand.follow("a.x")
    stand.run(lambda: ("valid", four("10.0.0.1")) in stand.told)
    del stand.zone["a.x", A]
    stand.run(lambda: stand.told[-1] == ("nx", four("10.0.0.1")))
    assert resolution.held("nx")


def test_silence_is_overlooked_for_its_hold_time(make: Make) -> None:
    stand = make(holds=Holds(timeout=100), retry=20)
    stand.zone["a.x", A] = ["10.0.0.1"]
    resolution = stand.follow("a.x")
    stand.run(lambda: ("valid", four("10.0.0.1")) in stand.told)
    stand.zone["a.x", A] = SILENCE
    stand.run(lambda: stand.told[-1] == ("timeout", ()))
    assert not resolution.held("timeout")


def test_subscribers_are_told_when_a_hold_time_is_over(make: Make) -> None:
    """Not only when the next attempt has ended, which may be much later."""
    stand = make(holds=Holds(nx=300), resolve=100_000)
    stand.zone["a.x", A] = ["10.0.0.1"]
    stand.follow("a.x")
    stand.run(lambda: bool(stand.told))
    del stand.zone["a.x", A]
    stand.again()
    stand.run(lambda: stand.told[-1] == ("nx", ()))
    assert stand.asked("a.x") == [A, A, AAAA]


def test_obsolete_records_count_for_a_while(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic_ms()
    monkeypatch.setattr("pointsman.resolve.resolution.monotonic_ms", lambda: now)
    stand = make(holds=Holds(obsolete=60_000), resolve=100_000)
    stand.zone["a.x", A] = ["10.0.0.1", "10.0.0.2"]
    resolution = stand.follow("a.x")
    stand.run(lambda: bool(stand.told))
    now += 10_000
    stand.zone["a.x", A] = ["10.0.0.3", "10.0.0.2"]
    stand.again()
    stand.run(lambda: stand.told[-1] == ("valid", four("10.0.0.3", "10.0.0.2", "10.0.0.1")))
    now += 20_000
    stand.zone["a.x", A] = ["10.0.0.3"]
    stand.told.clear()
    stand.again()
    stand.run(lambda: bool(stand.told))
    stand.run(lambda: stand.told[-1] == ("valid", four("10.0.0.3", "10.0.0.2", "10.0.0.1")))
    resolution.sort_out(now + 29_999)
    assert resolution.records == four("10.0.0.3", "10.0.0.2", "10.0.0.1")
    resolution.sort_out(now + 30_000)
    assert resolution.records == four("10.0.0.3", "10.0.0.2")
    resolution.sort_out(now + 40_000)
    assert resolution.records == four("10.0.0.3")


def test_answers_within_one_millisecond_have_an_order(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier answer said is obsolete, even when the clock has not moved since."""
    now = monotonic_ms()
    monkeypatch.setattr("pointsman.resolve.resolution.monotonic_ms", lambda: now)
    stand = make(holds=Holds(obsolete=60_000), resolve=100_000)
    stand.zone["a.x", A] = ["10.0.0.1"]
    resolution = stand.follow("a.x")
    stand.run(lambda: bool(stand.told))
    stand.zone["a.x", A] = ["10.0.0.2"]
    stand.again()
    stand.run(lambda: stand.told[-1] == ("valid", four("10.0.0.2", "10.0.0.1")))
    resolution.sort_out(now + 60_000)
    assert resolution.records == four("10.0.0.2")


def test_subscribers_are_told_when_a_record_is_dropped(make: Make) -> None:
    stand = make(holds=Holds(obsolete=300), resolve=100_000)
    stand.zone["a.x", A] = ["10.0.0.1"]
    stand.follow("a.x")
    stand.run(lambda: bool(stand.told))
    stand.zone["a.x", A] = ["10.0.0.2"]
    stand.again()
    stand.run(lambda: stand.told[-1] == ("valid", four("10.0.0.2")))
    assert stand.asked("a.x") == [A, A]


def test_who_is_released_is_asked_about_no_more(make: Make) -> None:
    stand = make()
    stand.zone["a.x", A] = stand.zone["b.x", A] = ["10.0.0.1"]
    resolution = stand.follow("a.x")
    stand.run(lambda: len(stand.told) > 1)
    stand.section.release(resolution, stand.tell)
    stand.run(lambda: not stand.section.work)
    before = len(stand.asked("a.x"))
    stand.follow("b.x")
    stand.run(lambda: len(stand.asked("b.x")) > 5)
    assert len(stand.asked("a.x")) <= before + 1  # one may have been on its way


def test_many_names(make: Make) -> None:
    stand = make(resolve=200)
    for number in range(200):
        stand.zone[f"a{number}.x", A] = [f"10.0.0.{number}"]
    made = [stand.follow(f"a{number}.x") for number in range(200)]
    stand.run(lambda: all(one.status for one in made))
    assert [one.records for one in made] == [four(f"10.0.0.{number}") for number in range(200)]


# Services.


def test_services_and_their_targets(make: Make) -> None:
    stand = make(holds=Holds(nx=0))
    name = "_h._tcp.x"
    stand.zone[name, SRV] = [(1, 10, 80, "a.x"), (2, 20, 81, "b.x")]
    stand.zone["a.x", A] = ["10.0.0.1", "10.0.0.2"]
    resolution = stand.follow(name, SERVICE)
    first, second = Record("10.0.0.1", 4, "a.x", 80, 10, 1), Record("10.0.0.9", 4, "b.x", 81, 20, 2)
    missing = Record("", 0, "b.x", 81, 20, 2)
    stand.run(lambda: resolution.records == (first, missing))
    stand.zone["b.x", A] = ["10.0.0.9"]
    stand.run(lambda: resolution.records == (first, second))
    stand.zone["a.x", A] = ["10.0.0.2", "10.0.0.1"]  # another order changes nothing
    before = len(stand.asked("a.x"))
    stand.run(lambda: len(stand.asked("a.x")) > before + 3)
    assert resolution.records == (first, second)
    stand.zone["a.x", A] = ["10.0.0.2"]
    stand.run(lambda: resolution.records[0].address == "10.0.0.2")
    stand.zone[name, SRV] = [(2, 20, 81, "b.x")]
    stand.run(lambda: resolution.records == (second,))
    stand.run(lambda: [one.name for one in stand.section.resolutions] == [name, "b.x"])
    stand.section.release(resolution, stand.tell)
    assert stand.section.resolutions == []


def test_addresses_that_come_along_need_no_question(make: Make) -> None:
    stand = make()
    target = packed_name("a.x")
    order = ["10.0.0.1", "10.0.0.2"]
    with_address = True

    def answer(query: Query) -> Sequence[bytes]:
        if query.type != SRV:
            return [reply(query, [record(PTR, A, said(A, "10.0.0.2"))])]
        more = [record(target, A, said(A, one)) for one in order] if with_address else []
        more = [record(target, AAAA, bytes(16)), *more] if more else []
        return [reply(query, [record(PTR, SRV, said(SRV, (1, 2, 3, "a.x")))], additional=more)]

    stand.dns[0].answer = answer
    resolution = stand.follow("_h._tcp.x", SERVICE)
    stand.run(lambda: resolution.records == (Record("10.0.0.1", 4, "a.x", 3, 2, 1),))
    order.reverse()
    before = len(stand.told)
    stand.run(lambda: len(stand.told) > before + 3)
    assert resolution.records[0].address == "10.0.0.1"
    assert stand.asked("a.x") == []
    with_address = False
    stand.run(lambda: resolution.records[0].address == "10.0.0.2")
    assert "" not in [one.address for _, records in stand.told for one in records]


# TCP.


def test_queries_by_tcp_share_a_connection(make: Make) -> None:
    stand = make(stream=True, payload=65535)
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(2000)]
    stand.zone["big.x", A] = many
    for number in range(6):
        stand.zone[f"a{number}.x", A] = ["10.0.0.1"]
        assert stand.address(f"a{number}.x") == "10.0.0.1"
    assert stand.address("big.x") == "10.0.0.0"
    assert stand.dns[0].connections == 1
    assert {query.tcp for query in stand.dns[0].queries} == {True}


def test_more_queries_than_one_connection_takes(make: Make) -> None:
    stand = make(stream=True)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*[stand.section.address(f"a{n}.x", 4) for n in range(PIPELINED * 2 + 1)])

    stand.dns[0].answer = ok
    assert set(stand.loop.run_until_complete(all_at_once())) == {"10.0.0.7"}
    assert stand.dns[0].connections == 3


def test_maxconn_of_a_name_server(make: Make) -> None:
    stand = make(stream=True, most=1)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*[stand.section.address(f"a{n}.x", 4) for n in range(20)])

    stand.dns[0].answer = ok
    assert set(stand.loop.run_until_complete(all_at_once())) == {"10.0.0.7"}
    assert stand.dns[0].connections == 1


def test_a_connection_that_the_name_server_has_closed(make: Make) -> None:
    """The query that it took with it is asked on another one, at once."""
    stand = make(stream=True)
    closing: list[bool] = []

    def answer(query: Query) -> Sequence[bytes]:
        if query.name == "c.x" and not closing:
            closing.append(True)
            raise OSError("closed")
        return ok(query)

    stand.dns[0].answer = answer
    assert stand.address("a.x") == "10.0.0.7"
    assert stand.address("c.x") == "10.0.0.7"
    assert (stand.dns[0].connections, stand.asked("c.x")) == (2, [A, A])


def test_a_connection_that_is_silent_is_not_used_again(make: Make) -> None:
    stand = make(stream=True)
    stand.dns[0].answer = lambda query: [] if query.name == "s.x" else ok(query)
    assert stand.address("a.x") == "10.0.0.7"
    task = stand.begin("s.x")
    stand.run(lambda: stand.asked("s.x") == [A])
    stand.attempts()[0].late()
    stand.run(task.done)
    assert (task.result(), stand.address("b.x"), stand.dns[0].connections) == ("", "10.0.0.7", 2)


def test_nobody_listens_by_tcp(make: Make) -> None:
    stand = make(0)
    line = NameServerLine(name="n", host="127.0.0.1", port=free_port(), stream=True)
    section = ResolversSection("e", Holds(), ResolversOptions(name="e", servers=(line,), retry=10, retries=2))
    section.start(stand.loop)
    assert stand.loop.run_until_complete(section.address("a.x", 4)) == ""
    section.stop()


# Families.


def test_one_family_alone(make: Make) -> None:
    stand = make()
    ACCEPTED.set(AcceptedFamilies(families=frozenset((4,)), auto=False))
    stand.zone["a.x", AAAA] = ["::1"]
    assert (stand.address("a.x", 6), stand.asked("a.x")) == ("", [A])


@pytest.mark.parametrize("route, types", [(True, [AAAA]), (False, [A])])
def test_ipv6_only_where_it_has_a_route(
    make: Make, monkeypatch: pytest.MonkeyPatch, route: bool, types: list[int]
) -> None:
    stand = make()
    looks: list[int] = []
    monkeypatch.setattr("pointsman.resolve.families.has_route", lambda: looks.append(1) or route)
    ACCEPTED.set(AUTO)
    stand.zone["a.x", A] = ["10.0.0.1"]
    stand.zone["a.x", AAAA] = ["::1"]
    for _ in range(2):
        stand.address("a.x", 6)
    assert (stand.asked("a.x"), looks) == (types, [1])


def test_the_command_line_comes_first() -> None:
    """-4 (management manual 3)."""
    assert accepted_families(load_text("", Diagnostics()).main) is AUTO
    main = load_text("global\n dns-accept-family ipv6\n", Diagnostics()).main
    assert accepted_families(main).families == {6}
    main.put(CommandLine(ipv4_only=True))
    assert accepted_families(main) == AcceptedFamilies(families=frozenset((4,)), auto=False)


def test_numbers_do_not_run_out(make: Make) -> None:
    stand = make()
    stand.zone["s.x", A] = SILENCE
    task = stand.begin("s.x")
    stand.run(lambda: bool(stand.attempts()))
    attempt = stand.attempts()[0]
    stand.section.numbers |= {number: attempt for number in range(1 << 15)}
    assert stand.address("a.x") == "" and stand.asked("a.x") == []
    stand.section.numbers = {attempt.number: attempt}
    task.cancel()


def test_counters_outlive_a_process(make: Make) -> None:
    """They stand in the arena: control's successor goes on counting."""
    stand = make()
    stand.zone["a.x", A] = ["10.0.0.1"]
    resolution = stand.follow("a.x")
    stand.run(lambda: resolution.status == "valid")
    resolution.changed()
    assert stand.counted()["update"] == 1
    stand.section.servers[0].clear()
    assert stand.counted() == {}
