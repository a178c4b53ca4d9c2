"""What -v, -vv and -vq print, and the page of help (management manual 3)."""

import importlib
import platform
import sys
from importlib import metadata

from pointsman import __version__
from pointsman.config.features import FEATURES, VERSION
from pointsman.core import native, regex, tls
from pointsman.core.arena import BUILT

USAGE = """\
Usage : pointsman [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]
        [ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [ -L <name> ] [-- <cfgfile>*]
        -v displays the version ; -vv what is built in ; -vq the bare number
        -c checks the configuration files and exits ; with -V it says so when they are valid
        -cc <condition> evaluates a condition : status 0 true, 1 false, 2 error
        -f <cfgfile|cfgdir> loads this file, or all *.cfg files of this directory
        -C <dir> changes to <dir> before loading files
        -q quiet mode : no messages ; -V verbose mode, overrides it
        -D goes into the background ; -db stays in the foreground ; -d too, for debugging
        -n <limit> maximum number of connections ; -N <limit> default maximum of each proxy
        -m <megs> limits the memory for data
        -p <file> writes the pid there when in the background
        -L <name> name of the local peer (default : host name)
        -4 resolves names to IPv4 addresses only
        -sf/-st <pid>* finishes/terminates these older processes when the start has succeeded
        -x <socket> fetches ticket keys and TLS sessions of the older process; sockets are bound anew
        -dC dumps the configuration as it was read ; -dD diagnostic mode : also hints about suspicious statements
        -dK<class>[,...] dumps registered keywords (-dKhelp lists the classes)
        -dL lists loaded libraries ; -dM[<byte>,...] accepted, memory is Python's
        -dR binds without SO_REUSEPORT ; -dr goes on when the name of a server cannot be resolved
        -dW fails if there is any warning
        -dF -dG -dI -dS -dT -dV -dZ -dc -de -dk -dp -dv as in HAProxy, where they mean something here
        pointsman explain|lint|test|try|why ... : see pointsman <verb> --help
"""


def version_lines() -> str:
    system = platform.uname()
    return (
        f"Pointsman version {__version__} - runs the configuration language of HAProxy {VERSION}\n"
        f"Running on: {system.system} {system.release} {system.version} {system.machine}"
    )


def library(name: str) -> str:
    """The version of an installed distribution, or ""."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def loop_name() -> str:
    try:
        importlib.import_module("uvloop")
    except ImportError:
        return "asyncio"
    return f"uvloop {library('uvloop')}"


def details() -> str:
    """What -vv adds to -v."""
    features = " ".join(("+" if built else "-") + name for name, built in sorted(FEATURES.items()))
    return "\n".join(
        [
            "",
            f"Feature list : {features}",
            "",
            "Default settings :",
            "  bufsize = 16384, maxrewrite = 1024",
            "",
            f"Running on Python version : {platform.python_implementation()} {platform.python_version()} "
            f"({sys.executable})",
            f"Event loop of control tasks : {loop_name()}",
            f"Hot modules are compiled : {native.how()}",
            "Shared cells of lanes : "
            + ("extension" if BUILT else "plain Python, so one lane unless nbthread says more"),
            f"Regular expressions : {regex.how()}",
            f"Running on SSL library version : {tls.VERSION or 'none, so lines with ssl are refused'}",
            f"C library : {' '.join(platform.libc_ver())}",
            "",
            "Available polling systems :",
            "      epoll : edge-triggered",
            "Total: 1 (1 usable), will use epoll.",
        ]
    )
