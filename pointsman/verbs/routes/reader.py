"""A file of cases, read.

bytes -> tree (tree.py) -> cases: what a case does not say itself comes from its groups and from `defaults`; mappings
are merged name by name, anything else is replaced, and nothing (`~`) takes away what would be inherited. Then
parameters are put in the place of <name>, once for each row, and the values are read (values.py).

Reading goes on behind a mistake: RoutesError tells all of them, and is the only exception that a file can cause.
"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from pointsman.core.diagnostics import Finding, Position, Severity
from pointsman.core.registry import nearest
from pointsman.verbs.explain.model import Answered, Asked
from pointsman.verbs.routes.keys import ANSWER, ASKED, CASE, EXPECTED, FILE, GROUP, HEADER_KEYS, MEANT
from pointsman.verbs.routes.model import NUMBER, Case, Expectation, Suite
from pointsman.verbs.routes.names import apart
from pointsman.verbs.routes.nodes import Mapping, Missing, Node, Problems, RoutesError, Scalar, Sequence, shorten
from pointsman.verbs.routes.values import Values, kind

MOST_CASES: Final = 100_000  # and groups, as often as aliases repeat them
MOST_ROWS: Final = 10_000
MOST_REPEATS: Final = 100_000
DEEPEST_GROUP: Final = 20
MERGED: Final = {
    "headers": 1,
    "set": 1,
    "answer": 2,
    "expect": 2,
    "last": 2,
}  # how deep these merge
PLACEHOLDER: Final = re.compile(r"<([A-Za-z_][\w.-]*)>")
SHORT: Final = "(short)"  # the key of an expectation in short form, until parameters are put in
REQUEST: Final = re.compile(r"/|\*$|\S+\s|[A-Za-z][A-Za-z0-9+.-]*://")

Row = dict[str, tuple[Scalar, str]]  # a parameter's name: where it is given, and its value


def read_file(path: str) -> Suite:
    """Raises RoutesError, and Missing without PyYAML."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _error(f"cannot be read: {reason}", Position(path, 0)) from None
    return read_text(text, path)


def read_text(text: bytes, path: str) -> Suite:
    """`path`: what it is called, and files that it names are looked for in its folder."""
    try:
        from pointsman.verbs.routes.tree import build_tree  # noqa: PLC0415 (PyYAML is an extra)
    except ImportError:
        raise Missing from None
    try:
        source = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        raise _error("this is not UTF-8", Position(path, line, column)) from None
    problems = Problems()
    suite = _Reader(path, problems).file(build_tree(source, path))
    problems.done()
    return suite


