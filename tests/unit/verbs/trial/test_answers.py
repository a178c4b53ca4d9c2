"""What checks want to hear: each answer satisfies the check that it was made for, as the check itself judges it."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.context import CheckSession, Context, ProxyFacts
from pointsman.server.checks.expect import judge_reply
from pointsman.server.checks.http_response import CheckResponse
from pointsman.server.checks.plan import CheckPlan, make_plan
from pointsman.server.checks.steps import Expect
from pointsman.verbs.trial.answers import Unanswerable, protocol_of, script_of


def context() -> Context:
    """Of a check: what it expects here is constant, and asks for nothing of it."""
    return Context(ProxyFacts("b", 1, True), CheckSession())


def plan_of(*lines: str) -> CheckPlan:
    diagnostics = Diagnostics()
    text = "".join(f"{line}\n" for line in ("backend b", *lines, "server s 10.0.0.1:80 check"))
    configuration = load_text(text, diagnostics)
    assert not diagnostics.failed, [one.render() for one in diagnostics.findings]
    return make_plan(configuration.proxies[0], diagnostics, 1000, 1000)


@pytest.mark.parametrize(
    "expect",
    [
        "status 200",
        "status 404,410-420",
        "! status 200-399",
        "rstatus ^3..$",
        "! rstatus ^5",
        "string green",
        "! string OK",
        r"rstring status\W+(up|green)[0-9]{2}[^a-z]",
        "hdr name X-Health value up",
        "fhdr name -m beg X-He value -m sub well",
        "hdr name -m reg ^x-[a-z]+$",
    ],
)
def test_http(expect: str) -> None:
    plan = plan_of("option httpchk GET /health", f"http-check expect {expect}")
    [[[what, uri], [says, text]]] = script_of(plan)
    assert (what, uri, says) == ("request", "/health", "say")
    reply = CheckResponse(16_384)
    reply.feed(text.encode("latin-1"))
    assert reply.whole
    [step] = [one for one in plan.steps if isinstance(one, Expect)]
    result = judge_reply(step, reply, False, context())
    assert result is not None
    assert result.status == "L7OK"


def test_tcp() -> None:
    plan = plan_of(
        "option tcp-check",
        "tcp-check connect",
        "tcp-check expect rstring ^220",
        r"tcp-check send QUIT\r\n",
        "tcp-check expect binary 00ff",
        "tcp-check connect port 81",
        "tcp-check send-binary 0102",
        "tcp-check expect string a",
        "tcp-check expect string b",
    )
    assert script_of(plan) == [
        [["say", "220"], ["wait", "6"], ["say", "\x00\xff"]],
        [["wait", "2"], ["say", "ab"]],
    ]


@pytest.mark.parametrize("expect", ["rstring (?=up)down", r"rstring (a)\1\b\B"])
def test_what_nothing_satisfies(expect: str) -> None:
    with pytest.raises(Unanswerable, match="no text is known"):
        script_of(plan_of("option httpchk", f"http-check expect {expect}"))


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("option mysql-check user x", "mysql"),
        ("option pgsql-check user x", "pgsql"),
        ("option redis-check", "redis"),
        ("option smtpchk", "smtp"),
        ("option ldap-check", "ldap"),
        ("option ssl-hello-chk", "ssl_hello"),
        ("option spop-check", "spop"),
        ("option tcp-check", "tcp"),
        ("option httpchk", "http"),
    ],
)
def test_protocols(option: str, name: str) -> None:
    assert protocol_of(plan_of(option)) == name
