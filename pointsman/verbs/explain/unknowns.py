"""Values that cannot be known offline, and values that are given (--set): what explanations take for them.

    Knowledge(expressions, acls)      of a configuration: which of them ask what nobody knows offline, and why
      assume(given, pins)             as long as that lasts, expressions give what was said, and not what they find
      told(record)                    what an explanation says of a sample
      other(record)                   a value with which an ACL would be decided the other way

A value is given by the text of an expression ("src,table_conn_rate(t)"), of its fetch ("rand(100)"), or by the name of
that ("sc0_http_req_rate"); the more exact one holds. sc0_x(t) and sc_x(0,t) are the same.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pointsman.assemble.live import Live
from pointsman.core.registry import nearest
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.registry import FETCHES
from pointsman.sample.source import ConverterStep, Pure, Source
from pointsman.sample.trace import AclRecord, SampleRecord
from pointsman.sample.types import WAITED, Type, Value
from pointsman.stream.monitor import Monitor
from pointsman.verbs.explain.entrance import AskedError
from pointsman.verbs.explain.model import Unknown
from pointsman.verbs.explain.reasons import is_state, why_unknown
from pointsman.verbs.explain.words import value_text

SHORT = re.compile(r"sc([0-2])_(\w+)(?:\((.*?)\))?(.*)", re.DOTALL)
NUMBER = re.compile(r"-?\d+")
DRAWN = re.compile(r"rand(?:\((\d+)\))?(?:,|$)")
DRAWN_BELOW = 1 << 32  # what `rand` is below that says nothing (manual 7.3.2)


class Fixed(Source):
    """Gives that, whatever is asked."""

    def __init__(self, value: Value | None) -> None:
        self.value = value

    def get(self, ctx: Context) -> Value | None:
        return self.value

    def values(self, ctx: Context) -> list[Value]:
        return [] if self.value is None else [self.value]


class Fix(Pure):
    """In the place of a converter: gives that."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def turn(self, value: Value) -> Value | None:
        return self.value


def canonical(text: str) -> str:
    """The same for all spellings of an expression."""
    text = "".join(text.split())
    found = SHORT.fullmatch(text)
    if found is None:
        return text
    number, name, arguments, rest = found.groups()
    return f"sc_{name}({number}{',' + arguments if arguments else ''}){rest}"


