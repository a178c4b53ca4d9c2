"""Alerts by mail about the servers of backends (manual 12.3; 4.2, email-alert).

    ServerMessages --> Backend.alert: Alerts --> Mailer.queue --> the thread of the mailer --> SMTP, a connection a mail

In the process that controls. Nobody waits for a mailer: a mail is put into its queue, and left out where that is full.
What goes wrong with a mail is told once, until the mailer takes one again; no mail is sent a second time. The threads
are daemons: what is still in the queue when the process ends is not sent.
"""

import asyncio
import queue
import signal
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.config.mailers import EmailAlerts
from pointsman.log.target import NOTICE, WARNING
from pointsman.sample.encode import encode_line
from pointsman.server.server_messages import Tell

WAITING: Final = 100  # mails in the queue of one mailer
LONGEST_REPLIES: Final = 65_536  # bytes of all replies to one mail
LARGEST_REASON: Final = 100  # bytes of a reply that are told
TOO_LONG: Final = "its replies are too long"
CRLF: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Mail:
    hostname: bytes
    sender: bytes
    recipient: bytes
    content: bytes  # header and body, whose lines end with CRLF


class MailFault(Exception):
    """The mail was not taken; its text says why."""


class _Replies:
    """The lines of a mailer's replies, as far as they are of a sensible size. smtplib reads them."""

    def __init__(self, sock: socket.socket) -> None:
        self.file = sock.makefile("rb")
        self.left = LONGEST_REPLIES

    def readline(self, size: int) -> bytes:
        line = self.file.readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise MailFault(TOO_LONG)
        return line

    def close(self) -> None:
        self.file.close()


class _Exchange:
    """One mail. `deadline` cuts it off, however slowly replies drip in."""

    def __init__(self, address: tuple[str, int], seconds: float) -> None:
        self.sock = socket.create_connection(address, seconds)
        self.sock.settimeout(None)  # from here on the deadline is what ends it
        self.smtp = smtplib.SMTP(local_hostname="localhost")  # not the default, which would be looked up in DNS
        self.smtp.sock = self.sock
        self.smtp.file = _Replies(self.sock)
        self.late = False

    def deadline(self) -> None:
        self.late = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def perform(self, mail: Mail) -> None:
        """MailFault, OSError, SMTPException: the mail was not taken."""
        self.expect(2)
        for command, kind in (
            (b"HELO %b" % mail.hostname, 2),
            (b"MAIL FROM:<%b>" % mail.sender, 2),
            (b"RCPT TO:<%b>" % mail.recipient, 2),
            (b"DATA", 3),
            (mail.content + b".", 2),
        ):
            self.smtp.send(command + CRLF)
            self.expect(kind)
        try:
            self.smtp.send(b"QUIT" + CRLF)
            self.smtp.getreply()
        except (OSError, smtplib.SMTPException, MailFault):
            return  # it has the mail

    def expect(self, kind: int) -> None:
        """A reply whose code begins with that digit."""
        code, text = self.smtp.getreply()
        if code // 100 == kind:
            return
        said = encode_line(text[:LARGEST_REASON]).decode("utf-8", "replace")
        raise MailFault(f"it has answered {code} {said}" if code >= 100 else "it does not speak SMTP")

    def close(self) -> None:
        self.smtp.close()
        self.sock.close()


class Mailer:
    """A `mailer` line: its queue and its thread, which begins with the first mail. `tell` takes what goes wrong."""

    def __init__(self, section: str, name: str, address: tuple[str, int], milliseconds: int, tell: Tell) -> None:
        self.name = f"{section}/{name}"
        self.address = address
        self.seconds = milliseconds / 1000
        self.tell = tell
        self.loop: asyncio.AbstractEventLoop | None = None  # of control; None: it has not begun
        self.queue: queue.Queue[Mail] = queue.Queue(WAITING)
        self.thread: threading.Thread | None = None
        self.failing = False
        self.left_out = 0  # mails that found no place since the last report

    def post(self, mail: Mail) -> None:
        """Send it some time. Nobody waits for that."""
        try:
            self.queue.put_nowait(mail)
        except queue.Full:
            self.left_out += 1
            return
        if self.thread is None:
            self.thread = self._begin()

    def _begin(self) -> threading.Thread | None:
        """None: the system gives no thread now; the next mail tries again."""
        thread = threading.Thread(target=self._run, name=f"mailer {self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._report(str(error))
            return None
        return thread

    def _run(self) -> None:
        """In the thread."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            fault = self.deliver(self.queue.get())
            if self.loop is not None:
                try:
                    self.loop.call_soon_threadsafe(self._report, fault)
                except RuntimeError:
                    return  # the loop has ended, and the process with it

    def deliver(self, mail: Mail) -> str:
        """Why it was not taken; "": it was."""
        begun = time.monotonic()
        try:
            exchange = _Exchange(self.address, self.seconds)
        except OSError as error:
            return _reason(error)
        left = max(begun + self.seconds - time.monotonic(), 0)
        timer = threading.Timer(left, exchange.deadline)
        timer.daemon = True
        try:
            timer.start()
            exchange.perform(mail)
        except (OSError, RuntimeError, smtplib.SMTPException, MailFault) as error:  # RuntimeError: no thread to be had
            return "timeout" if exchange.late else _reason(error)
        finally:
            timer.cancel()
            exchange.close()
        return ""

    def _report(self, fault: str) -> None:
        """On control's loop: a change is told, not each mail."""
        if fault and not self.failing:
            self._say(WARNING, f"Mailer {self.name} does not take alerts: {fault}.")
        elif not fault and self.failing:
            self._say(NOTICE, f"Mailer {self.name} takes alerts again.")
        self.failing = bool(fault)
        if self.left_out and self.queue.empty():
            self._say(WARNING, f"Mailer {self.name} was too slow: {self.left_out} alerts were not sent.")
            self.left_out = 0

    def _say(self, level: int, text: str) -> None:
        self.tell(level, text.encode("utf-8", "replace"))


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, smtplib.SMTPResponseException):  # a line of a reply that does not end
        return TOO_LONG
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Alerts:
    """What a backend's messages are given to; those that are important enough are sent to each mailer."""

    def __init__(self, said: EmailAlerts, mailers: Sequence[Mailer], date: Callable[[], str] | None = None) -> None:
        self.level = said.level
        self.hostname = _bytes(said.hostname)
        self.sender = _bytes(said.sender)
        self.recipient = _bytes(said.recipient)
        self.mailers = mailers
        self.date = date or _date

    def __call__(self, level: int, text: bytes) -> None:
        if level > self.level:
            return
        line = encode_line(text.removesuffix(b"."))
        content = b"From: %b\r\nTo: %b\r\nDate: %b\r\nSubject: [HAProxy Alert] %b\r\n\r\n%b\r\n\r\n" % (
            self.sender,
            self.recipient,
            self.date().encode("ascii"),
            line,
            line,
        )
        for mailer in self.mailers:
            mailer.post(Mail(self.hostname, self.sender, self.recipient, content))


def _date() -> str:
    """Now, as RFC 5322 3.3 has it."""
    return time.strftime("%a, %d %b %Y %H:%M:%S %z (%Z)")
