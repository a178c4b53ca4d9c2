"""Cases, played: each from the state in which the program starts, its repeated requests one after the other."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pointsman.core.diagnostics import Finding, unforeseen
from pointsman.core.registry import nearest
from pointsman.verbs.explain.engine import AskedError, Engine, Place
from pointsman.verbs.explain.model import Explanation
from pointsman.verbs.explain.words import shown
from pointsman.verbs.routes.check import Failure, check_case
from pointsman.verbs.routes.model import Case, Suite

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"


class ConfigurationError(Exception):
    """The configuration cannot be loaded; its findings say why."""

    def __init__(self, files: Sequence[str], findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(f"{', '.join(files)} cannot be loaded")


@dataclass(frozen=True, slots=True)
class Result:
    """`error`: why it could not be asked. `hints`: of a failure, by its index, what was probably meant."""

    case: Case
    failures: tuple[Failure, ...] = ()
    error: str = ""
    seconds: float = 0.0
    hints: Mapping[int, str] = field(default_factory=dict)
    places: Sequence[Place] = ()

    @property
    def status(self) -> str:
        if self.case.skip:
            return SKIPPED
        return FAILED if self.failures or self.error else PASSED


def engine_of(files: Sequence[str], environment: Mapping[str, str]) -> Engine:
    """Raises ConfigurationError."""
    engine = Engine(files, variables={**os.environ, **environment})
    if engine.failed:
        engine.close()
        raise ConfigurationError(files, engine.diagnostics.findings)
    return engine


class Player:
    """A configuration that cases are played against. `heard`: who wants all explanations, for coverage."""

    def __init__(self, engine: Engine, heard: Callable[[Explanation], None] | None = None) -> None:
        self.engine = engine
        self.heard = heard
        self.places = engine.places()
        live = engine.live
        self.proxies = {
            "frontend": [shown(one.name) for one in live.frontends],
            "backend": [shown(one.name) for one in live.backends],
        }
        self.servers = {shown(one.name): [shown(server.name) for server in one.servers] for one in live.backends}

    def play(self, case: Case) -> Result:
        if case.skip:
            return Result(case)
        begun = time.perf_counter()
        try:
            explanations = self._asked(case)
            failures = tuple(check_case(case, explanations))
        except AskedError as error:
            return Result(case, error=str(error), seconds=time.perf_counter() - begun)
        except Exception as error:  # whatever a case brings up, the others are played
            finding = unforeseen(error, "while this was played")
            text = f"{finding.message}: {finding.hint}"
            return Result(case, error=text, seconds=time.perf_counter() - begun)
        hints = {index: hint for index, one in enumerate(failures) if (hint := self._hint(one))}
        return Result(case, failures, "", time.perf_counter() - begun, hints, self.places)

    def _asked(self, case: Case) -> list[Explanation]:
        self.engine.fresh()
        found = []
        for number in range(1, case.repeat + 1):
            explanation = self.engine.explain(case.request(number))
            if self.heard is not None:
                self.heard(explanation)
            found.append(explanation)
        return found

    def _hint(self, failure: Failure) -> str:
        """A name that the configuration does not have can never be met."""
        expectation, explanation = failure.expectation, failure.explanation
        if expectation is None or explanation is None:
            return failure.note
        wanted = [name for test in expectation.tests if test.kind == "is" for name in test.values]
        if expectation.key in ("backend", "frontend"):
            return _missing(wanted, self.proxies[expectation.key], f"the configuration has no {expectation.key}")
        if expectation.key == "server" and explanation.backend:
            servers = self.servers.get(explanation.backend, [])
            return _missing(wanted, servers, f"backend '{explanation.backend}' has no server") or failure.note
        if expectation.key == "log":
            return _missing([expectation.name], list(explanation.log_fields), "there is no log tag")
        return failure.note


def _missing(wanted: Sequence[str], known: Sequence[str], text: str) -> str:
    for name in wanted:
        if name not in known:
            near = nearest(name, known)
            return f"{text} '{name}'" + (f": did you mean '{near}'?" if near else "")
    return ""


def configuration_of(suite: Suite, files: Sequence[str]) -> tuple[str, ...]:
    """Those of the command, else those that the suite names itself."""
    return tuple(files) or suite.configuration
