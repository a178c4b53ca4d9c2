"""What each rule and option has done: the records of a decision (sample/trace.py), with what changed between them.

    Witness     a Trace that is told of each rule when it has run, and compares the exchange with what it was before
    Watch       an entry (stream/entries.py) behind each one of a decision: what an option did is its own step

Traffic has no watches: they stand in plans that are made for explanations (`watched`).
"""

from collections.abc import Callable, Sequence

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.proto.message import Field, Head
from pointsman.rules.explained import VERDICTS
from pointsman.sample.context import Context, Variables
from pointsman.sample.limits import TIME_NAMES
from pointsman.sample.trace import AclRecord, ConditionRecord, Record, RouteRecord, RuleRecord, SampleRecord, Trace
from pointsman.server.backend import LiveServer
from pointsman.stream.entries import NEXT, ContentRules, Deciding, Entry, Rules
from pointsman.stream.stick_rules import NO_STORES
from pointsman.stream.sticking import Learning, Sticking
from pointsman.stream.told import Told
from pointsman.tables.changes import Change
from pointsman.verbs.explain.model import HeadDiff, Stage, Step, Unknown
from pointsman.verbs.explain.words import shown, time_text, value_text

Tell = Callable[[SampleRecord], Unknown | None]


def known(sample: SampleRecord) -> Unknown | None:
    """Nothing is unknown."""
    return None


class Snapshot:
    """What an exchange is at a moment."""

    def __init__(self, context: Context, changes: Sequence[Change]) -> None:
        request, response = context.request, context.response
        self.request = _head(request, context)
        self.response = _head(response, context) if context.responding else ("", [])
        self.variables: Variables = dict(context.variables)
        self.of_session: Variables = dict(context.session.variables)
        self.captures = [*context.request_captures, *context.response_captures]
        self.unique_id = context.unique_id
        self.source, self.destination = context.source, context.destination
        self.times = list(context.limits.times) if context.limits is not None else []
        self.retries = context.limits.retries if context.limits is not None else -1
        self.level = context.record.level
        self.tracked = len(context.tracked or ()) + len(context.session.tracked or ())
        self.changes = len(changes)


def _head(head: Head | None, context: Context) -> tuple[str, list[Field]]:
    if head is None:
        return "", []
    if context.request is not None and head is context.request:
        start = f"{shown(context.request.method)} {shown(context.request.uri)}"
    else:
        assert context.response is not None
        start = f"{context.response.status} {shown(context.response.reason)}"
    return start, list(head.fields)


