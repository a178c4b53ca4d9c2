"""Which proxies speak HTTP.

`mode` says it; without one anywhere a proxy is raw TCP, with one kinder reading, on purpose: a frontend or listen for
which no mode is set and that itself contains HTTP rules, or routes by HTTP samples, runs in mode http, and the backends
that it alone uses and that set no mode follow it. Elsewhere a `deny` rule would silently be ignored, which is
dangerous. Options inherited from defaults never cause this, nor do sections that sniff protocols (req.proto_http).
"""

from typing import Final

from pointsman.config.acls import AclLine
from pointsman.config.action import HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE
from pointsman.config.proxy import Mode
from pointsman.config.setting import Configuration, In, Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.words import Word
from pointsman.rules.keywords import DefaultBackendLine, RedirectLine, UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition

HTTP: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER  # sets of rules that are for HTTP alone


def decide_modes(configuration: Configuration, diagnostics: Diagnostics) -> dict[int, bool]:
    """For each proxy section, by id(): does it speak HTTP."""
    modes: dict[int, bool] = {}
    for proxy in configuration.proxies:
        said = proxy.one(Mode)
        modes[id(proxy)] = said is not None and said.mode == "http"
    for proxy in configuration.proxies:
        if proxy.one(Mode) is None and proxy.kind & In.FRONT and _asks_http(proxy):
            modes[id(proxy)] = True
            diagnostics.warning(
                f"{_kind(proxy)} '{proxy.name}' has HTTP rules but no mode: it runs in mode http. Say 'mode http'.",
                proxy.at,
            )
            _follow(configuration, proxy, modes)
    return modes


def _kind(proxy: Section) -> str:
    return (proxy.kind.name or "").lower()


def _asks_http(proxy: Section) -> bool:
    own = proxy.settings
    if any(isinstance(one, RedirectLine) or isinstance(one, Rule) and one.rule_set & HTTP for one in own):
        return not _sniffs(proxy)
    for one in own:
        if isinstance(one, UseBackendLine) and one.condition is not None and one.condition.http:
            return not _sniffs(proxy)
    return False


def _sniffs(proxy: Section) -> bool:
    if any(
        "req.proto_http" in word.text or "req_proto_http" in word.text or word.text == "HTTP"
        for line in proxy.all(AclLine)
        for word in line.words
    ):
        return True
    conditions: list[Condition | None] = [one.condition for one in proxy.all(UseBackendLine)]
    conditions += [one.condition for one in proxy.all(Rule)]
    return any(one is not None and one.sniffs for one in conditions)


def used_backends(proxy: Section) -> list[Word]:
    """The names of the backends that a frontend sends traffic to, as far as they are known."""
    words = [one.name for one in proxy.all(UseBackendLine) if one.format is None]
    default = proxy.one(DefaultBackendLine)
    return words + ([default.name] if default is not None else [])


def _follow(configuration: Configuration, front: Section, modes: dict[int, bool]) -> None:
    """Backends without a mode that only this frontend uses speak what it speaks."""
    others = {
        word.text
        for proxy in configuration.proxies
        if proxy.kind & In.FRONT and not modes[id(proxy)]
        for word in used_backends(proxy)
    }
    for word in used_backends(front):
        back = configuration.proxy(word.text, In.BACK)
        if back is not None and back.one(Mode) is None and word.text not in others:
            modes[id(back)] = True
