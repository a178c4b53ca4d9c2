"""A YAML file as a tree of nodes (nodes.py). Needs PyYAML, so that it is imported late.

PyYAML makes events of the text, and this module makes nodes of the events: no recursion of its parser can be provoked,
no object is constructed, and each key keeps its line and column.

Refused, each with its place: a second key of the same name, tags, documents behind the first, keys that are no text,
an alias inside what it stands for, and what is nested deeper than anybody writes.
"""

import re
from typing import Final

import yaml

from pointsman.core.diagnostics import ConfigError, Finding, Position, Severity
from pointsman.core.registry import nearest
from pointsman.verbs.routes.nodes import Mapping, Node, RoutesError, Scalar, Sequence, shorten

DEEPEST: Final = 40  # levels of nesting; a group in a group in a group has ten
TEXT_TAG: Final = "tag:yaml.org,2002:str"
MERGE: Final = "<<"
BREAKS: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # YAML 1.1, 4.2
NOT_ALLOWED: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.1, 4.1
# libyaml where PyYAML was built with it: 20 times as fast, with the same events and places.
LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def build_tree(source: str, file: str) -> Node | None:
    """The first and only document; None: there is nothing in it. Raises RoutesError."""
    builder = _Builder(file, BREAKS.split(source))
    unreadable = NOT_ALLOWED.search(source)
    if unreadable is not None:
        before = BREAKS.split(source[: unreadable.start()])
        at = builder.position(len(before) - 1, len(before[-1]), 1)
        raise RoutesError([_finding(f"a character that YAML does not allow: U+{ord(unreadable[0]):04X}", at)])
    try:
        for event in yaml.parse(source, Loader=LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = builder.position(mark.line, mark.column, 1) if mark is not None else Position(file, 0)
        raise RoutesError([_finding(error.problem or "this is not YAML", at, _hint(error.problem, at.text))]) from None
    except yaml.YAMLError as error:
        raise RoutesError([_finding(f"this is not YAML: {shorten(str(error))}", Position(file, 0))]) from None
    except ConfigError as error:
        raise RoutesError([error.finding]) from None
    return builder.root


def _finding(message: str, at: Position, hint: str = "") -> Finding:
    return Finding(Severity.ALERT, message, at, "", hint)


def _hint(problem: str | None, line: str) -> str:
    """What usually causes it in files of this kind."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "YAML is indented by spaces, not by tabs"
    if problem and "mapping values" in problem:
        return "the line above lacks its ':', or a text with ': ' in it stands without quotes"
    if problem and ("did not find" in problem or "expected" in problem):
        return "a text with ': ' or ' #' stands in quotes, and inside braces one with any of {}[], as well"
    return ""


class _Open:
    """A collection whose end has not come. `key`: of a mapping, the one whose value is next."""

    __slots__ = ("anchor", "key", "merges", "node")

    def __init__(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: Scalar | None = None
        self.merges: list[Node] = []


class _Builder:
    """Events in, a tree out."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.root: Node | None = None
        self.documents = 0
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}

    def position(self, line: int, column: int, length: int) -> Position:
        """Of a place that counts from 0."""
        text = self.lines[line] if line < len(self.lines) else ""
        return Position(self.file, line + 1, column + 1, length, text)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._start(Mapping(self._place(event, event.tag)), event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._start(Sequence(self._place(event, event.tag)), event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise ConfigError("a second document ('---')", self._at(event), hint="write one document a file")

    def _at(self, event: yaml.Event) -> Position:
        start, end = event.start_mark, event.end_mark
        if start is None:
            return Position(self.file, 0)
        length = end.column - start.column if end is not None and end.line == start.line else 0
        return self.position(start.line, start.column, length or 1)

    def _place(self, event: yaml.NodeEvent, tag: str | None) -> Position:
        at = self._at(event)
        if tag not in (None, "!", TEXT_TAG):
            raise ConfigError(f"a tag: '{shorten(tag or '')}'", at, hint="all values are text here, and need no tag")
        return at

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        node = Scalar(self._place(event, event.tag), event.value, not event.style and event.tag is None)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._put(node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor or ""
        if any(one.anchor == name for one in self.stack):
            raise ConfigError(f"'*{name}' stands inside what it stands for", self._at(event))
        known = self.anchors.get(name)
        if known is None:
            near = nearest(name, self.anchors)
            hint = f"did you mean '*{near}'?" if near else ""
            raise ConfigError(f"no anchor '&{name}' stands before this", self._at(event), hint=hint)
        self._put(known)

    def _start(self, node: Sequence | Mapping, event: yaml.NodeEvent) -> None:
        if len(self.stack) >= DEEPEST:
            raise ConfigError(f"this is nested deeper than {DEEPEST} levels", node.at)
        self.stack.append(_Open(node, event.anchor))

    def _end(self) -> None:
        done = self.stack.pop()
        if isinstance(done.node, Mapping):
            for node in done.merges:
                _merge(done.node, node)
        if done.anchor is not None:
            self.anchors[done.anchor] = done.node
        self._put(done.node)

    def _put(self, node: Node) -> None:
        """To where it belongs: the item of a list, a key, the value of one."""
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
            return
        if top.key is None:
            if not isinstance(node, Scalar):
                raise ConfigError("a key is a text, not a list or a mapping", node.at)
            top.key = node
            return
        key, top.key = top.key, None
        if key.value == MERGE and key.plain:
            top.merges.append(node)
            return
        former = top.node.pairs.get(key.value)
        if former is not None:
            first = f"first on line {former[0].at.line}"
            raise ConfigError(f"'{shorten(key.value)}' stands here twice", key.at, hint=first)
        top.node.pairs[key.value] = (key, node)


def _merge(into: Mapping, node: Node) -> None:
    """`<<: *other` (YAML's merge key): what the mapping does not say itself."""
    for one in node.items if isinstance(node, Sequence) else [node]:
        if not isinstance(one, Mapping):
            raise ConfigError("'<<' takes a mapping, or a list of them", one.at)
        for name, pair in one.pairs.items():
            into.pairs.setdefault(name, pair)
