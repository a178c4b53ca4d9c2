"""How keys become servers: `hash-type`, `hash-balance-factor`, `hash-preserve-affinity` (manual 4.2).

key --function--> 32 bits --avalanche, if asked--> a slot of the map, or a place on the ring
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.hashes import MASK, crc32, djb2, sdbm, wt6
from pointsman.sample.casts import text_to_int

Function = Callable[[bytes], int]

ALWAYS: Final = 0  # hash-preserve-affinity: the hash decides, whatever the server's load
MAXCONN: Final = 1  # unless it is full
MAXQUEUE: Final = 2  # unless its queue is full


def number(key: bytes) -> int:
    """The function "none": the key, as text, is the hash."""
    return (text_to_int(key) or 0) & MASK


FUNCTIONS: Final[dict[str, Function]] = {"sdbm": sdbm, "djb2": djb2, "wt6": wt6, "crc32": crc32, "none": number}
AFFINITIES: Final = {"always": ALWAYS, "maxconn": MAXCONN, "maxqueue": MAXQUEUE}


@dataclass(frozen=True, slots=True)
class Hashing:
    """All that holds for the hash of one backend."""

    consistent: bool = False
    function: Function = sdbm
    avalanche: bool = False
    factor: int = 0  # percent of the average load that a server may have; 0: no limit
    affinity: int = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class HashType(Setting):
    """A `hash-type` line."""

    consistent: bool
    function: str
    avalanche: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HashBalanceFactor(Setting):
    """A `hash-balance-factor` line."""

    factor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HashPreserveAffinity(Setting):
    """A `hash-preserve-affinity` line; one of ALWAYS, MAXCONN, MAXQUEUE."""

    affinity: int


@keyword("hash-type", In.DEFAULTS | In.BACK, "4.2")
def hash_type(args: Args) -> HashType:
    """hash-type map-based|consistent [sdbm|djb2|wt6|crc32|none] [avalanche]: from hashes to servers.

    A consistent hash for which no function is named uses sdbm and avalanche.
    """
    if args.peek() == "avalanche":
        raise ConfigError(
            "experimental feature 'hash-type avalanche' is not supported anymore",
            args.here,
            hint="please use 'hash-type map-based sdbm avalanche' instead",
        )
    consistent = args.choice("<method>", ("map-based", "consistent")) == "consistent"
    if not args.more():
        return HashType(consistent=consistent, function="sdbm", avalanche=consistent, at=args.at)
    function = args.choice("<function>", tuple(FUNCTIONS))
    avalanche = args.more() and args.choice("<modifier>", ("avalanche",)) == "avalanche"
    return HashType(consistent=consistent, function=function, avalanche=avalanche, at=args.at)


@keyword("hash-balance-factor", In.DEFAULTS | In.BACK, "4.2")
def hash_balance_factor(args: Args) -> HashBalanceFactor:
    """hash-balance-factor <factor>: the most that a server may carry, in percent of the average."""
    at = args.here
    factor = args.integer("<factor>", 0, 1_000_000)
    if 0 < factor <= 100:
        raise ConfigError("'hash-balance-factor' must be 0 or greater than 100.", at, "0, or a number above 100")
    return HashBalanceFactor(factor=factor, at=args.at)


@keyword("hash-preserve-affinity", In.DEFAULTS | In.BACK, "4.2")
def hash_preserve_affinity(args: Args) -> HashPreserveAffinity:
    """hash-preserve-affinity always|maxconn|maxqueue: whether a hash passes by servers that are full."""
    return HashPreserveAffinity(affinity=AFFINITIES[args.choice("<method>", tuple(AFFINITIES))], at=args.at)


def hashing_of(section: Section) -> Hashing:
    """What a backend's section and its defaults say."""
    kind = section.one(HashType)
    factor = section.one(HashBalanceFactor)
    affinity = section.one(HashPreserveAffinity)
    return Hashing(
        consistent=kind.consistent if kind else False,
        function=FUNCTIONS[kind.function] if kind else sdbm,
        avalanche=kind.avalanche if kind else False,
        factor=factor.factor if factor else 0,
        affinity=affinity.affinity if affinity else ALWAYS,
    )
