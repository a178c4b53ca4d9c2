"""What options say, copied into live frontends and backends: all of them by one loop.

An option names its attribute beside its parser (config/options.py; `sets` in config/setting.py). Only a setting whose
attribute holds an object or a number of stream/ has a function here that makes it.
"""

from collections.abc import Callable
from typing import Final

from pointsman.config.options import (
    OPTIONS,
    ConnectionMode,
    ForwardForSetting,
    Network,
    Option,
    OriginalToSetting,
    RestrictHeaderNames,
)
from pointsman.config.setting import SETS, Section, Setting
from pointsman.stream.header_names import POLICIES
from pointsman.stream.proxies import CLOSE, KEEP_ALIVE, SERVER_CLOSE, BackendProxy, ForwardFor, Frontend

NOT: Final = "not "  # the attribute holds the contrary
MODES: Final = {"keep-alive": KEEP_ALIVE, "server-close": SERVER_CLOSE, "close": CLOSE}


def set_options(proxy: Frontend | BackendProxy, section: Section) -> None:
    """Give a live proxy what its section says. Where that says nothing, attributes keep the values they were made
    with."""
    on_front = isinstance(proxy, Frontend)
    for name, switch in OPTIONS.items():
        attribute = switch.front if on_front else switch.back
        found = section.one(Option, name) if attribute else None
        if found is not None and found.on is not None:
            setattr(proxy, attribute.removeprefix(NOT), found.on != attribute.startswith(NOT))
    for kind, names in SETS.items():
        attribute = names.front if on_front else names.back
        said = section.one(kind) if attribute else None
        if said is not None:
            setattr(proxy, attribute, _MADE[kind](said) if kind in _MADE else said.live())


def _mode(setting: Setting) -> object:
    assert isinstance(setting, ConnectionMode)
    return MODES[setting.mode]


def _policy(setting: Setting) -> object:
    assert isinstance(setting, RestrictHeaderNames)
    return POLICIES[setting.policy]


def _forward_for(setting: Setting) -> object:
    assert isinstance(setting, ForwardForSetting)
    return ForwardFor(setting.header or b"x-forwarded-for", setting.if_none, _networks(setting.excluded))


def _original_to(setting: Setting) -> object:
    assert isinstance(setting, OriginalToSetting)
    return ForwardFor(setting.header or b"x-original-to", False, _networks(setting.excluded))


def _networks(excluded: Network | None) -> list[tuple[bytes, int]]:
    return [] if excluded is None else [(excluded.network_address.packed, excluded.prefixlen)]


_MADE: Final[dict[type[Setting], Callable[[Setting], object]]] = {
    ConnectionMode: _mode,
    RestrictHeaderNames: _policy,
    ForwardForSetting: _forward_for,
    OriginalToSetting: _original_to,
}
