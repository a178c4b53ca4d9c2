"""The life of a process, from an assembled generation to its end (management manual 3 and 4).

    limits -> sockets -> background -> pidfile -> chroot -> older processes are told -> group, user -> loop

The loop is asyncio's, or uvloop where it is installed; the reactor is nested in it. Signals come by way of the loop's
wake-up descriptor, never through Python's own handlers, which compiled code would not run:

    INT, TERM   the end at once; the process ends itself by that very signal, so that its parent can tell
    USR1        soft stop: no more listening, what is at work finishes, status 0
    TTOU, TTIN  pause and resume listening
    HUP         the servers' states go to the log
    QUIT        a line about memory on stderr

With several lanes the keeper goes through all that comes before the loop, and each of its children is a Worker (see
master/keeper.py): it leaves INT, which a terminal sends to all, to the keeper, and control stays until it is told.
"""

import asyncio
import gc
import importlib
import os
import resource
import signal
import sys
from types import ModuleType
from typing import Final, NoReturn

from pointsman.core import calls, capabilities
from pointsman.listener.generation import Generation
from pointsman.net.reactor import Nested
from pointsman.worker import background, limits, opening, privileges
from pointsman.worker.console import Console
from pointsman.worker.notify import Notifier
from pointsman.worker.plan import ProcessPlan

_LOOK_EVERY: Final = 0.05  # s between two looks whether a soft stop is through
# Until the loop takes signals these wait, for their default action would end or stop a process that is just starting.
_HELD_BACK: Final = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTTOU, signal.SIGTTIN, signal.SIGQUIT)
_AT_ONCE: Final = 2000  # ms that a process may take to end at INT or TERM; then it is stuck, and ends by that signal
_GC_THRESHOLDS: Final = (50_000, 20, 100)  # what a request allocates is freed by reference counts
_KEPT_FREE: Final = 4 * 1024 * 1024  # bytes of free memory, which the next payload needs


def loop_module() -> ModuleType | None:
    """uvloop where it is installed (extra "fast")."""
    try:
        return importlib.import_module("uvloop")
    except ImportError:
        return None


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, or asyncio's own."""
    uvloop = loop_module()
    if uvloop is None:
        return asyncio.new_event_loop()
    loop = uvloop.new_event_loop()
    assert isinstance(loop, asyncio.AbstractEventLoop)
    return loop


def run(generation: Generation, plan: ProcessPlan, console: Console) -> int:
    """Start and run until the end. Returns the exit status; does not return when a signal ends it."""
    if generation.exposes:
        generation.hand_on()
    readiness = prepare(generation, plan, console)
    if readiness is None:
        return 1
    return Worker(generation, plan, console).run(readiness)


def prepare(generation: Generation, plan: ProcessPlan, console: Console) -> background.Readiness | None:
    """Everything before the loop. None: it failed and was told."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        bounds = _limit(generation, plan, console)
    except limits.LimitError as error:
        console.alert(str(error))
        return None
    generation.limit_connections(bounds.maxconn)
    generation.process.tls.counters.limit = bounds.tls
    for one in generation.openings():
        one.options.backlog = one.options.backlog or bounds.maxconn  # as the manual has it (4.2 `backlog`)
    if not opening.open_all(generation.openings(), plan.old_pids, console):
        console.alert("[pointsman.main()] Some protocols failed to start their listeners! Exiting.")
        return None
    for problem in generation.open_sinks():
        console.warning(problem)
    pidfile = -1
    if plan.daemon and plan.pidfile:
        try:
            pidfile = background.open_pidfile(plan.pidfile)
        except OSError:
            console.alert(f"[pointsman.main()] Cannot create pidfile {plan.pidfile}")
            return None
    privileges.preload()
    loop_module()
    notifier = Notifier(plan.notify)
    notifier.hold()
    readiness = background.detach() if plan.daemon else background.Readiness()
    readiness.notifier = notifier
    if pidfile >= 0:
        background.write_pidfile(pidfile)
    return readiness if _take_over(generation, plan, console) else None


def _limit(generation: Generation, plan: ProcessPlan, console: Console) -> limits.Limits:
    tls = generation.process.tls.counters
    wanted = limits.with_reserve(plan.wanted, len(generation.openings()) + generation.checks)
    wanted = limits.with_tls(wanted, tls.limit, generation.tls_sides)
    bounds = limits.compute(wanted, *resource.getrlimit(resource.RLIMIT_NOFILE))
    if not wanted.maxconn and console.verbose:
        print(f"Note: setting global.maxconn to {bounds.maxconn}.", file=sys.stderr)
    for warning in limits.apply(bounds, plan.strict_limits):
        console.warning(warning)
    if wanted.memory:
        limits.apply_memory(wanted.memory)
    return bounds


def _take_over(generation: Generation, plan: ProcessPlan, console: Console) -> bool:
    """Behind this line nothing of the old process is needed: jail, farewell to the old ones, other user."""
    rights = plan.privileges
    try:
        if generation.rights:
            lacking = capabilities.missing(generation.rights, privileges.left(rights))
            if lacking:
                raise privileges.PrivilegeError(_without_rights(lacking, rights))
        if rights.chroot:
            privileges.enter_jail(rights.chroot)
        elif os.geteuid() == 0:
            console.warning(
                "[pointsman.main()] Started as root without 'chroot': consider 'chroot auto', "
                "or 'chroot /' to silence this message (manual 3.1)."
            )
        if rights.uid is None and os.geteuid() == 0:
            console.warning(
                "[pointsman.main()] Started as root without 'user': it goes on as root; say 'user <name>', "
                "or 'user root' to silence this message (manual 3.1)."
            )
        # Told while we may still signal processes of other users.
        opening.tell(plan.old_pids, signal.SIGUSR1 if plan.old_finish else signal.SIGTERM)
        for warning in privileges.drop(rights):
            console.warning(warning)
    except privileges.PrivilegeError as error:
        console.alert(str(error))
        return False
    return True


def _without_rights(lacking: list[str], rights: privileges.Privileges) -> str:
    """HAProxy's words for it, and which lines they are."""
    what = "so global.uid cannot be changed" if rights.uid else "which this user does not have"
    return (
        f"[pointsman.main()] Some configuration options require full privileges, {what}.\n   | "
        + "\n   | ".join(lacking)
        + "\n   | 'setcap' in the 'global' section keeps such rights for another user (manual 3.1)."
    )


