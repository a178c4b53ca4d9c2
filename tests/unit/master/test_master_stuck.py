"""Processes that do not turn: who is ended, when, and what is known of its place."""

import os
import signal
import time

import pytest

from pointsman.core import calls
from pointsman.master import stuck
from pointsman.master.stuck import CrashReport, Watchdog, place_of


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Signals that were sent, instead of sending them."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(stuck, "tell", lambda pid, number: found.append((pid, number)))
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


ABORT = [(7, signal.SIGABRT), (7, signal.SIGCONT)]


def test_who_has_not_turned_for_too_long(sent: list[tuple[int, int]], clock: list[float]) -> None:
    watch = Watchdog(5)
    watch.forked(9)
    for clock[0] in (101.0, 102.0, 103.0, 104.0, 105.0, 106.0):
        assert watch.look({7: 100.0, 8: clock[0] - 1, 9: 0.0}) == []  # 9 has not begun
    clock[0] = 106.5
    assert watch.look({7: 100.0, 8: 106.0, 9: 0.0}) == [7]
    assert sent == ABORT
    clock[0] = 107.0
    assert watch.look({7: 100.0, 8: 106.0}) == []
    assert sent == ABORT
    clock[0] = 107.6
    watch.look({7: 100.0, 8: 107.0})
    assert sent == [*ABORT, (7, signal.SIGKILL)]
    watch.look({8: 107.0})
    assert not watch.aborted


def test_what_the_keeper_overslept_does_not_count(sent: list[tuple[int, int]], clock: list[float]) -> None:
    watch = Watchdog(5)
    clock[0] = 101.0
    assert watch.look({7: 100.5}) == []
    clock[0] = 200.0  # a frozen container
    assert watch.look({7: 100.5}) == []
    for clock[0] in (201.0, 202.0, 203.0, 204.0, 205.0, 206.0):
        assert watch.look({7: 100.5}) == []
    clock[0] = 206.5
    assert watch.look({7: 100.5}) == [7]


@pytest.mark.parametrize(("limit", "patience"), [(0, 0), (2, 10), (10, 10), (30, 30)])
def test_who_does_not_begin(sent: list[tuple[int, int]], clock: list[float], limit: int, patience: int) -> None:
    """Has ten seconds at least, in the way of others or not; its successor has as long again."""
    watch = Watchdog(limit)
    for number in range(100, 250, 50):
        clock[0] = number
        watch.look({})  # the keeper has turned all the time
        watch.forked(7)
        if not patience:
            for _ in range(49):
                clock[0] += 1.0
                assert watch.look({7: 0.0}, {7}) == []
            continue
        for _ in range(patience + 1):
            clock[0] += 1.0
            assert watch.look({7: 0.0}, {7}) == []
        clock[0] += 0.5
        assert watch.look({7: 0.0}, {7}) == [7]
        clock[0] += 0.1
        watch.look({})
    assert sent == (ABORT * 3 if patience else [])


@pytest.mark.parametrize("limit", [0, 30])
def test_who_is_in_the_way_of_others(sent: list[tuple[int, int]], clock: list[float], limit: int) -> None:
    """Is ended soon, if it does not turn; with 0 nobody else is."""
    watch = Watchdog(limit)
    for clock[0] in (101.0, 102.0):
        assert watch.look({7: 100.0, 8: clock[0], 9: 100.0}, {7, 8}) == []
    clock[0] = 102.5
    assert watch.look({7: 100.0, 8: 102.0, 9: 100.0}, {8}) == []
    assert watch.look({7: 100.0, 8: 102.0, 9: 100.0}, {7, 8}) == [7]
    assert sent == ABORT
    for number in range(30):
        clock[0] = 103.0 + number
        watch.look({8: clock[0], 9: 100.0}, {8})
    assert ((9, signal.SIGABRT) in sent) == (limit > 0)


def test_how_long_the_keeper_may_sleep() -> None:
    assert Watchdog(0).wait(3600) == stuck.LOOK
    assert Watchdog(5).wait(3600) == stuck.LOOK
    assert Watchdog(5).wait(0.1) == 0.1


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (
            b"/x/_hot__mypyc.so(CPyDef_plan___run_steps+0x1f)[0x5]\n"
            b"Current thread 0x1 (most recent call first):\n"
            b'  File "/etc/haproxy/auth.py", line 7 in hashed\n'
            b'  File "/etc/haproxy/auth.py", line 9 in check\n'
            b'  File "/usr/lib/pointsman/extension/actions.py", line 120 in run\n',
            "in hashed (auth.py:7)",
        ),
        (b"", ""),
        (b"noise\n", ""),
        (
            b"Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n"
            b'  File "/x/y/regex.py", line 12 in '
            b'find\n  File "/x/loop.py", line 3 in run\n',
            "in find (regex.py:12)",
        ),
        (
            b"/x/_calls.so(+0x1)[0x2]\n/lib/libc.so.6(+0x3)[0x4]\n/x/_hot__mypyc.so(CPyDef_tags___Tag___text+0x1f)[0x5]\n"
            b'  File "/x/loop.py", line 3 in run\n',
            "in tags.Tag.text",
        ),
    ],
)
def test_the_place(words: bytes, place: str) -> None:
    assert place_of(words) == place


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_crash_report(number: signal.Signals) -> None:
    words = CrashReport()
    pid = os.fork()
    if pid == 0:
        words.prepare()
        os.kill(os.getpid(), number)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == number
    told = words.read()
    words.close()
    assert place_of(told).startswith("in test_crash_report (test_master_stuck.py:")
    if calls.trace is not calls.plain_trace:
        assert b"_calls" in told


def end_of_child(ms: int, hears: bool, seconds: float) -> tuple[int, float]:
    """A child that gets TERM and goes on for a while; its status and how long it took."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        calls.insist(signal.SIGTERM, ms)
        os.kill(os.getpid(), signal.SIGTERM)
        if hears:
            calls.heard()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        os._exit(3)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), time.monotonic() - began


needs_extension = pytest.mark.skipif(calls.insist is calls.plain_insist, reason="the extension was not built")


@needs_extension
def test_a_signal_that_is_not_heard_ends_the_process() -> None:
    code, took = end_of_child(200, False, 10)
    assert code == -signal.SIGTERM and 0.2 <= took < 5


@needs_extension
def test_one_that_is_heard_does_not() -> None:
    assert end_of_child(200, True, 0.6)[0] == 3


@needs_extension
@pytest.mark.parametrize("words", [(0, 1), (64, 1), (-1, 1), (15, 0), (15, -1)])
def test_what_is_no_signal_or_no_time(words: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a signal and milliseconds expected"):
        calls.insist(*words)
