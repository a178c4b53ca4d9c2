"""Keywords of the global section that change what the process does (manual 3.1 to 3.3).

Global sections add up. Where HAProxy takes the first of two lines (maxconn, pidfile, user, ...) so is it here, with a
warning. What is pure tuning, or tunes what does not exist here, is in global_tuning.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.addresses import expand, parse_addresses
from pointsman.config.bind import (
    BIND_OTHERS,
    BIND_WORDS,
    BindParameters,
    SocketOwner,
    UnixBind,
    group_number,
    user_number,
)
from pointsman.config.keyword import Args, is_number, keyword, parse_size
from pointsman.config.parameters import Words, read_parameters
from pointsman.config.setting import In, Section, Setting
from pointsman.core.address import AddressSpec
from pointsman.core.capabilities import CAPABILITIES
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest

BIGGEST = (1 << 31) - 1
UNIX_WORDS = ("prefix", "mode", "user", "uid", "group", "gid")


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalNumber(Setting):
    """A global keyword with a number, a time (ms) or a size (bytes)."""

    name: str
    value: int

    def key(self) -> object:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalText(Setting):
    """A global keyword with a word or more."""

    name: str
    text: str

    def key(self) -> object:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalFlag(Setting):
    """A global keyword that stands alone; `no` in front of it turns it off, where that is permitted."""

    name: str
    on: bool

    def key(self) -> object:
        return self.name


@dataclass(frozen=True, slots=True)
class NumberKeyword:
    """How a number is read and what it is where it is not said."""

    low: int
    high: int
    otherwise: int
    once: bool = False  # the first line wins
    unit: str = ""  # "time", "size"; "" a plain number
    manual: str = "3.1"


NUMBERS: dict[str, NumberKeyword] = {
    "close-spread-time": NumberKeyword(-1, BIGGEST, 0, unit="time"),  # 0: at once; -1: "infinite"
    "fd-hard-limit": NumberKeyword(0, BIGGEST, 0),  # 0: not said
    "gid": NumberKeyword(0, (1 << 32) - 2, -1, once=True),  # -1: not said, here and for uid
    "grace": NumberKeyword(0, BIGGEST, 0, unit="time"),
    "hard-stop-after": NumberKeyword(0, BIGGEST, 0, unit="time"),  # 0: never
    "max-spread-checks": NumberKeyword(0, BIGGEST, 0, unit="time", manual="3.2"),  # 0: not said
    "maxconn": NumberKeyword(0, BIGGEST, 0, once=True, manual="3.2"),  # 0: from the limits of the system
    "maxconnrate": NumberKeyword(0, BIGGEST, 0, once=True, manual="3.2"),  # 0: no limit
    "maxsessrate": NumberKeyword(0, BIGGEST, 0, once=True, manual="3.2"),
    "maxpipes": NumberKeyword(0, BIGGEST, 1, manual="3.2"),  # of a process; more than one is never made
    "mworker-max-reloads": NumberKeyword(0, BIGGEST, 50),
    "pointsman-decisions": NumberKeyword(0, 65_536, 0),  # ours: records that a lane keeps (stream/told.py); 0: none
    # Ours: a lane that has not turned for so long is killed; 0: never.
    "pointsman-lane-timeout": NumberKeyword(0, BIGGEST, 10_000, unit="time"),
    "nbthread": NumberKeyword(1, 64, 1),  # where it is not said: see lanes.py
    "spread-checks": NumberKeyword(0, 50, 0, manual="3.2"),  # per cent
    "stats maxconn": NumberKeyword(1, BIGGEST, 10),
    "stats timeout": NumberKeyword(1, BIGGEST, 10_000, unit="time"),
    "thread-hard-limit": NumberKeyword(1, BIGGEST, 0),  # 0: none
    "tune.bufsize": NumberKeyword(1, BIGGEST, 16384, unit="size", manual="3.2"),
    "tune.cli.max-payload-size": NumberKeyword(1, BIGGEST, 131_072, unit="size", manual="3.2"),
    "tune.glitches.kill.cpu-usage": NumberKeyword(0, 100, 0, manual="3.2"),  # per cent
    "tune.h1.be.glitches-threshold": NumberKeyword(0, BIGGEST, 0, manual="3.2"),  # 0: none
    "tune.h1.fe.glitches-threshold": NumberKeyword(0, BIGGEST, 0, manual="3.2"),
    "tune.http.cookielen": NumberKeyword(1, BIGGEST, 63, manual="3.2"),
    "tune.http.logurilen": NumberKeyword(0, BIGGEST, 1024, manual="3.2"),
    "tune.http.maxhdr": NumberKeyword(1, 32767, 101, manual="3.2"),
    "tune.max-checks-per-thread": NumberKeyword(0, BIGGEST, 0, manual="3.2"),  # 0: no limit
    "tune.maxrewrite": NumberKeyword(0, BIGGEST, 1024, unit="size", manual="3.2"),
    # Ours: a function of a python-load file that takes longer is reported with its stack; 0: none is.
    "tune.python.slow": NumberKeyword(0, BIGGEST, 100, unit="time"),
    "tune.stick-counters": NumberKeyword(0, 100, 3, manual="3.2"),
    **{
        f"tune.vars.{scope}-max-size": NumberKeyword(0, BIGGEST, 0, unit="size", manual="3.2")
        for scope in ("check", "global", "proc", "reqres", "sess", "txn")
    },  # 0: no limit
    "uid": NumberKeyword(0, (1 << 32) - 2, -1, once=True),
    "ulimit-n": NumberKeyword(0, BIGGEST, 0),  # 0: from the rest of the configuration
}


def global_number(main: Section, name: str) -> int:
    """The number of a global keyword, or its default: see NUMBERS."""
    found = main.one(GlobalNumber, name)
    return NUMBERS[name].otherwise if found is None else found.value


def global_text(main: Section, name: str) -> str:
    """The text of a global keyword, or ""."""
    found = main.one(GlobalText, name)
    return "" if found is None else found.text


def global_flag(main: Section, name: str, otherwise: bool = False) -> bool:
    """Whether a global flag is set; strict-limits is by default."""
    found = main.one(GlobalFlag, name)
    return otherwise if found is None else found.on


def buffer_sizes(main: Section) -> tuple[int, int]:
    """tune.bufsize in multiples of 16 bytes, and what of it is kept free for rewriting: at most a half (manual 3.2)."""
    size = -(-global_number(main, "tune.bufsize") // 16) * 16
    return size, min(global_number(main, "tune.maxrewrite"), size // 2)


def _already(args: Args, said: str) -> bool:
    args.diagnostics.warning(
        f"{said} already specified. Continuing.", args.at, hint="the first one holds; remove this line"
    )
    return True


def _number_parser(name: str, what: NumberKeyword) -> Callable[[Args], GlobalNumber | None]:
    def parse(args: Args) -> GlobalNumber | None:
        if not args.more():
            expects = {"time": "<time> as argument.", "size": "a size argument."}.get(what.unit, "an integer argument.")
            raise ConfigError(f"'{name}' expects {expects}", args.here, f"from {what.low} to {what.high}")
        word = args.words[args.index]
        if what.unit == "time":
            value = args.time("<time>")
        elif what.unit == "size":
            value = parse_size(args.word("<size>"))
        else:
            value = args.integer("<number>", what.low, what.high)
        if not what.low <= value <= what.high:
            raise ConfigError(f"'{name}' expects a positive value", word.at, f"from {what.low} to {what.high}")
        args.end()
        if what.once and args.section.one(GlobalNumber, name) is not None:
            _already(args, "user/uid" if name == "uid" else "group/gid" if name == "gid" else f"'{name}'")
            return None
        return GlobalNumber(name=name, value=value, at=args.at)

    parse.__doc__ = f"{name} <{what.unit or 'number'}>"
    return parse


for _name, _number in NUMBERS.items():
    if _name not in ("nbthread", "close-spread-time"):
        keyword(_name, In.GLOBAL, _number.manual)(_number_parser(_name, _number))


@keyword("nbthread", In.GLOBAL, "3.1")
def nbthread(args: Args) -> GlobalNumber:
    """nbthread <number>: how many lanes, which are traffic processes, share the work."""
    word = args.words[args.index] if args.more() else None
    text = word.text if word is not None else ""
    if not is_number(text):
        raise ConfigError(
            f"'nbthread' passed a missing or unparsable integer value in '{text}'", args.here, "a number from 1 to 64"
        )
    if not 1 <= int(text) <= 64:
        raise ConfigError(f"'nbthread' value must be between 1 and 64 (was {text})", args.here, "a number from 1 to 64")
    args.take("<number>")
    args.end()
    return GlobalNumber(name="nbthread", value=int(text), at=args.at)


@keyword("close-spread-time", In.GLOBAL, "3.1")
def close_spread_time(args: Args) -> GlobalNumber:
    """close-spread-time <time>|infinite: over which time a soft stop spreads the ends of connections."""
    if not args.more():
        raise ConfigError("'close-spread-time' expects <time> as argument.", args.here, "a time, or infinite")
    value = -1 if args.accept("infinite") else args.time("<time>")
    args.end()
    return GlobalNumber(name="close-spread-time", value=value, at=args.at)


# name: section of the manual, what HAProxy says where the word is missing, whether the first line wins
TEXTS: dict[str, tuple[str, str, bool]] = {
    "chroot": ("3.1", "expects a directory as an argument.", True),
    "pidfile": ("3.1", "expects a file name as an argument.", True),
    "server-state-base": ("3.1", "expects one argument: a directory path.", True),
    "server-state-file": ("3.1", "expects one argument: a file path.", True),
}


def _text_parser(name: str, missing: str, once: bool) -> Callable[[Args], GlobalText | None]:
    def parse(args: Args) -> GlobalText | None:
        if not args.peek():
            raise ConfigError(f"'{name}' {missing}", args.here)
        text = args.take("<text>")
        args.end()
        if once and args.section.one(GlobalText, name) is not None:
            _already(args, f"'{name}'")
            return None
        return GlobalText(name=name, text=text, at=args.at)

    parse.__doc__ = f"{name} <word>"
    return parse


for _name, (_manual, _missing, _once) in TEXTS.items():
    keyword(_name, In.GLOBAL, _manual)(_text_parser(_name, _missing, _once))


FLAGS: dict[str, tuple[str, bool]] = {  # section of the manual, and whether `no` may stand in front
    "daemon": ("3.1", False),
    "expose-deprecated-directives": ("3.1", False),  # permits what this version refuses anyway
    "expose-experimental-directives": ("3.1", False),
    "h1-accept-payload-with-any-method": ("3.1", False),
    "h1-do-not-close-on-insecure-transfer-encoding": ("3.1", False),
    "insecure-fork-wanted": ("3.1", True),  # asked for by external checks
    "insecure-setuid-wanted": ("3.1", True),
    "noreuseport": ("3.2", False),
    "nosplice": ("3.2", False),
    "pp2-never-send-local": ("3.1", False),
    "quiet": ("3.3", False),
    "strict-limits": ("3.1", True),
    "tune.disable-fast-forward": ("3.2", False),
    "tune.disable-zero-copy-forwarding": ("3.2", False),
    "zero-warning": ("3.3", False),
}


def _flag_parser(name: str) -> Callable[[Args], GlobalFlag]:
    def parse(args: Args) -> GlobalFlag:
        args.end()
        return GlobalFlag(name=name, on=not args.negated, at=args.at)

    parse.__doc__ = name
    return parse


for _name, (_manual, _negatable) in FLAGS.items():
    keyword(_name, In.GLOBAL, _manual, negatable=_negatable)(_flag_parser(_name))


@keyword("harden.reject-privileged-ports.tcp", In.GLOBAL, "3.1")
def reject_privileged_ports(args: Args) -> GlobalFlag:
    """harden.reject-privileged-ports.tcp on|off: close connections of clients whose source port is below 1024."""
    word = args.peek()
    if word not in ("on", "off"):
        raise ConfigError(f"'{args.keyword}' expects either 'on' or 'off'.", args.here, "on or off")
    args.take("on or off")
    args.end()
    return GlobalFlag(name="harden.reject-privileged-ports.tcp", on=word == "on", at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterWorker(Setting):
    """`master-worker`: a process that stays starts the others."""

    survives: bool  # no-exit-on-failure: it stays when they crash


@keyword("master-worker", In.GLOBAL, "3.1")
def master_worker(args: Args) -> MasterWorker:
    """master-worker [no-exit-on-failure]: as -W on the command line."""
    survives = args.more()
    if survives:
        args.choice("<option>", ("no-exit-on-failure",))
    args.end()
    return MasterWorker(survives=survives, at=args.at)


@keyword("user", In.GLOBAL, "3.1")
def user(args: Args) -> GlobalNumber | None:
    """user <user name>: as uid, by name."""
    return _identity(args, "user", "uid", user_number)


@keyword("group", In.GLOBAL, "3.1")
def group(args: Args) -> GlobalNumber | None:
    """group <group name>: as gid, by name."""
    return _identity(args, "group", "gid", group_number)


def _identity(args: Args, what: str, name: str, find: Callable[[str], int | None]) -> GlobalNumber | None:
    at, text = args.here, args.peek()
    number = find(text)
    if number is None:
        raise ConfigError(f"cannot find {what} id for '{text}'", at, f"the name of a {what} of this system")
    args.take(f"<{what} name>")
    args.end()
    if args.section.one(GlobalNumber, name) is not None:
        _already(args, f"{what}/{name}")
        return None
    return GlobalNumber(name=name, value=number, at=args.at)


@keyword("node", In.GLOBAL, "3.1")
def node(args: Args) -> GlobalText:
    """node <name>: of this instance, on the statistics page."""
    text = args.peek()
    if not text or not text.isascii() or not text.replace("-", "").replace("_", "").replace(".", "x").isalnum():
        raise ConfigError(
            "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), "
            "dot(.), hyphen(-) or underscode(_).",
            args.here,
            "<name>",
        )
    args.take("<name>")
    args.end()
    return GlobalText(name="node", text=text, at=args.at)


@keyword("description", In.GLOBAL, "3.1")
def description(args: Args) -> GlobalText:
    """description <text>: of this instance, on the statistics page."""
    if not args.more():
        raise ConfigError("'description' expects a string argument.", args.here, "<text>")
    return GlobalText(name="description", text=" ".join(word.text for word in args.rest()), at=args.at)


@keyword("setcap", In.GLOBAL, "3.1")
def setcap(args: Args) -> GlobalText:
    """setcap <name>[,<name>...]: rights of root's that are kept by another user, by the names of capabilities(7)."""
    listed = ", ".join(CAPABILITIES)
    if not args.more():
        raise ConfigError(f"'setcap' : missing capability name(s).  Supported ones are: {listed}.", args.here, listed)
    word = args.word("<name>[,<name>...]")
    for name in word.text.split(","):
        if name not in CAPABILITIES and (name or word.text.strip(",") == ""):
            near = nearest(name, CAPABILITIES)
            raise ConfigError(
                f"'setcap' : unsupported capability '{name}'.  Supported ones are: {listed}.",
                word.at,
                listed,
                f"did you mean '{near}'?" if near else "",
            )
    args.end()
    return GlobalText(name="setcap", text=word.text, at=args.at)


