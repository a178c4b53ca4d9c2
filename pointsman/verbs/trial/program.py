"""The balancer of a run, a process of its own: loads the user's files, changes what a laptop does not have, and runs.

    standard input   the Order, as JSON
    a descriptor     the Plan, as JSON, once all is assembled; nothing where the files have mistakes

It ends when its parent does: standard input stays open as long as that lives, and the kernel tells (prctl(2)).
"""

import ctypes
import gc
import os
import resource
import signal
import sys
from dataclasses import replace
from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.checks import plan_of
from pointsman.assemble.live import Live
from pointsman.assemble.more_errors import find_more
from pointsman.config.command_line import CommandLine
from pointsman.config.dispatch import parse_line
from pointsman.config.load import load
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position, Severity
from pointsman.core.words import Line, Word
from pointsman.log.events import STDERR
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.sections import own_plan
from pointsman.verbs.trial.amend import Amender, change_settings
from pointsman.verbs.trial.answers import PROTOCOLS, Unanswerable, protocol_of, script_of
from pointsman.verbs.trial.authority import Authority, CertificateError
from pointsman.verbs.trial.lines import Lines
from pointsman.verbs.trial.material import Material
from pointsman.verbs.trial.order import LOG, READY, RUNTIME, SEEN, Order, Plan, Standing, read_order, some
from pointsman.verbs.trial.stand_ins import StandIns
from pointsman.verbs.trial.told import BothLoggers, outlet, telling
from pointsman.worker.console import Console
from pointsman.worker.limits import Wanted
from pointsman.worker.plan import ProcessPlan
from pointsman.worker.process import run

PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
FAILED: Final = 1
MOST_CONNECTIONS: Final = 2_000


def main() -> int:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    order = read_order(sys.stdin.buffer.readline().decode())
    console = Console()
    gc.disable()
    made = _Trial(order, console).make()
    gc.freeze()
    gc.enable()
    if made is None:
        return FAILED
    live, plan = made
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as stream:
        stream.write(plan.dump())
    console.quiet = not order.verbose
    STDERR.quiet = True  # the run shows what is logged
    process = ProcessPlan(
        wanted=Wanted(maxconn=_connections()),
        strict_limits=False,
        lanes=1,
        notify=os.path.join(order.folder, READY),
    )
    return run(live, process, console)


