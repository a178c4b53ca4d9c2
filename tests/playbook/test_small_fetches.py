"""act_conn, fe_defbe, fc_rcvd_proxy, bc_reused, req.bytes_out, quic_enabled (manual 7.3.2 and 7.3.3)."""

from __future__ import annotations

from support.stand import End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    option forwardfor
    http-request return status 200 content-type text/plain lf-string {here} if {{ path /here }}
    http-after-response set-header X-Reused %[bc_reused]
    http-after-response set-header X-Sent %[req.bytes_out]
    default_backend b
backend b
    http-reuse always
    server s {a}
listen l
    bind 127.0.0.1:2
    http-request return status 200 content-type text/plain lf-string "<%[fe_defbe]>"
"""
HERE = '"%[act_conn] %[fe_defbe] %[fc_rcvd_proxy] %[quic_enabled] %[cpu_calls] %[lat_ns_avg]"'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand(more: str = "") -> Stand:
    text = CONFIG.replace("{here}", HERE).replace("{{", "{").replace("}}", "}")
    return Stand(text.replace("option forwardfor", f"option forwardfor\n    {more}"), "a")


def header(response: bytes, name: bytes) -> bytes:
    return next(line.partition(b": ")[2] for line in response.split(b"\r\n") if line.startswith(name + b":"))


def body(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def test_what_the_process_and_the_frontend_know() -> None:
    with stand() as scene:
        first, second = scene.client(), scene.client()
        for end in (first, second):
            end.send(b"GET /here HTTP/1.1\r\nHost: h\r\n\r\n")
            assert body(end.take()) == b"2 b 0 0 0 0"


def test_exchanges_of_http1_are_numbered_on_both_connections() -> None:
    """As HAProxy 3.2 says it: fs.id and bs.id are how many exchanges the connection has had before."""
    shows = "http-after-response set-header X-Streams %[fs.id]/%[bs.id]/%[bc_nb_streams]/%[bs.rst_code]"
    with stand(shows) as scene:
        client, other = scene.client(), scene.client()
        seen: list[bytes] = []
        server: End | None = None
        for end in (client, client, client, other, client):
            end.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            server = server or scene.accept("a")
            server.take()
            server.send(OK)
            seen.append(header(end.take(), b"x-streams"))
    assert seen == [b"0/0/1/", b"1/1/1/", b"2/2/1/", b"0/3/1/", b"3/4/1/"]


def test_a_listen_section_names_no_default_backend() -> None:
    with stand() as scene:
        client = scene.client("l")
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert body(client.take()) == b"<>"


def test_whether_the_server_connection_was_used_before_and_what_it_was_sent() -> None:
    with stand() as scene:
        client = scene.client()
        seen: list[tuple[bytes, bytes]] = []
        server: End | None = None
        for path, payload in ((b"/1", b""), (b"/2", b"12345"), (b"/here", b""), (b"/3", b"")):
            length = b"Content-Length: %d\r\n" % len(payload) if payload else b""
            client.send(b"POST %b HTTP/1.1\r\nHost: h\r\n%b\r\n%b" % (path, length, payload))
            sent = b""
            if path != b"/here":
                server = server or scene.accept("a")
                sent = server.take()
                server.send(OK)
            answer = client.take()
            seen.append((header(answer, b"x-reused"), header(answer, b"x-sent")))
            assert seen[-1][1] == b"%d" % len(sent)
        assert [reused for reused, _ in seen] == [b"0", b"1", b"0", b"1"]
