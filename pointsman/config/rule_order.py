"""Rules that stand below others but are processed before them: a warning, in HAProxy's words.

The rules of a proxy run family after family, in the order of this table, whatever the order of their lines (manual 4.2
of each family). Who writes a deny below a use_backend may believe that it only concerns what is left.

    tcp-request connection, session, content; monitor fail; http-request; redirect; use_backend and use-server
    tcp-response content; http-response
"""

from typing import Final

from pointsman.core.diagnostics import Diagnostics
from pointsman.core.words import Line

RANKS: Final = {
    "tcp-request connection": 1,
    "tcp-request session": 2,
    "tcp-request content": 3,
    "monitor fail": 4,
    "http-request": 5,
    "redirect": 6,
    "use_backend": 7,
    "use-server": 7,
    "tcp-response content": 11,
    "http-response": 12,
}
REQUESTS: Final = 10  # ranks below are of requests, those above of responses
TWO_WORDS: Final = ("tcp-request", "tcp-response", "monitor")


class RuleOrder:
    """The families that were met in the section at hand."""

    def __init__(self) -> None:
        self.met: dict[str, int] = {}

    def begin(self) -> None:
        """A new section."""
        self.met = {}

    def note(self, line: Line, diagnostics: Diagnostics) -> None:
        """A line that was read without an error."""
        family = line.words[0].text
        if family in TWO_WORDS and len(line.words) > 1:
            family = f"{family} {line.words[1].text}"
        rank = RANKS.get(family)
        if rank is None:
            return
        self.met.setdefault(family, rank)
        if len(self.met) == 1:
            return
        later = [one for one, other in self.met.items() if rank < other and (rank < REQUESTS) == (other < REQUESTS)]
        if later:
            first = min(later, key=RANKS.__getitem__)
            article = "an" if first.startswith("http") else "a"
            diagnostics.warning(
                f"a '{family}' rule placed after {article} '{first}' rule will still be processed before.",
                line.at,
                hint=f"put it above the '{first}' rules",
            )
