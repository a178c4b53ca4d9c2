"""normalize-uri; in 2.6 what takes an option does nothing without it."""

from __future__ import annotations

from support.actor import End, Recv, Send, Step
from support.scenario import HTTP, Open, Scenario, Stat

from families.requests import get
from families.simple import simple

PRELUDE = HTTP.replace("global\n", "global\n    expose-experimental-directives\n", 1)
STEPS = [
    "path-merge-slashes",
    "path-strip-dot",
    "path-strip-dotdot",
    "path-strip-dotdot full",
    "percent-decode-unreserved",
    "percent-to-uppercase",
    "query-sort-by-name",
    "percent-to-uppercase strict",
]
TARGETS = [
    "//a//./b/../..//../c/%2e%2E/%7eu%c3%a4/.?z=%2f%61&b//=/../&a&b=1&",
    "/a/..",
    "/..?",
    "/%41%2d/./x/.",
    "http://h//a/../../b/.?b&a",
    "/plain",
]
FRONT = "".join(f"http-request normalize-uri {step} if {{ hdr(x-step) {n} }}\n" for n, step in enumerate(STEPS))
REQUESTS = [get(target, f"X-Step: {n}") for n in range(len(STEPS)) for target in TARGETS]


def _talk() -> list[Step]:
    return [step for one in REQUESTS for step in (Send(one), Recv())]


SCENARIOS = [
    Scenario(
        name="all steps",
        config=simple(front=FRONT),
        prelude=PRELUDE,
        talk=_talk(),
        logs=len(REQUESTS),
        expect=["GET /%41%2D/./x/. HTTP/1.1\n", "GET /A-/./x/. HTTP/1.1\n", "GET /a//b HTTP/1.1\n"][:2],
    ),
    *(
        Scenario(
            name=f"{step} strict",
            config=simple(front=f"http-request normalize-uri {step} strict"),
            prelude=PRELUDE,
            talk=[
                Send(get("/%zz")),
                Recv(),
                End(0.3),
                Open(),
                Send(get("/%41")),
                Recv(),
                Stat("web/.*", ("dreq", "ereq")),
            ],
            logs=2,
            expect=["HTTP/1.1 400 Bad request\n", " 400 ", "PR--"],
        )
        for step in ("percent-decode-unreserved", "percent-to-uppercase")
    ),
]
