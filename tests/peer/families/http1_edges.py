"""Edges of HTTP/1: blanks in request lines, targets without a path, sizes with many zeros, values with blanks around
them, bodies of requests that are answered here."""

from __future__ import annotations

from support.actor import End, Pause, Recv, Send
from support.scenario import Scenario

from families.requests import get, post, request, response
from families.simple import SIMPLE, simple

CAPTURES = simple(
    front="""
    http-request capture path len 40
    http-request capture pathq len 40
    http-request capture base len 40
    http-request capture url len 40
    """
)
PATH = "`GET http://box` gets its path: rules, log and server see `http://box/`"
QUERY = "`GET http://box?x=1` has the authority `box`"
OWN = "a redirection of a POST whose body has come keeps the connection, as all other answers do"
DROPPED = "fields with bad names are dropped under them, as in 3.5; 2.6 forwards those"
BRACKET = "a Host with an open bracket or something behind one (`[::1`)"
TRIMMED = """
    http-request set-header tr "v "
    http-request set-header t2 "  a , b "
    http-request set-header o "[%[req.fhdr(tr)]][%[req.hdr(t2)]][%[req.fhdr(t2)]][%[req.fhdr(t2),length]]"
    http-request set-header same yes if { req.fhdr(tr) -m str v }
    http-response set-header tr "v "
    http-response set-header o "[%[res.fhdr(tr)]]"
    """
POST = post("/x", b"{}")
BODY = b"2\r\nok\r\n0\r\n\r\n"
CHUNKED = request("POST", "/", "Transfer-Encoding: chunked")


def target(name: str, line: str, host: str, differs: str = "", ours: str = "") -> Scenario:
    """A request with that target and Host, and what captures, server and log see of it."""
    method, uri = line.split(" ")
    sent = f"{method} {uri} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
    return Scenario(
        name=name,
        config=CAPTURES,
        talk=[Send(sent), Recv()],
        expect=["HTTP/1."],
        differs=differs,
        ours=["HTTP/1.1 200 OK", ours],
        until_peer=(3, 0),
    )


SCENARIOS = [
    Scenario(
        name="several blanks in the request line",
        config=SIMPLE,
        talk=[Send(b"GET  /1 \tHTTP/1.1\r\nHost: h\r\n\r\n"), Recv()],
        expect=["HTTP/1.1 200 OK", "GET /1 HTTP/1.1"],
    ),
    Scenario(
        name="a tab behind the method",
        config=SIMPLE,
        talk=[Send(b"GET\t\t/1 HTTP/1.1\r\nHost: h\r\n\r\n"), Recv()],
        expect=["HTTP/1.1 200 OK", "GET /1 HTTP/1.1"],
    ),
    target("a target without a path", "GET http://box", "box", PATH, "GET http://box/ HTTP/1.1"),
    target("and with its port", "GET http://box:80", "box:80", PATH, "GET http://box/ HTTP/1.1"),
    target("a target whose query comes first", "GET http://box?x=/1", "box", QUERY, "GET http://box?x=/1 HTTP/1.1"),
    target("OPTIONS of a host", "OPTIONS http://box", "box"),
    target("an empty authority", "GET http:///", ""),
    target("an authority that is a port", "GET http://:80/", ":80"),
    Scenario(
        name="CONNECT, and a Host with an empty port",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("403 Forbidden", "Content-Length: 2", body=b"no"))),)},
        talk=[Send(request("CONNECT", "box:443", host="box:")), Recv()],
        expect=["CONNECT box:443 HTTP/1.1", "host: box:"],
    ),
    Scenario(
        name="monitor-uri in an absolute target",
        config=simple(front="monitor-uri /alive"),
        talk=[Send(get("http://any.example/alive", host="any.example")), Recv()],
        logs=0,
        expect=["HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="monitor-uri with a scheme",
        config=simple(front="monitor-uri http://any.example/alive"),
        talk=[
            Send(get("/alive", host="any.example")),
            Recv(),
            Send(get("http://any.example/alive", host="any.example")),
            Recv(),
        ],
        expect=["GET /alive HTTP/1.1"],
    ),
    Scenario(
        name="a reply has no header without a value",
        config=simple(front='http-request return status 200 hdr x "%[str()]" hdr y "%[req.hdr(no)]" hdr z v'),
        talk=[Send(get()), Recv()],
        expect=["z: v"],
    ),
    Scenario(
        name="set-header without a value",
        config=simple(front='http-request set-header x "%[str()]"\nhttp-request add-header y "%[str()]"'),
        talk=[Send(get()), Recv()],
        expect=["x: ", "y: "],
    ),
    Scenario(
        name="fetches trim what rules have written",
        config=simple(front=TRIMMED),
        talk=[Send(get()), Recv()],
        expect=["tr: v ", "o: [v][b][a , b][5]", "same: yes", "o: [v]"],
    ),
    Scenario(
        name="a redirection of a POST keeps the connection",
        config=simple(front="http-request redirect location /n"),
        talk=[Send(POST), Recv(), Send(POST), Recv(), Pause(0.3)],  # 2.6 writes one line, others two
        logs=1,
        expect=["HTTP/1.1 302 Found"],
        differs=OWN,
        ours=["HTTP/1.1 302 Found"],
        until_peer=(3, 0),
    ),
    Scenario(
        name="a chunk size with many zeros",
        config=SIMPLE,
        talk=[Send(CHUNKED + b"0" * 20 + b"2\r\nab\r\n" + b"0" * 20 + b"\r\n\r\n"), Recv()],
        expect=["HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="a chunk extension of 10 KB",
        config=SIMPLE,
        talk=[Send(CHUNKED + b"2;" + b"x" * 10_000 + b"\r\nab\r\n0\r\n\r\n"), Recv()],
        expect=["HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="chunks from a server of HTTP/1.0",
        config=SIMPLE,
        servers={
            "a": (
                (
                    Recv(),
                    Send(response("200 OK", "Transfer-Encoding: chunked", version="HTTP/1.0", body=BODY)),
                    End(),
                ),
            )
        },
        talk=[Send(get()), Recv(), End()],
        expect=["HTTP/1.0 200 OK", "(closed)"],
    ),
    Scenario(
        name="an invalid request that is accepted",
        config=simple(front="option accept-invalid-http-request"),
        talk=[Send(b"GET /\xe9 HTTP/1.1\r\nHost: h\r\nX(A): b\r\nY: z\r\n\r\n"), Recv()],
        expect=["HTTP/1.1 200 OK", "y: z"],
        differs=DROPPED,
        ours=["HTTP/1.1 200 OK", "y: z"],
        until_peer=(3, 0),
    ),
    Scenario(
        name="an invalid response that is accepted",
        config=simple(back="option accept-invalid-http-response"),
        servers={"a": ((Recv(), Send(response("200 OK", "X(A): b", "Y: z", "Content-Length: 2", body=b"ok"))),)},
        talk=[Send(get()), Recv()],
        expect=["HTTP/1.1 200 OK", "y: z"],
        differs=DROPPED,
        ours=["HTTP/1.1 200 OK", "y: z"],
        until_peer=(3, 0),
    ),
    Scenario(
        name="Host with an open bracket",
        config=SIMPLE,
        talk=[Send(get("/", host="[::1")), End()],
        expect=["HTTP/1.1 200 OK"],
        differs=BRACKET,
        ours=["HTTP/1.1 400 Bad request", " PR-- "],
        until_peer=(3, 0),
    ),
]