class Witness(Trace):
    """Its `stages` are what an explanation has of rules. `places`: where options stand, by the names of entries."""

    def __init__(self, context: Context, changes: Sequence[Change], tell: Tell) -> None:
        super().__init__()
        self.tell = tell  # what is unknown of a sample
        self.asked: list[SampleRecord] = []  # all samples
        self.acls: list[AclRecord] = []  # and all ACLs
        self.context = context
        self.changes = changes
        self.stages: list[Stage] = []
        self.places: dict[str, Position] = {}
        self.steps: list[Step] = []  # of the present stage
        self.snapshots: list[Snapshot] = []  # what was before each of them
        self.place = ("", "")  # its name and proxy
        self.before = Snapshot(context, changes)
        self.seen = 0  # records that are steps already
        self.forced: LiveServer | None = None  # as the decision had it before the present entry
        self.stores = NO_STORES  # as the decision has them before the present entry
        self.forced_by: tuple[str, Position] | None = None  # the entry that has named the server, and its line
        self.limits_at: dict[str, Position] = {}  # of timeouts that rules have set: by which line

    def begin(self, name: str, proxy: str) -> None:
        """The next steps are of that list."""
        if (name, proxy) == self.place:
            return
        self.end()
        self.place = (name, proxy)

    def turn_to(self, context: Context) -> None:
        """What follows is about that one, or about another message of it: nothing of it has been changed yet."""
        self.settle()
        self.context = context
        self.before = Snapshot(context, self.changes)

    def end(self) -> None:
        """The present stage is over."""
        if self.steps:
            self.stages.append(Stage(name=self.place[0], proxy=self.place[1], steps=tuple(self.steps)))
            self.steps = []
            self.snapshots = []

    def add(self, record: Record) -> None:
        self._forget(len(self.records))
        super().add(record)
        if isinstance(record, RuleRecord):
            self._take(len(self.records))

    def settle(self) -> None:
        """Records that have not become steps yet do so: a list of routes is over."""
        self._forget(len(self.records))
        self._take(len(self.records))

    def _forget(self, known: int) -> None:
        """Of records that were taken back, because their rules are evaluated again, the steps are, too."""
        lost = self.seen - known
        if lost > 0:
            self.before = self.snapshots[-lost]
            del self.steps[-lost:], self.snapshots[-lost:]
            self.seen = known

    def _take(self, until: int) -> None:
        for record in self.records[self.seen : until]:
            if isinstance(record, RuleRecord):
                ran = record.verdict is not None
                verdict = "" if record.verdict is None else VERDICTS.get(record.verdict, str(record.verdict))
                self._step(record.at, record.action, ran, record.condition, record.negated, record.samples, verdict)
            elif isinstance(record, RouteRecord):
                name = shown(record.name) if record.holds and record.name is not None else ""
                self._step(
                    record.at,
                    first_word(record.at),
                    record.holds,
                    record.condition,
                    record.negated,
                    record.samples,
                    "",
                    name,
                    changes=bool(record.samples),
                )
        self.seen = until

    def passed(self, what: str, at: Position, notes: Sequence[str] = (), always: bool = False) -> None:
        """An option has had its say: a step, if it has changed something."""
        self.settle()
        now = Snapshot(self.context, self.changes)
        if always or notes or _differs(self.before, now):
            place = at if at.line else self.places.get(what, NOWHERE)
            self._step(place, what, True, None, False, (), "", "", notes)

    def _step(
        self,
        at: Position,
        what: str,
        ran: bool,
        condition: ConditionRecord | None,
        negated: bool,
        samples: tuple[SampleRecord, ...],
        verdict: str,
        names: str = "",
        notes: Sequence[str] = (),
        changes: bool = True,
    ) -> None:
        """`changes`: it may have changed something."""
        before = self.before
        now = self.before = Snapshot(self.context, self.changes) if changes else before
        self.snapshots.append(before)
        lines = [] if condition is None else acls_of(condition)
        asked = [*[sample for line in lines for sample in line.samples], *samples]
        self.acls += lines
        self.asked += asked
        unknown = {one.text: one for one in map(self.tell, asked) if one is not None}
        diff = _diff(before.response, now.response) if now.response[0] else _diff(before.request, now.request)
        if diff is None and now.response[0]:
            diff = _diff(before.request, now.request)
        for index, name in enumerate(TIME_NAMES):
            if (
                now.times
                and now.times != before.times
                and (not before.times or now.times[index] != before.times[index])
            ):
                self.limits_at[name] = at
        if now.retries != before.retries:
            self.limits_at["retries"] = at
        self.steps.append(
            Step(
                at=at,
                text=" ".join(at.text.split()),
                what=what,
                ran=ran,
                condition=condition,
                negated=negated,
                samples=samples,
                verdict=verdict,
                names=names,
                diff=diff,
                variables=_variables(before, now),
                captures=_captures(before, now),
                notes=(*notes, *_notes(before, now, self.changes)),
                unknown=tuple(unknown.values()),
            )
        )


def acls_of(condition: ConditionRecord) -> list[AclRecord]:
    """All that were looked at."""
    return [line for terms in condition.alternatives for term in terms for line in term.lines]


def _differs(before: Snapshot, now: Snapshot) -> bool:
    return (
        before.request != now.request
        or before.response != now.response
        or before.captures != now.captures
        or before.unique_id != now.unique_id
        or before.changes != now.changes
    )


def first_word(at: Position) -> str:
    words = at.text.split()
    return words[0] if words else ""


