"""What `pointsman lint` finds, in the order of the files, and how fixes are tried.

Subject --> findings of the load, and those of each rule --> ignore comments --> Report, sorted and without doubles
Report  --> fixes that are compatible --> new texts --> loaded again; a fix that breaks the load is taken back
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pointsman.config.setting import In
from pointsman.core.diagnostics import Position, Severity
from pointsman.core.registry import nearest
from pointsman.verbs.lint import loading, rules
from pointsman.verbs.lint.rule import RULES, Edit, Fix, Found, Level, Rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.text import Ignore, Text, compatible

ROUNDS: Final = 10  # of fixes: one may make room for the next
USELESS: Final = "useless-ignore"
UNKNOWN: Final = "unknown-ignore"
CRASHED: Final = "lint-fault"

for _rule in (
    Rule(
        USELESS,
        Level.WARNING,
        None,
        "A comment ignores a finding that is not there",
        "The finding has gone, or the comment stands on another line than it. It would hide a new finding some day.",
        fixes=True,
    ),
    Rule(UNKNOWN, Level.WARNING, None, "A comment ignores a name that no rule has", "It is misspelt, most likely."),
    Rule(
        CRASHED,
        Level.ERROR,
        None,
        "A rule of lint has failed itself",
        "This is a fault of Pointsman: please report it, with the file. The other rules have had their say.",
    ),
):
    RULES.add(_rule.name, _rule)


@dataclass(frozen=True, slots=True)
class Report:
    """One finding, as it is shown. `ended`: where the load says what it expected."""

    name: str
    level: Level
    at: Position
    message: str
    hint: str = ""
    expected: str = ""
    fix: Fix | None = None

    @property
    def order(self) -> tuple[int, int, str, str]:
        return (self.at.line, self.at.column, self.name, self.message)


@dataclass(slots=True)
class Choice:
    """Which rules count: all but `ignored`; or `only` some."""

    only: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        return name not in self.ignored and (not self.only or name in self.only)


@dataclass(slots=True)
class Result:
    """What a run has found. `loads`: the configuration could run."""

    reports: list[Report]
    loads: bool
    alerts: int  # of the load
    texts: dict[str, Text] = field(default_factory=dict)
    fixed: list[Report] = field(default_factory=list)  # what --fix has done something about

    def count(self, level: Level) -> int:
        return sum(1 for one in self.reports if one.level == level)


def lint(subject: Subject, choice: Choice) -> Result:
    """All findings, sorted, without those that comments ignore."""
    found: list[Report] = []
    for name in rules.NAMES:
        rule = RULES.get(name)
        assert rule is not None and rule.check is not None
        if choice.takes(name) or not choice.only:  # an ignore comment of it may be useless
            found += _of_rule(rule, subject)
    said = {(one.name, one.at.file, one.at.line) for one in found}
    found += [one for one in _of_load(subject) if (one.name, one.at.file, one.at.line) not in said]
    ignores = {name: text.ignores() for name, text in subject.texts.items()}
    kept = _without_ignored(_unique(found), ignores)
    kept += _about_ignores(subject, ignores, choice)
    files = {name: number for number, name in enumerate(subject.texts)}
    kept = [one for one in kept if choice.takes(one.name)]
    kept.sort(key=lambda one: (files.get(one.at.file, -1), *one.order))
    alerts = subject.diagnostics.count(Severity.ALERT)
    return Result(kept, not alerts and not subject.failed, alerts, subject.texts)


def _of_load(subject: Subject) -> list[Report]:
    reports: list[Report] = []
    for one in subject.diagnostics.findings:
        name, level = loading.name_of(one), loading.LEVELS[one.severity]
        if name in loading.HERE or name in loading.INHERITED and _is_inherited(subject, one.position):
            level = Level.INFO
        reports.append(Report(name, level, one.position, one.message.rstrip("."), one.hint, one.expected))
    return reports


def _is_inherited(subject: Subject, at: Position) -> bool:
    """The line is one of a defaults section."""
    found = subject.by_place.get((at.file, at.line))
    return found is not None and found[0].kind == In.DEFAULTS


def _of_rule(rule: Rule, subject: Subject) -> list[Report]:
    assert rule.check is not None
    try:
        return [_report(rule, one) for one in rule.check(subject)]
    except Exception as error:
        if rules.RAISES:
            raise
        message = f"rule '{rule.name}' has failed: {type(error).__name__}: {error}"
        return [Report(CRASHED, Level.ERROR, Position("", 0), message)]


def _report(rule: Rule, one: Found) -> Report:
    return Report(rule.name, rule.level, one.at, one.message, one.hint, "", one.fix)


def _unique(reports: list[Report]) -> list[Report]:
    """One finding of a name for a line and column."""
    seen: set[tuple[str, str, int, int]] = set()
    kept: list[Report] = []
    for one in reports:
        key = (one.name, one.at.file, one.at.line, one.at.column)
        if one.at.line and key in seen:
            continue
        seen.add(key)
        kept.append(one)
    return kept


def _without_ignored(reports: list[Report], ignores: dict[str, list[Ignore]]) -> list[Report]:
    wanted = {(file, one.about, one.name): one for file, many in ignores.items() for one in many}
    kept: list[Report] = []
    for report in reports:
        ignore = wanted.get((report.at.file, report.at.line, report.name))
        if ignore is None or report.level == Level.ERROR and RULES.get(report.name) is None:
            kept.append(report)
        else:
            ignore.used = True
    return kept


def _about_ignores(subject: Subject, ignores: dict[str, list[Ignore]], choice: Choice) -> list[Report]:
    """Comments that ignore nothing."""
    reports: list[Report] = []
    for file, many in ignores.items():
        text = subject.texts[file]
        for one in many:
            at = Position(file, one.line, one.column, len(one.name), text.line(one.line))
            if RULES.get(one.name) is None:
                near = nearest(one.name, list(RULES))
                hint = f"did you mean '{near}'?" if near else "`pointsman lint --list` shows all names"
                reports.append(Report(UNKNOWN, Level.WARNING, at, f"no rule is called '{one.name}'", hint))
            elif not one.used and (not choice.only or one.name in choice.only):
                message = f"nothing of '{one.name}' is found here"
                fix = _without(file, one, text) if one.only else None
                reports.append(Report(USELESS, Level.WARNING, at, message, "", "", fix))
    return reports


def _without(file: str, ignore: Ignore, text: Text) -> Fix:
    line = text.line(ignore.line)
    start = line.rfind("#", 0, ignore.column)
    if not line[:start].strip():
        return Fix("remove the comment", (Edit(file, ignore.line, whole=True),))
    start = len(line[:start].rstrip())
    return Fix("remove the comment", (Edit(file, ignore.line, start + 1, len(line) - start),))


Examine = Callable[[dict[str, Text]], Subject]


def fix_all(texts: dict[str, Text], examine: Examine, choice: Choice, level: Level = Level.INFO) -> Result:
    """Fix what can be fixed, of that level or above, and lint what comes of it. Nothing is written.

    What loaded loads, and no alert is new.
    """
    result = lint(examine(texts), choice)
    done: list[Report] = []
    refused: set[tuple[str, str]] = set()
    for _ in range(ROUNDS):
        wanted = [
            one for one in result.reports if one.fix is not None and one.level >= level and _key(one) not in refused
        ]
        chosen = compatible([one.fix for one in wanted if one.fix is not None])
        round_ = _Round(texts, result, examine, choice)
        round_.attempt([one for one in wanted if any(one.fix is fix for fix in chosen)])
        refused.update(_key(one) for one in round_.refused)
        if not round_.taken:
            break
        texts, result = round_.made, round_.result
        done += round_.taken
    result.texts = texts
    result.fixed = done
    return result


class _Round:
    """Fixes that do not overlap, so that any part can be done: by halves, those that break the load are found."""

    def __init__(self, texts: dict[str, Text], before: Result, examine: Examine, choice: Choice) -> None:
        self.texts = self.made = texts
        self.before = self.result = before
        self.examine = examine
        self.choice = choice
        self.taken: list[Report] = []
        self.refused: list[Report] = []

    def attempt(self, group: list[Report]) -> None:
        """Do these beside those that are taken."""
        if not group:
            return
        made = _edited(self.texts, self.taken + group)
        after = lint(self.examine(made), self.choice)
        if after.alerts <= self.before.alerts and (after.loads or not self.before.loads):
            self.taken = self.taken + group
            self.made, self.result = made, after
        elif len(group) == 1:
            self.refused += group
        else:
            half = len(group) // 2
            self.attempt(group[:half])
            self.attempt(group[half:])


def _key(report: Report) -> tuple[str, str]:
    return report.name, report.at.text


def _edited(texts: dict[str, Text], reports: Sequence[Report]) -> dict[str, Text]:
    """The texts with the fixes of these findings."""
    edits: dict[str, list[Edit]] = {}
    for one in reports:
        for edit in one.fix.edits if one.fix is not None else ():
            edits.setdefault(edit.file, []).append(edit)
    return {name: Text(name, text.edited(edits[name])) if name in edits else text for name, text in texts.items()}
