"""Alerts by mail, with two lanes: the example of docs/health-checks.md, mailers that are in nobody's way, and a control
process that is killed."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest
from support.crowd import children, get, until
from support.mail_server import MailServer
from support.ports import free_port
from support.programs import POINTSMAN, ROOT, Program
from support.scenario import query, show_stat

PATIENCE = 15.0  # s
HEAD = """
global
    nbthread 2
    max-spread-checks 200ms
    stats socket {dir}/stats level admin
"""
TEXT = f"""{HEAD}
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    email-alert mailers office
    email-alert from f@x
    email-alert to t@x
    email-alert level notice
    email-alert myhostname lb.example
mailers office
    mailer one 127.0.0.1:{{mailer}}
frontend web
    bind 127.0.0.1:{{port:web}}
    http-request return status 200 content-type text/plain string ok
backend site
    server s1 127.0.0.1:{{up}} check inter {{inter}} fall 1 rise 1
    server s2 127.0.0.1:1
"""


def said(subject: str) -> str:
    """Its server and what became of it."""
    found = re.match(r"\[HAProxy Alert\] (.*?)[.,]", subject)
    assert found is not None, subject
    return found[1]


def set_health(program: Program, server: str, health: str) -> None:
    assert query(program.folder / "stats", f"set server site/{server} health {health}").strip() == ""


def test_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "health-checks.md").read_text(encoding="utf-8")
    section = page.partition("## Alerts by mail\n")[2].partition("\n## ")[0]
    text = HEAD + re.findall(r"```haproxy\n(.*?)```", section, re.DOTALL)[0]
    with (
        MailServer() as one,
        MailServer({b"RCPT": b"550 unknown\r\n"}) as two,
        socket.create_server(("127.0.0.1", 0), backlog=100) as up,
    ):
        text = text.replace("192.0.2.25:25", f"127.0.0.1:{one.port}").replace("192.0.2.26:25", f"127.0.0.1:{two.port}")
        text = text.replace("127.0.0.1:9001", f"127.0.0.1:{free_port()}").replace(
            "timeout mail 20s", "timeout mail 60s"
        )
        text = text.replace("127.0.0.1:9002", f"127.0.0.1:{up.getsockname()[1]}").replace(" check", " check inter 15s")
        text = text.replace("bind :8080", "bind 127.0.0.1:{port:web}")
        with Program(POINTSMAN, text, tmp_path) as program:
            until(lambda: [said(subject) for subject in one.subjects] == ["Server site/site1 is DOWN"], PATIENCE)
            query(program.folder / "stats", "set server site/site2 state drain")
            until(lambda: len(one.subjects) == 2 and len(two.received) == 2, PATIENCE)
            told = "Mailer office/smtp2 does not take alerts: it has answered 550 unknown."
            until(lambda: told in program.stderr(), PATIENCE)
            assert program.stderr().count("does not take alerts") == 1
    assert said(one.subjects[1]) == "Server site/site2 enters drain state"
    first = one.received[0]
    assert first.commands[0] == f"HELO {socket.gethostname()}".encode()
    assert first.commands[1:3] == [b"MAIL FROM:<balancer@site.example>", b"RCPT TO:<operators@site.example>"]
    assert first.subject.startswith("[HAProxy Alert] Server site/site1 is DOWN, reason: Layer4 connection problem, ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=["term", "usr1"])
def test_a_mailer_that_says_nothing_is_in_nobodys_way(tmp_path: Path, number: signal.Signals) -> None:
    """Checks go on and requests are answered while a mail waits for a reply; and so is a stop obeyed."""
    with (
        MailServer({b"": b""}) as mailer,
        socket.create_server(("127.0.0.1", 0), backlog=1000) as up,
    ):
        values = {"mailer": str(mailer.port), "up": str(up.getsockname()[1]), "inter": "50ms"}
        program = Program(POINTSMAN, TEXT.replace("mailer one", "timeout mail 1h\n    mailer one"), tmp_path, values)
        program.start()
        try:
            set_health(program, "s2", "down")
            until(lambda: len(mailer.received) == 1, PATIENCE)
            up.close()

            def status() -> str:
                return show_stat(program.folder / "stats")["site/s1"]["status"]

            until(lambda: status() == "DOWN", PATIENCE)
            assert get(program.ports["web"], "/") == 200
            set_health(program, "s2", "up")
            assert len(mailer.received) == 1
        finally:
            stopped = program.stop(number)
        assert stopped == (-number if number == signal.SIGTERM else 0), program.stderr()
        assert mailer.subjects == []


def control(program: Program) -> int:
    """Its pid, which stands in its messages."""
    return int(re.findall(r"\((\d+)\) : Server site/s2 ", program.stderr())[-1])


def test_a_control_process_that_is_killed(tmp_path: Path) -> None:
    """Its successor knows the states and sends none of them again; what changes from then on is sent."""
    with MailServer() as mailer, socket.create_server(("127.0.0.1", 0), backlog=1000) as up:
        values = {"mailer": str(mailer.port), "up": str(up.getsockname()[1]), "inter": "15s"}

        def change(program: Program, connections: int) -> None:
            """s2 goes down and comes up, and the mailer has seen so many connections."""
            set_health(program, "s2", "down")
            set_health(program, "s2", "up")
            until(lambda: len(mailer.received) == connections, PATIENCE)

        def kill(program: Program) -> None:
            """While one mail is under way, and another one waits."""
            before = children(program.pid)
            os.kill(control(program), signal.SIGKILL)
            until(lambda: len(set(children(program.pid)) - set(before)) == 1, PATIENCE)
            mailer.open.set()

        with Program(POINTSMAN, TEXT, tmp_path, values) as program:
            until(lambda: len(children(program.pid)) == 3, PATIENCE)
            change(program, 2)
            mailer.open.clear()
            change(program, 3)
            kill(program)
            change(program, 5)
            until(lambda: len(mailer.subjects) == 4, PATIENCE)
        assert [said(subject) for subject in mailer.subjects] == ["Server site/s2 is DOWN", "Server site/s2 is UP"] * 2
