"""Bodies and interim responses: lengths, chunks, trailers, close-delimited, 100-continue, HEAD, 204, 304."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Send, Serve, Step, Until
from support.origin import Script
from support.scenario import Scenario

from families.requests import get, post, request, response
from families.simple import SIMPLE, simple

CHUNKED_UP = request("POST", "/up", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"
CHUNKED_DOWN = response("200 OK", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n"
OK = response("200 OK", "Content-Length: 2", body=b"ok")
BIG = bytes(range(256)) * 1200


def one(name: str, reply: bytes, talk: list[Step], *expect: str, logs: int = 1, config: str = SIMPLE) -> Scenario:
    """A server that answers everything with `reply`."""
    return Scenario(name=name, config=config, servers={"a": ((Serve(reply),),)}, talk=talk, expect=expect, logs=logs)


def scripted(
    name: str, script: Script, talk: list[Step], *expect: str, logs: int = 1, config: str = SIMPLE
) -> Scenario:
    """A server that plays one script."""
    return Scenario(name=name, config=config, servers={"a": (script,)}, talk=talk, expect=expect, logs=logs)


def early(name: str, script: Script, talk: list[Step], status: str, *, config: str) -> Scenario:
    """A server that answers with `status` before the request's body has come."""
    return Scenario(
        name=name,
        config=config,
        servers={"a": (script,)},
        talk=talk,
        expect=[status, "(closed)"],
        differs="after an early final response HAProxy waits for the rest of the request's body until the client's "
        "timeout; Pointsman closes behind the response",
        ours=[status, "connection: close", "(closed)", "----"],
    )


HEAD = [Send(request("HEAD", "/")), Recv(head_only=True), Send(get("/2")), Recv()]

