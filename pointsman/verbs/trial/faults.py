"""What servers do wrong on request: `--fault 'web/*=slow:2s'`.

    slow:TIME       the answer comes that much later
    refuse          connections are refused
    reset           connections are reset as soon as they are there
    hang            connections are taken, and nothing comes
    drop            the request is read, and the connection is closed without an answer
    CODE            an answer with this status: 500, 503, 404 ...

Behind each may stand a share, as in 500:10%: so many of the requests (connections, for reset and hang) get it. Several
faults may be on one server; `none` takes back those before it.
"""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from pointsman.core.registry import nearest
from pointsman.verbs.trial.order import Standing

KINDS: Final = ("slow", "refuse", "reset", "hang", "drop", "none")
AT_ONCE: Final = ("reset", "hang")  # those of connections
TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|)")
UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "": 1e-3}
FORMS: Final = "slow:2s, refuse, reset, hang, drop, a status such as 500, none; a share such as :10% behind it"


class FaultError(Exception):
    """A fault that cannot be understood, or that no server is meant by."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str  # one of KINDS, or "status"
    seconds: float = 0.0
    status: int = 0
    share: float = 1.0
    text: str = ""

    def drawn(self) -> bool:
        return self.share >= 1 or random.random() < self.share


@dataclass(frozen=True, slots=True)
class FaultRule:
    pattern: str
    fault: Fault

    def means(self, one: Standing) -> bool:
        return one.matches(self.pattern)


def parse_fault(text: str) -> FaultRule:
    """SERVER=FAULT, SERVER a pattern for backend/server, or the name of either. Raises FaultError."""
    pattern, equals, what = text.rpartition("=")
    if not equals or not pattern:
        raise FaultError(f"'{text}' is no fault: expected SERVER=FAULT, as in 'web/s1=slow:2s'")
    return FaultRule(pattern, _fault(what))


def _fault(text: str) -> Fault:
    kind, *values = text.split(":")
    share = 1.0
    if values and values[-1].endswith("%"):
        digits = values.pop()[:-1]
        if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", digits) or float(digits) > 100:
            raise FaultError(f"'{text}': '{digits}%' is no share: expected 0% to 100%")
        share = float(digits) / 100
    if kind == "slow":
        found = TIME.fullmatch(values[0]) if len(values) == 1 else None
        if found is None:
            raise FaultError(f"'{text}': expected a time behind slow, as in slow:2s")
        return Fault(kind, seconds=float(found[1]) * UNITS[found[2]], share=share, text=text)
    if values:
        raise FaultError(f"'{text}': '{values[0]}' makes no sense there; expected {FORMS}")
    if re.fullmatch(r"[2-5][0-9][0-9]", kind):
        return Fault("status", status=int(kind), share=share, text=text)
    if kind not in KINDS:
        near = nearest(kind, KINDS)
        hint = f"did you mean '{near}'?" if near else f"expected {FORMS}"
        raise FaultError(f"'{text}' is no fault; {hint}")
    if kind in ("refuse", "none") and share < 1:
        raise FaultError(f"'{text}': {kind} has no share")
    return Fault(kind, share=share, text=text)


class Faults:
    """Those in force. `on_refusal` is called with each server that begins to refuse connections, or ceases to."""

    def __init__(self, servers: Iterable[Standing]) -> None:
        self.servers = list(servers)
        self.rules: list[FaultRule] = []
        self.refused: set[str] = set()
        self.on_refusal: Callable[[Standing, bool], None] = lambda one, refused: None
        self._known: dict[str, list[Fault]] = {}

    def add(self, rule: FaultRule) -> None:
        """From now on. Raises FaultError where it means no server."""
        meant = self._meant(rule)
        if not meant:
            names = sorted({one.title for one in self.servers} | {one.backend for one in self.servers})
            near = nearest(rule.pattern, names)
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(names[:8])}"
            raise FaultError(f"no server is '{rule.pattern}'; {hint}")
        for one in meant:
            if one.kind != "echo" and one.host.startswith("/") and rule.fault.kind != "none":
                raise FaultError(f"{one.title} is a socket of this run, which does nothing wrong")
            if one.kind != "echo" and rule.fault.kind not in ("refuse", "none"):
                raise FaultError(f"{one.title} is no echo server: only 'refuse' can be asked of it")
        if rule.fault.kind == "none":
            self.rules = [other for other in self.rules if not all(rule.means(one) for one in self._meant(other))]
        self.rules.append(rule)
        self._known.clear()
        for one in meant:
            refused = any(fault.kind == "refuse" for fault in self.of(one))
            if refused != (one.title in self.refused):
                (self.refused.add if refused else self.refused.discard)(one.title)
                self.on_refusal(one, refused)

    def _meant(self, rule: FaultRule) -> list[Standing]:
        return [one for one in self.servers if rule.means(one)]

    def of(self, one: Standing) -> list[Fault]:
        """The faults of a server, in their order."""
        found = self._known.get(one.title)
        if found is None:
            found = []
            for rule in self.rules:
                if rule.means(one):
                    if rule.fault.kind == "none":
                        found.clear()
                    else:
                        found.append(rule.fault)
            self._known[one.title] = found
        return found

    def of_connection(self, one: Standing) -> str:
        """What becomes of a new connection: "", reset or hang."""
        return next((fault.kind for fault in self.of(one) if fault.kind in AT_ONCE and fault.drawn()), "")

    def of_request(self, one: Standing) -> tuple[float, int, bool]:
        """What becomes of a request: seconds to wait, a status (0: the usual one), whether it gets no answer."""
        seconds, status, dropped = 0.0, 0, False
        for fault in self.of(one):
            if fault.kind in ("slow", "status", "drop") and fault.drawn():
                seconds += fault.seconds
                status = fault.status or status
                dropped = dropped or fault.kind == "drop"
        return seconds, status, dropped
