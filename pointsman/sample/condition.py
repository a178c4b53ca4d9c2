"""Conditions: what stands behind `if` and `unless` (manual 7.2).

    acl1 !acl2 { path /x } or acl3          (acl1 and not acl2 and path is /x), or acl3

A condition is a list of alternatives, each a list of terms. A term is a named ACL (all of its lines), a predefined one
(manual 7.4), or an anonymous one between braces. Whether the rule runs on true or false (`if`, `unless`) is its owner's
business.
"""

import re
from collections.abc import Sequence
from typing import Final

from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Finding, Severity, UnknownName
from pointsman.core.registry import nearest
from pointsman.core.words import Word
from pointsman.sample.acl import PREDEFINED, Acl, AclTable, parse_acl, predefined
from pointsman.sample.arguments import Reference
from pointsman.sample.context import Context
from pointsman.sample.expression import check_waiting, describe
from pointsman.sample.trace import AclRecord, ConditionRecord, TermRecord
from pointsman.sample.types import Where

FALSE: Final = 0  # what `judge` says
TRUE: Final = 1
UNKNOWN: Final = 2

# Fetches that look at tables and at the client's address alone, and change nothing.
CALM: Final = re.compile(r"src|(?:sc[0-2]?|src)_(?!inc_|clr_|updt_)[a-z0-9_]+|table_(?:cnt|avl)")


class Term:
    """One ACL in a condition. `name` is "" for an anonymous one; `word` is its name, or the brace that opens it."""

    def __init__(self, name: str, acls: Sequence[Acl], negated: bool, word: Word) -> None:
        self.name = name
        self.word = word
        self.acls = list(acls)
        self.negated = negated
        self.usable = self.acls  # ACLs whose samples exist where the condition stands; the others never match

    def test(self, ctx: Context) -> bool:
        for acl in self.usable:
            if acl.test(ctx):
                return not self.negated
        return self.negated

    def explain(self, ctx: Context) -> TermRecord:
        """What `test` says, and why."""
        lines: list[AclRecord] = []
        found = False
        for acl in self.usable:
            line = acl.explain(ctx, self.name)
            lines.append(line)
            if line.verdict:
                found = True
                break
        return TermRecord(self.word.at, self.name, self.negated, tuple(lines), found != self.negated)

    def judge(self, ctx: Context) -> int:
        """FALSE, TRUE, or UNKNOWN: no line matches what is here, and one of them lacks bytes that may still come."""
        unknown = False
        for acl in self.usable:
            ctx.incomplete = False
            if acl.test(ctx):
                return FALSE if self.negated else TRUE
            unknown = unknown or ctx.incomplete or ctx.unparsed and acl.expression.http
        if unknown:
            return UNKNOWN
        return TRUE if self.negated else FALSE


class Condition:
    """A compiled condition."""

    def __init__(self, alternatives: list[list[Term]], text: str) -> None:
        self.alternatives = alternatives
        self.text = text
        self.findings: list[Finding] = []  # warnings
        self.reads = 0
        self.http = False  # it asks about HTTP messages
        self.sniffs = False  # it asks whether the traffic is HTTP
        self.calm = len(alternatives) > 0  # who asks it once more changes nothing, and it may be asked at any time
        self.references: list[Reference] = []
        for terms in alternatives:
            for term in terms:
                for acl in term.acls:
                    self._add(acl)

    def _add(self, acl: Acl) -> None:
        self.reads |= acl.reads
        self.http = self.http or acl.expression.http
        fetch = acl.expression.fetch
        self.sniffs = self.sniffs or fetch in ("req.proto_http", "req_proto_http")
        self.calm = self.calm and not acl.expression.converters and CALM.fullmatch(fetch) is not None
        self.references += acl.expression.references

    def test(self, ctx: Context) -> bool:
        """Whether it holds."""
        for terms in self.alternatives:
            for term in terms:
                if not term.test(ctx):
                    break
            else:
                return True
        return False

    def explain(self, ctx: Context) -> ConditionRecord:
        """What `test` says, and why."""
        alternatives: list[tuple[TermRecord, ...]] = []
        verdict = False
        for terms in self.alternatives:
            records: list[TermRecord] = []
            for term in terms:
                records.append(term.explain(ctx))
                if not records[-1].verdict:
                    break
            else:
                verdict = True
            alternatives.append(tuple(records))
            if verdict:
                break
        at = self.alternatives[0][0].word.at if self.alternatives else NOWHERE
        return ConditionRecord(at, self.text, tuple(alternatives), verdict)

    def judge(self, ctx: Context) -> int:
        """FALSE, TRUE, or UNKNOWN, where that depends on bytes that may still come (layer 4 content rules).

        What is known decides where it can: one term that does not hold makes an alternative false, whatever the others
        are, and one alternative that holds makes the condition true.
        """
        result = FALSE
        for terms in self.alternatives:
            found = TRUE
            for term in terms:
                one = term.judge(ctx)
                if one == FALSE:
                    found = FALSE
                    break
                if one == UNKNOWN:
                    found = UNKNOWN
            if found == TRUE:
                return TRUE
            if found == UNKNOWN:
                result = UNKNOWN
        ctx.incomplete = result == UNKNOWN
        return result