SCENARIOS = [
    scripted(
        "HEAD with a length",
        (Recv(), Send(response("200 OK", "Content-Length: 10")), Recv(), Send(OK)),
        HEAD,
        "content-length: 10",
        "'ok'",
        logs=2,
    ),
    scripted(
        "HEAD answered with chunked",
        (Recv(), Send(response("200 OK", "Transfer-Encoding: chunked")), Recv(), Send(OK)),
        HEAD,
        "transfer-encoding: chunked",
        logs=2,
    ),
    scripted(
        "204 has no body",
        (Recv(), Send(response("204 No Content", "X-A: b")), Recv(), Send(OK)),
        [Send(get("/1")), Recv(), Send(get("/2")), Recv()],
        "HTTP/1.1 204 No Content",
        "'ok'",
        logs=2,
    ),
    scripted(
        "304 keeps its length and has no body",
        (Recv(), Send(response("304 Not Modified", "Content-Length: 99", 'ETag: "x"')), Recv(), Send(OK)),
        [Send(get("/1")), Recv(), Send(get("/2")), Recv()],
        "HTTP/1.1 304 Not Modified",
        "content-length: 99",
        logs=2,
    ),
    one("an empty body", response("200 OK", "Content-Length: 0"), [Send(get("/")), Recv()], "content-length: 0"),
    one("POST with a length", OK, [Send(post("/", b"some body")), Recv()], "[length] 'some body'"),
    one("GET with a body", OK, [Send(request("GET", "/", body=b"abc")), Recv()], "[length] 'abc'"),
    one("a large body up", OK, [Send(post("/", BIG)), Recv()], "307200 bytes"),
    one(
        "a large body down",
        response("200 OK", f"Content-Length: {len(BIG)}", body=BIG),
        [Send(get("/")), Recv()],
        "307200 bytes",
    ),
    one("a body sent in pieces", OK, [Send(post("/", b"0123456789" * 3), apart=60), Recv()], "'ok'"),
    one("chunked up", OK, [Send(CHUNKED_UP + b"\r\n"), Recv()], "[chunked] 'hello world'"),
    one(
        "chunked up with trailers",
        OK,
        [Send(CHUNKED_UP + b"X-Check: 1\r\nX-More: two\r\n\r\n"), Recv()],
        "[chunked] 'hello world'",
        "[trailers]",
    ),
    one("chunked down", CHUNKED_DOWN + b"\r\n", [Send(get("/")), Recv()], "[chunked] 'abcdefg'"),
    one(
        "chunked down with trailers",
        CHUNKED_DOWN + b"X-Sum: 7\r\n\r\n",
        [Send(get("/")), Recv(), Send(get("/2")), Recv()],
        "[chunked] 'abcdefg'",
        "[trailers]",
        logs=2,
    ),
    Scenario(
        name="chunked down to HTTP/1.0",
        config=SIMPLE,
        servers={"a": ((Serve(CHUNKED_DOWN + b"\r\n"),),)},
        talk=[Send(get("/", version="HTTP/1.0")), Recv(), End()],
        expect=["transfer-encoding: chunked", "[chunked] 'abcdefg'", "(closed)"],
        differs="HAProxy sends chunks to a client of HTTP/1.0; Pointsman takes the framing away and closes "
        "(RFC 9112 6.1)",
        ours=["HTTP/1.1 200 OK\nconnection: close\n[close] 'abcdefg'\n(closed)"],
    ),
    scripted(
        "close-delimited",
        (Recv(), Send(response("200 OK", body=b"until the end"))),
        [Send(get("/")), Recv(), End()],
        "until the end",
        "(closed)",
    ),
    scripted(
        "close-delimited to HTTP/1.0",
        (Recv(), Send(response("200 OK", body=b"until the end", version="HTTP/1.0"))),
        [Send(get("/", version="HTTP/1.0")), Recv(), End()],
        "until the end",
        "(closed)",
    ),
    scripted(
        "server answers 100, then 200",
        (
            Until(b"\r\n\r\n"),
            Send(b"HTTP/1.1 100 Continue\r\n\r\n"),
            Until(b"body!"),
            Send(OK),
        ),
        [
            Send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5")),
            Recv(),
            Send(b"body!"),
            Recv(),
        ],
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 200 OK",
        "bytes 'body!'",
    ),
    early(
        "server answers finally instead of 100",
        (Until(b"\r\n\r\n"), Send(response("417 Expectation Failed", "Content-Length: 0", "Connection: close"))),
        [Send(request("POST", "/", "Expect: 100-continue", "Content-Length: 5")), Recv(), End()],
        "HTTP/1.1 417 Expectation Failed",
        config=simple(front="timeout client 400ms"),
    ),
    scripted(
        "client does not wait for 100",
        (Until(b"body!"), Send(b"HTTP/1.1 100 Continue\r\n\r\n"), Send(OK)),
        [Send(request("POST", "/", "Expect: 100-continue", body=b"body!")), Recv(), Recv()],
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 200 OK",
    ),
    scripted(
        "103 early hints are relayed",
        (Recv(), Send(response("103 Early Hints", "Link: </a.css>; rel=preload") + OK)),
        [Send(get("/")), Recv(), Recv()],
        "HTTP/1.1 103 Early Hints",
        "link: </a.css>; rel=preload",
        "HTTP/1.1 200 OK",
    ),
    early(
        "an early 413 is relayed while the body still comes",
        (
            Until(b"\r\n\r\n"),
            Send(response("413 Too Big", "Content-Length: 2", "Connection: close", body=b"no")),
            Pause(0.2),
            Close(),
        ),
        [Send(request("POST", "/", "Content-Length: 1000")), Send(b"x" * 10), Recv(), End()],
        "HTTP/1.1 413 Too Big",
        config=simple(front="timeout client 400ms"),
    ),
    scripted(
        "bytes in excess of a response are dropped",
        (Recv(), Send(OK + b"excess"), Recv(), Send(OK)),
        [Send(get("/1")), Recv(), Send(get("/2")), Recv()],
        "'ok'",
        logs=2,
    ),
    one(
        "a body behind 204 is dropped",
        response("204 No Content", "Content-Length: 4", body=b"oops"),
        [Send(get("/1")), Recv(), Pause(0.05), Send(get("/2")), Recv()],
        "HTTP/1.1 204 No Content",
        logs=2,
    ),
    scripted(
        "option http-buffer-request waits for the body",
        (Recv(), Send(OK)),
        [Send(request("POST", "/", "Content-Length: 6")), Send(b"abc"), Pause(0.05), Send(b"def"), Recv()],
        "[length] 'abcdef'",
        config=simple(front="option http-buffer-request"),
    ),
]
