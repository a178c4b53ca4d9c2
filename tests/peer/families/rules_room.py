"""Rewrites that do not fit into a buffer (manual 3.2, tune.bufsize, tune.maxrewrite; 4.4, strict-mode), and heads that
do not. The sizes stand at the edge: one byte less, and it fits."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Recv, Send, Serve
from support.origin import ok
from support.scenario import GLOBAL, HTTP, Logged, Open, Scenario, Stat

from families.requests import get, post, response
from families.simple import simple

SMALL = GLOBAL + "    tune.bufsize 2048\n    tune.maxrewrite 128\n" + HTTP.removeprefix(GLOBAL)
COUNTED = ("wrew", "eint", "dreq", "dresp", "ereq")


def fits(
    name: str,
    rules: str,
    *expect: str,
    sent: Sequence[bytes],
    back: str = "",
    answer: bytes = ok(b"a"),
    **more: object,
) -> Scenario:
    """Each request on a connection of its own; then the counters of all rows, the listener's among them."""
    steps = [step for number, one in enumerate(sent) for step in (Open(name=f"c{number}"), Send(one), Recv())]
    more.setdefault("logs", len(sent))
    return Scenario(
        name=name,
        config=simple(front="option socket-stats\n" + rules, back=back),
        prelude=SMALL,
        servers={"a": ((Serve(answer),),)},
        talk=[*steps, Logged(len(sent)), Stat(".*", COUNTED)],
        expect=expect,
        **more,  # type: ignore[arg-type]
    )


def padded(size: int) -> bytes:
    """A request whose weight is 124 and so many bytes."""
    return get("/", "X: " + "a" * size)


def header(size: int, name: str = "y") -> str:
    return f"set-header {name} {'b' * size}"


ROOMY = 1_620  # beside a field of one letter and 300 bytes
TIGHT = [padded(ROOMY), padded(ROOMY + 1)]
ANSWER = response("200 OK", "Content-Length: 0", "X: " + "a" * 1_750)
TWICE = f"http-request {header(100, 'y')}\nhttp-request {header(100, 'z')}"

TIMED = "A response that a rule denies, drops or replaces has its time (`%Tr`) in the log; 2.6 says -1"

