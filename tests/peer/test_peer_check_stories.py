"""Servers whose checks go well and badly in turn: every log line of both programs, in order (manual 4.2 option
log-health-checks; 5.2 rise, fall)."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.crowd import until
from support.programs import HAPROXY, POINTSMAN, Kind, Program
from support.receiver import LogReceiver
from support.scripted_servers import END, PATIENCE, RESET, CheckServers, Step, Until

pytestmark = [pytest.mark.peer, pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")]

HEAD = """
global
    stats socket {dir}/stats level admin
    max-spread-checks 300
defaults
    mode http
    timeout connect 10s
    timeout client 5s
    timeout server 5s
    timeout check 10s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200
"""
ASKED = Until(b"\r\n\r\n")


def says(status: bytes) -> tuple[Step, ...]:
    return (ASKED, b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status, END)


OK, BAD, GONE = says(b"200 OK"), says(b"503 Busy"), says(b"404 Gone")
BROKEN: tuple[Step, ...] = (ASKED, RESET)
LAST = says(b"418 Last")  # what ends each story: whatever comes behind it is the same
STORIES: dict[str, tuple[str, str, tuple[tuple[Step, ...], ...]]] = {
    "up and down": ("option httpchk", "rise 2 fall 2", (OK, BAD, OK, BAD, BAD, OK, BAD, OK, OK, BAD, LAST)),
    "slow to fall": ("option httpchk", "rise 1 fall 4", (OK, BAD, BAD, OK, BROKEN, BAD, BAD, LAST)),
    "not at all": ("option httpchk", "rise 3 fall 1", (BAD, OK, OK, BAD, OK, OK, OK, BROKEN, LAST)),
    "404": (
        "option httpchk|http-check disable-on-404",
        "rise 2 fall 2",
        (OK, GONE, GONE, OK, GONE, BAD, BAD, GONE, OK, LAST),
    ),
    "conditions": (
        "option httpchk|http-check expect ok-status L7OKC on-success %[status] status 200,404",
        "rise 2 fall 2",
        (OK, GONE, BAD, OK, BAD, BAD, OK, OK, LAST),
    ),
    "a backup": ("option httpchk", "rise 1 fall 2 backup", (OK, BAD, BAD, OK, BROKEN, LAST)),
}


def play(kind: Kind, folder: Path) -> dict[str, list[str]]:
    """The log lines of each story, with the option and without it, up to the end of the story."""
    text = HEAD
    found: dict[str, list[str]] = {}
    with ExitStack() as stack:
        servers = CheckServers()
        stack.callback(servers.close)
        logs: dict[str, LogReceiver] = {}
        for name, (rules, words, scripts) in STORIES.items():
            for option in ("", "|option log-health-checks"):
                story = name + option
                log = logs[story] = LogReceiver()
                stack.callback(log.close)
                port = servers.add(*scripts)
                text += f"backend b{len(logs)}\n    log {log.where} local0\n"
                text += "".join(f"    {one}\n" for one in (rules + option).split("|"))
                text += f"    server s 127.0.0.1:{port} check inter 100 {words}\n"
        with Program(kind, text, folder):
            ports = list(servers.seen)
            needed = [len(scripts) + 1 for _, _, scripts in STORIES.values() for _ in range(2)]
            until(
                lambda: all(len(servers.seen[port]) > count for port, count in zip(ports, needed, strict=True)),
                PATIENCE,
            )
        for story, log in logs.items():
            found[story] = [plain(line) for line in log.close() if "Proxy" not in line]
    return {story: lines[: _end(lines)] for story, lines in found.items()}


def _end(lines: list[str]) -> int:
    """Behind the first line that the last answer has caused; they go on, at times of their own."""
    return next((number for number, line in enumerate(lines, 1) if "418" in line or "Last" in line), len(lines))


def plain(line: str) -> str:
    text = re.sub(r"^<\d+>.*?\[?\d*\]?: ", "", line)
    text = re.sub(r"E[A-Z]+ returned by OS \((.*?)\)", r"\1", text)
    return re.sub(r"duration: \d+ms", "duration: Xms", text)


Both = tuple[dict[str, list[str]], dict[str, list[str]]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return play(HAPROXY, tmp_path_factory.mktemp("h")), play(POINTSMAN, tmp_path_factory.mktemp("p"))


@pytest.mark.parametrize("story", [name + option for name in STORIES for option in ("", "|option log-health-checks")])
def test_the_same_lines(both: Both, story: str) -> None:
    assert both[1][story] == both[0][story]
    assert both[0][story], "a story that nobody tells"
