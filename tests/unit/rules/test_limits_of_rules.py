"""set-timeout, set-retries (manual 4.4) and the samples about them (manual 7.3.3): what is said, what it changes, and
where it may be said. How streams keep to it stands in tests/playbook/test_limits_of_exchanges.py."""

import pytest
from rule_stand import compiled, error, exchange
from support.configs import read, section
from support.contract import word

from pointsman.rules.plan import MOVING, run_steps, steps
from pointsman.sample.context import Context, Names, ProxyFacts
from pointsman.sample.expression import parse_expression
from pointsman.sample.limits import TIME_NAMES
from pointsman.sample.types import Where

TIMES = ("client", "connect", "queue", "server", "tarpit", "tunnel")


def told(ctx: Context, name: str) -> object:
    """What a sample says."""
    return parse_expression(word(name), Where.HTTP_RES).get(ctx)


def proxied() -> Context:
    """An exchange whose frontend and backend have limits of their own."""
    ctx = exchange("GET /path HTTP/1.1", "x-time: 700", "x-host: b", answer=("200 OK", "x-refresh-seconds: 7"))
    ctx.frontend.limits.times = [1, 2, 3, 4, 5, 6]
    assert ctx.backend is not None
    ctx.backend.limits.times = [10, 20, 30, 40, 50, 60]
    ctx.backend.limits.retries = 3
    return ctx


def ran(ctx: Context, *lines: str, kind: str = "listen") -> Context:
    run_steps(steps(compiled(*lines, kind=kind)), ctx)
    return ctx


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize(
    ("words", "time"),
    [
        ("5s", 5000),
        ("50", 50),
        ("1m", 60_000),
        ("req.hdr(x-time)", 700),
        ("int(2),mul(100)", 200),
        ("int(99999999999)", (1 << 31) - 1),
        ("5s if { path /path }", 5000),
        ("5s unless { path /other }", 5000),
    ],
)
def test_a_timeout_of_one_exchange(name: str, words: str, time: int) -> None:
    ctx = ran(proxied(), f"http-request set-timeout {name} {words}")
    assert ctx.asked & MOVING
    assert told(ctx, f"cur_{name}_timeout") == time
    others = {one: told(ctx, f"cur_{one}_timeout") for one in TIMES if one != name}
    assert others == {one: 1 if one == "client" else (TIME_NAMES[one] + 1) * 10 for one in TIMES if one != name}
    ctx.reset()
    assert ctx.limits is None


@pytest.mark.parametrize("words", ["hdr(none)", "int(-5)", "int(0)", "str(x)", "5s if { path /other }"])
def test_what_is_no_time_changes_nothing(words: str) -> None:
    ctx = ran(proxied(), f"http-request set-timeout server {words}")
    assert ctx.limits is None
    assert told(ctx, "cur_server_timeout") == 40


def test_the_manuals_examples() -> None:
    """4.4, set-timeout: of a request, of a response, and that one changes no other."""
    ctx = ran(proxied(), "http-response set-timeout tunnel 5s")
    ran(ctx, "http-response set-timeout server res.hdr(X-Refresh-Seconds),mul(1000)")
    assert (told(ctx, "cur_tunnel_timeout"), told(ctx, "cur_server_timeout")) == (5000, 7000)
    ran(ctx, "http-request set-timeout connect 10s")
    assert (told(ctx, "cur_connect_timeout"), told(ctx, "cur_queue_timeout"), told(ctx, "cur_tarpit_timeout")) == (
        10_000,
        30,
        50,
    )
    ran(ctx, "http-request set-timeout server 9s")
    assert told(ctx, "cur_server_timeout") == 9000
    assert (told(ctx, "be_server_timeout"), told(ctx, "fe_client_timeout"), told(ctx, "fe_tarpit_timeout")) == (
        40,
        1,
        5,
    )


def test_what_proxies_say() -> None:
    ctx = proxied()
    assert [told(ctx, f"be_{name}_timeout") for name in TIMES[1:]] == [20, 30, 40, 50, 60]
    assert (told(ctx, "be_max_retries"), told(ctx, "cur_max_retries")) == (3, 3)


def test_before_a_backend_is_chosen_a_listen_section_is_its_own() -> None:
    ctx = proxied()
    ctx.frontend.names = names = Names()
    own = names.backends[b"front"] = ProxyFacts("front", 2, True)
    own.limits.times = [0, 0, 0, 70, 0, 0]
    own.limits.retries = 9
    ctx.backend = None
    assert (told(ctx, "be_server_timeout"), told(ctx, "cur_server_timeout"), told(ctx, "be_max_retries")) == (70, 70, 9)
    assert told(ctx, "cur_tarpit_timeout") == 5
    names.backends.clear()
    for name in ("be_server_timeout", "cur_server_timeout", "be_max_retries", "cur_max_retries"):
        assert told(ctx, name) is None
    ran(ctx, "http-request set-timeout server 9s", "http-request set-retries 2")
    assert (told(ctx, "cur_server_timeout"), told(ctx, "cur_max_retries")) == (9000, 2)