def _error(message: str, at: Position) -> RoutesError:
    return RoutesError([Finding(Severity.ALERT, message, at)])


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a case has from outside."""

    keys: Mapping
    groups: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ({},)


@dataclass(slots=True)
class _Reader:
    path: str
    problems: Problems
    values: Values = field(init=False)
    cases: list[Case] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)  # of names of cases: parameters that these do not show
    visits: int = 0
    parameters: dict[Position, str] = field(default_factory=dict)  # where one is given: its name, until it is used

    def __post_init__(self) -> None:
        self.values = Values(os.path.dirname(self.path), self.problems)

    def file(self, root: Node | None) -> Suite:
        keys = Mapping(root.at if root is not None else Position(self.path, 1))
        cases: Node | None = root
        environment: dict[str, str] = {}
        configuration: tuple[str, ...] = ()
        if isinstance(root, Mapping):
            cases = root.get("cases")
            for name, key, value in root:
                if name == "defaults":
                    keys = self._checked(self.values.mapping(value, name), ASKED, "in 'defaults'")
                elif name == "environment":
                    environment = dict(self.values.words(value, name))
                elif name == "configuration":
                    configuration = tuple(map(self.values.path, self.values.texts(value, name)))
                elif name not in FILE and not name.startswith("x-"):
                    self._unknown(key, FILE, "of the file")
        if cases is None and not self.problems.findings:
            hint = "the shortest file is one line: - GET /path: backend"
            self.problems.add("there are no cases in it", keys.at, hint)
        elif cases is not None:
            self._cases(cases, _Inherited(keys))
        for at, name in self.parameters.items():
            hint = f"in a case, it is written <{shorten(name)}>"
            self.problems.add(f"the parameter '{shorten(name)}' is used nowhere", at, hint)
        return Suite(
            file=self.path,
            cases=tuple(apart(self.cases, self.suffixes)),
            configuration=configuration,
            environment=environment,
        )

    # Keys.

    def _unknown(self, key: Scalar, known: Iterable[str], where: str) -> None:
        names = list(known)
        if key.value in EXPECTED and "expect" in names:
            hint = "what is expected stands below the request, or under 'expect'"
            self.problems.add(f"unknown key '{key.value}' {where}", key.at, hint)
            return
        meant = MEANT.get(key.value.lower().replace("_", "-"), "")
        self.problems.unknown("key", key, names, meant if meant in names else "", where)

    def _checked(self, node: Mapping, known: Iterable[str], where: str) -> Mapping:
        """Without unknown keys, and with what may be written in a short form as a mapping."""
        kept = Mapping(node.at)
        names = list(known)
        for name, key, value in node:
            if name not in names:
                self._unknown(key, names, where)
            elif name in ("expect", "last"):
                kept.pairs[name] = (key, self._expected(value, name))
            elif name == "answer":
                kept.pairs[name] = (key, self._answer(value))
            else:
                kept.pairs[name] = (key, value)
        return kept

    def _expected(self, node: Node, what: str = "expect") -> Node:
        """The short form: cart, cart/c1, 403."""
        if isinstance(node, Scalar) and not node.is_nothing:
            return Mapping(node.at, {SHORT: (node, node)})
        if isinstance(node, Mapping):
            return self._checked(node, EXPECTED, f"in '{what}'")
        if isinstance(node, Sequence):
            self.problems.add(f"'{what}' is a backend, a status, or a mapping, not a list", node.at)
            return Mapping(node.at)
        return node

    def _answer(self, node: Node) -> Node:
        if isinstance(node, Mapping):
            return self._checked(node, ANSWER, "in 'answer'")
        if isinstance(node, Scalar) and not node.is_nothing:
            return Mapping(node.at, {"status": (node, node)})
        return node

    # Cases and groups.

    def _cases(self, node: Node, inherited: _Inherited) -> None:
        if not isinstance(node, Sequence):
            hint = "the configuration stands behind -f" if isinstance(node, Scalar) else ""
            self.problems.add(f"cases are a list ('- GET /path: backend'), not a {kind(node)}", node.at, hint)
            return
        if not node.items:
            self.problems.add("there are no cases in it", node.at)
        for item in node.items:
            self.visits += 1
            if self.visits > MOST_CASES:
                raise _error(f"these are more than {MOST_CASES} cases", item.at)
            if isinstance(item, Mapping) and "cases" in item.pairs:
                self._group(item, inherited)
            elif isinstance(item, Mapping):
                self._case(item, inherited)
            elif isinstance(item, Scalar):
                hint = f"- {shorten(item.value)}: backend"
                self.problems.add("it is not said what is to become of it", item.at, hint)
            else:
                self.problems.add("a case is 'METHOD URL: backend', or a mapping, not a list", item.at)

    def _group(self, node: Mapping, inherited: _Inherited) -> None:
        if len(inherited.groups) >= DEEPEST_GROUP:
            raise _error(f"groups are nested deeper than {DEEPEST_GROUP} levels", node.at)
        own = self._checked(node, [*GROUP, *ASKED], "of a group")
        name = own.get("name")
        groups = (*inherited.groups, self.values.text(name, "name") if name is not None else "group")
        rows = self._rows(own.get("parameters"), inherited.rows)
        keys = _merged(inherited.keys, _only(own, ASKED))
        cases = own.get("cases")
        assert cases is not None, "what has no cases is no group"
        self._cases(cases, _Inherited(keys, groups, rows))

    def _case(self, node: Mapping, inherited: _Inherited) -> None:
        lines = [pair for pair in node if pair[0] not in ASKED and pair[0] not in CASE and REQUEST.match(pair[0])]
        own = self._checked(_without(node, lines), [*CASE, *ASKED], "of a case")
        for index, (_, key, value) in enumerate(lines):
            if index or "request" in own.pairs:
                self.problems.add("a second request in one case", key.at, "each case begins with '- '")
                continue
            own.pairs["request"] = (key, key)
            if isinstance(value, Scalar) and value.is_nothing:
                continue
            if "expect" in own.pairs:
                at = own.pairs["expect"][0].at
                self.problems.add("'expect' stands here twice", at, "what follows the URL is it, too")
            own.pairs["expect"] = (key, self._expected(value))
        keys = _merged(inherited.keys, own)
        for row in self._rows(own.get("parameters"), inherited.rows):
            self.visits += 1
            if self.visits > MOST_CASES:
                raise _error(f"these are more than {MOST_CASES} cases", node.at)
            self._build(node.at, keys, row, inherited.groups)

    # Parameters.

    def _rows(self, node: Node | None, outer: tuple[Row, ...]) -> tuple[Row, ...]:
        """Those of outside, each with all of these."""
        if node is None:
            return outer
        rows: list[Row] = []
        if isinstance(node, Sequence):
            for item in node.items:
                pairs = self.values.mapping(item, "a row of 'parameters'")
                rows.append({name: (key, self._parameter(name, key, value)) for name, key, value in pairs})
        else:
            columns = []
            count = 1
            for name, key, value in self.values.mapping(node, "parameters"):
                items = value.items if isinstance(value, Sequence) else [value]
                columns.append([(name, key, item) for item in items])
                count *= max(1, len(items))
                if count > MOST_ROWS:
                    raise _error(f"these are more than {MOST_ROWS} rows", node.at)
            for combination in itertools.product(*columns):
                rows.append({name: (key, self._parameter(name, key, item)) for name, key, item in combination})
        if not rows or not any(rows):
            self.problems.add("there are no parameters in it", node.at)
            return outer
        if len(rows) * len(outer) > MOST_ROWS:
            raise _error(f"these are more than {MOST_ROWS} rows", node.at)
        return tuple({**before, **row} for before in outer for row in rows)

    def _parameter(self, name: str, key: Scalar, value: Node) -> str:
        if not PLACEHOLDER.fullmatch(f"<{name}>") or f"<{name}>" == NUMBER:
            hint = "<n> is the number of a repeated request" if f"<{name}>" == NUMBER else ""
            self.problems.add(f"'{shorten(name)}' is no name of a parameter", key.at, hint)
        elif key.at not in self.parameters:
            self.parameters[key.at] = name
        if isinstance(value, Scalar) and value.is_nothing:
            return ""
        return self.values.text(value, name)

    def _put(self, node: Node, row: Row, used: set[str]) -> Node:
        """`node` with the row's values in it."""
        if isinstance(node, Scalar):
            text = self._filled(node.value, node, row, used)
            return Scalar(node.at, text, node.plain and not (text == "" and node.value)) if text != node.value else node
        if isinstance(node, Sequence):
            return Sequence(node.at, [self._put(item, row, used) for item in node.items])
        assert isinstance(node, Mapping), "there are no other nodes"
        copy = Mapping(node.at)
        for name, key, value in node:
            name = self._filled(name, key, row, used)
            if name in copy.pairs:
                self.problems.add(f"'{shorten(name)}' stands here twice, by its parameters", key.at)
            copy.pairs[name] = (key, self._put(value, row, used))
        return copy

    def _filled(self, text: str, node: Node, row: Row, used: set[str]) -> str:
        return PLACEHOLDER.sub(lambda found: self._value(found, row, node, used), text)

    def _value(self, found: re.Match[str], row: Row, node: Node, used: set[str]) -> str:
        name = found[1]
        if name in row:
            used.add(name)
            return row[name][1]
        near = nearest(name, row) if found[0] != NUMBER else None
        if near:
            self.problems.add(f"there is no parameter '{name}'", node.at, f"did you mean '<{near}>'?")
        return found[0]

    # One case.

    def _build(self, at: Position, keys: Mapping, row: Row, groups: tuple[str, ...]) -> None:
        """With this row's parameters."""
        shown = ""
        if row:
            named: set[str] = set()
            title = keys.get("name") or keys.get("request")
            if isinstance(title, Scalar):
                self._put(title, row, named)
            used: set[str] = set()
            put = self._put(_without_parameters(keys), row, used)
            assert isinstance(put, Mapping), "a mapping stays one"
            keys = put
            for name, (key, _) in row.items():
                if name in used:
                    self.parameters.pop(key.at, None)
            unnamed = [f"{name}={value}" for name, (_, value) in row.items() if name in used and name not in named]
            shown = f"[{', '.join(unnamed)}]" if unnamed else ""
        case = self._read_case(at, keys, groups)
        self.cases.append(replace(case, name=shorten(case.name, 200)))
        self.suffixes.append(shorten(shown, 100))

    def _read_case(self, at: Position, keys: Mapping, groups: tuple[str, ...]) -> Case:
        asked, title = self._asked(at, keys)
        name = keys.get("name")
        expected, pairs = self._expectations(keys, "expect")
        last, of_last = self._expectations(keys, "last")
        shares_at, sequence_at = pairs.get("shares"), pairs.get("sequence")
        shares = self.values.shares(shares_at) if shares_at is not None else ()
        sequence = self.values.texts(sequence_at, "sequence") if sequence_at is not None else ()
        repeat_at = keys.get("repeat")
        repeat = (
            self.values.number(repeat_at, "repeat", 1, MOST_REPEATS) if repeat_at is not None else len(sequence) or 1
        )
        if sequence_at is not None and len(sequence) != repeat:
            self.problems.add(f"'sequence' has {len(sequence)} servers for {repeat} requests", sequence_at.at)
        if shares_at is not None and repeat == 1:
            self.problems.add("'shares' are those of several requests", shares_at.at, "say how many: repeat: 100")
        last_at = keys.get("last")
        if last and last_at is not None and repeat == 1:
            self.problems.add("'last' is about several requests", last_at.at, "say how many: repeat: 21")
        for key in ("shares", "sequence"):
            if of_last.get(key) is not None:
                self.problems.add(f"'{key}' are about all requests, not about the last", of_last.pairs[key][0].at)
        strict, skip = keys.get("strict"), keys.get("skip")
        case = Case(
            name=self.values.text(name, "name") if name is not None else title,
            at=at,
            groups=groups,
            title=title if keys.get("request") is not None else "",
            asked=asked,
            numbered=any(NUMBER in text for text in _texts(asked)),
            repeat=repeat,
            expected=expected,
            last=last,
            shares=shares,
            sequence=sequence,
            sequence_at=sequence_at.at if sequence_at is not None else at,
            strict=self.values.flag(strict, "strict") if strict is not None else False,
            skip=self.values.text(skip, "skip") if skip is not None else "",
        )
        wants = expected or last or shares or sequence or case.strict or case.skip
        if not wants and not any(one.position.line >= at.line for one in self.problems.findings):
            hint = "write a backend or a status behind its URL"
            self.problems.add("it is not said what is to become of it", at, hint)
        return case

    def _expectations(self, keys: Mapping, name: str) -> tuple[tuple[Expectation, ...], Mapping]:
        """And the mapping itself, with what is about several requests."""
        node = keys.get(name)
        pairs = _long(self.values.mapping(node, name)) if node is not None else Mapping(keys.at)
        found: list[Expectation] = []
        for key, _, value in pairs:
            if key not in ("shares", "sequence"):
                found += self.values.expectations(key, value)
        return tuple(found), pairs

    def _asked(self, at: Position, keys: Mapping) -> tuple[Asked, str]:
        """And what the case is called if it has no name."""
        values = self.values
        request = keys.get("request")
        payload = keys.get("payload")
        method, url, version, title = "GET", "/", "", ""
        if isinstance(request, Scalar):
            method, url, version = values.request(request)
            title = " ".join(request.value.split())
            if payload is not None:
                values.problems.add("a case has a request or a payload, not both", payload.at)
        elif request is not None:
            values.problems.add("a request is one text: [METHOD] URL [HTTP/VERSION]", request.at)
        else:
            place = keys.get("frontend") or keys.get("dst")
            title = f"connection to {place.value}" if isinstance(place, Scalar) else "connection"
            if place is None and payload is None:
                values.problems.add("there is no request in it", at, "a case begins '- GET /path: backend'")

        def text(key: str) -> str:
            node = keys.get(key)
            return values.text(node, key) if node is not None else ""

        http, headers, body = keys.get("http"), keys.get("headers"), keys.get("body")
        certificate, given, down = keys.get("client-cert"), keys.get("set"), keys.get("down")
        if http is not None and not version:
            version = values.version(http)
        sent = values.bytes(payload, "payload") if payload is not None else None
        if request is None and payload is None:
            if text("sni"):
                url = f"https://{text('sni')}/"  # the hello of a client of TLS says no more
            else:
                sent = b""
        servers = values.texts(down, "down") if down is not None else ()
        for one in servers:
            if down is not None and one and not re.fullmatch("[^/]+/[^/]+", one):
                values.problems.add(f"'{shorten(one)}' is no server", down.at, "write backend/server")
        asked = Asked(
            method=method,
            url=url,
            version=version or "1.1",
            headers=values.headers(headers, "headers") if headers is not None else (),
            body=values.bytes(body, "body") if body is not None else b"",
            source=text("src"),
            destination=text("dst").removeprefix(":"),
            frontend=text("frontend"),
            sni=text("sni"),
            client_certificate=values.existing(certificate, "client-cert") if certificate is not None else "",
            payload=sent,
            down=frozenset(servers),
            given=dict(values.words(given, "set")) if given is not None else {},
            answer=self._answered(keys.get("answer")),
        )
        return asked, title

    def _answered(self, node: Node | None) -> Answered:
        if not isinstance(node, Mapping):
            return Answered()
        status, headers, body = node.get("status"), node.get("headers"), node.get("body")
        return Answered(
            status=self.values.number(status, "status", 100, 999) if status is not None else 200,
            headers=self.values.headers(headers, "headers") if headers is not None else (),
            body=self.values.bytes(body, "body") if body is not None else b"",
        )


