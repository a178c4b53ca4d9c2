"""The command line, read as HAProxy's (management manual 3): an option is one word, its value the next one.

What begins with "-" and is none of them ends in the page of help and status 1. Options that mean nothing here are
accepted with a notice, those of features that are not built yet are refused by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final


class UsageError(Exception):
    """The words make no sense: the page of help follows. `reason` is shown before it, if there is one."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Refusal(Exception):
    """The words are understood, but it cannot be done."""


@dataclass(slots=True)
class Options:
    """What the command line says."""

    files: list[str] = field(default_factory=list)
    check: bool = False
    condition: str | None = None
    version: str = ""  # "v", "vv", "vq"
    quiet: bool = False
    verbose: bool = False
    directory: str = ""
    daemon: bool = False
    foreground: bool = False
    master: bool = False  # -W, -Ws
    notify: bool = False  # -Ws
    inherit: bool = True  # not -x /dev/null
    fetch_from: str = ""  # -x: a stats socket of the older process
    help: bool = False
    debug: bool = False
    diagnosing: bool = False
    zero_warning: bool = False
    ignore_resolution: bool = False
    ipv4_only: bool = False
    local_peer: str = ""
    maxconn: int = 0
    proxy_maxconn: int = 0
    memory: int = 0
    pidfile: str = ""
    old_pids: list[int] = field(default_factory=list)
    old_finish: bool = True
    registries: str = ""  # -dK
    memory_help: bool = False  # -dMhelp
    dump_configuration: bool = False
    dump_libraries: bool = False
    reuse_port: bool = True
    fast_forward: bool = True
    zero_copy: bool = True
    splice: bool = True
    getaddrinfo: bool = True
    verify_servers: bool = True
    notices: list[str] = field(default_factory=list)


FLAGS: Final[dict[str, tuple[str, bool]]] = {  # option: the attribute it sets, and to what
    "-c": ("check", True),
    "-q": ("quiet", True),
    "-V": ("verbose", True),
    "-W": ("master", True),
    "-D": ("daemon", True),
    "-4": ("ipv4_only", True),
    "-d": ("debug", True),
    "-db": ("foreground", True),
    "-dC": ("dump_configuration", True),
    "-dD": ("diagnosing", True),
    "-dF": ("fast_forward", False),
    "-dG": ("getaddrinfo", False),
    "-dL": ("dump_libraries", True),
    "-dR": ("reuse_port", False),
    "-dS": ("splice", False),
    "-dV": ("verify_servers", False),
    "-dW": ("zero_warning", True),
    "-dZ": ("zero_copy", False),
    "-dr": ("ignore_resolution", True),
}

WITHOUT_EFFECT: Final[dict[str, str]] = {
    "-dA": "there is no archive of libraries to dump",
    "-dI": "external checks are started without it",
    "-dT": "ktls is not used",
    "-dc": "processors are not assigned",
    "-de": "epoll is the only polling system",
    "-dk": "there is no kqueue",
    "-dp": "poll() is not used",
    "-dv": "there are no event ports",
}

NO_EFFECT_YET: Final[dict[str, str]] = {  # noted for the modules that will obey them
    "-dG": "names of servers are looked up by getaddrinfo() alone",
}

VALUES: Final = ("-f", "-C", "-L", "-N", "-S", "-n", "-m", "-p", "-x", "-cc")


def parse(words: Sequence[str]) -> Options:
    """The words behind the program's name. Raises UsageError or Refusal. Nothing behind -v and its kin is looked at."""
    options = Options()
    position = 0
    while position < len(words) and not (options.version or options.help):
        word = words[position]
        position += 1
        if word == "--":
            options.files += words[position:]
            break
        if word in ("-sf", "-st"):
            position = _old_processes(options, word, words, position)
        elif word in VALUES:
            if position == len(words):
                reason = f"option '{word}' expects a value"
                raise UsageError(reason) if word in ("-cc", "-x") else Refusal(reason + ".")
            _take_value(options, word, words[position])
            position += 1
        else:
            _take_flag(options, word)
    if options.debug:
        options.notices.append("'-d' keeps the process in the foreground; the display of events is not built yet.")
    return options


def _take_flag(options: Options, word: str) -> None:
    if word in FLAGS:
        setattr(options, *FLAGS[word])
        if word in NO_EFFECT_YET:
            options.notices.append(f"'{word}' has no effect: {NO_EFFECT_YET[word]}.")
    elif word == "--help":
        options.help = True
    elif word == "--version":
        options.version = "v"
    elif word.startswith("-v"):
        options.version = word[1:] if word in ("-vv", "-vq") else "v"
    elif word.startswith("-dK"):
        options.registries = word[3:] or "help"
    elif word.startswith("-dM"):
        options.memory_help = "help" in word[3:].split(",")
        options.notices.append(f"'{word}' has no effect: memory is managed by Python.")
    elif word.startswith("-dC"):
        raise Refusal(f"'{word}': anonymized dumps are not built yet (management manual 3); '-dC' dumps all as it is.")
    elif word == "-Ws":
        options.master = options.notify = True
    elif word.startswith("-dt"):
        options.notices.append(f"'{word}' has no effect: traces are not built yet.")
    elif word in WITHOUT_EFFECT or word.startswith("-dA"):
        options.notices.append(f"'{word}' has no effect: {WITHOUT_EFFECT[word[:3]]}.")
    else:
        raise UsageError(f"unknown option '{word}'" if word.startswith("-") else f"unexpected word '{word}'")


def _take_value(options: Options, word: str, value: str) -> None:
    if word == "-f":
        options.files.append(value)
    elif word == "-C":
        options.directory = value
    elif word == "-L":
        options.local_peer = value
    elif word == "-p":
        options.pidfile = value
    elif word == "-cc":
        options.condition = value
    elif word == "-n":
        options.maxconn = _number(word, value)
    elif word == "-N":
        options.proxy_maxconn = _number(word, value)
    elif word == "-m":
        options.memory = _number(word, value)
    elif word == "-S":
        options.notices.append(f"'-S {value}' has no effect: the master's socket is not built yet.")
    elif value == "/dev/null":  # no sockets are to be fetched
        options.inherit = False
    else:
        options.fetch_from = value
        options.notices.append("'-x': sockets are not fetched from the older process but bound anew beside its own.")


def _number(word: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise Refusal(f"'{word}' expects a number, not '{value}'.")
    return int(value)


def _old_processes(options: Options, word: str, words: Sequence[str], position: int) -> int:
    """The pids up to the next option; there may be none. One word may hold several: "$(pidof ...)" in quotes."""
    options.old_finish = word == "-sf"
    while position < len(words) and not words[position].startswith("-"):
        for text in words[position].split():
            if not (text.isascii() and text.isdigit()) or int(text) == 0:
                raise Refusal(f"{word} option: '{text}' is not a pid.")
            options.old_pids.append(int(text))
        position += 1
    return position
