"""The keeper of one generation: it forks the lanes and control, and replaces a process that crashes or is killed.

    prepare (limits, sockets, logs, user) --> fork all --> all have begun: ready --> watch --> the end
                                                                                     |  ^
                                             a process has ended: release, wait? ----'--' fork

It runs no loop and no thread, so that a fork is always safe: it sleeps in sigtimedwait(2), with all signals blocked
that mean something:

    CHLD        a process has ended: what it held in shared memory is released, and its successor is forked
    INT, TERM   the end at once, of all; the keeper ends itself by that very signal, so that its parent can tell
    USR1        soft stop: the lanes finish what is at work (under hard-stop-after, each by itself), status 0
    TTOU, TTIN  pause and resume: passed on to the lanes
    HUP         the servers' states go to the log: passed on to control, as one of them is enough
    QUIT        passed on to all
    USR2        the master has something to say

The children leave INT, which a terminal sends to the whole group, to the keeper: none is replaced while all end. If
the keeper itself crashes or is killed, the kernel sends USR1 to the lanes, which finish what they have, and TERM to
control. A process that is stuck then (it does not look at the signal in time, worker/process.py) ends by it, so that
none holds the sockets without accepting. While the keeper runs it looks for such processes itself (master/stuck.py).

Five processes that end within ten seconds are no accident: from then on a successor has to wait a second, until fewer
end.
"""

import gc
import os
import random
import signal
import sys
import time
import traceback
from collections import deque
from typing import Final

from pointsman.listener.generation import Generation
from pointsman.log.target import ALERT, NOTICE, WARNING
from pointsman.master.channel import MasterChannel
from pointsman.master.processes import exit_words, follow_parent, reap, tell, wait_for_signal
from pointsman.master.stuck import CrashReport, Watchdog, place_of
from pointsman.worker.background import Readiness
from pointsman.worker.console import Console
from pointsman.worker.plan import ProcessPlan
from pointsman.worker.process import Worker, die_by

