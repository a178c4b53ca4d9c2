"""The persistence cookies of backends."""

from typing import Final

from pointsman.config.cookies import CookieLine, DynamicCookieKey
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.stream.cookies import INSERT, PREFIX, REWRITE, PersistenceCookie
from pointsman.stream.proxies import BackendProxy

MODES: Final = {"rewrite": REWRITE, "insert": INSERT, "prefix": PREFIX}


def set_cookie_of(backend: BackendProxy, section: Section) -> None:
    """What the backend's lines say, before it has servers."""
    line = section.one(CookieLine)
    key = section.one(DynamicCookieKey)
    if key is not None:
        backend.cookie_key = key.value
    if line is not None and backend.http:
        backend.cookie = cookie_of(line)
        backend.dynamic_cookies = "dynamic" in line.flags


def cookie_of(line: CookieLine) -> PersistenceCookie:
    """As a backend uses it."""
    cookie = PersistenceCookie(line.name, MODES[next(iter(line.modes))] if line.modes else 0)
    cookie.indirect = "indirect" in line.flags
    cookie.nocache = "nocache" in line.flags
    cookie.postonly = "postonly" in line.flags
    cookie.preserve = "preserve" in line.flags
    cookie.max_idle = line.max_idle
    cookie.max_life = line.max_life
    attributes = [b"domain=" + domain for domain in line.domains]
    attributes += [b"HttpOnly"] if "httponly" in line.flags else []
    attributes += [b"Secure"] if "secure" in line.flags else []
    cookie.tail = b"".join([b"; " + one for one in [*attributes, *line.attributes]])
    return cookie


def warn_of_ignored_cookies(section: Section, diagnostics: Diagnostics) -> None:
    """In mode tcp nobody reads cookies."""
    line = section.one(CookieLine)
    if line is not None:
        diagnostics.warning(f"cookie will be ignored for {section.title} (needs 'mode http').", line.at, "'mode http'")
    for one in section.all(ServerLine):
        if one.parameters.cookie:
            diagnostics.warning(
                f"{section.title} : ignoring cookie for server '{one.name}' as HTTP mode is disabled.",
                one.at,
                "'mode http'",
            )
