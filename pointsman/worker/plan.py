"""What a process is asked to be, by the global section and the command line, which prevails (management manual 3)."""

from dataclasses import dataclass, field

from pointsman.config.global_section import MasterWorker, global_flag, global_number, global_text
from pointsman.config.lanes import lane_count
from pointsman.config.setting import Configuration, Section
from pointsman.worker.arguments import Options
from pointsman.worker.limits import Wanted
from pointsman.worker.privileges import Privileges


@dataclass(slots=True)
class ProcessPlan:
    daemon: bool = False
    pidfile: str = ""
    privileges: Privileges = field(default_factory=Privileges)
    wanted: Wanted = field(default_factory=Wanted)
    strict_limits: bool = True
    grace: int = 0  # ms between SIGUSR1 and the soft stop
    hard_stop_after: int = 0  # ms a soft stop may take; 0: for ever
    lanes: int = 1  # traffic processes
    lane_timeout: int = 0  # ms without a turn after which a lane is killed; 0: never
    master: bool = False  # -W, master-worker
    survives: bool = False  # master-worker no-exit-on-failure
    max_reloads: int = 0  # mworker-max-reloads
    notify: str = ""  # NOTIFY_SOCKET, where no master tells
    old_pids: tuple[int, ...] = ()
    old_finish: bool = True  # -sf: they finish; -st: they end at once


def make_plan(configuration: Configuration, options: Options) -> ProcessPlan:
    main = configuration.main
    uid, gid = global_number(main, "uid"), global_number(main, "gid")
    master = main.one(MasterWorker)
    return ProcessPlan(
        daemon=(options.daemon or global_flag(main, "daemon")) and not (options.foreground or options.debug),
        pidfile=options.pidfile or global_text(main, "pidfile"),
        privileges=Privileges(
            chroot=global_text(main, "chroot"),
            uid=None if uid < 0 else uid,
            gid=None if gid < 0 else gid,
            dumpable=global_flag(main, "set-dumpable"),
            capabilities=tuple(name for name in global_text(main, "setcap").split(",") if name),
        ),
        wanted=_wanted(main, options),
        strict_limits=global_flag(main, "strict-limits", True),
        grace=global_number(main, "grace"),
        hard_stop_after=global_number(main, "hard-stop-after"),
        lanes=lane_count(main),
        lane_timeout=global_number(main, "pointsman-lane-timeout"),
        master=options.master or master is not None,
        survives=master is not None and master.survives,
        max_reloads=global_number(main, "mworker-max-reloads"),
        old_pids=tuple(options.old_pids),
        old_finish=options.old_finish,
    )


def _wanted(main: Section, options: Options) -> Wanted:
    return Wanted(
        maxconn=options.maxconn or global_number(main, "maxconn"),
        descriptors=global_number(main, "ulimit-n"),
        most=global_number(main, "fd-hard-limit"),
        memory=options.memory,
    )


def is_quiet(configuration: Configuration) -> bool:
    """`quiet` in the global section (manual 3.3)."""
    return global_flag(configuration.main, "quiet")


def refuses_warnings(configuration: Configuration) -> bool:
    """`zero-warning` in the global section (manual 3.3)."""
    return global_flag(configuration.main, "zero-warning")
