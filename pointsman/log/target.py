"""Where logs go: the keyword `log` (manual 4.2 and 3.1), its words and the values they stand for."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import ClassVar, Final

from pointsman.config.addresses import expand, parse_addresses
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word

FACILITIES: Final = (
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "auth2",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "cron2",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
)
LOG_LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

EMERG: Final = 0  # the levels of RFC 5424 6.2.1
ALERT: Final = 1
CRIT: Final = 2
ERR: Final = 3
WARNING: Final = 4
NOTICE: Final = 5
INFO: Final = 6
DEBUG: Final = 7

SYSLOG_PORT: Final = 514
DEFAULT_LENGTH: Final = 1024
LENGTHS: Final = (80, 65535)

# Targets that need what does not exist yet, by their prefix.
NOT_BUILT: Final = {
    "ring@": "12.5",
    "backend@": "4.2, mode log",
    "tcp@": "12.5",
    "tcp4@": "12.5",
    "tcp6@": "12.5",
    "uxst@": "12.5",
    "mptcp@": "12.5",
    "mptcp4@": "12.5",
    "mptcp6@": "12.5",
    "stream+": "12.5",
    "quic4@": "2.9.3",
    "quic6@": "2.9.3",
    "load@": "12.5",
}
USAGE: Final = "<target> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> [<level> [<minlevel>]]"


class Syntax(IntEnum):
    """What stands before the text of a line. DEFAULT: local, or rfc3164 where log-send-hostname is set."""

    DEFAULT = 0
    LOCAL = 1
    RFC3164 = 2
    RFC5424 = 3
    PRIORITY = 4
    SHORT = 5
    TIMED = 6
    ISO = 7
    RAW = 8


SYNTAXES: Final = {
    "local": Syntax.LOCAL,
    "rfc3164": Syntax.RFC3164,
    "rfc5424": Syntax.RFC5424,
    "priority": Syntax.PRIORITY,
    "short": Syntax.SHORT,
    "timed": Syntax.TIMED,
    "iso": Syntax.ISO,
    "raw": Syntax.RAW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTarget(Setting):
    """One `log` line. address None: `log global`, the targets of the global section.

    `ranges`: which lines of `period` go here, counted from 1; period 0: all of them.
    """

    address: AddressSpec | None
    length: int = DEFAULT_LENGTH  # bytes of a line at most, its end included
    syntax: Syntax = Syntax.DEFAULT
    ranges: tuple[tuple[int, int], ...] = ()
    period: int = 0
    facility: int = 0
    level: int = DEBUG  # the least severe that goes here
    minimum: int = EMERG  # more severe ones are sent as this one

    many: ClassVar[bool] = True


@keyword("log", In.GLOBAL | In.ANY_PROXY | In.PEERS, "4.2", negatable=True)
def log(args: Args) -> LogTarget | None:
    """log global | <target> ... <facility> [<level> [<minlevel>]]: where lines go; `no log` forgets what was said so
    far (manual 4.2)."""
    if args.negated:
        if args.more():
            raise ConfigError("'no log' does not expect arguments", args.here, "end of line")
        args.section.forget(LogTarget)
        return None
    if args.peek() == "global" and len(args.words) - args.index == 1:
        word = args.word("<target>")
        if args.section.kind == In.GLOBAL:
            raise ConfigError("'global' is not supported for a global syslog server", word.at, USAGE)
        if any(one.address is None for one in args.section.all(LogTarget)):
            return None  # inherited, or said twice: once is enough
        return LogTarget(at=args.at, address=None)
    return _target(args)


def _target(args: Args) -> LogTarget:
    if len(args.words) - args.index < 2:
        raise ConfigError("'log' expects <address> and <facility> or global as arguments", args.here, USAGE)
    address = parse_target(expand(args.word("<target>"), args.configuration.environment))
    length = parse_length(args.word("<length>")) if args.accept("len") else DEFAULT_LENGTH
    syntax = SYNTAXES[args.choice("<format>", tuple(SYNTAXES))] if args.accept("format") else Syntax.DEFAULT
    ranges: tuple[tuple[int, int], ...] = ()
    period = 0
    if args.accept("sample"):
        ranges, period = parse_sample(args.word("<ranges>:<sample_size>"))
    if args.peek() == "profile":
        raise ConfigError("log profiles are not built yet (manual 8.3.5)", args.here)
    facility = FACILITIES.index(args.choice("<facility>", FACILITIES))
    level = LOG_LEVELS.index(args.choice("<level>", LOG_LEVELS)) if args.more() else DEBUG
    minimum = LOG_LEVELS.index(args.choice("<minlevel>", LOG_LEVELS)) if args.more() else EMERG
    args.end()
    return LogTarget(
        at=args.at,
        address=address,
        length=length,
        syntax=syntax,
        ranges=ranges,
        period=period,
        facility=facility,
        level=level,
        minimum=minimum,
    )


def parse_length(word: Word) -> int:
    """The longest line, its end included. Raises ConfigError at the word."""
    low, high = LENGTHS
    if not _number(word.text) or not low <= int(word.text) <= high:
        raise ConfigError(
            f"invalid log length '{word.text}', must be between {low} and {high}",
            word.at,
            f"a number from {low} to {high}",
        )
    return int(word.text)


def parse_target(word: Word) -> AddressSpec:
    """The address of a log target: "fd" with a number, "inet" with a port, "unix" or "abns" datagrams.

    Host names are resolved now. Raises ConfigError at the word.
    """
    text = word.text
    if text in ("stdout", "stderr"):
        return AddressSpec("fd", "", 1 if text == "stdout" else 2)
    if text.startswith("fd@"):
        number = text[3:]
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise ConfigError(f"file descriptor '{number}' is not a valid integer in '{text}'", word.at, "fd@<number>")
        return AddressSpec("fd", "", int(number))
    for prefix, section in NOT_BUILT.items():
        if text.startswith(prefix):
            raise ConfigError(
                f"log target '{text}' is not built yet: '{prefix}' (manual {section})",
                word.at,
                "UDP, a UNIX datagram socket, stdout, stderr or fd@<number>",
            )
    specs = parse_addresses(word, default_port=SYSLOG_PORT, listening=True)
    if len(specs) != 1:
        raise ConfigError(f"port range not permitted here in '{text}'", word.at, "one address")
    spec = specs[0]
    if spec.kind not in ("inet", "unix", "abns", "abnsz"):
        raise ConfigError(f"log target '{text}' is no place for datagrams", word.at)
    host = {"": "127.0.0.1", "::": "::1"}.get(spec.host, spec.host) if spec.kind == "inet" else spec.host
    return AddressSpec(spec.kind, host, spec.port, spec.family, datagram=True)


def parse_sample(word: Word) -> tuple[tuple[tuple[int, int], ...], int]:
    """ "1-2,4:5" as ranges and their period (manual 4.2, log). Raises ConfigError at the word."""
    text, colon, size = word.text.partition(":")
    if not colon or not _number(size):
        raise ConfigError("Missing sample size", word.at, "<ranges>:<sample_size>, as in '1-2,5:6'")
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        low, dash, high = part.partition("-")
        high = high if dash else low
        if not _number(low) or not _number(high) or int(low) > int(high):
            raise ConfigError(f"wrong sample range '{part}'", word.at, "<number> or <low>-<high>, counted from 1")
        ranges.append((int(low), int(high)))
    ranges.sort()
    for (_, before), (after, _) in pairwise(ranges):
        if after <= before:
            raise ConfigError("ranges are overlapping", word.at)
    if int(size) < ranges[-1][1]:
        raise ConfigError(
            f"sample size {size} should be greater or equal to {ranges[-1][1]} the maximum of the high ranges limits",
            word.at,
        )
    return tuple(ranges), int(size)


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0
