"""tune.vars.*-max-size (manual 3.2): the sizes at which HAProxy 3.2 keeps a variable, and what happens beyond."""

from __future__ import annotations

import pytest
from support.stand import End, Stand

from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.sample.variables import PROCESS_VARIABLES

CONFIG = """
global
    {limits}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    {rules}
    http-request return status 200 content-type text/plain lf-string "{shows}"
"""
TEN = "xxxxxxxxxx"


def stand(limits: str, rules: list[str], shows: str) -> Stand:
    lines = "\n    ".join(f"http-request {rule}" for rule in rules)
    return Stand(CONFIG.replace("{limits}", limits).replace("{rules}", lines).replace("{shows}", shows))


def ask(client: End) -> bytes:
    client.send(b"GET /abc HTTP/1.1\r\nHost: h\r\n\r\n")
    return client.take().partition(b"\r\n\r\n")[2]


# Rules, what is shown, and the least size at which the program shows it so.
MEASURED = [
    ("txn", ["set-var(txn.a) str(x)"], "%[var(txn.a)]", "x", 81),
    ("txn", [f"set-var(txn.a) str({TEN})"], "%[var(txn.a)]", TEN, 90),
    ("txn", [f"set-var(txn.a) str({TEN * 10})"], "%[var(txn.a)]", TEN * 10, 180),
    ("txn", ["set-var(txn.a) int(5)"], "%[var(txn.a)]", "5", 80),
    ("txn", ["set-var(txn.a) src"], "%[var(txn.a)]", "127.0.0.1", 80),
    ("txn", ["set-var(txn.abcdefghijklmnop) int(5)"], "%[var(txn.abcdefghijklmnop)]", "5", 80),
    ("txn", ["set-var(txn.a) int(5)", "set-var(txn.b) int(6)"], "%[var(txn.a)]%[var(txn.b)]", "56", 160),
    (
        "txn",
        [f"set-var(txn.a) str({TEN})", "set-var(txn.a) str(y)", "set-var(txn.b) str(zzzzzzzzz)"],
        "%[var(txn.a)]%[var(txn.b)]",
        "yzzzzzzzzz",
        170,
    ),
    (
        "txn",
        [f"set-var(txn.a) str({TEN})", "unset-var(txn.a)", "set-var(txn.b) str(zzzzzzzzzz)"],
        "%[var(txn.b)]",
        "zzzzzzzzzz",
        90,
    ),
    ("reqres", [f"set-var(req.a) str({TEN})"], "%[var(req.a)]", TEN, 90),
    ("txn", [f"set-var(req.a) str({TEN})"], "%[var(req.a)]", TEN, 90),
    ("sess", [f"set-var(req.a) str({TEN})"], "%[var(req.a)]", TEN, 90),
    ("sess", [f"set-var(sess.a) str({TEN})"], "%[var(sess.a)]", TEN, 90),
    ("proc", [f"set-var(sess.a) str({TEN})"], "%[var(sess.a)]", TEN, 90),
    ("global", [f"set-var(req.a) str({TEN})"], "%[var(req.a)]", TEN, 90),
    ("reqres", [f"set-var(txn.a) str({TEN})"], "%[var(txn.a)]", TEN, 1),
]


@pytest.mark.parametrize(("scope", "rules", "shows", "value", "least"), MEASURED)
def test_the_least_size_that_suffices(scope: str, rules: list[str], shows: str, value: str, least: int) -> None:
    with stand(f"tune.vars.{scope}-max-size {least}", rules, shows) as scene:
        assert ask(scene.client()) == value.encode()
    if least > 1:
        with stand(f"tune.vars.{scope}-max-size {least - 1}", rules, shows) as scene:
            assert ask(scene.client()) != value.encode()


def test_a_value_that_does_not_fit_leaves_the_old_one() -> None:
    rules = ["set-var(txn.a) str(abc)", f"set-var(txn.a) str({TEN * 20})"]
    with stand("tune.vars.txn-max-size 100", rules, "%[var(txn.a)]") as scene:
        assert ask(scene.client()) == b"abc"


def test_nothing_is_limited_without_them() -> None:
    with stand("tune.vars.txn-max-size 0", [f"set-var(txn.a) str({TEN})"], "%[var(txn.a)]") as scene:
        assert not VARIABLE_LIMITS.on
        assert ask(scene.client()) == TEN.encode()
        assert VARIABLE_LIMITS.used == 0


def test_a_stand_begins_without_variables_of_the_process() -> None:
    PROCESS_VARIABLES[b"proc.left"] = b"of a test before"
    with stand("tune.vars.proc-max-size 90", [f"set-var(sess.a) str({TEN})"], "%[var(sess.a)]") as scene:
        assert ask(scene.client()) == TEN.encode()


def test_what_ends_makes_room() -> None:
    """Three connections, each of which wants 170 bytes; the process has 260."""
    rules = [f"set-var(sess.a) str({TEN})", "set-var(txn.b) int(1)"]
    with stand("tune.vars.proc-max-size 260", rules, "%[var(sess.a)] %[var(txn.b)]") as scene:
        first, second, third = scene.client(), scene.client(), scene.client()
        both = TEN.encode() + b" 1"
        assert ask(first) == both
        assert VARIABLE_LIMITS.used == 170
        assert ask(second) == TEN.encode() + b" "  # the second variable would be too much
        assert ask(first) == both  # what its last exchange had is given back
        assert VARIABLE_LIMITS.used == 260
        assert ask(third) == b" "
        first.close()
        scene.settle()
        assert VARIABLE_LIMITS.used == 90
        assert ask(third) == both
        third.close()
        second.close()
        scene.settle()
        assert VARIABLE_LIMITS.used == 0
