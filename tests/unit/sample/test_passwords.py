"""Encrypted passwords: crypt(3), the thread that computes it, and what rules make of its answers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import pytest
from exchanges import exchange
from hypothesis import given, settings
from hypothesis import strategies as st
from support.configs import section
from support.hashes import HASHES, QUICK, Stall, authorization, knows

from pointsman.config.verdict import ANSWER, CONTINUE, WAIT
from pointsman.net.reactor import Reactor
from pointsman.net.timers import Timed
from pointsman.rules.plan import Cursor, go_on, run_steps, steps
from pointsman.rules.rule import Rule
from pointsman.sample import passwords as module
from pointsman.sample.context import Context
from pointsman.sample.crypt import CRYPT
from pointsman.sample.need import EXPIRED, MET, PENDING, WITHDRAWN, Need, Waiter
from pointsman.sample.passwords import MOST, PASSWORDS, REMEMBERED, PasswordNeed, Passwords, VerifiedPassword
from pointsman.sample.users import UserList, userlist


class Told(Waiter):
    """Notes what it is told, and in which thread."""

    def __init__(self, need: Need | None) -> None:
        assert need is not None
        need.waiter = self
        self.need = need
        self.told: list[int] = []
        self.threads: set[int] = set()

    def need_met(self, need: Need) -> None:
        assert need is self.need
        self.told.append(need.state)
        self.threads.add(threading.get_ident())


class Lane:
    """A loop with its checks."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.passwords = Passwords()
        self.passwords.attach(self.reactor)
        self.descriptors = len(os.listdir("/proc/self/fd"))

    def ask(self, password: bytes, user: bytes = b"u", verified: VerifiedPassword | None = None) -> PasswordNeed | None:
        key = self.passwords.key(user, password, QUICK)
        return self.passwords.ask(key, password, QUICK, verified or VerifiedPassword())

    def until(self, true: Callable[[], bool]) -> None:
        limit = time.monotonic() + 20
        while not true():
            assert time.monotonic() < limit
            self.reactor.turn(20)

    def rest(self) -> None:
        """Nothing is open, nobody listens, no descriptor is held."""
        self.until(lambda: self.passwords.event is None)
        self.reactor.turn(0)
        assert not self.passwords.open and not self.passwords.ready and not self.passwords.thread.waiting
        assert not self.passwords.thread.running
        assert self.reactor.open == 0
        assert len(os.listdir("/proc/self/fd")) == self.descriptors


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane()
    yield made
    made.reactor.epoll.close()


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    made = Stall()
    monkeypatch.setattr(CRYPT, "matches", made.matches)
    yield made
    made.gate.release(MOST + 10)


# crypt(3).


@pytest.mark.parametrize("method", HASHES)
def test_methods_of_the_system(method: str) -> None:
    encrypted = HASHES[method]
    if not knows(encrypted):
        pytest.skip(f"this crypt(3) has no {method}")
    assert CRYPT.matches(b"secret", encrypted)
    for wrong in (b"", b"Secret", b"secre", b"secret\0", encrypted):
        assert not CRYPT.matches(wrong, encrypted)


@pytest.mark.parametrize("encrypted", [b"", b"*0", b"*1", b"!", b"x", b"$9$nope", b"$2b$10$abc", b"$6$", b"a\0b"])
def test_what_is_no_hash_lets_nobody_in(encrypted: bytes) -> None:
    """Where crypt cannot, it answers "*0", or "*1" where the setting is "*0": none of both is anybody's password."""
    for password in (b"", b"secret", b"*0", b"*1", encrypted):
        assert not CRYPT.matches(password, encrypted)


