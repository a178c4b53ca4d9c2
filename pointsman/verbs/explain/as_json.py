"""An explanation as JSON. Its names are stable: explanation.schema.json says what they are, docs/explain.md what they
mean. What is added later is new names; VERSION counts what would break a reader."""

from collections.abc import Mapping, Sequence
from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.sample.trace import (
    AclRecord,
    ConditionRecord,
    PatternRecord,
    SampleRecord,
    TermRecord,
)
from pointsman.sample.types import Type, Value
from pointsman.verbs.explain.model import Asked, Branch, Choice, Explanation, HeadDiff, Stage, Step, Unknown
from pointsman.verbs.explain.values import plain, type_of

VERSION: Final = 1
LONGEST: Final = 65_536  # bytes of a body
Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None


def explanation_json(explanation: Explanation) -> dict[str, Json]:
    """All of it."""
    return {
        "version": VERSION,
        "asked": _asked(explanation.asked),
        "frontend": explanation.frontend,
        "frontend_at": _at(explanation.at),
        "bind_at": _at(explanation.bind),
        "outcome": explanation.outcome,
        "status": explanation.status or None,
        "ended_by": _at(explanation.ended_by),
        "backend": explanation.backend or None,
        "backend_at": _at(explanation.backend_at),
        "backend_why": explanation.backend_why,
        "server": None if explanation.server is None else _choice(explanation.server),
        "stages": [_stage(one) for one in explanation.stages],
        "limits": [{"name": one.name, "value": one.value, "at": _at(one.at)} for one in explanation.limits],
        "request": list(explanation.request),
        "response": list(explanation.response),
        "body_from": explanation.body_from,
        "body": explanation.body[:LONGEST].decode("utf-8", "backslashreplace"),
        "termination_state": explanation.letters,
        "log_line": explanation.log_line,
        "log_fields": dict(explanation.log_fields),
        "variables": dict(explanation.variables),
        "unknown": [_unknown(one) for one in explanation.unknown],
        "branches": [_branch(one) for one in explanation.branches],
        "notes": list(explanation.notes),
    }


def _at(at: Position) -> Json:
    return {"file": at.file, "line": at.line, "column": at.column} if at.line else None


def _asked(asked: Asked) -> Json:
    return {
        "method": asked.method,
        "url": asked.url,
        "http": asked.version,
        "headers": [[name, value] for name, value in asked.headers],
        "source": asked.source,
        "destination": asked.destination,
        "frontend": asked.frontend,
        "sni": asked.sni,
        "client_certificate": asked.client_certificate,
        "body_length": len(asked.body),
        "payload_length": None if asked.payload is None else len(asked.payload),
        "down": sorted(asked.down),
        "set": dict(asked.given),
        "answer": {"status": asked.answer.status, "headers": [[name, value] for name, value in asked.answer.headers]},
    }


def _choice(choice: Choice) -> Json:
    return {
        "name": choice.name or None,
        "at": _at(choice.at),
        "address": choice.address,
        "algorithm": choice.algorithm,
        "why": choice.why,
        "candidates": list(choice.candidates),
        "left_out": [{"name": one.name, "at": _at(one.at), "why": one.why} for one in choice.left_out],
    }


def _stage(stage: Stage) -> Json:
    return {"name": stage.name, "proxy": stage.proxy, "steps": [_step(one) for one in stage.steps]}


def _step(step: Step) -> Json:
    return {
        "at": _at(step.at),
        "text": step.text,
        "what": step.what,
        "ran": step.ran,
        "condition": None if step.condition is None else _condition(step.condition, step.negated),
        "samples": [_sample(one) for one in step.samples],
        "verdict": step.verdict or None,
        "names": step.names or None,
        "diff": None if step.diff is None else _diff(step.diff),
        "variables": dict(step.variables),
        "captures": list(step.captures),
        "notes": list(step.notes),
        "unknown": [_unknown(one) for one in step.unknown],
    }


def _diff(diff: HeadDiff) -> Json:
    start: Json = {"before": diff.before, "after": diff.after} if diff.before or diff.after else None
    return {"start_line": start, "removed": list(diff.removed), "added": list(diff.added)}


def _condition(condition: ConditionRecord, negated: bool) -> Json:
    return {
        "at": _at(condition.at),
        "text": condition.text,
        "keyword": "unless" if negated else "if",
        "holds": condition.verdict,
        "alternatives": [[_term(one) for one in terms] for terms in condition.alternatives],
    }


def _term(term: TermRecord) -> Json:
    return {
        "at": _at(term.at),
        "acl": term.name or None,
        "negated": term.negated,
        "holds": term.verdict,
        "lines": [_acl(one) for one in term.lines],
    }


def _acl(acl: AclRecord) -> Json:
    return {
        "at": _at(acl.at),
        "criterion": acl.text,
        "method": acl.method,
        "matches": acl.verdict,
        "value": plain(acl.value, type_of(acl, acl.value)),
        "pattern": _pattern(acl.pattern),
        "samples": [_sample(one) for one in acl.samples],
    }


def _pattern(pattern: PatternRecord | None) -> Json:
    return None if pattern is None else {"text": pattern.text, "file": pattern.file, "line": pattern.line}


def _value(value: Value | None, kind: Type) -> Json:
    """Numbers and truths as what they are, all else as text."""
    return value if isinstance(value, int) else plain(value, kind)


def _sample(sample: SampleRecord) -> Json:
    last = len(sample.converters) - 1
    return {
        "at": _at(sample.at),
        "expression": sample.text,
        "type": sample.type.name.lower(),
        "fetched": _value(sample.fetched, sample.type if last < 0 else Type.ANY),
        "value": _value(sample.value, sample.type),
        "converters": [
            {
                "name": one.name,
                "value": _value(one.value, sample.type if number == last else Type.ANY),
                "entry": _pattern(one.entry),
            }
            for number, one in enumerate(sample.converters)
        ],
    }


def _unknown(unknown: Unknown) -> Json:
    return {"expression": unknown.text, "why": unknown.why, "at": _at(unknown.at), "assumed": unknown.assumed}


def _branch(branch: Branch) -> Json:
    return {"unknown": _unknown(branch.unknown), "explanation": explanation_json(branch.explanation)}
