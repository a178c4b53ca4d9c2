"""The command `pointsman`: haproxy's command line (management manual 3).

    words -> options -> (help, version, a condition) -> load -> assemble -> findings -> check, or run

Status: 0 all is well (also -c, -v; -cc: true), 1 a mistake anywhere (-cc: false), 2 a condition that cannot be read
(-cc). Findings and messages go to stderr, results to stdout. -c says nothing about success unless -V asks for it.

`pointsman VERB ...` is another matter: verbs/.

What runs is one process, or a keeper with its lanes, or (-W) a master that starts keepers: see master/. The master
shall stay small, so this file imports late what it does not need.
"""

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pointsman import __version__
from pointsman.master.channel import MasterChannel, inherited
from pointsman.worker.arguments import Options, Refusal, UsageError, parse
from pointsman.worker.console import Console, standard_stream
from pointsman.worker.notify import VARIABLE

if TYPE_CHECKING:
    from pointsman.worker.start import Loaded

# ruff: noqa: PLC0415  # the late imports
OK: Final = 0
FAILED: Final = 1


def _prepare_standard_streams() -> None:
    """Put a descriptor that cannot be written in the place of each standard one that is closed; and let no line that
    nobody can read be a fault.

    The next file or socket would get its number, and what is printed would go there. Log lines for it are counted as
    dropped.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number, which is this one
    sys.stdout = standard_stream(1, sys.stdout)
    sys.stderr = standard_stream(2, sys.stderr)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; `words` are those behind the program's name. Returns the exit status."""
    if words is None:
        _prepare_standard_streams()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # in all processes, as in HAProxy: nothing here sets an alarm
    console = Console()
    if words is None:
        # Not KeyboardInterrupt: who interrupts a start sees no traceback. And not ignored, as a shell has it for jobs
        # in the background: containers and scripts end the program by this signal, as they do HAProxy.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    words = sys.argv[1:] if words is None else words
    if words and not words[0].startswith("-"):
        from pointsman import verbs

        if verbs.is_verb(words[0]):
            return verbs.run_verb(words[0], words[1:])
    try:
        options = parse(words)
    except UsageError as error:
        return _usage(console, error.reason)
    except Refusal as error:
        console.alert(str(error))
        return FAILED
    console.quiet = options.quiet
    console.verbose = options.verbose
    console.diagnosing = options.diagnosing
    if options.version:
        return _version(options.version, console)
    if options.help:
        return _help(console)
    if options.memory_help:
        console.list("-dM: memory is managed by Python; there is nothing to set. See PYTHONMALLOC of python(1).")
        return OK
    if options.condition is not None:
        from pointsman.worker import start

        return start.condition(options, console)
    if not options.files:
        return _usage(console)
    return _start(options, console)


def _start(options: Options, console: Console) -> int:
    """As the master, as a generation that a master has started, or without one."""
    environment = dict(os.environ)
    folder = os.getcwd()
    if options.check:
        return _run(options, console, environment, folder, None)
    os.environ.pop(VARIABLE, "")
    channel = inherited(os.environ)
    if channel is None:
        from pointsman.master.master import BECOME, Master

        if os.environ.pop(BECOME, "") or options.master:
            options.master = True
            return Master(options, console, environment).run()
        return _run(options, console, environment, folder, None)
    from pointsman.master.generation import report_failure

    os.environ["HAPROXY_MWORKER"] = "1"  # manual 2.3
    console.repeated = channel.quiet
    status = _run(options, console, environment, folder, channel)
    if status:
        report_failure(channel, console)
    return status


def _run(
    options: Options, console: Console, environment: Mapping[str, str], folder: str, channel: MasterChannel | None
) -> int:
    """Load, assemble, then check or run. `environment` and `folder`: what the program was started with."""
    if not console.repeated:
        for notice in options.notices:
            console.notice(notice)
    loaded = _load(options, console)
    if isinstance(loaded, int):
        return loaded
    from pointsman.core.handed import fetch
    from pointsman.master import generation, master
    from pointsman.worker import process

    plan = loaded.plan
    if options.fetch_from and loaded.generation.handed and (channel is None or channel.generation == 1):
        why = fetch(options.fetch_from, loaded.generation.handed)
        if why:
            console.warning(
                f"'-x': what the older process keeps in memory cannot be fetched from '{options.fetch_from}': {why}. "
                "Its clients shake TLS's hands anew, and stick tables begin empty."
            )
    if channel is not None:
        return generation.keep_under_master(loaded.generation, plan, console, channel)
    if plan.master:
        master.become_master(environment, folder)
    plan.notify = environment.get(VARIABLE, "")
    if plan.lanes > 1:
        return generation.keep(loaded.generation, plan, console)
    return process.run(loaded.generation, plan, console)


def _load(options: Options, console: Console) -> "Loaded | int":
    """What is made here stays: the collector of cycles would look at all of it again and again, and find nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        from pointsman.worker import start

        return start.start(options, console)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _usage(console: Console, reason: str = "") -> int:
    from pointsman.worker import about

    console.list(about.version_lines())
    if reason:
        print(f"{reason}\n", file=sys.stderr)
    print(about.USAGE, file=sys.stderr)
    return FAILED


def _help(console: Console) -> int:
    from pointsman.worker import about

    console.list(about.USAGE)
    return OK


def _version(kind: str, console: Console) -> int:
    if kind == "vq":
        console.list(__version__)
        return OK
    from pointsman.worker import about

    console.list(about.version_lines())
    if kind == "vv":
        console.list(about.details())
    return OK