def parse_condition(
    words: Sequence[Word], acls: AclTable, where: Where, diagnostics: Diagnostics | None = None
) -> Condition:
    """The condition that the words behind `if` or `unless` make. Named ACLs are looked up in the section's table.

    Raises ConfigError. Warnings (an ACL that can never match there) go to `diagnostics` and stay in `findings`.
    """
    parser = _ConditionParser(words, acls)
    parser.run()
    condition = Condition(parser.alternatives, " ".join([word.text for word in words]))
    condition.findings += parser.findings
    for terms in parser.alternatives:
        for term in terms:
            for acl in term.acls:
                check_waiting(acl.expression.text, acl.reads, term.word.at)
            finding = _check(term, where)
            if finding is not None:
                condition.findings.append(finding)
    if not parser.alternatives:
        at = words[0].at if words else NOWHERE
        condition.findings.append(Finding(Severity.WARNING, "empty condition, it never holds", at))
    if diagnostics is not None:
        for finding in condition.findings:
            diagnostics.add(finding)
    return condition


def _check(term: Term, where: Where) -> Finding | None:
    """Keep of a term what can match here, and say what cannot."""
    bits = int(where)
    lost = [acl for acl in term.acls if not acl.where & bits]
    if not lost:
        return None
    term.usable = [acl for acl in term.acls if acl.where & bits]
    keyword = lost[0].expression.fetch
    place = f"incompatible with '{describe(where)}'"
    if not term.name:
        message = f"anonymous acl will never match because it uses keyword '{keyword}' which is {place}"
    elif term.usable:
        message = f"acl '{term.name}' involves keywords '{keyword}' which is {place}"
    else:
        message = f"acl '{term.name}' will never match because it only involves keywords that are {place}"
    return Finding(Severity.WARNING, message, term.word.at)


class _ConditionParser:
    def __init__(self, words: Sequence[Word], acls: AclTable) -> None:
        self.words = words
        self.acls = acls
        self.alternatives: list[list[Term]] = []
        self.findings: list[Finding] = []

    def run(self) -> None:
        current: list[Term] = []
        negated = False
        index = 0
        while index < len(self.words):
            word = self.words[index]
            index += 1
            text = word.text
            if text.lower() in ("or", "||"):
                current = self._close(current)
                negated = False
                continue
            while text.startswith("!"):
                negated = not negated
                text = text[1:]
            if not text:
                continue
            if text == "{":
                term, index = self._anonymous(index, word, negated)
            else:
                term = Term(text, self._named(text, word), negated, word)
            current.append(term)
            negated = False
        self._close(current)

    def _close(self, terms: list[Term]) -> list[Term]:
        """End an alternative; empty ones are dropped, as HAProxy does."""
        if terms:
            self.alternatives.append(terms)
        return []

    def _anonymous(self, start: int, word: Word, negated: bool) -> tuple[Term, int]:
        """The ACL up to the next brace, and the index behind that."""
        end = start
        while end < len(self.words) and self.words[end].text != "}":
            end += 1
        if end == len(self.words):
            raise ConfigError("missing closing '}' in condition", word.at, "'}' as a word of its own")
        if end == start:
            raise ConfigError("missing fetch method in ACL expression ''", word.at, "a criterion between the braces")
        acl = parse_acl(self.words[start:end], self.acls)
        self.findings += acl.findings
        return Term("", [acl], negated, word), end + 1

    def _named(self, name: str, word: Word) -> list[Acl]:
        declared = self.acls.get(name)
        if declared is not None:
            return declared
        one = predefined(name, word)
        if one is not None:
            return [one]
        hint = ""
        if name.startswith("{") or name.endswith("}"):
            hint = "braces must be words of their own: put spaces around them"
        elif name in ("and", "&&"):
            hint = "terms that stand side by side are joined by 'and' already"
        else:
            near = nearest(name, [*self.acls.lines, *PREDEFINED])
            hint = f"did you mean '{near}'?" if near else ""
        raise UnknownName(name, f"no such ACL : '{name}'", word.at, "the name of an ACL, '!', 'or', '||', or '{'", hint)
