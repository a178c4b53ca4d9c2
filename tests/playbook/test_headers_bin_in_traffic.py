"""What comes by add-headers-bin frames no message: manual 4.4 warns of smuggling, and here it cannot."""

from support.stand import Stand

from pointsman.sample.fetch.headers import variable_integer

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
frontend f
    bind 127.0.0.1:1
    {rule}
    default_backend b
backend b
    server a {a}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_framing_stays_that_of_the_body() -> None:
    pairs = (b"content-length", b"50", b"transfer-encoding", b"chunked", b"x-a", b"1")
    data = b"".join([variable_integer(len(text)) + text for text in pairs]).hex()
    for action in ("add", "set"):
        with Stand(CONFIG, "a", values={"rule": f"http-request {action}-headers-bin bin({data})"}) as stand:
            client = stand.client()
            client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            server = stand.accept("a")
            head, _, body = server.take().partition(b"\r\n\r\n")
            assert body == b"abc"
            lines = head.lower().split(b"\r\n")
            assert [one for one in lines if one.startswith((b"content-length", b"transfer-"))] == [b"content-length: 3"]
            assert b"x-a: 1" in lines
            server.send(OK)
            assert client.take().endswith(b"ok")
