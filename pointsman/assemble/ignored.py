"""What a proxy says in vain: a warning each, in HAProxy's words.

Options and statements of HTTP in a proxy of mode tcp, which usually come from its defaults (manual 4.2 of each); a
frontend that listens nowhere.
"""

from pointsman.assemble.cookies import warn_of_ignored_cookies
from pointsman.config.bind import Bind
from pointsman.config.options import HTTP_ONLY, OPTIONS, ForwardForSetting, Option, OriginalToSetting
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import Diagnostics, Position
from pointsman.rules.captures import CaptureCookie
from pointsman.rules.forwarded_words import ForwardedSetting
from pointsman.rules.keywords import MonitorUriLine


def warn_of_ignored(section: Section, http: bool, diagnostics: Diagnostics) -> None:
    """All that is ignored in one proxy."""
    if not http:
        _options(section, diagnostics)
        _statements(section, diagnostics)
        if section.kind & In.BACK:
            warn_of_ignored_cookies(section, diagnostics)
    if section.kind & In.FRONT and not section.all(Bind):
        diagnostics.warning(
            f"{section.title} has no 'bind' directive. Please declare it as a backend if this was intended.", section.at
        )


def _options(section: Section, diagnostics: Diagnostics) -> None:
    found: list[tuple[str, Position]] = [
        (one.name, one.at)
        for one in section.keyed(Option)
        if one.on and one.name in HTTP_ONLY and OPTIONS[one.name].where & section.kind
    ]
    for name, setting in (
        ("forwardfor", section.one(ForwardForSetting)),
        ("originalto", section.one(OriginalToSetting)),
        ("forwarded", section.one(ForwardedSetting)),
    ):
        if setting is not None:
            found.append((name, setting.at))
    for name, at in found:
        diagnostics.warning(
            f"'option {name}' ignored for {section.title} as it requires HTTP mode.",
            at,
            "'mode http'",
            f"'no option {name}' in this section says that it is not wanted here" if name in OPTIONS else "",
        )


def _statements(section: Section, diagnostics: Diagnostics) -> None:
    statements: list[tuple[str, Setting | None]] = []
    if section.kind & In.FRONT:
        statements += [("monitor-uri", section.one(MonitorUriLine)), ("capture", section.one(CaptureCookie))]
    for name, setting in statements:
        if setting is not None:
            diagnostics.warning(
                f"'{name}' statement ignored for {section.title} as it requires HTTP mode.", setting.at, "'mode http'"
            )
