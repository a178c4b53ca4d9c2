"""Commands about what this program does not have yet: peers, caches, rings, traces.

Who asks what there is gets the true answer in the usual form: a list without entries. Who names something is told that
it is not there. What would change or make such a thing is no command yet. A command leaves this file on the day that it
can find something.
"""

from typing import Final

from pointsman.admin.command import ADMIN, OPERATOR, Call, CommandError, command
from pointsman.log.dates import local_date
from pointsman.net.clock import wall_ms


def _named(call: Call, complaint: str) -> None:
    """Nothing has a name."""
    if call.word(0):
        raise CommandError(complaint)


@command("show peers", "show peers [dict|-] [<section>]", "list the peers")
def show_peers(call: Call) -> str:
    """show peers [dict|-] [<section>]: there are no peers yet."""
    words = call.words[1:] if call.word(0) in ("dict", "-") else call.words
    if words:
        raise CommandError("No such peers")
    return ""


@command("show cache", "show cache", "list the caches and what they hold", level=ADMIN)
def show_cache(call: Call) -> str:
    """There are no caches yet."""
    return ""


@command("show anon", "show anon", "show whether names and addresses are hidden")
def show_anon(call: Call) -> str:
    """They never are."""
    return "Anonymized mode disabled\n"


@command(
    "show errors", "show errors [<px>] [request|response]", "show the last invalid messages of proxies", level=OPERATOR
)
def show_errors(call: Call) -> str:
    """show errors [<iid>|<proxy>] [request|response]: none are kept yet."""
    if call.word(0) not in ("", "-1") and call.view.proxy(call.word(0)) is None:
        raise CommandError("No such proxy.")
    return f"Total events captured on [{local_date(wall_ms()).decode()}] : 0\n"


@command("show events", "show events [<sink>] [-w] [-n] [-0]", "list the sinks of events, or what one holds")
def show_events(call: Call) -> str:
    """show events [<sink>] [-w] [-n] [-0]: there are no rings yet."""
    _named(call, "No such event sink")
    return "Supported events sinks are listed below. Add -0(zero), -w(wait), -n(new). Any key to stop.\n"


_TRACES: Final = "Supported trace sources and states (.=stopped, w=waiting, R=running) :\n"


@command("show trace", "show trace [<source>]", "list the sources of traces")
def show_trace(call: Call) -> str:
    """show trace [<source>]: there are none."""
    _named(call, "No such trace source")
    return _TRACES


@command("trace", "trace [<source>|0] [<words>...]", "start and stop traces", level=OPERATOR)
def trace(call: Call) -> str:
    """trace [<source>]: there are none, so nothing has to be stopped either."""
    if call.word(0) not in ("", "0"):
        raise CommandError(f"No such trace source '{call.word(0)}'")
    return "" if call.words else _TRACES


@command("show tasks", "show tasks", "count the tasks that run")
def show_tasks(call: Call) -> str:
    """In the form of a scheduler with priorities, which does not exist here."""
    return (
        f"Running tasks: 0 ({call.view.nbthread} threads)\n"
        "  function                     places     %    lat_tot   lat_avg  calls_tot  calls_avg calls%\n"
    )


@command("show pools", "show pools [by*] [match <pfx>] [nb]", "list the pools of memory")
def show_pools(call: Call) -> str:
    """Memory is the system's and Python's; there are no pools."""
    return (
        "Dumping pools usage. Use SIGQUIT to flush them.\n"
        "Total: 0 pools, 0 bytes allocated, 0 used (~0 by thread caches).\n"
    )


@command("show profiling", "show profiling [<what>|<#lines>|<opts>]*", "show what is being profiled", level=ADMIN)
def show_profiling(call: Call) -> str:
    """Nothing is: see docs/performance.md for the tools that do it from outside."""
    return (
        "Per-task CPU profiling              : off           # set profiling tasks {on|auto|off}\n"
        "Memory usage profiling              : off           # set profiling memory {on|off}\n"
    )
