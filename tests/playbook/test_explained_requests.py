"""Random requests through ten files such as people have (tests/data/explained): what `pointsman explain` says of each
is what the live program does with it. With POINTSMAN_LONG=1 they are 2,000.

What is asked is made of what the file speaks of: its paths, hosts, headers, cookies, networks, and of others.
"""

from __future__ import annotations

import ipaddress
import os
import random
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.beside import Beside
from support.programs import ROOT

from pointsman.verbs.explain.engine import Engine
from pointsman.verbs.explain.model import Answered, Asked

DATA = ROOT / "tests" / "data" / "explained"
FILES = sorted(file.stem for file in DATA.glob("*.cfg"))
LONG = os.environ.get("POINTSMAN_LONG") == "1"
REQUESTS = 200 if LONG else 6

METHODS = ["GET", "GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PURGE"]
VALUES = [
    "1",
    "on",
    "alpha",
    "beta",
    "5000",
    "green",
    "a.b",
    "",
    "x y",
    "application/json",
    "Bot/1.0",
    "de-DE",
    "bytes=0-",
]
NAMES = [
    "user-agent",
    "accept-language",
    "x-forwarded-for",
    "x-a",
    "cookie",
    "referer",
    "content-type",
    "authorization",
]
ANSWERS = [("content-type", "text/html"), ("location", "http://a.example/b"), ("age", "5"), ("x-secret", "1")]
ANSWERS += [
    ("set-cookie", "JSESSIONID=abc; path=/"),
    ("x-session", "s1"),
    ("x-session", "s2"),
    ("cache-control", "private"),
]
USERS = [
    "Basic YWxpY2U6d29uZGVy",
    "Basic Ym9iOmJ1aWxkZXI=",
    "Basic bm9ib2R5Om5v",
]  # alice:wonder, bob:builder, nobody:no


class Words:
    """What a file speaks of."""

    def __init__(self, text: str) -> None:
        code = re.sub(r"(?m)^\s*#.*|\s#\s.*", "", text)
        code = code.replace("^/v[0-9]+/", " /v1/ /v2/ /v3/ ")
        self.paths = ["/", *re.findall(r"(?<![\w{}%.:/\]-])/[\w./-]*", code), "/other/path.html"]
        self.hosts = ["h.example", *re.findall(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.example\b", code)]
        self.hosts += [f"x{host}" for host in re.findall(r"\s(\.[a-z.]+\.example)", code)]
        self.headers = [*NAMES, *re.findall(r"(?:req\.f?hdr|hdr(?:_\w+)?)\(([a-z-]+)\)", code)]
        self.cookies = re.findall(r"(?:req\.cook\(|cookie\s+)(\w+)", code)
        self.parameters = re.findall(r"url_param\((\w+)\)", code) + ["q"]
        self.values = [*VALUES, *re.findall(r"-m str (\S+)", code), *re.findall(r"-i (\w+)", code)]
        self.networks = [*re.findall(r"\d+\.\d+\.\d+\.0/\d+", code), "198.51.100.0/24", "127.0.0.0/8"]


def a_request(draw: random.Random, words: Words, ports: list[str]) -> Asked:
    method = draw.choice(METHODS)
    body = draw.choice([b"", b'{"id": 5}', b"a=b" * 50]) if method in ("POST", "PUT") else b""
    path = draw.choice(words.paths)
    path += draw.choice(["", "", "/more", "a.png", "/v1/x", "//y/../z", "/index.html"])
    if not path.startswith("/"):
        path = f"/{path}"
    query = "&".join(
        f"{draw.choice(words.parameters)}={draw.choice(['1', '150', 'abc', '9999'])}" for _ in range(draw.randrange(3))
    )
    headers = {"Host": draw.choice(words.hosts)}
    for name in draw.sample(words.headers, draw.randrange(min(6, len(words.headers)))):
        if name not in ("host", "cookie", "authorization", "content-length"):
            headers[name] = draw.choice(words.values)
    if words.cookies and draw.random() < 0.5:
        pairs = [
            f"{draw.choice(words.cookies)}={draw.choice(['s1', 'co2', 'A~abc', 'p1~x', 'on', '1', 'u.7'])}"
            for _ in range(2)
        ]
        headers["Cookie"] = "; ".join(pairs)
    if draw.random() < 0.5:
        headers["Authorization"] = draw.choice(USERS)
    network = ipaddress.ip_network(draw.choice(words.networks))
    source = network.network_address + draw.randrange(1, 250)
    answer = Answered(
        status=draw.choice([200, 200, 200, 201, 204, 302, 304, 404, 500, 503]),
        headers=tuple(draw.sample(ANSWERS, draw.randrange(3))),
        body=draw.choice([b"", b"content"]),
    )
    return Asked(
        method=method,
        url=path + (f"?{query}" if query else ""),
        headers=tuple(headers.items()),
        version=draw.choice(["1.1", "1.1", "1.0"]),
        body=body,
        source=str(source),
        destination=draw.choice(ports),
        answer=answer,
    )


def questions(name: str) -> Iterator[Asked]:
    """Without an end, the same each time."""
    text = (DATA / f"{name}.cfg").read_text()
    draw = random.Random(name)
    words = Words(text + "".join((DATA / one).read_text() for one in re.findall(r"\w+\.map", text)))
    ports = [found if not found.startswith(":") else f"192.0.2.1{found}" for found in re.findall(r"bind (\S+)", text)]
    while True:
        yield a_request(draw, words, ports)


def text_of(name: str) -> str:
    return (DATA / f"{name}.cfg").read_text().replace("{maps}", str(DATA))


@pytest.mark.parametrize("name", FILES)
def test_explained_as_done(name: str, tmp_path: Path) -> None:
    with Beside(text_of(name), tmp_path) as beside:
        for asked in islice(questions(name), REQUESTS):
            beside.ask(asked)


@pytest.mark.parametrize("name", FILES if LONG else ["shop", "edge"])
def test_explained_as_done_over_http2(name: str, tmp_path: Path) -> None:
    with Beside(text_of(name), tmp_path, h2=True) as beside:
        for asked in islice(questions(name), 40 if LONG else REQUESTS):
            beside.ask(asked)


def test_the_draw_meets_everything(tmp_path: Path) -> None:
    """All outcomes, and most of the backends, or the comparison says little."""
    assert len(FILES) == 10
    outcomes: set[str] = set()
    reached = backends = 0
    for name in FILES:
        file = tmp_path / f"{name}.cfg"
        file.write_text(text_of(name))
        engine = Engine([str(file)])
        found = [engine.explain(asked) for asked in islice(questions(name), 30)]
        engine.close()
        outcomes |= {one.outcome for one in found}
        reached += len({one.backend for one in found if one.server is not None})
        backends += len(engine.live.backends)
    assert outcomes >= {"server", "deny", "answer", "drop", "tarpit"}
    assert reached > backends * 3 // 4
