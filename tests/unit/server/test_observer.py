"""Errors that traffic shows, counted over lanes (manual 5.2, observe, error-limit, on-error)."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Farm

from pointsman.core.arena import Arena
from pointsman.server.observer import INVALID, LAYER4, LAYER7, Observer

SHARE = 3_000  # errors of each of two processes


def observer(layer: int, limit: int, called: list[int]) -> Observer:
    return Observer(Arena(2, 64), layer, limit, lambda: called.append(1))


@pytest.mark.parametrize("status", [100, 200, 304, 404, 499, 501, 505])
def test_valid_responses_end_a_row(status: int) -> None:
    called: list[int] = []
    made = observer(LAYER7, 2, called)
    for _ in range(3):
        made.response(500)
        made.response(status)
    assert not called and not made.take()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 506, 599])
def test_others_are_errors(status: int) -> None:
    called: list[int] = []
    made = observer(LAYER7, 2, called)
    made.response(status)
    made.connection(True)  # says nothing of layer 7
    assert not called
    made.response(status)
    assert called == [1] and made.take() and not made.take()
    assert made.reason == "Detected 2 consecutive errors, last one was: Wrong http response"
    assert made.failures == 1


def test_layer_4_looks_at_connections_alone() -> None:
    called: list[int] = []
    made = observer(LAYER4, 2, called)
    for _ in range(5):
        made.response(500)
        made.no_response(INVALID)
        made.connection(False)
        made.connection(True)
    assert not called
    made.connection(False)
    made.connection(False)
    assert called and made.take()
    assert made.reason.endswith("last one was: L4 unsuccessful connection")


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_each_error_counts_once(talk: list[bool], limit: int) -> None:
    """Whoever acts, and however late: as often as there were `limit` errors in a row."""
    called: list[int] = []
    made = observer(LAYER7, limit, called)
    row = wanted = 0
    for good in talk:
        row = 0 if good else row + 1
        if row == limit:
            row, wanted = 0, wanted + 1
        made.response(200 if good else 500)
    assert len(called) == wanted
    assert sum(iter(made.take, False)) == wanted == made.failures


def test_two_processes_lose_nothing() -> None:
    """They change the same cell at the same time."""
    called: list[int] = []
    made = observer(LAYER7, 7, called)
    child = os.fork()
    if not child:
        for _ in range(SHARE):
            made.response(500)
        os._exit(0)
    for _ in range(SHARE):
        made.response(500)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sum(iter(made.take, False)) == 2 * SHARE // 7
    for _ in range(7 - 2 * SHARE % 7):
        assert not made.take()
        made.response(500)
    assert made.take()


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("fastinter", [(4, True), (4, True), (4, True)]),
        ("fail-check", [(3, True), (2, True), (0, False)]),
        ("sudden-death", [(2, True), (0, False), (0, False)]),
        ("mark-down", [(0, False), (0, False), (0, False)]),
    ],
)
def test_what_errors_bring(mode: str, steps: list[tuple[int, bool]]) -> None:
    made = Farm("", [f"check rise 2 fall 3 observe layer7 error-limit 1 on-error {mode}"], [1])
    checker = made.checkers[0]
    made.server.check_health = 4
    made.checks.observe(checker, LAYER7, 1)
    watched = made.server.observer
    assert watched is not None
    for number, (health, up) in enumerate(steps, 1):
        watched.response(500)
        made.checks.look()
        assert (made.server.check_health, made.server.up, watched.failures) == (health, up, number)
    told = '1 Server b/s1 is DOWN, reason: Health analyze, info: "Detected 1 consecutive errors, last one was: Wrong '
    assert any(line.startswith(told) and "check duration" not in line for line in made.said()) != steps[-1][1]
    assert made.server.check_status == ("INI" if mode == "fastinter" else "HANA")
