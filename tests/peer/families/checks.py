"""Health checks: what makes a server go down and up, and what they send."""

from __future__ import annotations

from support.actor import End, Pause, Recv, Send, Serve, Until
from support.scenario import Open, Scenario, Stat

from families.requests import get, response

OK = response("200 OK", "Content-Length: 2", body=b"ok")
BAD = response("500 Oops", "Content-Length: 0")
COLUMNS = ("status", "check_status", "check_code", "last_chk")
FAST = "check inter 100ms fastinter 50ms downinter 50ms fall 2 rise 2"


def checked(
    name: str, lines: str, server: str, script: tuple, *expect: str, wait: float = 0.7, words: str = FAST
) -> Scenario:  # type: ignore[type-arg]
    """One checked server; after a while its state, and one request."""
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    no log
    default_backend app
backend app
    no log
    retries 0
    {lines}
    server s1 {server} {words}
""",
        servers={"a": (script,)} if script else {},
        talk=[Pause(wait), Stat("app/s1", COLUMNS), Open(), Send(get("/request")), Recv(quiet=False)],
        logs=0,
        expect=expect,
        repeats=True,
    )


SCENARIOS = [
    Scenario(
        name="TCP check of a server that refuses",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    default_backend app
backend app
    server s1 {{refused:x}} {FAST}
    server s2 {{server:b}}
""",
        talk=[Pause(0.7), Stat("app/.*", ("status", "check_status", "chkdown")), *(Send(get("/")), Recv()) * 3],
        logs=4,
        repeats=True,
        expect=["app/s1: status=DOWN check_status=L4CON", "Server app/s1 is DOWN", "app/s2"],
    ),
    Scenario(
        name="all servers down",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    default_backend app
backend app
    server s1 {{refused:x}} {FAST}
""",
        talk=[Pause(0.7), Stat("app/.*", ("status", "act", "bck")), Send(get("/")), Recv()],
        logs=3,
        repeats=True,
        expect=["app/BACKEND: status=DOWN", "backend app has no server available!", "app/<NOSRV>", "SC--"],
    ),
    Scenario(
        name="TCP check of a server that lives",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    default_backend app
backend app
    server s1 {{server:a}} {FAST}
""",
        talk=[Pause(0.4), Stat("app/.*", ("status", "check_status", "act")), Send(get("/")), Recv()],
        repeats=True,
        expect=["app/s1: status=UP check_status=L4OK"],
    ),
    checked(
        "httpchk, plain",
        "option httpchk",
        "{server:a}",
        (Until(b"\r\n\r\n"), Send(OK), End()),
        "L7OK",
        "OPTIONS / HTTP/1.0",
    ),
    checked(
        "httpchk, refused by status",
        "option httpchk",
        "{server:a}",
        (Recv(quiet=True), Send(BAD)),
        "status=DOWN check_status=L7STS check_code=500",
    ),
    checked(
        "httpchk GET uri", "option httpchk GET /health", "{server:a}", (Recv(), Send(OK), End()), "GET /health HTTP/1.0"
    ),
    checked(
        "httpchk with version and host",
        "option httpchk HEAD /health HTTP/1.1\n    http-check send hdr Host www.example.com hdr X-Check 1",
        "{server:a}",
        (Recv(), Send(OK), End()),
        "HEAD /health HTTP/1.1",
        "host: www.example.com",
    ),
    checked(
        "http-check send with a body",
        "option httpchk\n    http-check send meth POST uri /c ver HTTP/1.1 hdr Host h body abc",
        "{server:a}",
        (Recv(), Send(OK), End()),
        "POST /c HTTP/1.1",
        "abc",
    ),
    checked(
        "http-check expect status",
        "option httpchk\n    http-check expect status 404",
        "{server:a}",
        (Recv(quiet=True), Send(response("404 Not Found", "Content-Length: 0")), End()),
        "status=UP",
    ),
    checked(
        "http-check expect status range",
        "option httpchk\n    http-check expect status 200-299,404",
        "{server:a}",
        (Recv(quiet=True), Send(response("403 Forbidden", "Content-Length: 0"))),
        "status=DOWN",
    ),
    checked(
        "http-check expect string",
        "option httpchk\n    http-check expect string ok",
        "{server:a}",
        (Recv(quiet=True), Send(OK), End()),
        "status=UP",
    ),
    checked(
        "http-check expect ! rstring",
        "option httpchk\n    http-check expect ! rstring ^o",
        "{server:a}",
        (Recv(quiet=True), Send(OK)),
        "status=DOWN check_status=L7RSP",
    ),
    checked(
        "httpchk, silent server",
        "option httpchk\n    timeout check 100ms",
        "{server:a}",
        (Recv(quiet=True), End()),
        "status=DOWN check_status=L7TOUT",
    ),
    checked(
        "port and addr of the check",
        "",
        "{refused:x}",
        (),
        "status=UP check_status=L4OK",
        words=FAST + " addr 127.0.0.1 port {port:front}",
    ),
    checked("no check", "", "{server:a}", (Serve(OK),), "status=no check", words=""),
    checked("disabled", "", "{server:a}", (), "status=MAINT", words=FAST + " disabled"),
]
