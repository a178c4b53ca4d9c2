"""What an agent says (manual 5.2, agent-check): one line of words between spaces, tabs and commas, in any order and
case, up to the first CR or LF. Bytes in, a report out; what is done with it is health's.

    75%  weight:20  weight:50%    the weight           up                       the state, by the agent
    maxconn:30                    the limit            down  fail  stopped      the same, and it is bad
    ready  drain  maint           the administrative state                      # what is shown beside the state

Of several words about one thing the last one counts.
"""

import re
from dataclasses import dataclass
from typing import Final

_WORD_ENDS: Final = re.compile(rb"[ \t,]+")
_PERCENT: Final = re.compile(r"[0-9]+%.*")
UP: Final = "up"
BAD: Final = ("down", "fail", "stopped")
ADMINISTRATIVE: Final = ("ready", "drain", "maint")
LINE_ENDS: Final = re.compile(rb"[\r\n\0]")


@dataclass(slots=True)
class AgentReport:
    """`state`: the word as it was said, "" where there was none. "": a thing that was not said."""

    state: str = ""
    remark: str = ""  # behind a sharp
    admin: str = ""  # ready, drain, maint
    weight: str | None = None
    maxconn: str | None = None
    unknown: str = ""  # the first word that means nothing

    @property
    def up(self) -> bool:
        return self.state.lower() == UP

    def info(self, warning: str) -> str:
        """What last_agt and logs tell of it. `warning`: why its weight or limit is none."""
        if self.state:
            told = self.unknown or warning or self.remark
            return f"via agent : {self.state}" + (f" ({told})" if told else "")
        if self.unknown:
            return f"agent reports an error : {self.unknown}"
        return f"agent warns : {warning}" if warning else ""


def whole_line(data: bytes) -> bytes | None:
    """The first line of what came; None: it is not whole yet. A NUL ends what counts, and so no line."""
    found = LINE_ENDS.search(data)
    return data[: found.start()] if found is not None and found[0] != b"\0" else None


def read_report(line: bytes) -> AgentReport:
    """Any bytes make a report."""
    report = AgentReport()
    rest = line
    while rest := rest.lstrip(b" \t,"):
        if rest.startswith(b"#"):
            report.remark = rest[1:].strip(b" \t,").decode("latin-1")
            break
        pieces = _WORD_ENDS.split(rest, 1)
        rest = pieces[1] if len(pieces) > 1 else b""
        _take(report, pieces[0].decode("latin-1"))
    return report


def _take(report: AgentReport, word: str) -> None:
    small = word.lower()
    if small == UP or small in BAD:
        report.state = word
    elif small in ADMINISTRATIVE:
        report.admin = small
    elif small.startswith("weight:"):
        report.weight = word[len("weight:") :]
    elif small.startswith("maxconn:"):
        report.maxconn = word[len("maxconn:") :]
    elif _PERCENT.fullmatch(word):
        report.weight = word
    elif not report.unknown:
        report.unknown = word
