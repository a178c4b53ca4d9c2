"""Passwords that crypt(3) has to look at: in a thread, so that no lane waits for milliseconds (manual 12.2).

    lane: ask --> waiting --> thread: crypt(3) --> made, eventfd --> lane: the needs are met, success is remembered

Each process has at most one such thread, which lives as long as there is something to do; so none exists when a process
forks. What is asked twice at the same time is computed once. At most MOST checks are open; one more has no answer, nor
has one that takes longer than PATIENCE: both let nobody in, and are counted (`given_up`). A check that nobody waits for
any more leaves the queue; one that is being computed goes on, and its success is remembered. The process does not wait
for its thread when it ends.

A success is remembered for a minute, one for each user; a failure is not. Passwords themselves are kept nowhere: a
check is known by its key, a keyed hash, whose secret each process makes for itself when it needs one.
"""

import _thread
import hashlib
import hmac
import os
import signal
import sys
import threading
import traceback
from collections import deque
from typing import Final

from pointsman.net.clock import monotonic_ms
from pointsman.net.reactor import IN, Channel, Reactor
from pointsman.sample.crypt import CRYPT
from pointsman.sample.need import ELSEWHERE, EXPIRED, Need

MOST: Final = 1024  # open checks of a process
PATIENCE: Final = 30_000  # ms
REMEMBERED: Final = 60_000  # ms for which a password that was right need not be computed again
_AT_ONCE: Final = 16  # needs that are met in one go: each lets an exchange go on, and others have a go, too
_KEY: Final = 32  # bytes
# What a thread does wrong itself it must hear of; all other signals are the main thread's.
_BLOCKED: Final = signal.valid_signals() - {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


class PasswordNeed(Need):
    """What an exchange waits for. `holds`: the password is the right one."""

    def __init__(self, check: "PasswordCheck", passwords: "Passwords") -> None:
        super().__init__(ELSEWHERE, PATIENCE, check.key)
        self.check: PasswordCheck | None = check
        self.passwords = passwords
        self.holds = False

    def cancel(self) -> None:
        check, self.check = self.check, None
        if check is not None:
            self.passwords.leave(check, self, self.state == EXPIRED)


class VerifiedPassword:
    """The last password that was found right for a user, by the key of its check."""

    def __init__(self) -> None:
        self.key = b""
        self.until = 0  # monotonic ms

    def note(self, key: bytes, now: int) -> None:
        self.key = key
        self.until = now + REMEMBERED

    def is_known(self, key: bytes, now: int) -> bool:
        if now >= self.until:
            self.key = b""
            return False
        return hmac.compare_digest(self.key, key)


class PasswordCheck:
    """A password that is to be compared, and who waits for that. `verified`: where it is noted if it is right."""

    def __init__(self, key: bytes, password: bytes, encrypted: bytes, verified: VerifiedPassword) -> None:
        self.key = key
        self.password = password
        self.encrypted = encrypted
        self.verified = verified
        self.needs: list[PasswordNeed] = []
        self.holds = False
        self.failed = False  # it could not be computed


class PasswordThread:
    """What lane and thread share. Deques are safe by themselves; the lock is for the eventfd, which must not be closed
    while it is written to, and for the end of the thread."""

    def __init__(self) -> None:
        self.waiting: deque[PasswordCheck] = deque()
        self.made: deque[PasswordCheck] = deque()
        self.lock = threading.Lock()
        self.event = -1  # an eventfd; -1: nobody listens
        self.running = False

    def work(self) -> None:
        """The thread: until nothing waits."""
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
            while self.waiting:
                try:
                    check = self.waiting.popleft()
                except IndexError:
                    return  # it was the last one, and its client has left
                self._compute(check)
        finally:
            with self.lock:
                self.running = False
                self._wake()

    def _compute(self, check: PasswordCheck) -> None:
        check.failed = True
        try:
            check.holds = CRYPT.matches(check.password, check.encrypted)
            check.failed = False
        except Exception:
            traceback.print_exc(file=sys.stderr)
        finally:
            check.password = b""
            self.made.append(check)
            with self.lock:
                self._wake()

    def _wake(self) -> None:
        if self.event >= 0:
            os.eventfd_write(self.event, 1)


class PasswordEvent(Channel):
    """The eventfd by which the thread wakes the lane. It is there while checks are open."""

    def __init__(self, fd: int, passwords: "Passwords") -> None:
        super().__init__(fd)
        self.passwords = passwords

    def ready(self, events: int) -> None:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return
        self.passwords.take()

    def again(self) -> None:
        self.passwords.take()

    def broken(self) -> None:
        """One exchange went wrong when it went on, which was reported. The others go on."""
        reactor = self.passwords.reactor
        if reactor is not None and self.fd >= 0:
            reactor.another(self)


class Passwords:
    """The checks of this process."""

    def __init__(self) -> None:
        self.given_up = 0  # checks without an answer, since the log was told
        self.reactor: Reactor | None = None
        self.secret = b""
        self.thread = PasswordThread()
        self.open: dict[bytes, PasswordCheck] = {}
        self.ready: deque[PasswordNeed] = deque()  # their answer is here, and they are about to be met
        self.event: PasswordEvent | None = None

    def attach(self, reactor: Reactor | None) -> None:
        """To whose loop the thread's answers come. What was open before is forgotten."""
        if self.event is not None and self.reactor is not None:
            with self.thread.lock:
                self.thread.event = -1
            self.reactor.close(self.event)
        self.forget()
        self.reactor = reactor

    def forget(self) -> None:
        """Begin anew: in a child that was forked there is no thread, and what its parent waits for is not its own."""
        self.secret = b""
        self.thread = PasswordThread()
        self.open = {}
        self.ready = deque()
        self.event = None

    def forked(self) -> None:
        """In a child."""
        if self.thread.event >= 0:
            os.close(self.thread.event)
        self.forget()

    @property
    def now(self) -> int:
        """Monotonic ms."""
        return monotonic_ms() if self.reactor is None else self.reactor.now

    def key(self, user: bytes, password: bytes, encrypted: bytes) -> bytes:
        """Of a check: who knows it cannot tell the password from it, nor another process."""
        if not self.secret:
            self.secret = os.urandom(_KEY)
        text = b"\0".join((user, password, encrypted))  # none of them holds a NUL
        return hashlib.blake2b(text, digest_size=_KEY, key=self.secret).digest()

    def ask(self, key: bytes, password: bytes, encrypted: bytes, verified: VerifiedPassword) -> PasswordNeed | None:
        """A need that is met once the thread has compared them. None: too many checks are open, or no thread can be
        had; then it is counted."""
        check = self.open.get(key)
        if check is None:
            check = self._begin(PasswordCheck(key, password, encrypted, verified))
            if check is None:
                self.given_up += 1
                return None
        need = PasswordNeed(check, self)
        check.needs.append(need)
        return need

    def _begin(self, check: PasswordCheck) -> PasswordCheck | None:
        if len(self.open) >= MOST or not self._listen():
            return None
        self.open[check.key] = check
        self.thread.waiting.append(check)
        if not self._run():
            self.open.pop(check.key)
            self.thread.waiting.remove(check)
            self._rest()
            return None
        return check

    def leave(self, check: PasswordCheck, need: PasswordNeed, expired: bool) -> None:
        """That need is over without an answer."""
        if expired:
            self.given_up += 1
        if need in check.needs:
            check.needs.remove(need)
        if check.needs or self.open.get(check.key) is not check:
            return
        try:
            self.thread.waiting.remove(check)
        except ValueError:
            return  # the thread has it
        del self.open[check.key]
        self._rest()

    # The thread, and its answers.

    def _listen(self) -> bool:
        """Watch the thread's eventfd; false: that is not possible."""
        if self.event is None:
            if self.reactor is None:
                return False
            try:
                fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            except OSError:
                return False
            self.event = PasswordEvent(fd, self)
            self.reactor.add(self.event, IN)
            self.thread.event = fd
        return True

    def _run(self) -> bool:
        """Have a thread while something waits; false: the system gives none."""
        thread = self.thread
        if thread.running:
            return True  # should it just be about to end, it wakes the lane, and `take` sees what waits
        thread.running = True
        try:
            _thread.start_new_thread(thread.work, ())
        except RuntimeError:
            thread.running = False
            return False
        return True

    def take(self) -> None:
        """Answers may have come."""
        thread, reactor = self.thread, self.reactor
        assert reactor is not None
        while thread.made:
            self._made(thread.made.popleft())
        if thread.waiting and not self._run():
            for check in list(thread.waiting):  # nobody computes them
                thread.waiting.remove(check)
                check.failed = True
                self._made(check)
        for _ in range(min(len(self.ready), _AT_ONCE)):
            self.ready.popleft().meet()
        if self.ready and self.event is not None:
            reactor.another(self.event)
        self._rest()

    def _made(self, check: PasswordCheck) -> None:
        self.open.pop(check.key, None)
        if check.failed:
            self.given_up += len(check.needs)
        elif check.holds:
            check.verified.note(check.key, self.now)
        for need in check.needs:
            need.check = None
            need.holds = check.holds
            self.ready.append(need)
        check.needs = []

    def _rest(self) -> None:
        """Nothing is open any more: no descriptor is held."""
        thread, event = self.thread, self.event
        if event is None or self.reactor is None or self.open or self.ready or thread.running:
            return
        with thread.lock:  # the thread has written to it for the last time
            thread.event = -1
        self.event = None
        self.reactor.close(event)


PASSWORDS: Final = Passwords()
os.register_at_fork(after_in_child=PASSWORDS.forked)