SCENARIOS = [
    # Heads.
    fits("a request head at the limit", "", " 200 ", sent=[padded(1_801), get("/" + "a" * 1_810)]),
    fits("a request head of many fields", "", " 200 ", sent=[get("/", "X: " + "a" * 1_621, *["Y:"] * 20)]),
    *(
        fits(
            f"{name} over the limit",
            "",
            " 400 ",
            sent=[data],
            differs="A head that does not fit is 431, and 414 where the target alone is too long; 2.6 says 400.",
            until_peer=(3, 0),
            ours=[" 431 "],
        )
        for name, data in (
            ("a request head", padded(1_802)),
            ("a target", get("/" + "a" * 1_811)),
            ("a request head of many fields", get("/", "X: " + "a" * 1_622, *["Y:"] * 20)),
        )
    ),
    *(
        fits(
            f"a response head {size} bytes from the limit",
            "",
            f" {status} ",
            sent=[get()],
            answer=response("200 OK", "Content-Length: 0", "X: " + "a" * (1_790 + size)),
        )
        for size, status in ((0, 200), (1, 502))
    ),
    # Rules on requests.
    fits(
        "the example of two rewrites beside a body",
        "option http-buffer-request\n" + TWICE,
        " 500 ",
        "PR--",
        sent=[post("/", b"x" * 1_750), post("/", b"x" * 1_600)],
    ),
    fits(
        "two rewrites beside a long field",
        f"http-request {header(70, 'y')}\nhttp-request {header(70, 'z')}",
        " 500 ",
        sent=[padded(1_800), padded(1_500)],
    ),
    *(
        fits(
            f"{rule} at its edge",
            f"http-request {rule} {value}",
            " 200 ",
            " 500 ",
            "PR--",
            sent=[padded(edge), padded(edge + 1)],
        )
        for rule, value, edge in (
            ("set-header", "y " + "b" * 300, ROOMY),
            ("add-header", "y " + "b" * 300, ROOMY),
            ("replace-header", "host . " + "u" * 300, 1_630),
            ("replace-value", "host . " + "u" * 300, 1_630),
            ("set-uri", "/" + "u" * 300, 1_629),
            ("set-path", "/" + "u" * 300, 1_629),
            ("set-pathq", "/" + "u" * 300, 1_629),
            ("set-query", "u" * 300, 1_628),
            ("replace-path", ".* /" + "u" * 300, 1_629),
            ("replace-uri", ".* /" + "u" * 300, 1_629),
        )
    ),
    fits(
        "a rewrite beside a body that waits, at its edge",
        f"option http-buffer-request\nhttp-request {header(300)}",
        " 500 ",
        " 200 ",
        sent=[post("/", b"x" * 1_594), post("/", b"x" * 1_595)],
    ),
    fits(
        "a field that replaces one, at its edge",
        f"http-request {header(300)}",
        " 500 ",
        " 200 ",
        sent=[get("/", "Y: " + "c" * 100, "X: " + "a" * size) for size in (1_612, 1_613)],
    ),
    fits(
        "strict-mode off leaves out what does not fit",
        f"http-request strict-mode off\nhttp-request {header(300)}\nhttp-request set-header z 1",
        "z: 1",
        sent=[*TIGHT, get("/", "Y: " + "c" * 100, "X: " + "a" * 1_660)],
    ),
    fits(
        "strict-mode under a condition, and on again",
        f"http-request strict-mode off if {{ path /off }}\nhttp-request {header(300)}\nhttp-request strict-mode on\n"
        f"http-request {header(300, 'z')} if {{ path /on }}",
        " 500 ",
        " 200 ",
        sent=[get(path, "X: " + "a" * 1_700) for path in ("/off", "/", "/on", "/off")],
    ),
    fits(
        "strict-mode ends with its list",
        "http-request strict-mode off",
        " 500 ",
        sent=TIGHT,
        back=f"http-request {header(300)}",
    ),
    fits(
        "option forwardfor does not fit",
        f"option forwardfor header {'z' * 200}\nhttp-request strict-mode off",
        " 200 ",
        " 500 ",
        sent=[padded(1_712), padded(1_713)],
    ),
    fits(
        "option originalto of a backend does not fit",
        "",
        " 200 ",
        " 500 ",
        sent=[padded(1_712), padded(1_713)],
        back=f"option originalto header {'z' * 200}",
    ),
    # Rules on responses.
    *(
        fits(
            f"a rewrite of a response by a {where}",
            front,
            " 500 ",
            "PH--",
            sent=[get(), get()],
            answer=ANSWER,
            back=back,
            differs=TIMED,
            until_peer=(3, 0),
            ours=[" T/T/T/T/T 500 "],
        )
        for where, front, back in (
            ("frontend", f"http-response {header(300)}", ""),
            ("backend", "", f"http-response {header(300)}"),
            ("status", f"http-response set-status 200 reason {'b' * 300}", ""),
            ("late rule", f"http-after-response {header(300)}", ""),
            ("late rule that hits its page too", f"http-after-response {header(1_900)}", ""),
        )
    ),
    fits(
        "strict-mode off of responses",
        "",
        " 200 ",
        "y: bb",
        sent=[get(), get()],
        answer=ANSWER,
        back=f"http-response strict-mode off\nhttp-response add-header y {'b' * 100}\n"
        f"http-response add-header z {'b' * 100}",
    ),
    fits(
        "strict-mode off of late rules",
        f"http-after-response strict-mode off\nhttp-after-response {header(1_990)}\nhttp-request return status 200",
        " 200 ",
        sent=[get()],
    ),
    fits("late rules on a denial", f"http-request deny\nhttp-after-response {header(1_990)}", " 500 ", sent=[get()]),
    fits(
        "late rules on a reply of ours",
        f"http-request return status 200\nhttp-after-response {header(1_990)}",
        " 500 ",
        "PR--",
        sent=[get()],
        until_peer=(3, 0),
        ours=["LR--"],
        differs="a reply of ours that `http-after-response` makes too large is logged with `LR`, as by 3.2; "
        "2.6 says `PR`",
    ),
]