def die_by(number: int) -> NoReturn:
    """End at once so that the parent sees the signal: a shell shows 128 and its number."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
    os.kill(os.getpid(), number)
    # The first process of a container is not killed by signals that it does not handle.
    os._exit(128 + number)


class Worker:
    """A generation at work in its loop."""

    def __init__(self, generation: Generation, plan: ProcessPlan, console: Console, kept: bool = False) -> None:
        self.generation = generation
        self.kept = kept  # a keeper has forked it
        self.plan = plan
        self.console = console
        self.loop = new_loop()
        self.nested: Nested | None = None
        self.stopping = False
        self.readiness = background.Readiness()
        self._fault: Exception | None = None

    def run(self, readiness: background.Readiness) -> int:
        self.readiness = readiness
        loop = self.loop
        asyncio.set_event_loop(loop)
        loop.call_soon(self._begin)
        try:
            loop.run_forever()
        finally:
            self.generation.end()
        if self._fault is not None:
            raise self._fault
        return 0

    def _begin(self) -> None:
        """The loop runs: only from here on does uvloop see signals."""
        try:
            self._listen_to_signals()
            self.generation.settle = self._settle
            self.generation.start(self.loop)
            self.nested = self.generation.reactor.nest(self.loop)
            calls.keep(_KEPT_FREE)
            gc.collect()
            gc.freeze()  # what lives as long as the process need not be looked at again
            gc.set_threshold(*_GC_THRESHOLDS)
            self.generation.begun()
            self.readiness.tell()
        except Exception as fault:  # raised here it would only be logged by the loop
            self._fault = fault
            self.loop.stop()

    # Signals.

    def _listen_to_signals(self) -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        add = self.loop.add_signal_handler
        if self.kept:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM):
            # A keeper ends its lanes by TERM; INT, which a terminal sends to all of them, is the keeper's.
            if signal.getsignal(number) != signal.SIG_IGN:
                add(number, self._die, number)
        add(signal.SIGUSR1, self._soft_stop)
        add(signal.SIGTTOU, self._pause)
        add(signal.SIGTTIN, self._resume)
        add(signal.SIGHUP, self._dump)
        add(signal.SIGQUIT, self._memory)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # this signal is for the master
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                calls.insist(number, _AT_ONCE)
        if self.plan.lane_timeout:
            calls.insist(signal.SIGUSR1, self.plan.lane_timeout)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _die(self, number: int) -> None:
        self.readiness.notifier.stopping()
        self.generation.end()
        die_by(number)

    def _pause(self) -> None:
        if self.generation.lane == 0:
            self.console.warning("Pausing listeners.")
        self.generation.pause()
        self._settle()

    def _resume(self) -> None:
        if not self.generation.resume():
            self.console.warning("Some listeners could not be resumed: their addresses are taken.")
        self._settle()

    def _dump(self) -> None:
        self.generation.dump()
        self._settle()

    def _memory(self) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(
            f"Memory: at most {usage.ru_maxrss} kB resident, {len(gc.get_objects())} objects tracked, "
            f"{gc.get_freeze_count()} frozen, {self.generation.process.connections} connections.",
            file=sys.stderr,
            flush=True,
        )

    def _settle(self) -> None:
        """Let changes from outside take effect now, closed descriptors too."""
        if self.nested is not None:
            self.nested.turn()

    # Soft stop.

    def _soft_stop(self) -> None:
        calls.heard()
        if self.stopping:
            return
        self.stopping = True
        self.readiness.notifier.stopping()
        self.generation.process.stopping = True
        self.loop.call_later(self.plan.grace / 1000, self._stop_listening)

    def _stop_listening(self) -> None:
        self.generation.soft_stop()
        self._settle()
        if not self.generation.serves:
            return  # control ends when the keeper says so, after the last lane
        if self.plan.hard_stop_after:
            self.loop.call_later(self.plan.hard_stop_after / 1000, self._hard_stop)
        self._look()

    def _look(self) -> None:
        """Is everything finished? Looked at often, because nothing else happens any more."""
        if self.generation.idle():
            self.loop.stop()
        else:
            self.loop.call_later(_LOOK_EVERY, self._look)

    def _hard_stop(self) -> None:
        self.console.warning("soft-stop running for too long, performing a hard-stop.")
        self.console.warning(f"hard-stopped ({self.generation.process.share.held} remaining conns will be closed).")
        self.loop.stop()
