"""A generation under a master: its program reports what it has loaded, takes over sockets, and becomes a keeper."""

import os
import signal
import socket
import sys

from pointsman.listener.generation import Generation
from pointsman.master.channel import MasterChannel
from pointsman.master.keeper import Keeper
from pointsman.master.processes import follow_parent
from pointsman.worker import background
from pointsman.worker.console import Console
from pointsman.worker.plan import ProcessPlan
from pointsman.worker.process import prepare


def keep(generation: Generation, plan: ProcessPlan, console: Console) -> int:
    """Without a master. Returns the exit status, unless a signal ends it."""
    if generation.exposes:
        generation.hand_on()
    readiness = prepare(generation, plan, console)
    return 1 if readiness is None else Keeper(generation, plan, console).run(readiness)


def keep_under_master(generation: Generation, plan: ProcessPlan, console: Console, channel: MasterChannel) -> int:
    """As `keep`. The channel was inherited."""
    master = os.getppid()
    follow_parent(master, signal.SIGUSR1)
    if not channel.send("loaded", str(int(plan.daemon)), plan.pidfile, str(int(plan.survives)), str(plan.max_reloads)):
        return 0
    sockets: dict[str, int] = {}
    message = channel.receive()
    while message is not None and message.kind == "sockets":
        sockets.update(zip(message.words, message.descriptors))
        message = channel.receive()
    if message is None or message.kind != "go":
        return 0  # the master has other plans
    _inherit(generation, sockets)
    plan.daemon = False
    plan.pidfile = ""
    if channel.generation > 1:
        plan.old_pids = ()
    readiness = prepare(generation, plan, console)
    if readiness is None:
        return 1
    if message.words == ("1",):
        readiness = background.silent()
    follow_parent(master, signal.SIGUSR1)
    channel.send_sockets({one.key: one.sock.fileno() for one in generation.openings() if one.key and one.sock})
    generation.hand_on()
    channel.send_sockets({memory.key: memory.fd for memory in generation.handed if memory.fd >= 0})
    return Keeper(generation, plan, console, channel).run(readiness)


def _inherit(generation: Generation, sockets: dict[str, int]) -> None:
    """Give each address its socket of the former generation, and memory to who goes on with it. What is of no use any
    more is closed."""
    for memory in generation.handed:
        fd = sockets.pop(memory.key, -1)
        if fd >= 0 and not memory.adopt(fd):
            os.close(fd)
    for opening in generation.openings():
        fd = sockets.pop(opening.key, -1)
        if fd >= 0:
            sock = socket.socket(fileno=fd)
            if not opening.inherit(sock):
                sock.close()
    for fd in sockets.values():
        os.close(fd)


def report_failure(channel: MasterChannel, console: Console) -> None:
    """The last words to a master: why."""
    channel.send("failed", "; ".join(console.alerts)[:4000] or "for an unknown reason")
    sys.stderr.flush()