def _connections() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(soft, hard) if resource.RLIM_INFINITY not in (soft, hard) else 65_536
    return max(50, min(MOST_CONNECTIONS, most // 3))


class _Trial:
    """One configuration, from its files to what could run."""

    def __init__(self, order: Order, console: Console) -> None:
        self.order = order
        self.console = console
        self.diagnostics = Diagnostics()
        self.material = Material(order.folder)
        self.lines = Lines(order, self.material)
        self.unchecked: dict[str, list[str]] = {}  # servers whose checks are turned off, by the reason
        self.variables = StandIns(dict(os.environ))

    def make(self) -> tuple[Live, Plan] | None:
        order, diagnostics = self.order, self.diagnostics
        configuration = load(
            order.files,
            diagnostics,
            variables=self.variables,
            directory=order.directory,
            command_line=CommandLine(),
            prepare=self.lines,
        )
        if diagnostics.failed:
            find_more(configuration, diagnostics)
            self._failed()
            return None
        amender = Amender(configuration, order)
        amender.run()
        own = os.path.join(order.folder, RUNTIME)
        self._add(configuration, "stats", "socket", own, "mode", "600", "level", "admin")
        self._add(configuration, "nbthread", "1")
        try:
            authority = Authority(order.folder, self.lines.names)
            if amender.encrypts or self.lines.looks_at_hellos:
                authority.begin()
            authority.fill(self.material)
        except CertificateError as error:
            diagnostics.alert(f"certificates cannot be made: {error}")
            self._failed()
            return None
        live = assembled(configuration, diagnostics)
        if live is not None and not diagnostics.failed:
            off = self._scripts(live, configuration, amender)
            if off:
                live = assembled(configuration, diagnostics)
        if live is None or diagnostics.failed:
            self._failed()
            return None
        self._show(Severity.WARNING if order.verbose else Severity.ALERT)
        if not live.listeners:
            files = ", ".join(order.files)
            print(f"pointsman try: there is nothing to bring up: no frontend listens in {files}", file=sys.stderr)
            print("If the configuration consists of several files, name each: -f A -f B", file=sys.stderr)
            return None
        return live, self._plan(live, amender)

    def _failed(self) -> None:
        """Say why."""
        self._show(Severity.ALERT)

    def _show(self, least: Severity) -> None:
        for one in self.diagnostics.findings:
            if one.severity >= least:
                print(one.render(), file=sys.stderr, flush=True)

    def _add(self, configuration: Configuration, *words: str) -> None:
        """A line of the run's own for the global section."""
        at = Position("pointsman try", 1)
        line = Line(tuple(Word(word, at) for word in words), at)
        try:
            parse_line(line, configuration.main, configuration, self.diagnostics)
        except ConfigError as error:
            self.diagnostics.add(error.finding)

    # Checks.

    def _scripts(self, live: Live, configuration: Configuration, amender: Amender) -> bool:
        """What each server's stand-in says to its checks. Those that nothing satisfies are turned off: then True."""
        standing = {(one.backend, one.name): one for one in amender.servers}
        off: set[int] = set()
        for backend in live.backends:
            section = live.sections[id(backend)]
            plan: CheckPlan | None = None
            for line in section.all(ServerLine):
                one = standing.get((section.name, line.name))
                if one is None or one.kind != "echo" or not line.parameters.check:
                    continue
                plan = plan or plan_of(live, backend, configuration, self.diagnostics)
                if not self._script(one, own_plan(line, section.name, plan, configuration)):
                    off.add(id(line))

        def change(setting: Setting) -> Setting:
            if isinstance(setting, ServerLine) and id(setting) in off:
                return replace(setting, parameters=replace(setting.parameters, check=False))
            return setting

        if off:
            for section in configuration.proxies:
                if section.kind & In.BACK:
                    change_settings(section, change)
        return bool(off)

    def _script(self, one: Standing, plan: CheckPlan) -> bool:
        """False: nothing that its stand-in could say would do."""
        one.check = protocol_of(plan)
        if one.check in PROTOCOLS:
            return True
        try:
            one.script = script_of(plan)
        except Unanswerable as error:
            one.check = ""
            self.unchecked.setdefault(str(error), []).append(one.title)
            return False
        return True

    # The answer.

    def _plan(self, live: Live, amender: Amender) -> Plan:
        order = self.order
        by_place = {(one.address, one.port): one for one in amender.listening}
        listening = []
        for listener in live.listeners:
            spec = listener.opening.spec
            one = by_place[(spec.host, spec.port or 0)]
            one.http = listener.frontend.http
            one.hello = not one.http and not one.tls and one.frontend in self.lines.looks_at_hellos
            listening.append(one)
        logging = [frontend.name.decode() for frontend in live.frontends if frontend.logger is not None]
        for frontend in live.frontends:
            told = telling(live.sinks, os.path.join(order.folder, SEEN), frontend.http)
            frontend.logger = BothLoggers(frontend.logger, told)
        for logger in live.loggers.values():
            if logger is not None and not logger.outlets:
                logger.outlets.append(outlet(live.sinks, os.path.join(order.folder, LOG)))
        modes = {backend.name.decode(): backend.http for backend in live.backends}
        for server in amender.servers:
            server.http = modes.get(server.backend, False)
        return Plan(
            listening=listening,
            servers=amender.servers,
            notices=amender.notices + self._notices(),
            names=list(self.lines.names),
            logging=logging,
            warnings=self.diagnostics.count(Severity.WARNING),
        )

    def _notices(self) -> list[str]:
        notices = [f"{at}: QUIC is not spoken here: nothing listens there" for at in self.lines.quic]
        notices += [f"checks turned off, as {why}: {some(names, 3)}" for why, names in self.unchecked.items()]
        if self.variables.made:
            made = ", ".join(f"{name}={value}" for name, value in self.variables.made.items())
            notices.append(f"variables that are not set: {made}")
        for path, new in self.lines.sockets:
            notices.append(f"stats socket {path}: {new}")
        kinds: dict[str, list[str]] = {}
        for path, (kind, _) in self.material.made.items():
            kinds.setdefault("certificates" if kind == "certificate" else "files", []).append(path)
        if self.lines.asks_port:
            notices.append(
                f"rules ask at which port clients came in, and see those of this run: {self.lines.asks_port}"
            )
        notices += [f"missing {kind} made: {some(paths, 3)}" for kind, paths in kinds.items()]
        if self.lines.left_out:
            notices.append(f"left out: {', '.join(self.lines.left_out)}")
        return notices


if __name__ == "__main__":
    sys.exit(main())
