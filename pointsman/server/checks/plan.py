"""From a backend's section to what its checks do: settings of the keywords, and the list of steps (manual 4.2).

The rules of a section replace those of its defaults, all of them together: the line of `option httpchk`, http-check
connect, send, expect and comment. The first request is made of `option httpchk` and of the first `http-check send`, in
the order of their lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from pointsman.config.setting import Section, Setting
from pointsman.core.diagnostics import Diagnostics
from pointsman.log.keywords import UniqueIdFormat
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.server.checks.external import ExternalCheck
from pointsman.server.checks.steps import STATUS, CheckStep, Connect, Expect, Remark, SendRequest, Silent

TCP: Final = "tcp-check"  # kinds of rules
HTTP: Final = "http-check"
FIXED: Final = "fixed"  # its option says all steps
OPTIONS: Final = {TCP: "option tcp-check", HTTP: "option httpchk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKind(Setting):
    """`option httpchk`, `option tcp-check`, `option ssl-hello-chk`: the last one counts."""

    kind: str
    steps: tuple[CheckStep, ...] = ()  # of one that is FIXED


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRule(Setting):
    """One rule. `line`: it is not one of the user's, but the request of `option httpchk`."""

    kind: str
    step: CheckStep
    line: bool = False
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFlag(Setting):
    """`http-check disable-on-404`, `http-check send-state`, `option log-health-checks`."""

    name: str
    on: bool = True

    def key(self) -> object:
        return self.name


def flag(section: Section, name: str) -> bool:
    found = section.one(CheckFlag, name)
    return found is not None and found.on


def own_rules(section: Section, kind: str) -> list[CheckRule]:
    """The rules of that kind that a section itself has."""
    return [one for one in section.settings if isinstance(one, CheckRule) and one.kind == kind]


def rules_of(section: Section, kind: str) -> list[CheckRule]:
    """The rules that hold: its own, or those of its defaults."""
    rules = own_rules(section, kind)
    if not rules and section.defaults is not None:
        return rules_of(section.defaults, kind)
    return rules


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What the checks of one backend do. `told`: the user wrote rules, so results are marked "(tcp-check)"."""

    steps: tuple[CheckStep, ...]
    http: bool = False
    told: bool = False
    sequence: bool = False  # of option tcp-check, with rules or without
    disable_on_404: bool = False
    send_state: bool = False
    log_all: bool = False
    connect_timeout: int = 0  # ms; 0: none
    read_timeout: int = 0  # `timeout check`; 0: not said
    size: int = 16_384  # bytes of a response that are looked at (tune.bufsize)
    unique_id: Format | None = None  # unique-id-format of the backend
    external: ExternalCheck | None = None  # a program says it, and there are no steps

    @property
    def has_port(self) -> bool:
        """The first connect says itself which port it is, or none is needed."""
        if self.external is not None:
            return True
        for step in self.steps:
            if isinstance(step, Connect):
                return bool(step.port or step.port_expression)
        return False

    @property
    def connects(self) -> list[Connect]:
        return [step for step in self.steps if isinstance(step, Connect)]

    @property
    def asks_own(self) -> bool:
        """The user has written how to connect."""
        return any(step.number for step in self.connects)

    def host(self, context: Context) -> bytes:
        """Whom the first request names."""
        for step in self.steps:
            if isinstance(step, SendRequest):
                for name, text in step.headers:
                    if name == b"host":
                        return text.render(context)
        return b""


def make_plan(
    section: Section, diagnostics: Diagnostics, connect_timeout: int, read_timeout: int, size: int = 16_384
) -> CheckPlan:
    """The plan of a backend. Rules without the option that makes them count are worth a warning."""
    chosen = section.one(CheckKind)
    kind = chosen.kind if chosen is not None else ""
    for other in (TCP, HTTP):
        rules = own_rules(section, other)
        if (
            rules
            and other != kind
            and not any(one.kind == other for one in section.settings if isinstance(one, CheckKind))
        ):
            diagnostics.warning(
                f"backend '{section.name}' uses {other} rules without '{OPTIONS[other]}', so the rules are ignored.",
                rules[0].at,
            )
    log_all = flag(section, "log-health-checks")
    unique = section.one(UniqueIdFormat)
    unique_id = unique.format if unique is not None else None
    if kind == HTTP:
        return CheckPlan(
            _http_steps(rules_of(section, HTTP)),
            http=True,
            told=True,
            disable_on_404=flag(section, "disable-on-404"),
            send_state=flag(section, "send-state"),
            log_all=log_all,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            size=size,
            unique_id=unique_id,
        )
    steps = _numbered([rule.step for rule in rules_of(section, TCP)]) if kind == TCP else []
    told = any(not isinstance(step, Silent) for step in steps)
    if chosen is not None and kind == FIXED:
        steps = list(chosen.steps)
    if not any(isinstance(step, Connect) for step in steps):
        steps.insert(0, Connect())
    return CheckPlan(
        tuple(steps),
        told=told,
        sequence=kind == TCP,
        log_all=log_all,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        size=size,
        unique_id=unique_id,
    )


def _numbered(steps: list[CheckStep]) -> list[CheckStep]:
    """With their numbers, and each with the remark that stands before it, unless it has one of its own."""
    numbered: list[CheckStep] = []
    remark = ""
    for number, step in enumerate(steps, 1):
        numbered.append(replace(step, number=number, comment=step.comment or remark))
        remark = step.comment if isinstance(step, Remark) else ""
    return numbered


def _http_steps(rules: list[CheckRule]) -> tuple[CheckStep, ...]:
    """The whole sequence: connect, send, expect, each of them implied where the user left it out."""
    request = SendRequest()
    first = next((rule for rule in rules if not rule.line and isinstance(rule.step, SendRequest)), None)
    for rule in rules:
        if (rule.line or rule is first) and isinstance(rule.step, SendRequest):
            request = merge(request, rule.step)
    steps = _numbered([request if rule is first else rule.step for rule in rules if not rule.line])
    if not any(isinstance(step, Connect) for step in steps):
        steps.insert(0, Connect())
    if first is None:
        place = next(index for index, step in enumerate(steps) if isinstance(step, Connect)) + 1
        steps.insert(place, request)
    last = [step for step in steps if not isinstance(step, Silent)][-1]
    if isinstance(last, SendRequest):
        steps.append(Expect(kind=STATUS, ranges=((200, 399),)))
    return tuple(_placed(steps))


def _placed(steps: list[CheckStep]) -> Iterator[CheckStep]:
    """With the numbers that messages name: the first request is part of `option httpchk` there, and a last expect that
    was not written is the second step at least."""
    place = 0
    first = next((step for step in steps if isinstance(step, SendRequest)), None)
    for step in steps:
        if step.number and step is not first:
            place += 1
        yield replace(step, place=place if step.number else max(2, place + 1)) if isinstance(step, Expect) else step


def merge(earlier: SendRequest, later: SendRequest) -> SendRequest:
    """What a later line says counts; headers add up."""
    return replace(
        earlier,
        method=later.method if later.method is not None else earlier.method,
        uri=later.uri if later.uri is not None else earlier.uri,
        version=later.version if later.version is not None else earlier.version,
        headers=earlier.headers + later.headers,
        body=later.body if later.body is not None else earlier.body,
        comment=later.comment or earlier.comment,
        number=later.number,
    )
