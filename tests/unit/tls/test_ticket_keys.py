"""Keys of session tickets: files, what seals and what opens, renewal, what other processes and generations have."""

from __future__ import annotations

import base64
import json
import os
import random
import ssl
from pathlib import Path

import pytest
from support.certificates import authority
from support.tls_resumption import TLS12, TLS13, ResumingClient

from pointsman.core.tls import MISSING, Context
from pointsman.tables.changes import Change
from pointsman.tls.files import TlsFileError
from pointsman.tls.resumption import Resumption
from pointsman.tls.sessions import SessionCache
from pointsman.tls.tickets import PERIOD, OwnKeys, TicketKeys, Tickets, decode, read_ticket_keys

HOST = "www.example.test"
BUILT = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])


def server(*resumptions: Resumption) -> Context:
    context = Context(True)
    pem = authority().pem(HOST)
    context.certificate(pem, pem)
    for one in resumptions:
        one.prepare(context)
    return context


def key(number: int, size: int = 80) -> bytes:
    return bytes([number]) * size


def words(*keys: bytes) -> str:
    return "".join(base64.b64encode(one).decode() + "\n" for one in keys)


# Files.


@pytest.mark.parametrize("size", [48, 80])
def test_the_last_three_keys_of_a_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "keys"
    path.write_text(words(*[key(number, size) for number in range(5)]))
    assert read_ticket_keys(str(path)) == [key(2, size), key(3, size), key(4, size)]
    path.write_text(words(*[key(number, size) for number in range(3)]).rstrip("\n").replace("\n", "\r\n"))
    assert read_ticket_keys(str(path)) == [key(0, size), key(1, size), key(2, size)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'{path}': 0 keys: at least 3 are needed in a TLS ticket keys file"),
        (words(key(1), key(2)), "'{path}': 2 keys: at least 3 are needed in a TLS ticket keys file"),
        (words(key(1)) + "#\n", "'{path}': unable to decode the base64 key on line 2"),
        (words(key(1))[:-2] + "\n", "'{path}': unable to decode the base64 key on line 1"),
        (" " + words(key(1)), "'{path}': unable to decode the base64 key on line 1"),
        ("\xe4\n", "'{path}': unable to decode the base64 key on line 1"),
        ("\n" + words(key(1)), "'{path}': wrong sized key on line 1: 0 bytes instead of 48 or 80"),
        (
            words(key(1), key(2, 60)),
            "'{path}': wrong sized key on line 2: 60 bytes instead of 80 as in the lines before",
        ),
        (
            words(key(1, 48), key(2, 48), key(3)),
            "'{path}': wrong sized key on line 3: 80 bytes instead of 48 as in the lines before",
        ),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(TlsFileError) as caught:
        read_ticket_keys(str(path))
    assert str(caught.value) == error.replace("{path}", str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TlsFileError, match=r"^unable to load the TLS ticket keys file '.*/keys': No such file"):
        read_ticket_keys(str(tmp_path / "keys"))
    with pytest.raises(TlsFileError, match="Is a directory"):
        read_ticket_keys(str(tmp_path))


def test_one_file_is_read_once_and_has_a_number(tmp_path: Path) -> None:
    tickets = Tickets()
    for name in ("b", "c", "a"):
        (tmp_path / name).write_text(words(key(1), key(2), key(3)))
        assert tickets.of_file(str(tmp_path / name)) is tickets.of_file(str(tmp_path / name))
    # The last one that was read is number 0, as the oracle shows them.
    assert [keys.name[-1] for keys in tickets.numbered()] == ["a", "c", "b"]
    assert tickets.find("#2") is tickets.find(str(tmp_path / "b")) is tickets.numbered()[2]
    assert tickets.find("#") is tickets.find("#00") is tickets.numbered()[0]
    assert [tickets.find(word) for word in ("#3", "#-1", "#x", "0", "", "*")] == [None] * 6


# Which key seals, and which ones open.


@BUILT
@VERSIONS
def test_the_one_before_the_last_seals_and_all_open(version: ssl.TLSVersion) -> None:
    keys = TicketKeys("file", [key(1), key(2), key(3)])
    client = ResumingClient(version)
    begun = client.talk(server(Resumption(keys)))
    assert not begun.resumed
    assert client.talk(server(Resumption(keys)), begun.session).resumed
    for others, resumes in (
        ([key(8), key(2), key(9)], True),
        ([key(2), key(8), key(9)], True),
        ([key(8), key(9), key(2)], True),
        ([key(1), key(3), key(9)], False),
    ):
        talk = client.talk(server(Resumption(TicketKeys("file", others))), begun.session)
        assert talk.resumed == resumes, others
        # What is not opened is replaced by a ticket that is.
        again = client.talk(server(Resumption(TicketKeys("file", others))), talk.session)
        assert again.resumed


@BUILT
@VERSIONS
def test_a_ticket_outlives_one_renewal_of_keys_and_not_two(version: ssl.TLSVersion) -> None:
    tickets = Tickets()
    keys = tickets.of_frontend("web")
    context = server(Resumption(keys))
    keys.users.append(lambda: keys.give(context))
    client = ResumingClient(version)
    begun = client.talk(context)
    assert client.talk(context, begun.session).resumed
    tickets.apply(tickets.renewal())
    assert client.talk(context, begun.session).resumed
    tickets.apply(tickets.renewal())
    assert not client.talk(context, begun.session).resumed


@BUILT
@VERSIONS
def test_a_ticket_of_one_frontend_opens_at_no_other(version: ssl.TLSVersion) -> None:
    tickets = Tickets()
    client = ResumingClient(version)
    begun = client.talk(server(Resumption(tickets.of_frontend("web"))))
    assert not client.talk(server(Resumption(tickets.of_frontend("other"))), begun.session).resumed
    assert client.talk(server(Resumption(tickets.of_frontend("web"))), begun.session).resumed
    assert not client.talk(server(Resumption(Tickets().of_frontend("web"))), begun.session).resumed


@BUILT
@VERSIONS
def test_without_tickets_the_cache_resumes(version: ssl.TLSVersion) -> None:
    cache = SessionCache(100)
    lanes = [server(Resumption(None, cache.of(b"web"))) for _ in range(2)]
    for lane in lanes:
        lane.set("Options", "-SessionTicket")
    client = ResumingClient(version)
    talk = client.talk(lanes[0])
    assert not talk.resumed
    for turn in range(10):
        talk = client.talk(lanes[turn % 2], talk.session)
        assert talk.resumed
    assert cache.lookups >= 10 and cache.misses <= 1


@BUILT
@VERSIONS
def test_with_tickets_nothing_is_put_into_the_cache(version: ssl.TLSVersion) -> None:
    cache = SessionCache(100)
    context = server(Resumption(TicketKeys("file", [key(1), key(2), key(3)]), cache.of(b"web")))
    client = ResumingClient(version)
    talk = client.talk(context)
    assert client.talk(context, talk.session).resumed
    assert cache.sessions.cells.load(2) == 0  # the cursor


@BUILT
@VERSIONS
@pytest.mark.parametrize("tickets", [True, False])
def test_no_session_is_resumed_where_more_has_to_be_proved(version: ssl.TLSVersion, tickets: bool) -> None:
    keys = TicketKeys("file", [key(1), key(2), key(3)]) if tickets else None
    resumption = Resumption(keys, SessionCache(100).of(b"web"))
    lax, strict = server(resumption), server(resumption)
    for context in (lax, strict):
        if not tickets:
            context.set("Options", "-SessionTicket")
        context.trust(authority().ca, True)
    lax.verify(1, (), (), 0)
    strict.verify(2, (), (), 0)
    client = ResumingClient(version, pem=str(authority().path(HOST)))
    begun = client.talk(lax)
    assert client.talk(lax, begun.session).resumed
    assert not client.talk(strict, begun.session).resumed


@BUILT
@VERSIONS
def test_damaged_memory_costs_a_full_handshake_and_no_more(version: ssl.TLSVersion) -> None:
    cache = SessionCache(20)
    context = server(Resumption(None, cache.of(b"web")))
    context.set("Options", "-SessionTicket")
    client = ResumingClient(version)
    drawn = random.Random(1)
    cells = cache.sessions.cells
    resumed = 0
    for _ in range(100):
        talk = client.talk(context)
        for _ in range(drawn.choice((1, 20))):
            cells.store(drawn.randrange(len(cells)), drawn.getrandbits(63))
        resumed += client.talk(context, talk.session).resumed
    assert 0 < resumed < 90


@BUILT
@VERSIONS
def test_what_is_no_session_costs_a_full_handshake_and_no_more(version: ssl.TLSVersion) -> None:
    """Whatever the cache may give: half a session, bytes by chance, something else than bytes."""
    context = server(Resumption(None, SessionCache(20).of(b"web")))
    context.set("Options", "-SessionTicket")
    stored: list[bytes] = []
    context.store = lambda _, session: stored.append(session)
    given: list[object] = []
    context.find = lambda _: given[-1]  # type: ignore[return-value]
    client = ResumingClient(version)
    drawn = random.Random(1)
    for _ in range(100):
        given.append(None)
        talk = client.talk(context)
        whole = bytearray(stored[-1])
        whole[drawn.randrange(len(whole))] ^= 1 << drawn.randrange(8)
        wrong: list[object] = [whole[: drawn.randrange(len(whole))], drawn.randbytes(200), b"", None, 5, "text"]
        given.append(drawn.choice([bytes(one) if isinstance(one, bytearray) else one for one in wrong]))
        assert not client.talk(context, talk.session).resumed
        given.append(bytes(whole))
        try:
            client.talk(context, talk.session)
        except (OSError, AssertionError):
            continue  # what was changed may be its secret, which both ends find out


# Renewal.


def test_renewal_is_due_after_twelve_hours_and_what_was_missed_counts() -> None:
    assert PERIOD == 12 * 3600
    now = [1000.0]
    own = OwnKeys(lambda: now[0])
    first = own.secrets
    now[0] += PERIOD
    assert own.due == now[0]
    own.become(*own.renewed())
    assert (own.count, own.due, own.secrets[:2]) == (1, now[0] + PERIOD, first[1:])
    now[0] += 2.5 * PERIOD
    second = own.secrets
    own.become(*own.renewed())
    assert (own.count, own.due, own.secrets[:1]) == (3, now[0] + PERIOD / 2, second[2:])
    now[0] += 100 * PERIOD
    third = own.secrets
    own.become(*own.renewed())
    assert own.due > now[0] and not set(own.secrets) & set(third)


def test_all_processes_make_the_same_of_changes() -> None:
    """They pass as JSON; a process that begins later makes those of a snapshot."""
    leader = Tickets()
    leader.of_frontend("web")
    leader.files["file"] = TicketKeys("file", [key(1), key(2), key(3)])
    leader.files["other"] = TicketKeys("other", [key(1), key(2), key(3)])
    follower = Tickets()
    follower.files = {name: TicketKeys(name, keys.keys) for name, keys in leader.files.items()}
    called: list[int] = []
    follower.of_frontend("web").users.append(lambda: called.append(1))
    follower.files["file"].users.append(lambda: called.append(2))

    def make(change: Change, *others: Tickets) -> None:
        for one in others:
            one.apply(json.loads(json.dumps(change)))

    make(leader.renewal(), leader, follower)
    make(leader.addition(leader.files["file"], key(4)), leader, follower)
    assert called == [1, 2]
    later = Tickets()
    later.files = {name: TicketKeys(name, [key(1), key(2), key(3)]) for name in leader.files}
    for change in leader.snapshot():
        make(change, later)
    for one in (follower, later):
        assert one.of_frontend("web").keys == leader.of_frontend("web").keys
        assert one.files["file"].keys == [key(2), key(3), key(4)]
        assert one.own.due == leader.own.due
    assert len(leader.snapshot()) == 2
    make(["tickets", "file", "of no bind line", []], later)


# The next generation.


def test_the_next_generation_goes_on_with_the_same_keys() -> None:
    now = [1000.0]
    former = OwnKeys(lambda: now[0])
    former.hand_on()
    for turn in range(5):
        successor = OwnKeys(lambda: now[0])
        derived = successor.of(b"web")
        assert derived.keys != former.of(b"web").keys
        assert successor.adopt(os.dup(former.fd))
        assert (successor.secrets, successor.count, successor.due) == (former.secrets, turn, former.due)
        assert derived.keys == former.of(b"web").keys
        now[0] = former.due
        former.become(*former.renewed())
        former.hand_on()
    os.close(former.fd)


def test_keys_that_were_half_written_are_those_before() -> None:
    former = OwnKeys()
    former.hand_on()
    before = former.secrets
    former.become(*former.renewed())
    former.hand_on()
    os.pwrite(former.fd, bytes(100), 256 + 100)
    successor = OwnKeys()
    assert successor.adopt(os.dup(former.fd))
    assert successor.secrets == before
    os.pwrite(former.fd, bytes(100), 100)
    copy = os.dup(former.fd)
    assert not successor.adopt(copy)
    os.close(copy)
    os.close(former.fd)
    with open("/dev/null", "rb") as null:
        assert not successor.adopt(null.fileno())


def test_a_key_is_base64_as_it_is_written() -> None:
    assert decode("AAEC") == b"\0\1\2"
    for word in ("AAE", "AA EC", "AAEC\n", "ä", "AA-_"):
        with pytest.raises(ValueError, match="base64"):
            decode(word)