def _diff(before: tuple[str, list[Field]], now: tuple[str, list[Field]]) -> HeadDiff | None:
    if before == now or not now[0] or not before[0]:
        return None
    kept = {id(one) for one in now[1]}
    known = {id(one) for one in before[1]}
    removed = [_line(one) for one in before[1] if id(one) not in kept]
    added = [_line(one) for one in now[1] if id(one) not in known]
    for line in list(removed):  # made anew, and the same as it was
        if line in added:
            removed.remove(line)
            added.remove(line)
    changed = before[0] != now[0]
    if not (changed or removed or added):
        return None
    return HeadDiff(
        before=before[0] if changed else "",
        after=now[0] if changed else "",
        removed=tuple(removed),
        added=tuple(added),
    )


def _line(one: Field) -> str:
    return f"{shown(one.name)}: {shown(one.value)}"


def _variables(before: Snapshot, now: Snapshot) -> tuple[tuple[str, str | None], ...]:
    found: list[tuple[str, str | None]] = []
    for old, new in ((before.variables, now.variables), (before.of_session, now.of_session)):
        for name in [*old, *[one for one in new if one not in old]]:
            value = new.get(name)
            if old.get(name) != value or type(old.get(name)) is not type(value):
                found.append((shown(name), None if value is None else value_text(value)))
    return tuple(found)


def _captures(before: Snapshot, now: Snapshot) -> tuple[str, ...]:
    if before.captures == now.captures:
        return ()
    return tuple(shown(one) for one in now.captures if one and one not in before.captures)


def _notes(before: Snapshot, now: Snapshot, changes: Sequence[Change]) -> list[str]:
    found = [f"would change: {_change(one)}" for one in changes[before.changes : now.changes]]
    if now.unique_id != before.unique_id:
        found.append(f"unique id: {shown(now.unique_id)}")
    if now.source is not before.source and now.source.text != before.source.text:
        found.append(f"source: {shown(now.source.text)}")
    if now.destination is not before.destination and not now.destination.same(before.destination):
        found.append(f"destination: {shown(now.destination.text)}:{now.destination.port}")
    if now.tracked > before.tracked:
        found.append("tracks an entry of a table")
    if now.times and now.times != before.times:
        old = before.times or [0] * len(now.times)
        found += [
            f"timeout {name} {time_text(now.times[n])}" for name, n in TIME_NAMES.items() if now.times[n] != old[n]
        ]
    if now.retries != before.retries:
        found.append(f"retries {now.retries}")
    if now.level != before.level:
        found.append("the log line has another level" if now.level < 8 else "there is no log line")
    return found


def _change(change: Change) -> str:
    return " ".join(str(one) for one in change if one is not None)


class Watch(Entry):
    """Behind another entry: what that has done becomes a step."""

    def __init__(self, of: Entry, proxy: str) -> None:
        self.of = of
        self.proxy = proxy
        self.name = of.name

    def decide(self, one: Deciding) -> int:
        witness = one.trace
        assert isinstance(witness, Witness)
        of = self.of
        inner = of.entry if isinstance(of, Told) else of
        notes: list[str] = []
        if isinstance(of, Learning):
            # A trace keeps tables as they are; here they learn, as in traffic.
            one.trace, one.stores = None, witness.stores
            of.decide(one)
            one.trace = witness
        elif isinstance(inner, Sticking) and inner.rules and one.forced is None:
            notes.append("the live program's table may know a server for this key")
        witness.passed(of.name, of.at, notes)
        if one.forced is not None and one.forced is not witness.forced:
            witness.forced_by = (of.name, of.at)
        return NEXT


class Begin(Watch):
    """Before another entry: steps are of its list from now on."""

    def decide(self, one: Deciding) -> int:
        witness = one.trace
        assert isinstance(witness, Witness)
        of = self.of
        lists = isinstance(of, Rules | ContentRules) or of.name in ("use_backend", "use-server", "stick")
        witness.begin(of.name if lists else "options", self.proxy)
        witness.forced, witness.stores = one.forced, one.stores
        return NEXT
