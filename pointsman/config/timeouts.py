"""`timeout <name> <time>` (manual 4.2), and the spellings that HAProxy has removed."""

from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword, parse_time, warn_if_small
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError

CLIENT = In.DEFAULTS | In.FRONT
SERVER = In.DEFAULTS | In.BACK

TIMEOUTS: dict[str, In] = {
    "check": SERVER,
    "client": CLIENT,
    "client-fin": CLIENT,
    "client-hs": CLIENT,
    "connect": SERVER,
    "http-keep-alive": In.ANY_PROXY,
    "http-request": In.ANY_PROXY,
    "queue": SERVER,
    "server": SERVER,
    "server-fin": SERVER,
    "tarpit": In.ANY_PROXY,
    "tunnel": SERVER,
}
OLD_SPELLINGS = {"clitimeout": "client", "contimeout": "connect", "srvtimeout": "server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout(Setting):
    """One timeout; 0 milliseconds: none."""

    name: str
    milliseconds: int

    def key(self) -> object:
        return self.name


def timeout(section: Section, name: str, otherwise: int = 0) -> int:
    """Milliseconds of a timeout that holds in a section; `otherwise` where it is not said."""
    assert name in TIMEOUTS
    found = section.one(Timeout, name)
    return otherwise if found is None else found.milliseconds


def _parse(args: Args) -> Timeout:
    """timeout <name> <timeout>: in milliseconds, or with a unit."""
    name = args.words[args.index - 1].text
    if not args.more():
        raise ConfigError(f"'{args.keyword}' expects an integer value (in milliseconds)", args.here, "<timeout>")
    word = args.word("<timeout>")
    milliseconds = parse_time(word, "ms", args.diagnostics)
    args.end()
    warn_if_small(word, milliseconds, f"{args.keyword} {word.text}", args.section.title, args.diagnostics)
    return Timeout(name=name, milliseconds=milliseconds, at=args.at)


def _parse_old(args: Args) -> Timeout:
    """contimeout, clitimeout, srvtimeout <timeout>: removed in HAProxy 2.1; still clear, so they work here."""
    name = OLD_SPELLINGS[args.words[args.index - 1].text]
    args.diagnostics.warning(
        f"'{args.keyword}' is an old spelling that HAProxy removed in 2.1. Use 'timeout {name}'.", args.at
    )
    milliseconds = args.time()
    args.end()
    return Timeout(name=name, milliseconds=milliseconds, at=args.at)


for _name, _where in TIMEOUTS.items():
    keyword(f"timeout {_name}", _where, "4.2")(_parse)
for _old, _new in OLD_SPELLINGS.items():
    keyword(_old, TIMEOUTS[_new], "4.2")(_parse_old)
