"""The master of -W: a small process that stays, and starts one generation after the other (management manual 3 and 4).

    spawn --loaded--> LOADING --go, sockets--> STARTING --ready--> CURRENT --the next one is ready: USR1--> LEAVING
             '---failed: told on stderr and in the log; the current one goes on, or, if there is none, status 1

Each generation is a fresh program with the same words, so a reload also takes up new files of this program. Its keeper
inherits one end of a MasterChannel, takes over the listening sockets of the former generation, opens what is new, and
hands all of them to the master: a new generation listens on the very same sockets, and no connection is lost or
refused. Only when it accepts is the old one told to finish.

    USR2, HUP   reload
    USR1        soft stop of all generations, status 0
    INT, TERM   the end at once, status 0
    TTOU, TTIN, QUIT   passed on

It knows nothing of the configuration but what keepers report; it stays root, in the folder and with the environment in
which it was started, because the next generation needs them. -Ws or NOTIFY_SOCKET: systemd is told how it goes.
"""

import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Final

from pointsman.core.handed import MARK as MEMORY
from pointsman.master.channel import MARK, MasterChannel, Message, mark, pair
from pointsman.master.processes import exit_code, exit_words, reap, tell
from pointsman.worker import background
from pointsman.worker.arguments import Options
from pointsman.worker.console import Console
from pointsman.worker.notify import VARIABLE, Notifier

BECOME: Final = "POINTSMAN_MASTER"  # the variable that tells a program to be the master although no word says so
LOADING: Final = 0
STARTING: Final = 1
CURRENT: Final = 2
LEAVING: Final = 3
_SIGNALS: Final = (
    signal.SIGCHLD,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGHUP,
    signal.SIGTTOU,
    signal.SIGTTIN,
    signal.SIGQUIT,
)
_PATIENCE: Final = 10.0  # s from TERM to KILL; a keeper has its own with its children
_AGAIN: Final = 1.0  # s before a generation that crashed is replaced (no-exit-on-failure)
_ALERT: Final = 1  # levels of syslog
_NOTICE: Final = 5


class Started:
    """A generation, from the program's start to its end."""

    def __init__(self, pid: int, channel: MasterChannel) -> None:
        self.pid = pid
        self.channel = channel
        self.state = LOADING
        self.sockets: dict[str, int] = {}  # what it listens on, and memory; the descriptors are the master's
        self.failure = ""
        self.reloads = 0  # how many reloads the generation has outlasted
        self.survives = False  # no-exit-on-failure
        self.max_reloads = 0