class Knowledge:
    """What a configuration asks that cannot be known."""

    def __init__(self, live: Live, expressions: Sequence[object], acls: Sequence[object]) -> None:
        self.expressions = [one for one in expressions if isinstance(one, Expression)]
        self.reasons: dict[str, str] = {}  # by the text of an expression
        self.assumed: list[tuple[Expression, Value]] = []
        self.states: set[str] = set()  # texts of those that ask states of servers
        for one in self.expressions:
            why = why_unknown(one.fetch, one.converters)
            if not why and one.reads & WAITED:
                why = "an async function, which nobody calls offline"
            if why:
                self.reasons[one.text] = why
                drawn = DRAWN.match(one.text)
                if drawn:  # the middle: what holds for few draws in a hundred is not the answer
                    self.assumed.append((one, int(drawn[1] or DRAWN_BELOW) // 2))
                if is_state(one.fetch, one.converters):
                    self.states.add(one.text)
        self.acls: dict[tuple[int, int, str, str], Acl] = {}
        for acl in acls:
            if isinstance(acl, Acl) and acl.expression.text in self.reasons:
                self.acls[(acl.criterion.at.line, acl.criterion.at.column, acl.criterion.at.file, acl.method)] = acl
        self.monitored = [
            acl
            for frontend in live.frontends
            if isinstance(frontend.monitor, Monitor)
            for condition, _ in frontend.monitor.fails
            for acl in _acls(condition)
        ]

    @contextmanager
    def assume(self, given: Mapping[str, str], pins: Mapping[str, Value | None]) -> Iterator[None]:
        """`given`: as people say it; `pins`: by texts of expressions. Raises AskedError for what no expression asks."""
        meant = self._meant(given, pins)
        kept = [(one, one.source, one.steps) for one, _ in meant]
        sources = [(acl, acl.source) for acl in self.monitored]
        for one, value in self.assumed:
            kept.append((one, one.source, one.steps))
            one.source = Fixed(value)
        try:
            for one, wanted in meant:
                _fix(one, *wanted)
            for acl in self.monitored:
                acl.source = acl.expression.source
            yield
        finally:
            for acl, source in sources:
                acl.source = source
            for one, before, steps in reversed(kept):
                one.source, one.steps = before, steps

    def _meant(
        self, given: Mapping[str, str], pins: Mapping[str, Value | None]
    ) -> list[tuple[Expression, tuple[bool, Value | None]]]:
        """Which expressions are fixed: whole or their fetch alone, and at what."""
        if not given and not pins:
            return []
        wanted = {canonical(name): text for name, text in given.items()}
        met: set[str] = set()
        found: list[tuple[Expression, tuple[bool, Value | None]]] = []
        for one in self.expressions:
            whole, fetch, name = _names(one)
            met.update(key for key in (whole, fetch, name) if key in wanted)
            if whole in wanted:
                found.append((one, (True, typed(wanted[whole], one.type, whole))))
            elif one.text in pins:
                found.append((one, (True, pins[one.text])))
            elif fetch in wanted or name in wanted:
                key = fetch if fetch in wanted else name
                entry = FETCHES.get(one.fetch)
                assert entry is not None
                found.append((one, (False, typed(wanted[key], entry.type, key))))
        for key in wanted:
            if key not in met:
                raise AskedError(self._not_asked(key))
        return found

    def _not_asked(self, key: str) -> str:
        known = sorted({one.text for one in self.expressions})
        near = nearest(key, known)
        unknown = sorted(self.reasons)
        hint = (
            f"; did you mean '{near}'?"
            if near
            else f"; what cannot be known: {', '.join(unknown[:8])}"
            if unknown
            else ""
        )
        return f"nothing in the configuration asks for '{key}'{hint}"

    def told(self, sample: SampleRecord, given: Mapping[str, str], states: bool) -> Unknown | None:
        """None: it is known, or was said."""
        why = self.reasons.get(sample.text)
        if why is None or states and sample.text in self.states:
            return None
        if given:
            names = {canonical(name) for name in given}
            text = canonical(sample.text)
            fetch = text.partition(",")[0] if "(" not in text else _fetch_of(text)
            if names & {text, fetch, fetch.partition("(")[0]}:
                return None
        assumed = None if sample.value is None else value_text(sample.value)
        return Unknown(text=sample.text, why=why, at=sample.at, assumed=assumed)

    def other(self, record: AclRecord) -> tuple[bool, Value | None]:
        """A value that decides it the other way; False: none was found."""
        at = record.at
        acl = self.acls.get((at.line, at.column, at.file, record.method))
        if acl is None:
            return False, None
        for value in _candidates(acl):
            try:
                verdict = value is not None and acl.matcher.test(value)
            except (ValueError, AssertionError, TypeError):
                continue
            if verdict != record.verdict:
                return True, value
        return False, None


def _acls(condition: Condition) -> list[Acl]:
    return [acl for terms in condition.alternatives for term in terms for acl in term.acls]


def _fetch_of(text: str) -> str:
    """Up to the end of the fetch's arguments."""
    depth = 0
    for index, one in enumerate(text):
        depth += (one == "(") - (one == ")")
        if one == "," and not depth:
            return text[:index]
    return text


def _names(one: Expression) -> tuple[str, str, str]:
    whole = canonical(one.text)
    return whole, _fetch_of(whole), one.fetch


def _fix(one: Expression, whole: bool, value: Value | None) -> None:
    if not whole or value is None or not one.steps:
        one.source = Fixed(value)
        return
    entry = FETCHES.get(one.fetch)
    assert entry is not None
    start: Value = b"" if entry.type not in (Type.BOOL, Type.SINT) else 0
    one.source = Fixed(start)
    steps: list[ConverterStep] = [Fix(value) for _ in one.steps]
    one.steps = steps


def typed(text: str, kind: Type, name: str) -> Value:
    """A value as people write it. Raises AskedError."""
    lower = text.strip().lower()
    if kind == Type.BOOL:
        if lower in ("1", "true", "yes", "on"):
            return True
        if lower in ("0", "false", "no", "off"):
            return False
        raise AskedError(f"'{name}' is true or false, not '{text}'")
    if kind == Type.SINT:
        if not NUMBER.fullmatch(lower):
            raise AskedError(f"'{name}' is a number, not '{text}'")
        return int(lower)
    if kind in (Type.ADDR, Type.IPV4, Type.IPV6):
        try:
            return ipaddress.ip_address(text.strip()).packed
        except ValueError as error:
            raise AskedError(f"'{name}' is an address, not '{text}'") from error
    if kind == Type.ANY and NUMBER.fullmatch(text):
        return int(text)
    if kind == Type.BIN and lower.startswith("0x"):
        try:
            return bytes.fromhex(text.strip()[2:])
        except ValueError as error:
            raise AskedError(f"'{name}' is binary: 0x and hexadecimal digits, not '{text}'") from error
    return text.encode("utf-8", "surrogateescape")


def _candidates(acl: Acl) -> Iterator[Value | None]:
    kind = acl.expression.type
    texts = acl.patterns[:64]
    if kind == Type.BOOL:
        yield from (True, False)
    elif kind == Type.SINT or kind == Type.ANY and acl.method == "int":
        for text in texts:
            for found in NUMBER.findall(text.replace(":-", ": -")):
                number = int(found)
                yield from (number, number + 1, number - 1)
        yield from (0, 1, 1 << 31)
    elif kind in (Type.ADDR, Type.IPV4, Type.IPV6):
        for text in texts:
            try:
                yield ipaddress.ip_network(text, strict=False).network_address.packed
            except ValueError:
                continue
        yield bytes([192, 0, 2, 1])
    else:
        yield from (text.encode("utf-8", "surrogateescape") for text in texts)
        yield b"other"
    yield None
