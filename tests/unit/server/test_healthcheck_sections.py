"""healthcheck sections, and servers that name them (manual 12.9; 5.2, healthcheck). HAProxy 3.2 has none."""

from __future__ import annotations

import asyncio

import pytest
from scripted import Scripted

import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.assemble.live import Live
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.checks.checks import Checker
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.sections import TYPES
from pointsman.server.checks.steps import Connect, Expect, Remark, SendData, SendRequest

assert pointsman.keywords

BACKEND = "backend b\n mode tcp\n timeout connect 5s\n timeout server 5s\n"


def built(text: str) -> Live:
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, [one.message for one in diagnostics.findings]
    return live


def checkers(text: str) -> dict[str, Checker]:
    live = built(text)
    assert live.health is not None
    return {server.name.decode(): one for server, one in live.health.checkers.items()}


def alerts(text: str) -> list[str]:
    diagnostics = Diagnostics()
    assemble(load_text(text, diagnostics), diagnostics)
    return [one.message for one in diagnostics.findings if one.severity >= Severity.ALERT]


def kinds(plan: CheckPlan) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


def test_servers_of_one_backend_have_checks_of_their_own() -> None:
    found = checkers(
        "healthcheck web\n type httpchk GET /health HTTP/1.1 %[srv_name]\n http-check expect status 204\n"
        " http-check disable-on-404\n http-check send-state\n"
        "healthcheck banner\n type tcp-check\n tcp-check connect port 2525\n tcp-check comment who\n"
        " tcp-check expect string 220\n"
        "healthcheck cache\n type redis-check\n"
        f"{BACKEND} option log-health-checks\n option smtpchk\n timeout check 3s\n"
        " server a 127.0.0.1:1 check healthcheck web\n server b 127.0.0.1:2 check healthcheck banner\n"
        " server c 127.0.0.1:3 check healthcheck cache\n server d 127.0.0.1:4 check\n"
        " server e 127.0.0.1 check healthcheck banner\n"
    )
    web, banner, cache = found["a"].plan, found["b"].plan, found["c"].plan
    assert kinds(web) == [kind.__name__ for kind in (Connect, SendRequest, Expect)]
    assert web.http and web.disable_on_404 and web.send_state
    assert kinds(banner) == [kind.__name__ for kind in (Connect, Remark, Expect)]
    assert banner.told and banner.steps[2].comment == "who"
    assert kinds(cache)[:2] == [kind.__name__ for kind in (Connect, SendData)]
    assert len(found["d"].plan.steps) == 6
    assert found["e"].plan == banner
    for one in found.values():
        assert (one.plan.log_all, one.plan.connect_timeout, one.plan.read_timeout) == (True, 5000, 3000)


def test_defaults_may_name_one_and_a_server_another() -> None:
    found = checkers(
        "healthcheck one\n type redis-check\nhealthcheck two\n type ldap-check\n"
        f"{BACKEND} default-server check healthcheck one\n"
        " server a 127.0.0.1:1\n server b 127.0.0.1:2 healthcheck two\n"
    )
    sent = [one.plan.steps[1] for one in found.values()]
    assert [isinstance(step, SendData) and step.data.constant[:1] for step in sent] == [b"*", b"0"]


def test_a_section_may_stand_behind_those_who_name_it() -> None:
    found = checkers(f"{BACKEND} server a 127.0.0.1:1 check healthcheck one\nhealthcheck one\n type redis-check\n")
    assert isinstance(found["a"].plan.steps[1], SendData)


@pytest.mark.parametrize("name", TYPES)
def test_types(name: str) -> None:
    words = " user u" if name == "pgsql-check" else ""
    found = checkers(f"healthcheck one\n type {name}{words}\n{BACKEND} server a 127.0.0.1:1 check healthcheck one\n")
    assert found["a"].plan.steps


def test_variables_of_checks_are_for_sections_too() -> None:
    assert not alerts(
        "healthcheck one\n http-check set-var(check.port) int(80)\n http-check connect port var(check.port)\n"
        " http-check set-var-fmt(check.x) a\n http-check unset-var(check.x)\n http-check send hdr a b\n type httpchk\n"
        "healthcheck two\n type tcp-check\n tcp-check set-var(check.x) int(1)\n tcp-check send-lf a\n"
        f"{BACKEND} server a 127.0.0.1 check healthcheck one\n"
    )


def test_the_check_itself() -> None:
    script = Scripted(b"+PONG\r\n", hold=True)

    async def scene() -> None:
        await script.start()
        found = checkers(
            "healthcheck cache\n type redis-check\n"
            f"{BACKEND} option smtpchk\n server a 127.0.0.1:{script.port} check inter 15s healthcheck cache\n"
        )
        await found["a"].once()
        server = found["a"].health.server
        assert (server.check_status, server.last_check) == ("L7OK", "Redis server is ok")
        await script.stop()

    asyncio.run(scene())
    assert script.requests[0] == b"*1\r\n$4\r\nPING\r\n"


USED = f"{BACKEND} server a 127.0.0.1:1 check healthcheck "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("healthcheck\n", "missing name for healthcheck section."),
        ("healthcheck one\n", "healthcheck 'one' has no type."),
        ("healthcheck one\n type\n", "'type' expects <type>"),
        ("healthcheck one\n type redis\n", "'type': unknown type 'redis'"),
        ("healthcheck one\n type external-check\n", "'type': unknown type 'external-check'"),
        (
            "healthcheck one\n type redis-check\n type tcp-check\n",
            "healthcheck 'one' already has the type 'redis-check' (at haproxy.cfg:2).",
        ),
        (
            "healthcheck one\n type redis-check\nhealthcheck one\n type tcp-check\n",
            "healthcheck section 'one' has the same name as another healthcheck section declared at haproxy.cfg:1.",
        ),
        ("healthcheck one\n type redis-check x\n", "'type redis-check' cannot handle unexpected argument 'x'"),
        ("healthcheck one\n type mysql-check user\n", "'type mysql-check user' expects <username> as argument."),
        (
            "healthcheck one\n type tcp-check\n http-check expect status 200\n",
            "healthcheck 'one' is of type 'tcp-check', which has no http-check rules.",
        ),
        (
            "healthcheck one\n http-check send-state\n type redis-check\n",
            "healthcheck 'one' is of type 'redis-check', which has no http-check rules.",
        ),
        (
            "healthcheck one\n tcp-check send x\n type httpchk\n",
            "healthcheck 'one' is of type 'httpchk', which has no tcp-check rules.",
        ),
        (
            "healthcheck one\n type tcp-check\n timeout check 3s\n",
            "unknown keyword 'timeout check' in 'healthcheck' section",
        ),
        (
            f"healthcheck one\n type tcp-check\n{USED}once\n",
            "'server b/a' : unable to find the healthcheck section 'once'.",
        ),
        (f"{USED}\n", "'server b/a' : 'healthcheck' : expects a healthcheck section name as argument."),
    ],
    ids=range(15),
)
def test_errors(text: str, message: str) -> None:
    assert any(one.startswith(message) for one in alerts(text)), alerts(text)


def test_type_is_for_sections_alone() -> None:
    assert alerts(f"{BACKEND} type tcp-check\n") != []
