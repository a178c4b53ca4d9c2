"""Names of connections: which idle ones a request may use (manual 5.2, pool-conn-name)."""

from __future__ import annotations

import pytest
from support.configs import read
from support.stand import End, Stand

from pointsman.assemble import assemble

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def test_idle_connections_are_for_requests_of_the_same_name() -> None:
    text = (
        "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 1s\n http-reuse always\n"
        "frontend door\n bind 127.0.0.1:1\n default_backend app\nbackend app\n"
        " server s1 {a} pool-conn-name req.hdr(x-tenant),lower\n"
    )
    with Stand(text, "a") as play:
        client = play.client()
        served: dict[bytes, End] = {}
        for name in (b"one", b"", b"ONE", b"", b"One"):
            fields = b"x-tenant: " + name + b"\r\n" if name else b""
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n" + fields + b"\r\n")
            known = served.get(name.lower())
            if known is None:
                server = served[name.lower()] = play.accept("a")
            else:
                assert play.arrivals("a") == []
                server = known
            assert server.take().startswith(b"GET /")
            server.send(OK)
            assert client.take().startswith(b"HTTP/1.1 200")
        assert len(served) == 2


def settled(words: str) -> list[str]:
    """The parts of a server's key."""
    loaded = read(
        "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        f"listen x\n bind 127.0.0.1:1\n server s 127.0.0.1:1 {words}\n"
    )
    live = assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == []
    key = live.backends[0].servers[0].pool.key
    return [] if key is None else [type(part).__name__ for part in key.parts]


@pytest.mark.parametrize(
    "words, parts",
    [
        ("", []),
        ("ssl verify none sni req.hdr(host)", ["NameOfExpression"]),
        ("ssl verify none sni req.hdr(host) pool-conn-name str(all)", ["Name"]),
        ("ssl verify none pool-conn-name req.hdr(host)", ["Name"]),
        ("pool-conn-name src source 0.0.0.0 usesrc clientip", ["Name", "ClientAddress"]),
    ],
)
def test_it_stands_in_for_sni(words: str, parts: list[str]) -> None:
    assert settled(words) == parts