def test_another_backend_has_limits_of_its_own() -> None:
    ctx = ran(proxied(), *[f"http-request set-timeout {name} 5s" for name in TIMES], "http-request set-retries 2")
    assert ctx.limits is not None
    ctx.limits.enter_backend()
    assert [told(ctx, f"cur_{name}_timeout") for name in TIMES] == [5000, 20, 30, 40, 50, 60]
    assert told(ctx, "cur_max_retries") == 3


@pytest.mark.parametrize(
    ("words", "most"),
    [("0", 0), ("100", 100), ("req.hdr(x-time),div(100)", 7), ("int(101)", 3), ("int(-1)", 3), ("hdr(none)", 3)],
)
def test_retries(words: str, most: int) -> None:
    ctx = ran(proxied(), f"http-request set-retries {words}")
    assert told(ctx, "cur_max_retries") == most
    assert told(ctx, "be_max_retries") == 3


SET = "http-request set-timeout"


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        (SET, f"'{SET}' expects <kind>", 0),
        (f"{SET} serve 5s", f"'{SET}': unknown kind 'serve'", 26),
        (f"{SET} server", f"'{SET}' expects <timeout> or <expr>", 0),
        (f"{SET} server 0", f"'{SET} server': null value is not valid", 33),
        (f"{SET} server 5x", "'5x' is not a time", 33),
        (f"{SET} server 30d", "timer overflow in '30d'", 33),
        (f"{SET} server foo", "unknown fetch method 'foo'", 33),
        (f"{SET} server ssl_c_der", f"'{SET}': 'ssl_c_der' yields no number", 33),
        ("http-request set-retries 101", "'http-request set-retries': '101' is not a number", 26),
        ("http-request set-retries -1", "'http-request set-retries': '-1' is not a number", 26),
        ("http-request set-retries", "'http-request set-retries' expects <int> or <expr>", 0),
        ("http-request set-retries ssl_c_der", "'http-request set-retries': 'ssl_c_der' yields no number", 26),
    ],
)
def test_mistakes(line: str, message: str, column: int) -> None:
    found = error(line, "listen")
    assert found[0] == message
    assert not column or found[1] == column, found[1]


@pytest.mark.parametrize("name", [one for one in TIMES if one not in ("client", "tarpit")])
def test_a_frontend_has_no_servers(name: str) -> None:
    assert error(f"{SET} {name} 5s", "frontend")[0] == f"'{SET}': frontend 'x' has no backend capability"
    for kind in ("defaults d", "listen x", "backend x"):
        assert read(f"{kind}\n mode http\n {SET} {name} 5s\n").errors == []


def test_a_backend_has_no_clients() -> None:
    assert error(f"{SET} client 5s", "backend")[0] == f"'{SET}': backend 'x' has no frontend capability"
    for kind in ("defaults d", "listen x", "frontend x"):
        assert read(f"{kind}\n mode http\n {SET} client 5s\n").errors == []


def test_both_may_tarpit() -> None:
    for kind in ("defaults d", "listen x", "frontend x", "backend x"):
        lines = f" {SET} tarpit 5s\n http-response set-timeout tarpit 5s\n"
        assert read(f"{kind}\n mode http\n{lines}").errors == []


def test_where_retries_may_be_set() -> None:
    line = "http-request set-retries 3"
    assert error(line, "frontend")[0] == "'http-request set-retries': frontend 'x' has no backend capability"
    found = read(f"defaults d\n mode http\n {line}\n").errors
    assert found == ["'http-request set-retries' is not allowed in a 'defaults' section"]
    assert section("backend", "mode http", line).errors == []


@pytest.mark.parametrize("rule", ["set-timeout server 5s", "set-retries 3"])
def test_behind_a_response_nothing_waits(rule: str) -> None:
    assert "is not possible here" in error(f"http-after-response {rule}", "listen")[0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("set-priority-class int(5)", (5, 0)),
        ("set-priority-class int(-2047)", (-2047, 0)),
        ("set-priority-class int(2048)", (2047, 0)),
        ("set-priority-class int(-99999)", (-2047, 0)),
        ("set-priority-offset int(-500)", (0, -500)),
        ("set-priority-offset int(524288)", (0, 524_287)),
        ("set-priority-offset req.hdr(x-time)", (0, 700)),
        ("set-priority-class hdr(none)", (0, 0)),
        ("set-priority-class str(x)", (0, 0)),
    ],
)
def test_priorities(rule: str, said: tuple[int, int]) -> None:
    """What is out of bounds is taken for the bound; another backend changes nothing."""
    ctx = ran(proxied(), f"http-request {rule}")
    assert (told(ctx, "prio_class"), told(ctx, "prio_offset")) == said
    if ctx.limits is not None:
        ctx.limits.enter_backend()
    assert (told(ctx, "prio_class"), told(ctx, "prio_offset")) == said
    ctx.reset()
    assert (told(ctx, "prio_class"), told(ctx, "prio_offset")) == (0, 0)


@pytest.mark.parametrize("name", ["set-priority-class", "set-priority-offset"])
def test_mistakes_about_priorities(name: str) -> None:
    rule = f"http-request {name}"
    assert error(rule)[0] == f"'{rule}' expects <expr>"
    assert error(f"{rule} foo")[0] == "unknown fetch method 'foo'"
    assert error(f"{rule} ssl_c_der")[0] == f"'{rule}': 'ssl_c_der' yields no number"
    assert "is not possible here" in error(f"http-response {name} int(5)")[0]