def _texts(asked: Asked) -> Iterator[str]:
    """All in which "<n>" may stand."""
    yield from (asked.url, asked.source, asked.sni)
    yield asked.body.decode("latin-1")
    yield (asked.payload or b"").decode("latin-1")
    yield from (value for _, value in asked.headers)


def _long(node: Mapping) -> Mapping:
    """Without a short form. What is said last holds: the pairs of a case stand behind those that it inherits."""
    pairs: dict[str, tuple[Scalar, Node]] = {}
    for name, (key, value) in node.pairs.items():
        if name != SHORT or not isinstance(value, Scalar):
            pairs[name] = (key, value)
        elif re.fullmatch("[0-9]+", value.value):
            pairs["status"] = (key, value)
        else:
            backend, slash, server = value.value.partition("/")
            pairs["backend"] = (key, Scalar(value.at, backend))
            if slash:
                pairs["server"] = (key, Scalar(value.at, server))
    return Mapping(node.at, pairs)


def _only(node: Mapping, names: Iterable[str]) -> Mapping:
    return Mapping(node.at, {name: node.pairs[name] for name in names if name in node.pairs})


def _without(node: Mapping, pairs: list[tuple[str, Scalar, Node]]) -> Mapping:
    names = {name for name, _, _ in pairs}
    return Mapping(node.at, {name: pair for name, pair in node.pairs.items() if name not in names})


def _without_parameters(node: Mapping) -> Mapping:
    return Mapping(node.at, {name: pair for name, pair in node.pairs.items() if name != "parameters"})


def _merged(base: Mapping, over: Mapping) -> Mapping:
    """`over`, and of `base` what it does not say; see MERGED."""
    return _merge(base, over, dict.fromkeys([*base.pairs, *over.pairs], 0) | MERGED, False)


def _merge(base: Mapping, over: Mapping, depths: dict[str, int], any_case: bool) -> Mapping:
    pairs = dict(base.pairs)
    spelt = {name.lower(): name for name in pairs} if any_case else {}
    for name, (key, value) in over.pairs.items():
        former = pairs.pop(spelt.get(name.lower(), name), None)
        depth = depths.get(name, 0)
        if former is not None and isinstance(value, Scalar) and value.is_nothing:
            continue
        if former is not None and depth and isinstance(value, Mapping) and isinstance(former[1], Mapping):
            inner = dict.fromkeys(value.pairs, depth - 1)
            value = _merge(former[1], value, inner, name in HEADER_KEYS)
        pairs[name] = (key, value)
    return Mapping(over.at, pairs)
