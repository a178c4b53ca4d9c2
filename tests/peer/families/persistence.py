"""Servers that are down, and who goes there all the same: option persist, force-persist, ignore-persist."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Recv, Send, Serve, Step
from support.scenario import Logged, Open, Scenario, Stat

from families.requests import get, response
from families.simple import simple

FORMAT = 'log-format "%tsc %s %ST %rc"'


def asks(*headers: Sequence[str]) -> list[Step]:
    """One request a connection, each with these header lines."""
    steps: list[Step] = []
    for lines in headers:
        steps += [Open(), Send(get("/", *lines)), Recv()]
    return steps


def named(name: str, back: str, *expect: str, server: str = "server s2 {server:b} disabled") -> Scenario:
    """use-server names s2 for whoever says so."""
    first = "balance first\nretries 2\nuse-server s2 if { hdr(x-use) 2 }\n"
    counts = Stat("app/.*", ("wretr", "wredis", "econ", "lbtot"))
    return Scenario(
        name=name,
        config=simple(front=FORMAT, back=first + back) + f"    {server}\n",
        talk=[*asks((), ("x-use: 2",), ("x-use: 2", "x-no: 1")), Logged(3), counts],
        logs=3,
        expect=expect,
    )


SCENARIOS = [
    named("use-server: down", "", "---- s1 200 0\n---- s1 200 0\n---- s1 200 0"),
    named("use-server: down, option persist", "option persist", "---- s1 200 0\n---- s2 200 0\n---- s2 200 0"),
    named("use-server: down, force-persist", "force-persist unless { hdr(x-no) 1 }", "---- s2 200 0"),
    named("use-server: up, ignore-persist", "ignore-persist if TRUE", "---- s2 200 0", server="server s2 {server:b}"),
    named(
        "use-server: nobody answers",
        "option redispatch",
        "---- s1 200 +2",
        "wredis=2",
        server="server s2 {refused:b}",
    ),
    named(
        "use-server: down, option persist, nobody answers",
        "option redispatch\noption persist",
        "---- s1 200 +1",
        server="server s2 {refused:b} disabled",
    ),
    named(
        "use-server: force-persist, nobody answers",
        "option redispatch\nforce-persist if { hdr(x-no) 1 }",
        "SC-- s2 503 2",
        server="server s2 {refused:b} disabled",
    ),
    *(
        Scenario(
            name=f"ignore-persist leaves the server's cookie alone: {mode}",
            config=simple(
                front=FORMAT, back=f"ignore-persist if {{ hdr(x-no) 1 }}\ncookie SRV {mode}\n", server="cookie c1"
            ),
            servers={"a": [(Serve(response("200 OK", "Set-Cookie: SRV=v", "Content-Length: 0")),)]},
            talk=[*asks(("x-no: 1",), ("x-no: 1", "Cookie: SRV=c1"), ("Cookie: SRV=c1",)), Logged(3)],
            logs=3,
            expect=("--NN s1 200 0", "--UN s1 200 0", "--V"),
        )
        for mode in ("rewrite", "prefix", "insert", "insert indirect", "insert preserve")
    ),
]
