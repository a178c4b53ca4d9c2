"""Mails, as mailers get them, and mailers that are down, slow, unwilling, or something else. What a mail looks like is
what HAProxy 2.6 and 3.2 send."""

from __future__ import annotations

import asyncio
import re
import socket
import threading

import pytest
from support.crowd import until
from support.mail_server import MailServer
from support.ports import free_port

from pointsman.admin.mailers import WAITING, Alerts, Mail, Mailer
from pointsman.config.mailers import EmailAlerts, MailersOptions
from pointsman.log.target import ALERT, INFO, NOTICE

PATIENCE = 15.0
MAIL = Mail(b"me.example", b"from@x.example", b"to@x.example", b"Subject: s\r\n\r\ntext\r\n")


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, level: int, text: bytes, shown: bytes = b"") -> None:
        self.lines.append(f"{level} {text.decode()}")


def mailer(port: int, milliseconds: int = 15_000, told: Told | None = None) -> Mailer:
    return Mailer("office", "one", ("127.0.0.1", port), milliseconds, told or Told())


def alerts(*mailers: Mailer, level: int = ALERT) -> Alerts:
    section = MailersOptions(name="office", mailers=(), timeout=10_000)
    said = EmailAlerts(section=section, sender="f@x", recipient="t@x", hostname="me.example", level=level)
    return Alerts(said, mailers)


def test_what_is_sent() -> None:
    with MailServer() as server:
        alerts(mailer(server.port))(ALERT, b"Server b/s is DOWN. 0 remaining in queue.")
        until(lambda: bool(server.subjects), PATIENCE)
        one = server.received[0]
    assert one.commands[:4] == [b"HELO me.example", b"MAIL FROM:<f@x>", b"RCPT TO:<t@x>", b"DATA"]
    date = one.header["Date"]
    assert re.fullmatch(
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
        r"\d\d:\d\d:\d\d [+-]\d{4} \([^)]+\)",
        date,
    )
    assert one.content.decode() == (
        f"From: f@x\r\nTo: t@x\r\nDate: {date}\r\n"
        "Subject: [HAProxy Alert] Server b/s is DOWN. 0 remaining in queue\r\n\r\n"
        "Server b/s is DOWN. 0 remaining in queue\r\n\r\n"
    )


def test_all_mailers_get_what_is_important_enough_in_its_order() -> None:
    with MailServer() as first, MailServer() as second:
        send = alerts(mailer(first.port), mailer(second.port), level=NOTICE)
        send(ALERT, b"one.")
        send(INFO, b"two.")
        send(NOTICE, b"three.")
        expected = ["[HAProxy Alert] one", "[HAProxy Alert] three"]
        until(lambda: first.subjects == expected and second.subjects == expected, PATIENCE)
        assert len(first.received) == 2


def test_what_servers_say_begins_no_header_of_its_own() -> None:
    with MailServer() as server:
        alerts(mailer(server.port))(ALERT, b"DOWN\r\nBcc: all@x\r\n.\r\nQUIT\r\n.")
        until(lambda: bool(server.subjects), PATIENCE)
        one = server.received[0]
    assert "Bcc" not in one.header
    assert b"\n" not in one.subject.encode()


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ({b"": b"554 go away\r\n"}, "it has answered 554 go away"),
        ({b"": b"\0\xffwhat\r\n"}, "it does not speak SMTP"),
        ({b"HELO": b"502 no\r\n"}, "it has answered 502 no"),
        ({b"MAIL": b"451 later\r\n"}, "it has answered 451 later"),
        ({b"RCPT": b"550 unknown\r\n"}, "it has answered 550 unknown"),
        ({b"DATA": b"250 what\r\n"}, "it has answered 250 what"),
        ({b".": b"452 full\r\n"}, "it has answered 452 full"),
        ({b"": b"220-on and on\r\n" * 10_000}, "its replies are too long"),
        ({b"HELO": b"250-" + b"x" * 20_000 + b"\r\n"}, "its replies are too long"),
        ({b"": b"220-many\r\n220 lines\r\n", b"HELO": b"250-so\r\n250 on\r\n", b"RCPT": b"251 elsewhere\r\n"}, ""),
        ({b"QUIT": b"500 what\r\n"}, ""),
    ],
    ids=["banner", "garbage", "helo", "sender", "recipient", "data", "end", "endless", "long", "multiline", "quit"],
)
def test_answers(replies: dict[bytes, bytes], reason: str) -> None:
    with MailServer(replies) as server:
        assert mailer(server.port).deliver(MAIL) == reason
        assert len(server.subjects) == (not reason)


def test_nobody_listens() -> None:
    assert mailer(free_port()).deliver(MAIL) == "Connection refused"


def test_a_mailer_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        reason = mailer(server.getsockname()[1]).deliver(MAIL)
        thread.join()
    assert reason.startswith("Connection unexpectedly closed")


def test_a_mailer_that_says_nothing() -> None:
    with MailServer({b"": b""}) as server:
        assert mailer(server.port, 300).deliver(MAIL) == "timeout"


def test_a_mailer_whose_replies_drip() -> None:
    """Each byte comes in time, and all of them never."""
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not ended.wait(0.05):
                    connection.sendall(b"2")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        reason = mailer(listener.getsockname()[1], 500).deliver(MAIL)
        ended.set()
        thread.join()
    assert reason == "timeout"


def test_trouble_is_told_once_and_its_end_too() -> None:
    async def run() -> tuple[list[str], list[str]]:
        told = Told()
        with MailServer({b"RCPT": b"550 unknown\r\n"}) as server:
            one = mailer(server.port, told=told)
            one.loop = asyncio.get_running_loop()
            for _ in range(3):
                one.post(MAIL)
            await _until(lambda: [one.over for one in server.received] == [True] * 3 and bool(told.lines))
            del server.replies[b"RCPT"]
            one.post(MAIL)
            await _until(lambda: len(told.lines) == 2)
            return told.lines, server.subjects

    lines, subjects = asyncio.run(run())
    assert lines == [
        "4 Mailer office/one does not take alerts: it has answered 550 unknown.",
        "5 Mailer office/one takes alerts again.",
    ]
    assert subjects == ["s"]


async def _until(holds: object) -> None:
    assert callable(holds)
    limit = asyncio.get_running_loop().time() + PATIENCE
    while not holds():
        assert asyncio.get_running_loop().time() < limit, "it did not come about"
        await asyncio.sleep(0.01)


def test_a_slow_mailer_has_a_queue_that_ends() -> None:
    """What finds no place is counted, and nobody has waited."""

    async def run() -> tuple[int, int, list[str]]:
        told = Told()
        with MailServer() as server:
            server.open.clear()
            one = mailer(server.port, told=told)
            one.loop = asyncio.get_running_loop()
            for _ in range(WAITING + 50):
                one.post(MAIL)
            left_out = one.left_out
            server.open.set()
            await _until(lambda: len(server.subjects) == WAITING + 50 - left_out)
            await _until(lambda: bool(told.lines))
            return len(server.subjects), left_out, told.lines

    sent, left_out, lines = asyncio.run(run())
    assert left_out in (49, 50)  # the thread may have taken one
    assert sent + left_out == WAITING + 50
    assert lines == [f"4 Mailer office/one was too slow: {left_out} alerts were not sent."]