def test_two_threads_do_not_disturb_each_other() -> None:
    wrong: list[bytes] = []

    def compare(encrypted: bytes) -> None:
        for _ in range(30):
            if not CRYPT.matches(b"secret", encrypted) or CRYPT.matches(b"other", encrypted):
                wrong.append(encrypted)

    threads = [threading.Thread(target=compare, args=(HASHES[name],)) for name in ("MD5", "SHA-256", "DES")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# The thread.


def test_answers_come_to_the_lane_and_once(lane: Lane) -> None:
    right, wrong = Told(lane.ask(b"secret")), Told(lane.ask(b"Secret"))
    assert (right.told, wrong.told) == ([], [])
    lane.until(lambda: bool(right.told and wrong.told))
    lane.rest()
    assert right.told == wrong.told == [MET]
    assert right.threads == wrong.threads == {threading.get_ident()}
    assert isinstance(right.need, PasswordNeed) and right.need.holds
    assert isinstance(wrong.need, PasswordNeed) and not wrong.need.holds
    assert lane.passwords.given_up == 0


def test_what_is_asked_twice_is_computed_once(lane: Lane, stall: Stall) -> None:
    same = [Told(lane.ask(b"right")) for _ in range(50)]
    other = Told(lane.ask(b"right", user=b"v"))
    stall.gate.release(2)
    lane.until(lambda: bool(other.told))
    assert [one.told for one in same] == [[MET]] * 50
    assert stall.seen == [b"right"] * 2
    lane.rest()


def test_exchanges_go_on_a_few_at_a_time(lane: Lane, stall: Stall) -> None:
    """Others have a go between them."""
    same = [Told(lane.ask(b"right")) for _ in range(50)]
    stall.gate.release()
    most = before = 0
    while before < 50:
        lane.reactor.turn(20)
        now = sum(len(one.told) for one in same)
        most, before = max(most, now - before), now
    assert most <= 32  # those of an event, and those of a go
    lane.rest()


def test_the_queue_is_bounded(lane: Lane, stall: Stall) -> None:
    open_ones = [Told(lane.ask(b"%d" % number)) for number in range(MOST)]
    assert lane.ask(b"one too many") is None
    assert lane.passwords.given_up == 1
    joined = Told(lane.ask(b"7"))  # is open already
    open_ones[9].need.withdraw()  # its client has left, and makes room
    late = Told(lane.ask(b"right"))
    stall.gate.release(MOST)
    lane.until(lambda: bool(late.told))
    assert joined.told == [MET]
    assert sum(len(one.told) for one in open_ones) == MOST - 1
    assert b"9" not in stall.seen
    lane.rest()


def test_who_leaves_is_not_told_and_costs_nothing(lane: Lane, stall: Stall) -> None:
    first, second, third = (Told(lane.ask(password)) for password in (b"a", b"b", b"c"))
    assert stall.begun.acquire(timeout=20)
    second.need.withdraw()
    first.need.withdraw()  # the thread has it: it cannot be taken back
    stall.gate.release(2)
    lane.until(lambda: bool(third.told))
    assert (first.told, second.told, third.told) == ([], [], [MET])
    assert (first.need.state, second.need.state) == (WITHDRAWN, WITHDRAWN)
    assert stall.seen == [b"a", b"c"]
    assert lane.passwords.given_up == 0
    lane.rest()


def test_a_success_is_remembered_though_its_client_has_left(lane: Lane, stall: Stall) -> None:
    success = VerifiedPassword()
    need = lane.ask(b"right", verified=success)
    assert need is not None and stall.begun.acquire(timeout=20)
    need.withdraw()
    stall.gate.release()
    lane.rest()
    assert success.is_known(lane.passwords.key(b"u", b"right", QUICK), lane.reactor.now)


def test_patience_ends(lane: Lane, stall: Stall) -> None:
    stuck, behind = Told(lane.ask(b"a")), Told(lane.ask(b"b"))
    assert stall.begun.acquire(timeout=20)
    for one in (stuck, behind):
        one.need.expire()
        assert (one.need.state, one.told) == (EXPIRED, [EXPIRED])
    assert lane.passwords.given_up == 2
    stall.gate.release()
    lane.rest()
    assert stuck.told == behind.told == [EXPIRED]
    assert stall.seen == [b"a"]


def test_a_thread_that_ends_has_a_successor(lane: Lane, stall: Stall) -> None:
    dead, next_one = Told(lane.ask(b"a")), Told(lane.ask(b"right"))
    stall.failure = SystemExit()
    stall.gate.release(2)
    lane.until(lambda: bool(dead.told and next_one.told))
    assert isinstance(dead.need, PasswordNeed) and not dead.need.holds
    assert isinstance(next_one.need, PasswordNeed) and next_one.need.holds
    assert lane.passwords.given_up == 1
    lane.rest()


def test_a_fault_is_told_and_the_thread_goes_on(lane: Lane, stall: Stall, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, next_one = Told(lane.ask(b"a")), Told(lane.ask(b"right"))
    stall.failure = ZeroDivisionError()
    stall.gate.release(2)
    lane.until(lambda: bool(wrong.told and next_one.told))
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert isinstance(next_one.need, PasswordNeed) and next_one.need.holds
    assert lane.passwords.given_up == 1
    lane.rest()


def test_no_thread_can_be_had(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module._thread, "start_new_thread", refuse)
    assert lane.ask(b"a") is None
    assert lane.passwords.given_up == 1
    lane.rest()


def test_no_thread_can_be_had_for_those_that_wait(lane: Lane, stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Told(lane.ask(b"a")), Told(lane.ask(b"b"))

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    assert stall.begun.acquire(timeout=20)
    monkeypatch.setattr(module._thread, "start_new_thread", refuse)
    stall.failure = SystemExit()
    stall.gate.release()
    lane.until(lambda: bool(first.told and second.told))
    assert first.told == second.told == [MET]
    assert lane.passwords.given_up == 2
    lane.rest()


class Fails(Told):
    def need_met(self, need: Need) -> None:
        super().need_met(need)
        raise ZeroDivisionError


def test_an_exchange_that_fails_does_not_take_the_others_along(lane: Lane) -> None:
    faults: list[object] = []

    def fault(channel: Timed) -> None:
        faults.append(channel)
        channel.broken()

    lane.reactor.fault = fault
    first, second, third = Fails(lane.ask(b"secret")), Told(lane.ask(b"secret")), Told(lane.ask(b"b"))
    lane.until(lambda: bool(first.told and second.told and third.told))
    lane.rest()
    assert len(faults) == 1


def test_a_fork_has_checks_of_its_own(lane: Lane, stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the thread nor what was open goes along."""
    waits = Told(lane.ask(b"right"))
    assert stall.begun.acquire(timeout=20)
    event, secret = lane.passwords.thread.event, lane.passwords.secret
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns where there are threads
        child = os.fork()
    if not child:
        status = 1
        try:
            lane.passwords.forked()
            lane.reactor.reopen()
            assert (
                not lane.passwords.open
                and lane.passwords.thread.event < 0
                and not os.path.exists(f"/proc/self/fd/{event}")
            )
            monkeypatch.undo()
            own = Told(lane.ask(b"secret"))
            lane.until(lambda: bool(own.told))
            assert lane.passwords.secret != secret
            status = 0 if isinstance(own.need, PasswordNeed) and own.need.holds else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert waits.told == []
    stall.gate.release()
    lane.until(lambda: bool(waits.told))
    lane.rest()


SHUTDOWN = """
import time
from pointsman.net.reactor import Reactor
from pointsman.net.timers import Timed
from pointsman.sample.passwords import PASSWORDS, VerifiedPassword
from pointsman.sample.crypt import CRYPT
PASSWORDS.attach(Reactor())
encrypted = b"$2b$20$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # a minute or more
need = PASSWORDS.ask(PASSWORDS.key(b"u", b"x", encrypted), b"x", encrypted, VerifiedPassword())
while PASSWORDS.thread.waiting:
    pass
time.sleep(0.2)
assert PASSWORDS.thread.running and not PASSWORDS.thread.made
print("computing", flush=True)
"""


def test_the_process_ends_while_its_thread_computes() -> None:
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", SHUTDOWN], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "computing\n", "")
    assert time.monotonic() - started < 20


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 5)),
        st.tuples(st.sampled_from(["withdraw", "expire"]), st.integers(0, 30)),
        st.tuples(st.just("compute"), st.just(0)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


class Undisturbed(Passwords):
    """Without a thread: the test computes."""

    def _run(self) -> bool:
        return True


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_each_need_ends_once(actions: list[tuple[str, int]]) -> None:
    lane = Lane()
    checks = lane.passwords = Undisturbed()
    checks.attach(lane.reactor)
    needs: list[Told] = []
    withdrawn: set[int] = set()
    thread = checks.thread
    try:
        for action, number in [*actions, *[("compute", 0)] * 41, *[("turn", 0)] * 3]:
            if action == "ask":
                needs.append(Told(lane.ask(b"%d" % number)))
            elif action == "compute" and thread.waiting:
                thread._compute(thread.waiting.popleft())
            elif action == "turn":
                lane.reactor.turn(0)
            elif needs and action in ("withdraw", "expire"):
                one = needs[number % len(needs)]
                if one.need.state == PENDING:
                    if action == "withdraw":
                        withdrawn.add(id(one))
                        one.need.withdraw()
                    else:
                        one.need.expire()
            open_needs = [one for one in needs if one.need.state == PENDING]
            assert len(checks.open) + len(checks.ready) <= len(needs)
            assert {one.need.key for one in open_needs} <= {*checks.open, *(need.key for need in checks.ready)}
        for one in needs:
            assert len(one.told) == (0 if id(one) in withdrawn else 1)
        lane.rest()
    finally:
        lane.reactor.epoll.close()


# What is remembered.


def test_a_success_is_remembered_for_a_minute(lane: Lane) -> None:
    success = VerifiedPassword()
    key = lane.passwords.key(b"u", b"secret", QUICK)
    assert not success.is_known(key, 0) and not success.is_known(b"", 0)
    success.note(key, 1000)
    assert success.is_known(key, 1000 + REMEMBERED - 1)
    assert not success.is_known(lane.passwords.key(b"u", b"other", QUICK), 1001)
    assert not success.is_known(key, 1000 + REMEMBERED)
    assert success.key == b""
    assert REMEMBERED <= 60_000


def test_keys_say_nothing_and_differ_between_processes(lane: Lane) -> None:
    key = lane.passwords.key(b"user", b"password", QUICK)
    assert b"user" not in key and b"password" not in key
    assert key == lane.passwords.key(b"user", b"password", QUICK)
    keys = {lane.passwords.key(*words) for words in ((b"user", b"passwor", b"d"), (b"userp", b"assword", b""))}
    assert len({key, *keys, Passwords().key(b"user", b"password", QUICK)}) == 4


# Users.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reactor]:
    """The process's checks on a loop whose clock the test moves."""
    reactor = Reactor()
    PASSWORDS.attach(reactor)
    yield reactor
    PASSWORDS.attach(None)
    reactor.epoll.close()


def crypted(name: str, **users: bytes) -> UserList:
    made = userlist(name)
    made.accounts.clear()
    for user, encrypted in users.items():
        made.declare(user.encode(), encrypted, True, frozenset({user.encode() + b"s"}))
    return made


def login(user: str, password: str) -> Context:
    return exchange("GET / HTTP/1.1", authorization(user, password))


def test_where_nobody_waits_the_answer_comes_at_once(clock: Reactor, stall: Stall) -> None:
    users = crypted("at-once", u=QUICK)
    stall.gate.release(3)
    ctx = login("u", "right")
    assert not users.check(b"u", b"wrong", ctx) and not users.check(b"u", b"wrong", ctx)
    assert users.check(b"u", b"right", ctx) and users.check(b"u", b"right", ctx)
    assert stall.seen == [b"wrong", b"wrong", b"right"]  # only successes are remembered
    assert ctx.need is None and PASSWORDS.open == {}


class Rules:
    """A list of rules that stops, and goes on when its need is met."""

    def __init__(self, *lines: str) -> None:
        loaded = section("frontend", "mode http", *lines)
        assert not loaded.errors
        self.steps = steps(loaded.proxy.all(Rule))
        self.cursor = Cursor()
        self.waits = 0

    def run(self, reactor: Reactor, ctx: Context, ending: Callable[[Need], None] | None = None) -> int:
        verdict = run_steps(self.steps, ctx, self.cursor)
        self.waits = 0
        while verdict == WAIT:
            self.waits += 1
            need = ctx.need
            assert need is not None
            if ending is not None:
                ending(need)
            limit = time.monotonic() + 20
            while need.state == PENDING:
                assert time.monotonic() < limit
                reactor.turn(20)
            verdict = go_on(ctx, self.cursor)
        return verdict


def test_rules_wait_for_a_password(clock: Reactor) -> None:
    crypted("one", u=QUICK)
    rules = Rules("http-request auth unless { http_auth(one) }")
    assert (rules.run(clock, login("u", "secret")), rules.waits) == (CONTINUE, 1)
    assert (rules.run(clock, login("u", "secret")), rules.waits) == (CONTINUE, 0)  # remembered
    assert (rules.run(clock, login("u", "wrong")), rules.waits) == (ANSWER, 1)
    assert (rules.run(clock, login("u", "wrong")), rules.waits) == (ANSWER, 1)  # not remembered
    assert (rules.run(clock, login("nobody", "secret")), rules.waits) == (ANSWER, 0)
    assert (rules.run(clock, exchange()), rules.waits) == (ANSWER, 0)
    clock.now += REMEMBERED + 1000
    assert (rules.run(clock, login("u", "secret")), rules.waits) == (CONTINUE, 1)


def test_one_exchange_asks_each_list_once(clock: Reactor) -> None:
    crypted("one", u=QUICK)
    crypted("two", u=HASHES["SHA-256"])
    rules = Rules(
        "http-request deny if { http_auth(one) }",
        "http-request set-header x y if { http_auth(one) } or { http_auth(two) } { always_false }",
        "http-request allow if { http_auth_group(two) us } !{ http_auth_group(one) us }",
        "http-request deny",
    )
    assert (rules.run(clock, login("u", "wrong")), rules.waits) == (
        Rules("http-request deny").run(clock, exchange()),
        2,
    )


def test_groups_are_told_once_the_password_is_right(clock: Reactor) -> None:
    crypted("one", u=QUICK)
    rules = Rules("http-request auth unless { http_auth_group(one) us }")
    assert (rules.run(clock, login("u", "secret")), rules.waits) == (CONTINUE, 1)
    assert (Rules("http-request auth unless { http_auth_group(one) vs }").run(clock, login("u", "secret"))) == ANSWER


def test_who_is_not_checked_in_time_is_a_stranger(clock: Reactor, stall: Stall) -> None:
    crypted("one", u=QUICK)
    rules = Rules("http-request auth unless { http_auth(one) }")
    given_up = PASSWORDS.given_up
    assert (rules.run(clock, login("u", "right"), lambda need: need.expire()), rules.waits) == (ANSWER, 1)
    assert PASSWORDS.given_up == given_up + 1


def test_a_full_queue_lets_nobody_in(clock: Reactor, stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    crypted("one", u=QUICK)
    monkeypatch.setattr(module, "MOST", 0)
    rules = Rules("http-request auth unless { http_auth(one) }")
    given_up = PASSWORDS.given_up
    assert (rules.run(clock, login("u", "right")), rules.waits) == (ANSWER, 0)
    assert PASSWORDS.given_up == given_up + 1
