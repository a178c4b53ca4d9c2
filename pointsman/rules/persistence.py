"""force-persist and ignore-persist: conditions about servers that persistence names; persist rdp-cookie, which names
one (manual 4.2)."""

from dataclasses import dataclass
from typing import ClassVar, Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.rules.keywords import parse_if
from pointsman.sample.condition import Condition
from pointsman.sample.types import Where

ROUTING_TOKEN: Final = b"msts"  # the cookie that names a server


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistLine(Setting):
    """A `force-persist` line, or (`forces` False) an `ignore-persist` line."""

    forces: bool
    condition: Condition
    negated: bool
    many: ClassVar[bool] = True


def _parse(args: Args, forces: bool) -> PersistLine:
    name = args.keyword
    missing = f"'{name}' requires either 'if' or 'unless' followed by a condition."
    if args.peek() not in ("if", "unless"):
        raise ConfigError(missing, args.here, "'if' or 'unless', and a condition")
    condition, negated = parse_if(args, Where.HTTP_REQ)
    assert condition is not None
    return PersistLine(at=args.at, forces=forces, condition=condition, negated=negated)


@keyword("force-persist", In.BACK, "4.2")
def force_persist(args: Args) -> PersistLine:
    """force-persist { if | unless } <condition>: use a server that persistence names even though it is down."""
    return _parse(args, True)


@keyword("ignore-persist", In.BACK, "4.2")
def ignore_persist(args: Args) -> PersistLine:
    """ignore-persist { if | unless } <condition>: let the algorithm choose whatever persistence names."""
    return _parse(args, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistRdpCookie(Setting):
    """A `persist rdp-cookie` line."""

    name: bytes


@keyword("persist rdp-cookie", In.DEFAULTS | In.BACK, "4.2")
def persist_rdp_cookie(args: Args) -> PersistRdpCookie:
    """persist rdp-cookie: the server whose address the RDP cookie "msts" holds."""
    return PersistRdpCookie(at=args.at, name=ROUTING_TOKEN)


@keyword("persist", In.DEFAULTS | In.BACK, "4.2")
def persist(args: Args) -> PersistRdpCookie:
    """persist rdp-cookie(<name>): the same of a cookie of that name."""
    expected = "rdp-cookie or rdp-cookie(<name>)"
    if not args.more():
        raise ConfigError("missing persist method.", args.here, expected)
    word = args.word("rdp-cookie(<name>)")
    method, _, rest = word.text.partition("(")
    if method != "rdp-cookie":
        raise args.wrong(word, f"unknown persist method '{word.text}'.", ("rdp-cookie",), expected)
    if len(rest) < 2 or not rest.endswith(")"):
        raise ConfigError("persist rdp-cookie(name) requires an rdp cookie name.", word.at, expected)
    return PersistRdpCookie(at=args.at, name=rest[:-1].encode("utf-8", "surrogateescape"))
