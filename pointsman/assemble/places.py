"""Where in the configuration stands what has a say about exchanges, by the names of stream/entries.py.

Rules and routes know their places themselves; options and single lines leave no trace in a live proxy but an attribute.
"""

from typing import Final

from pointsman.config.cookies import CookieLine
from pointsman.config.options import ForwardForSetting, Option, OriginalToSetting, RestrictHeaderNames
from pointsman.config.setting import Section, Setting
from pointsman.config.stats import StatsText, page_position
from pointsman.core.diagnostics import Position
from pointsman.log.keywords import LineFormat, UniqueIdFormat
from pointsman.rules.captures import CaptureCookie, CaptureSlot
from pointsman.rules.forwarded_words import ForwardedSetting
from pointsman.rules.keywords import MonitorUriLine
from pointsman.rules.persistence import PersistRdpCookie
from pointsman.rules.stick import StickLine

OPTIONS: Final = ("http-buffer-request", "checkcache")
LINES: Final[dict[str, tuple[type[Setting], ...]]] = {
    "capture": (CaptureSlot, CaptureCookie),
    "cookie": (CookieLine,),
    "stick": (StickLine,),
    "persist rdp-cookie": (PersistRdpCookie,),
    "unique-id-format": (UniqueIdFormat,),
    "monitor-uri": (MonitorUriLine,),
    "log-format": (LineFormat,),
    "option http-restrict-req-hdr-names": (RestrictHeaderNames,),
    "option forwarded": (ForwardedSetting,),
    "option forwardfor": (ForwardForSetting,),
    "option originalto": (OriginalToSetting,),
}


def places_of(section: Section) -> dict[str, Position]:
    """The first line of each; the last one where a line replaces those before."""
    found: dict[str, Position] = {}
    for name in OPTIONS:
        said = section.one(Option, name)
        if said is not None:
            found[f"option {name}"] = said.at
    for name, kinds in LINES.items():
        for kind in kinds:
            lines = section.all(kind) if kind.many else [section.one(kind)]
            for line in lines[:1]:
                if line is not None:
                    found.setdefault(name, line.at)
    if section.keyed(StatsText):
        found["stats"] = page_position(section)
    return found
