"""Global keywords about resumed sessions of TLS clients (manual 3.2). Other keywords of TLS: tls_global.py."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.global_section import GlobalFlag, GlobalNumber
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section
from pointsman.core.diagnostics import ConfigError
from pointsman.tls.sessions import DEFAULT_BLOCKS, LIFETIME

_BLOCKS: Final = "tune.ssl.cachesize"
_LIFETIME: Final = "tune.ssl.lifetime"
_PRIVATE: Final = "tune.ssl.force-private-cache"
MOST_BLOCKS: Final = 1 << 24  # 4 GB


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`blocks`: of the cache; 0: there is none. `lifetime`: seconds."""

    blocks: int = DEFAULT_BLOCKS
    lifetime: int = LIFETIME
    private: bool = False


def session_settings(main: Section) -> SessionSettings:
    """What the global section says."""
    blocks, lifetime = main.one(GlobalNumber, _BLOCKS), main.one(GlobalNumber, _LIFETIME)
    return SessionSettings(
        DEFAULT_BLOCKS if blocks is None else blocks.value,
        LIFETIME if lifetime is None or not lifetime.value else lifetime.value,
        main.one(GlobalFlag, _PRIVATE) is not None,
    )


@keyword(_BLOCKS, In.GLOBAL, "3.2")
def cache_size(args: Args) -> GlobalNumber:
    """tune.ssl.cachesize <number>: blocks of the cache of TLS sessions; 0 switches it off."""
    if not args.more():
        raise ConfigError(f"'{_BLOCKS}' expects an integer argument.", args.here, f"from 0 to {MOST_BLOCKS}")
    word = args.words[args.index]
    value = args.integer("<number>", -(1 << 31), (1 << 63) - 1)
    if not 0 <= value <= MOST_BLOCKS:
        raise ConfigError(
            f"'{_BLOCKS}' expects a positive numeric value.", word.at, f"from 0 to {MOST_BLOCKS} blocks of 256 bytes"
        )
    args.end()
    return GlobalNumber(name=_BLOCKS, value=value, at=args.at)


@keyword(_LIFETIME, In.GLOBAL, "3.2")
def session_lifetime(args: Args) -> GlobalNumber:
    """tune.ssl.lifetime <timeout>: for how long TLS sessions may be resumed, in seconds; 0: as by default."""
    if not args.more():
        raise ConfigError(f"'{_LIFETIME}' expects ssl sessions <lifetime> in seconds as argument.", args.here, "a time")
    value = -(-args.time("<timeout>", "s") // 1000)
    args.end()
    return GlobalNumber(name=_LIFETIME, value=value, at=args.at)


@keyword(_PRIVATE, In.GLOBAL, "3.2")
def private_cache(args: Args) -> GlobalFlag:
    """tune.ssl.force-private-cache: each lane has a cache of TLS sessions of its own."""
    args.end()
    return GlobalFlag(name=_PRIVATE, on=True, at=args.at)
