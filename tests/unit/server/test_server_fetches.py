"""Samples about farms. The numbers were found with HAProxy 2.6 on the same backends."""

import pytest

import pointsman.keywords
from pointsman.balance.roundrobin import RoundRobin
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.sample.context import Context, ListenerFacts, Names, ProxyFacts, Session
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Value, Where
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.dial import Dial
from pointsman.server.queue import QueueWaiter
from pointsman.server.server import FORCED_MAINT, STARTING, STOPPED, Server

assert pointsman.keywords


class Waiting(QueueWaiter):
    """A stream that waits for ever."""

    def grant(self, server: Server) -> None:
        raise AssertionError("nobody is let in")

    def requeue(self) -> None:
        raise AssertionError("nobody is sent away")


def backend(name: str, *servers: dict[str, int]) -> Backend:
    made = Backend(name, 3, True, RoundRobin())
    for number, facts in enumerate(servers, 1):
        server = LiveServer(f"s{number}", number, made, Dial(), facts.get("weight", 1))
        server.maxconn = facts.get("maxconn", 0)
        server.maxqueue = facts.get("maxqueue", 0)
        server.backup = bool(facts.get("backup"))
        server.admin = facts.get("admin", 0)
        made.servers.append(server)
    made.refresh()
    return made


@pytest.fixture
def ctx() -> Context:
    """A stream of frontend f; backend b is a mixture, c has limits everywhere; f is a listen section too."""
    names = Names()
    frontend = ProxyFacts("f", 2, True)
    frontend.names = names
    names.frontends = {b"f": frontend, b"g": ProxyFacts("g", 9, True)}
    limited = {"maxqueue": 4, "maxconn": 6}
    for one in (
        backend("b", {"weight": 7}, {"maxconn": 5}, {"backup": 1}),
        backend(
            "c",
            {"maxconn": 5, "maxqueue": 3},
            limited,
            limited | {"backup": 1},
            limited | {"weight": 0},
            limited | {"admin": FORCED_MAINT},
        ),
        backend("f", {"weight": 3}),
    ):
        names.backends[one.name] = one
    return Context(frontend, Session(ListenerFacts("", 1)))


def ask(ctx: Context, text: str) -> Value | None:
    return parse_expression(Word(text, NOWHERE), Where.HTTP_REQ).get(ctx)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nbsrv(b)", 2),
        ("nbsrv(c)", 2),
        ("be_conn(b)", 0),
        ("be_conn_free(b)", -1),
        ("be_conn_free(c)", 11),
        ("connslots(b)", -1),
        ("connslots(c)", 38),
        ("avg_queue(b)", 0),
        ("queue(b)", 0),
        ("be_sess_rate(b)", 0),
        ("srv_is_up(b/s1)", True),
        ("srv_is_up(b/s3)", True),
        ("srv_is_up(c/s5)", False),
        ("srv_is_up(c/s4)", True),
        ("srv_weight(b/s1)", 7),
        ("srv_iweight(b/s1)", 7),
        ("srv_uweight(b/s1)", 7),
        ("srv_uweight(c/s4)", 0),
        ("srv_conn(b/s1)", 0),
        ("srv_conn_free(b/s1)", -1),
        ("srv_conn_free(c/s1)", 5),
        ("srv_queue(b/s1)", 0),
        ("srv_sess_rate(b/s1)", 0),
        ("fe_conn(f)", 0),
        ("fe_conn", 0),
        ("fe_sess_rate(f)", 0),
        ("fe_req_rate(f)", 0),
        ("nbsrv", 1),
        ("srv_uweight(s1)", 3),
        ("nbsrv(x)", None),
        ("srv_is_up(x/s1)", None),
        ("srv_is_up(b/x)", None),
        ("fe_conn(x)", None),
        ("be_conn(g)", None),
    ],
)
def test_at_rest(ctx: Context, text: str, value: Value | None) -> None:
    assert ask(ctx, text) == value


def test_under_load(ctx: Context) -> None:
    """Two busy servers, three streams that wait, a backup that is not needed."""
    made = backend("d", {"maxconn": 1}, {"maxconn": 1}, {"maxconn": 1, "backup": 1})
    made.counters.current = 5
    for server in made.servers[:2]:
        server.connections = 1
    made.wait(Waiting(), None)
    made.wait(Waiting(), made.servers[0])
    made.wait(Waiting(), made.servers[0])
    ctx.backend = made
    assert [ask(ctx, text) for text in ("avg_queue", "queue", "be_conn", "srv_conn(s1)", "be_conn_free", "nbsrv")] == [
        2,
        3,
        5,
        1,
        0,
        2,
    ]
    assert (ask(ctx, "srv_queue(s1)"), ask(ctx, "srv_queue(s2)"), ask(ctx, "srv_conn_free(s1)")) == (2, 0, 0)
    for server in made.servers:
        server.state = STOPPED
    assert (ask(ctx, "nbsrv"), ask(ctx, "avg_queue"), ask(ctx, "srv_is_up(s1)")) == (0, 6, False)
    made.servers[2].state = STARTING
    assert (ask(ctx, "nbsrv"), ask(ctx, "be_conn_free"), ask(ctx, "srv_is_up(s3)")) == (1, 1, True)


def test_rates(ctx: Context) -> None:
    ctx.now = 10_000
    ctx.frontend.counters.sessions += 1
    ctx.frontend.counters.requests += 2
    made = backend("d", {})
    ctx.backend = made
    made.counters.sessions += 1
    made.servers[0].counters.sessions += 4
    texts = ("fe_sess_rate", "fe_req_rate", "be_sess_rate", "srv_sess_rate(s1)")
    assert [ask(ctx, text) for text in texts] == [1, 2, 1, 4]


def test_weights_during_slowstart(ctx: Context) -> None:
    made = backend("d", {"weight": 100})
    made.servers[0].weight = 64
    made.servers[0].share = 4
    ctx.backend = made
    assert [ask(ctx, f"srv_{kind}weight(s1)") for kind in ("i", "u", "")] == [100, 64, 16]


def test_without_a_table_of_names(ctx: Context) -> None:
    ctx.frontend.names = None
    assert ask(ctx, "nbsrv(b)") is None
    assert ask(ctx, "fe_conn(f)") is None
    assert ask(ctx, "fe_conn") == 0


def test_names_that_come_with_traffic(ctx: Context) -> None:
    """The converters nbsrv, srv_is_up, srv_queue and fe_exists (manual 7.3.1); what nobody has is no sample."""
    assert ask(ctx, "str(c),nbsrv") == ask(ctx, "nbsrv(c)")
    assert ask(ctx, "str(nobody),nbsrv") is None
    assert ask(ctx, "str(),nbsrv") is None
    assert ask(ctx, "str(c/s1),srv_is_up") is True
    assert ask(ctx, "str(c/s5),srv_is_up") is False
    assert ask(ctx, "str(c/s9),srv_is_up") is None
    assert ask(ctx, "str(c/s1),srv_queue") == 0
    assert [ask(ctx, f"str({name}),fe_exists") for name in ("f", "g", "b", "")] == [True, True, False, False]