@keyword("set-dumpable", In.GLOBAL, "3.1", negatable=True)
def set_dumpable(args: Args) -> GlobalFlag:
    """set-dumpable [on|off|libs]: permit core dumps; libraries are never embedded."""
    on = True
    if args.more():
        on = args.choice("<value>", ("on", "off", "libs")) != "off"
    args.end()
    return GlobalFlag(name="set-dumpable", on=on and not args.negated and not args.reset, at=args.at)


@keyword("localpeer", In.GLOBAL, "3.1")
def localpeer(args: Args) -> GlobalText | None:
    """localpeer <name>: this instance among peers; what HAPROXY_LOCALPEER shows from here on, unless -L said it."""
    if not args.more():
        raise ConfigError("'localpeer' expects a name as an argument.", args.here, "<name>")
    name = args.take("<name>")
    args.end()
    variables = args.configuration.environment
    if variables.get("HAPROXY_LOCALPEER", name) not in (name, socket.gethostname()):
        args.diagnostics.warning(
            "'localpeer' ignored since it is already set by using the '-L' command line argument.", args.at
        )
        return None
    variables["HAPROXY_LOCALPEER"] = name
    return GlobalText(name="localpeer", text=name, at=args.at)


@keyword("stats", In.GLOBAL, "3.1")
def stats(args: Args) -> None:
    """stats socket, maxconn, timeout: this is for a second word that is none of them."""
    raise ConfigError(
        f"'stats' only supports 'socket', 'maxconn' and 'timeout' (got '{args.peek()}')",
        args.here,
        "socket, maxconn or timeout",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsSocket(Setting):
    """`stats socket`: a socket of the runtime API. `unix-bind` does not touch it."""

    addresses: tuple[AddressSpec, ...]
    parameters: BindParameters
    text: str  # the address as it was written
    many: ClassVar[bool] = True


@keyword("stats socket", In.GLOBAL, "3.1")
def stats_socket(args: Args) -> StatsSocket:
    """stats socket [<address:port>|<path>] [parameters of bind lines]"""
    if not args.more():
        raise ConfigError(
            "'stats socket' in global section expects an address or a path to a UNIX socket",
            args.here,
            "<address:port> or <path>",
        )
    address = expand(args.word("<path>"), args.configuration.environment)
    addresses = tuple(parse_addresses(address, default_port=None, listening=True))
    if any(spec.datagram for spec in addresses):
        raise ConfigError(f"'stats socket' : dgram-type address not acceptable in '{address.text}'", address.at)
    parameters = read_parameters(Words(args, "'stats socket'"), BIND_WORDS, BIND_OTHERS, BindParameters())
    if parameters.tls.ssl:
        raise ConfigError("'stats socket' : 'ssl' is not built for the runtime API (manual 3.1)", args.at)
    return StatsSocket(addresses=addresses, parameters=parameters, text=address.text, at=args.at)


@keyword("unix-bind", In.GLOBAL, "3.1")
def unix_bind(args: Args) -> UnixBind:
    """unix-bind [prefix <prefix>] [mode <mode>] [user|uid <user>] [group|gid <group>]: for bind lines that follow."""
    prefix = ""
    parameters = BindParameters()
    words = Words(args, "'unix-bind'")
    while args.more():
        words.word = args.word("an option")
        if words.word.text not in UNIX_WORDS:
            raise args.wrong(
                words.word,
                "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options.",
                UNIX_WORDS,
            )
        if words.word.text == "prefix":
            prefix = words.value("missing prefix").text
            continue
        found = BIND_WORDS.get(words.word.text)
        assert found is not None
        parameters = found.parse(words, parameters)
    before = args.section.one(UnixBind) or UnixBind()
    owner, said = before.owner, parameters.owner
    return UnixBind(
        prefix=prefix or before.prefix,
        at=args.at,
        owner=SocketOwner(
            mode=owner.mode if said.mode is None else said.mode,
            uid=owner.uid if said.uid is None else said.uid,
            gid=owner.gid if said.gid is None else said.gid,
        ),
    )