class Master:
    def __init__(self, options: Options, console: Console, environment: Mapping[str, str]) -> None:
        self.options = options
        self.console = console
        self.notifier = Notifier(environment.get(VARIABLE, ""))
        self.environment = {name: value for name, value in environment.items() if name not in (VARIABLE, MARK, BECOME)}
        self.generations: list[Started] = []
        self.number = 0
        self.sockets: dict[str, int] = {}  # of the current generation
        self.asked_again = False  # a reload was asked for during a reload
        self.served = False  # a generation has begun
        self.stopping = False
        self.status = 0
        self.kill_at = 0.0
        self.respawn_at = 0.0
        self.background = False
        self.quiet = False  # the next program has shown its warnings before
        self.readiness = background.Readiness()
        self.waking, self._wake = socket.socketpair()

    # The loop.

    def run(self) -> int:
        """Until the end. Returns the exit status."""
        if self.options.daemon and not (self.options.foreground or self.options.debug or self.options.notify):
            self._go_background()
        self._listen_to_signals()
        _raise_descriptor_limit()
        self._spawn()
        while self.generations or self.respawn_at:
            self._turn()
        if self.served:
            self.console.warning(f"All workers exited. Exiting... ({self.status})")
        return self.status

    def _listen_to_signals(self) -> None:
        self.waking.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda number, frame: None)

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self.waking, select.POLLIN)
        talking = {one.channel.sock.fileno(): one for one in self.generations if one.state in (LOADING, STARTING)}
        for fd in talking:
            poll.register(fd, select.POLLIN)
        due = [at for at in (self.kill_at, self.respawn_at) if at]
        wait = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
        for fd, _ in poll.poll(wait):
            if fd in talking:
                self._hear(talking[fd])
        self._take_signals()
        now = time.monotonic()
        if self.kill_at and now >= self.kill_at:
            self.kill_at = 0.0
            self._tell_all(signal.SIGKILL)
        if self.respawn_at and now >= self.respawn_at:
            self.respawn_at = 0.0
            self._spawn()

    def _take_signals(self) -> None:
        try:
            numbers = self.waking.recv(4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number in (signal.SIGUSR2, signal.SIGHUP):
                self._reload()
            elif number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                self._stop(number)
            elif number != signal.SIGCHLD:
                self._tell_all(number)
        # Messages first: a keeper that has ended may have said why.
        for one in [one for one in self.generations if one.state in (LOADING, STARTING)]:
            self._hear(one)
        for pid, status in reap():
            for one in [one for one in self.generations if one.pid == pid]:
                self._hear(one)
                self._forget_ended(one, status)

    def _tell_all(self, number: int) -> None:
        for one in self.generations:
            tell(one.pid, number)

    # Generations.

    def _spawn(self) -> None:
        """Start a program that becomes a keeper."""
        self.number += 1
        ours, theirs = pair(self.number)
        os.set_inheritable(theirs.sock.fileno(), True)
        environment = {**self.environment, MARK: mark(theirs, self.quiet), "HAPROXY_MWORKER": "1"}
        pid = os.posix_spawn(sys.executable, sys.orig_argv, environment, setsigmask=())
        theirs.close()
        self.generations.append(Started(pid, ours))

    def _hear(self, one: Started) -> None:
        message = one.channel.receive(wait=False)
        while message is not None:
            self._understand(one, message)
            message = one.channel.receive(wait=False)

    def _understand(self, one: Started, message: Message) -> None:
        if message.kind == "loaded":
            daemon, pidfile, survives, max_reloads = message.words
            one.survives = survives == "1"
            one.max_reloads = int(max_reloads)
            self._loaded(one, daemon == "1", pidfile)
        elif message.kind == "sockets":
            one.sockets.update(zip(message.words, message.descriptors))
        elif message.kind == "failed":
            one.failure = message.words[0]
        elif message.kind == "ready":
            self._ready(one)

    def _loaded(self, one: Started, daemon: bool, pidfile: str) -> None:
        """Its configuration is good: let it begin."""
        if self.number == 1 and daemon and not (self.background or self.options.notify):
            one.channel.close()  # its keeper reads the end, and ends before it has opened anything
            self.generations.clear()
            self._restart_in_background()
            return
        if self.number == 1 and pidfile and not self._write_pidfile(pidfile):
            one.channel.close()
            self.generations.clear()
            self.status = 1
            return
        one.state = STARTING
        inherited = {key: fd for key, fd in self.sockets.items() if self.options.inherit or key.startswith(MEMORY)}
        one.channel.send_sockets(inherited)
        one.channel.send("go", str(int(self.background)))

    def _ready(self, one: Started) -> None:
        """The new generation accepts: the former one may finish."""
        one.state = CURRENT
        self.served = True
        self.quiet = False
        for fd in self.sockets.values():
            os.close(fd)
        self.sockets = one.sockets
        for other in self.generations:
            if other is not one and other.state in (CURRENT, LEAVING):
                other.state = LEAVING
                other.reloads += 1
                tell(other.pid, signal.SIGTERM if other.reloads > other.max_reloads else signal.SIGUSR1)
        self.console.notice(f"New worker ({one.pid}) forked")
        self.console.notice("Loading success.")
        self.notifier.ready("Ready.")
        self.readiness.tell()
        self._next_reload()

    def _reload(self) -> None:
        if self.stopping:
            return
        if any(one.state in (LOADING, STARTING) for one in self.generations) or self.respawn_at:
            self.asked_again = True
            return
        self.notifier.reloading()
        self.console.notice("Reloading Pointsman")
        self._spawn()

    def _next_reload(self) -> None:
        if self.asked_again:
            self.asked_again = False
            self._reload()

    def _forget_ended(self, one: Started, status: int) -> None:
        """A keeper has ended; that its lanes go with it is the kernel's care."""
        self.generations.remove(one)
        one.channel.close()
        if self.stopping and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT:
            self.status = exit_code(status)  # 130, as HAProxy; the end by SIGTERM counts as a success
        if one.state in (LOADING, STARTING):
            for fd in one.sockets.values():
                os.close(fd)
            self._failed(one, status)
            return
        former = "Former" if one.state == LEAVING else "Current"
        text = f"{former} worker ({one.pid}) {exit_words(status)}"
        if status and not (one.state == LEAVING and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM):
            self.console.alert(text)
        else:
            self.console.warning(text)
        if one.state == LEAVING or self.stopping:
            return
        if one.survives and status:
            self.respawn_at = time.monotonic() + _AGAIN
            return
        if status:
            self.console.alert("exit-on-failure: killing every processes with SIGTERM")
        self.status = exit_code(status)
        self._end(signal.SIGTERM)

    def _failed(self, one: Started, status: int) -> None:
        """A generation that did not come to serve."""
        if self.stopping:
            return
        current = [other for other in self.generations if other.state == CURRENT]
        if not current:
            self.status = 1
            self._end(signal.SIGTERM)
            return
        reason = one.failure or exit_words(status)
        self.console.alert(f"Loading failure! The former configuration stays in use: {reason}")
        for other in current:
            other.channel.send("log", str(_ALERT), f"Reload failed, the former configuration stays in use: {reason}")
            tell(other.pid, signal.SIGUSR2)
        self.notifier.ready(f"Reload failed: {reason[:200]}")
        self._next_reload()

    # The end.

    def _stop(self, number: int) -> None:
        if self.stopping and number == signal.SIGUSR1:
            return
        self.console.warning("Exiting Master process...")
        self._end(number)

    def _end(self, number: int) -> None:
        """All generations finish (USR1) or end at once (INT, TERM)."""
        if not self.stopping:
            self.notifier.stopping()
        self.stopping = True
        self.respawn_at = 0.0
        for fd in self.sockets.values():  # or connections would wait in them, which none accepts
            os.close(fd)
        self.sockets = {}
        for one in self.generations:
            finish = number == signal.SIGUSR1 and one.state in (CURRENT, LEAVING)
            tell(one.pid, signal.SIGUSR1 if finish else signal.SIGTERM if number == signal.SIGUSR1 else number)
        if number != signal.SIGUSR1:
            self.kill_at = time.monotonic() + _PATIENCE

    # Start.

    def _go_background(self) -> None:
        self.background = True
        self.readiness = background.detach()

    def _restart_in_background(self) -> None:
        """Only the file said `daemon`: a child of this process becomes the master, and loads once more."""
        self._go_background()
        self.quiet = True
        self.number = 0
        self._spawn()

    def _write_pidfile(self, path: str) -> bool:
        try:
            background.write_pidfile(background.open_pidfile(os.path.join(self.options.directory, path)))
        except OSError:
            self.console.alert(f"[pointsman.main()] Cannot create pidfile {path}")
            return False
        return True


def _raise_descriptor_limit() -> None:
    """Room for all listening sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def become_master(environment: Mapping[str, str], folder: str) -> None:
    """Only the file said `master-worker`: run this program anew as a master, with what it was started with."""
    os.chdir(folder)
    os.execve(sys.executable, sys.orig_argv, {**environment, BECOME: "1"})