_WATCHED: Final = (
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
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_MANY: Final = 5  # processes that end within _SPELL: successors have to wait
_SPELL: Final = 10.0  # s in which _MANY ends are too many
_PAUSE: Final = 1.0  # s that a successor waits when there were many
_LOOK: Final = 0.005  # s between two looks whether all have begun
_PATIENCE: Final = 5.0  # s from TERM to KILL
_BACKGROUND: Final = 0.02  # s in which a signal to the whole group reaches us, too
_FOREVER: Final = 3600.0


class Keeper:
    def __init__(
        self, generation: Generation, plan: ProcessPlan, console: Console, channel: MasterChannel | None = None
    ) -> None:
        self.generation = generation
        self.plan = plan
        self.console = console
        self.channel = channel  # to the master, if there is one
        self.places: dict[int, int] = {}  # pid -> lane; control's is the last
        self.due: dict[int, float] = {}  # places that wait for a successor, and until when (monotonic s)
        self.ends: deque[float] = deque(maxlen=_MANY)
        self.slow = False
        self.stopping = False
        self.paused = False
        self.kill_at = 0.0  # in a soft stop with a bound: when patience ends
        self.readiness = Readiness()
        self.watchdog = Watchdog(plan.lane_timeout / 1000)
        self.crash_reports: dict[int, CrashReport] = {}  # by pid
        self.watched = [number for number in _WATCHED if signal.getsignal(number) != signal.SIG_IGN]

    @property
    def control(self) -> int:
        """Control's place."""
        return self.plan.lanes

    def run(self, readiness: Readiness) -> int:
        """Sockets are open, rights are given up. Returns the exit status; does not return when a signal ends it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self.watched)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        self.readiness = readiness
        self.generation.share_out(self.plan.lanes)
        gc.collect()
        gc.freeze()  # or a collection in a child would copy all pages of the image
        gc.disable()
        for place in range(self.plan.lanes + 1):
            self._fork(place)
        if not self._all_begin():
            return 1
        readiness.tell()
        if self.channel is not None:
            self.channel.send("ready")
        while not self._through():
            self._turn(self.watchdog.wait(self._patience()))
            self._look_for_stuck()
        self._end_control()
        self.generation.flush()
        return 0

    def _all_begin(self) -> bool:
        """A generation that cannot even begin must not replace another. Other signals wait until it has begun."""
        urgent = [number for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM) if number in self.watched]
        while not all(self.generation.is_alive(place) for place in range(self.plan.lanes + 1)):
            number = wait_for_signal(urgent, _LOOK)
            if not number:
                self._look_for_stuck()
                continue
            if number == signal.SIGCHLD:
                for pid, status, _ in self._ended():
                    self.console.alert(f"[pointsman.main()] A process ({pid}) {exit_words(status)} at its start.")
                    self._tell_where(pid, status)
                    self._kill_all()
                    return False
            else:
                self._die(number)
        return True

    def _turn(self, seconds: float) -> None:
        number = wait_for_signal(self.watched, seconds)
        if not number:
            self._fork_due()
        elif number == signal.SIGCHLD:
            self._replace_ended()
            self._fork_due()
        else:
            self._take(number)

    def _patience(self) -> float:
        """Seconds until something is due."""
        now = time.monotonic()
        if self.stopping:
            if self.kill_at and now > self.kill_at:
                self._tell(signal.SIGKILL)
            return max(self.kill_at - now, 0.1) if self.kill_at else _FOREVER
        return max(0.0, min(self.due.values(), default=now + _FOREVER) - now)

    def _through(self) -> bool:
        """A soft stop, and no lane is left."""
        return self.stopping and all(place == self.control for place in self.places.values())

    # Signals.

    def _take(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._die(number)
        elif number == signal.SIGUSR1:
            self._soft_stop()
        elif number == signal.SIGUSR2:
            self._listen()
        elif number == signal.SIGHUP:
            self._tell(number, only=self.control)
        elif number in (signal.SIGTTOU, signal.SIGTTIN):
            self.paused = number == signal.SIGTTOU
            for pid, place in self.places.items():
                if place != self.control:
                    tell(pid, number)
        else:
            self._tell(number)

    def _tell(self, number: int, only: int = -1) -> None:
        for pid, place in self.places.items():
            if only in (-1, place):
                tell(pid, number)

    def _soft_stop(self) -> None:
        if self.stopping:
            return
        self.stopping = True
        self.readiness.notifier.stopping()
        self.due.clear()
        # As long as this process holds the sockets too, new connections would wait in them, and none accepts them.
        self.generation.close_sockets()
        self._tell(signal.SIGUSR1)
        if self.plan.hard_stop_after:
            self.kill_at = time.monotonic() + (self.plan.grace + self.plan.hard_stop_after) / 1000 + _PATIENCE

    def _listen(self) -> None:
        """What the master wants in the log, of which this process has the targets."""
        message = None if self.channel is None else self.channel.receive(wait=False)
        while message is not None and self.channel is not None:
            if message.kind == "log" and len(message.words) == 2:
                self.generation.note(int(message.words[0]), message.words[1].encode("utf-8", "replace"))
            message = self.channel.receive(wait=False)

    def _die(self, number: int) -> None:
        self.readiness.notifier.stopping()
        self._kill_all()
        self.generation.flush()
        die_by(number)

    def _kill_all(self) -> None:
        """End all children, and wait for them."""
        self.generation.close_sockets()
        self._tell(signal.SIGTERM)
        limit = time.monotonic() + _PATIENCE
        while self.places:
            self._ended()
            if self.places and not wait_for_signal((signal.SIGCHLD,), max(0.0, limit - time.monotonic())):
                self._tell(signal.SIGKILL)
                limit = time.monotonic() + _PATIENCE

    def _end_control(self) -> None:
        """The last lane has gone."""
        self._kill_all()

    def _look_for_stuck(self) -> None:
        turns = {pid: self.generation.last_turn(place) / 1000 for pid, place in self.places.items()}
        blocking = self.generation.in_the_way()
        in_the_way = {pid for pid, place in self.places.items() if place in blocking}
        for pid in self.watchdog.look(turns, in_the_way):
            begun = turns[pid] > 0
            why = "others wait for a lock that it holds" if begun and pid in in_the_way else "pointsman-lane-timeout"
            self._say(
                ALERT,
                f"{self._name(self.places[pid]).capitalize()} ({pid}) has not {'turned' if begun else 'begun to turn'} "
                f"for {self.watchdog.patience(begun, pid in in_the_way):g} seconds and is killed ({why}).",
            )

    def _kill_obstinate(self) -> None:
        """Processes that hold a lock which this one needed and could not get must not go on where they stand."""
        obstinate = self.generation.obstinate()
        for pid, place in self.places.items():
            if place in obstinate:
                tell(pid, signal.SIGKILL)
                self._say(ALERT, f"{self._name(place).capitalize()} ({pid}) does not let go of a lock and is killed.")

    def _name(self, place: int) -> str:
        return "control" if place == self.control else f"lane {place + 1}"

    def _tell_where(self, pid: int, status: int) -> None:
        """Say where a process stood that a fault has ended, or that was stuck."""
        report = self.crash_reports.pop(pid, None)
        if report is None:
            return
        told = report.read() if os.WIFSIGNALED(status) else b""
        report.close()
        if told:
            self._say(ALERT, f"Former worker ({pid}) stood {place_of(told) or 'nobody knows where'}.")
            if not self.console.silent:
                print(told.decode("utf-8", "replace"), file=sys.stderr, flush=True)

    # Processes that have ended, and their successors.

    def _ended(self) -> list[tuple[int, int, int]]:
        """Children that have ended: pid, status, place (-1: it had none). All of them are struck off before anything
        else is done: a signal that ends this process meanwhile must not wait for one that has ended already."""
        return [(pid, status, self.places.pop(pid, -1)) for pid, status in reap()]

    def _replace_ended(self) -> None:
        """What they held is released, and a successor is due at once or after a pause."""
        for pid, status, place in self._ended():
            if place < 0:
                continue  # no child of ours: the first process of a container gets the children of others too
            self.generation.release_lane(place)
            self._kill_obstinate()
            self._tell_where(pid, status)
            if self.stopping:
                if status:
                    self._say(WARNING, f"Former worker ({pid}) {exit_words(status)}")
                continue
            self._say(ALERT if status else WARNING, f"Current worker ({pid}) {exit_words(status)}")
            self.due[place] = time.monotonic() + self._penalty()
            if status == 0 or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _ENDINGS):
                self._was_it_meant_for_all()

    def _penalty(self) -> float:
        """How long a successor has to wait, now that one more process has ended."""
        now = time.monotonic()
        self.ends.append(now)
        if len(self.ends) < _MANY or now - self.ends[0] > _SPELL:
            self.slow = False
            return 0.0
        if not self.slow:
            self.slow = True
            self._say(
                ALERT,
                f"{_MANY} processes have ended within {_SPELL:.0f} seconds: from now on a successor starts "
                f"only after {_PAUSE:.0f} second.",
            )
        return _PAUSE

    def _was_it_meant_for_all(self) -> None:
        """A child was told to end. If that went to the whole group, it is about to reach this process: no successor."""
        number = wait_for_signal([one for one in _ENDINGS if one in self.watched], _BACKGROUND)
        if number:
            self._take(number)

    def _fork_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self.due.items() if due <= now]:
            del self.due[place]
            pid = self._fork(place)
            self._say(NOTICE, f"New worker ({pid}) forked: {self._name(place)}")

    def _fork(self, place: int) -> int:
        self.generation.flush()  # or the child would write it once more
        sys.stdout.flush()
        sys.stderr.flush()
        keeper = os.getpid()
        report = CrashReport()
        pid = os.fork()
        if pid == 0:
            self._become(place, keeper, report)
        self.places[pid] = place
        self.watchdog.forked(pid)
        self.crash_reports[pid] = report
        if self.paused and place != self.control:
            tell(pid, signal.SIGTTOU)
        return pid

    def _become(self, place: int, keeper: int, report: CrashReport) -> None:
        """In the child. Never returns."""
        status = 1
        try:
            for other in self.crash_reports.values():
                other.close()
            report.prepare()
            gc.enable()
            random.seed()
            if place == self.control:
                follow_parent(keeper, signal.SIGTERM)
                self.generation.become_control()
            else:
                follow_parent(keeper, signal.SIGUSR1)
                self.generation.become_lane(place)
            if self.channel is not None:
                self.channel.close()
            self.readiness.keep_silent()
            status = Worker(self.generation, self.plan, self.console, kept=True).run(self.readiness)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _say(self, level: int, text: str) -> None:
        """On the terminal and in the log."""
        if level == ALERT:
            self.console.alert(text)
        elif level == WARNING:
            self.console.warning(text)
        else:
            self.console.notice(text)
        self.generation.note(level, text.encode())
