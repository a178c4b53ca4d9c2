"""overridden-setting."""

from collections.abc import Iterator
from typing import Final

from pointsman.balance.registry import Balance
from pointsman.config.cookies import CookieLine
from pointsman.config.options import ConnectionMode, ForwardForSetting
from pointsman.config.proxy import HttpReuse, Mode, ProxyNumber
from pointsman.config.setting import Setting
from pointsman.config.timeouts import Timeout
from pointsman.log.keywords import LineFormat
from pointsman.rules.keywords import DefaultBackendLine, MonitorUriLine
from pointsman.server.checks.plan import CheckKind
from pointsman.verbs.lint.rule import Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    timeout client 30s  # here
    timeout client 60s
    default_backend one  # here
    default_backend two
backend one
    mode http
backend two
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    timeout client 30s
    timeout client-fin 10s
    default_backend one
backend one
    mode http
"""
LAST: Final[tuple[type[Setting], ...]] = (  # of these, the last line of a section holds
    Balance,
    CheckKind,
    ConnectionMode,
    CookieLine,
    DefaultBackendLine,
    ForwardForSetting,
    HttpReuse,
    LineFormat,
    Mode,
    MonitorUriLine,
    ProxyNumber,
    Timeout,
)


@rule("overridden-setting", Level.WARNING, FOUND, CLEAN, fixes=True)
def overridden_setting(subject: Subject) -> Iterator[Found]:
    """A line has no effect, as a later one of the same section says something else.

    The last `timeout`, `balance`, `mode`, `default_backend` and their kin holds. `--fix` removes the line that has no
    effect; that the other one is meant is yours to know.
    """
    for section in subject.sections:
        last: dict[object, Setting] = {}
        for setting in section.settings:
            if isinstance(setting, LAST):
                key = (type(setting), setting.key())
                before = last.get(key)
                last[key] = setting
                if before is not None and before.at.line != setting.at.line:
                    words = " ".join(word.text for word in subject.words(setting.at))
                    message = f"'{words}' in line {setting.at.line} replaces this"
                    fix = None if isinstance(setting, CheckKind) else remove(before.at)  # rules of it may follow
                    yield Found(before.at, message, "keep the one that is meant", fix)
