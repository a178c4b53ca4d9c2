"""Which streams are logged, how severely, and when (manual 8.3). The cases were tried with HAProxy 2.6."""

import pytest

import pointsman.log.tags
import pointsman.log.timers
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.log.policy import When, failed, wanted, when
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.format import parse_format
from pointsman.sample.types import Where

assert pointsman.log.tags is not None
assert pointsman.log.timers is not None


def stream(
    state: str,
    status: int = 200,
    *,
    http: bool = True,
    uploaded: int = 40,
    retries: int = 0,
    redispatched: bool = False,
) -> Context:
    ctx = Context(ProxyFacts("fe", 2, http), Session(ListenerFacts("", 1)))
    record = ctx.record
    record.cause, record.step = state.encode()[:2]
    record.status, record.uploaded, record.retries, record.redispatched = status, uploaded, retries, redispatched
    return ctx


@pytest.mark.parametrize(
    ("ctx", "bad"),
    [
        (stream("--", 200), False),
        (stream("--", 404), False),
        (stream("LR", 302), False),
        (stream("LR", 200), False),
        (stream("--", 500), True),
        (stream("LR", 503), True),
        (stream("SH", 502), True),
        (stream("sH", 504), True),
        (stream("sD", 200), True),
        (stream("CD", 200), True),
        (stream("PR", 403), True),
        (stream("cR", 408), True),
        (stream("SC", 503), True),
        (stream("CL", -1), True),
        (stream("--", 200, retries=1), True),
        (stream("--", 200, retries=1, redispatched=True), True),
        (stream("--", -1, http=False), False),
        (stream("cD", -1, http=False), True),
        (stream("--", -1, http=False, retries=1), True),
    ],
)
def test_what_fails(ctx: Context, bad: bool) -> None:
    assert failed(ctx) is bad
    assert wanted(ctx, True, False) is bad  # option dontlog-normal
    assert wanted(ctx, True, True)


@pytest.mark.parametrize(
    ("ctx", "logged"),
    [
        (stream("CR", 400, uploaded=0), False),  # a probe: connect and close
        (stream("cR", 408, uploaded=0), False),  # connect and wait
        (stream("CR", 400, uploaded=2), True),  # "GE" and close
        (stream("PR", 400, uploaded=7), True),
        (stream("sD", -1, http=False, uploaded=0), False),  # the server's greeting does not count
        (stream("sD", -1, http=False, uploaded=1), True),
    ],
)
def test_dontlognull(ctx: Context, logged: bool) -> None:
    assert wanted(ctx, False, True) is logged
    assert wanted(ctx, True, True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("x", When.DATA),
        ("%ci:%cp", When.DATA),
        ("%r %b/%s %ST", When.DATA),
        ("%tr %si:%sp", When.DATA),
        ("%r %B", When.END),
        ("%U", When.END),
        ("%Tt", When.END),
        ("%TR", When.END),
        ("%ts", When.END),
        ("%tsc", When.END),
        ("%rc", When.END),
        ("%fc", When.END),
        ("%bq", When.END),
        ("%ID", When.END),
    ],
)
def test_when_a_format_can_be_written(text: str, moment: When) -> None:
    compiled = parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
    assert when(compiled, True) == when(compiled, False) == moment


def test_when_the_default_format_is_written() -> None:
    assert when(None, True) == When.REQUEST
    assert when(None, False) == When.ACCEPT
