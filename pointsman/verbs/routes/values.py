"""Values of the format: nodes as texts, numbers, bytes, headers, requests, and what is expected of a value."""

import base64
import binascii
import os
import re
from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.core.registry import nearest
from pointsman.verbs.routes.keys import NAMED_KEYS, OUTCOMES, RUNNING
from pointsman.verbs.routes.model import Expectation, Share
from pointsman.verbs.routes.nodes import Mapping, Node, Problems, Scalar, Sequence, shorten
from pointsman.verbs.routes.wanted import FLAGS, TESTS, Test

YES: Final = frozenset({"yes", "true", "on"})
NO: Final = frozenset({"no", "false", "off"})
TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 5.6.2
VERSIONS: Final = {"1.0": "1.0", "1.1": "1.1", "1": "1.1", "2": "2", "2.0": "2"}
SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*(%?)")


class Values:
    """Reads nodes, and notes what is wrong with them. `folder`: files are named from there."""

    def __init__(self, folder: str, problems: Problems) -> None:
        self.folder = folder
        self.problems = problems

    def text(self, node: Node, what: str) -> str:
        if isinstance(node, Scalar):
            if not node.is_nothing:
                return node.value
            self.problems.add(f"{what} has no value", node.at, 'an empty text is written ""')
        else:
            self.problems.add(f"{what} is one value, not a {kind(node)}", node.at)
        return ""

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """Of a list, or of one value."""
        if isinstance(node, Sequence):
            return tuple(self.text(item, what) for item in node.items)
        return (self.text(node, what),)

    def mapping(self, node: Node, what: str) -> Mapping:
        if isinstance(node, Mapping):
            return node
        if not (isinstance(node, Scalar) and node.is_nothing):
            self.problems.add(f"{what} is a mapping (name: value), not a {kind(node)}", node.at)
        return Mapping(node.at)

    def flag(self, node: Node, what: str) -> bool:
        text = self.text(node, what).lower()
        if text not in YES | NO and text:
            self.problems.add(f"{what} is yes or no, not '{shorten(text)}'", node.at)
        return text in YES

    def number(self, node: Node, what: str, least: int, most: int) -> int:
        text = self.text(node, what)
        if re.fullmatch("[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        if text:
            self.problems.add(f"{what} is a number from {least} to {most}, not '{shorten(text)}'", node.at)
        return least

    def bytes(self, node: Node, what: str) -> bytes:
        if isinstance(node, Scalar):
            return node.value.encode() if not node.is_nothing else b""
        pairs = list(self.mapping(node, what))
        if len(pairs) != 1 or pairs[0][0] not in ("file", "hex", "base64"):
            self.problems.add(f"{what} is a text, or one of {{file: ...}}, {{hex: ...}}, {{base64: ...}}", node.at)
            return b""
        form, _, value = pairs[0]
        text = self.text(value, form)
        try:
            if form == "file":
                with open(self.path(text), "rb") as file:
                    return file.read()
            return bytes.fromhex(text) if form == "hex" else base64.b64decode("".join(text.split()), validate=True)
        except OSError as error:
            self.problems.add(f"'{text}' cannot be read: {error.strerror}", value.at)
        except (ValueError, binascii.Error):
            self.problems.add(f"this is not {form}", value.at)
        return b""

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def existing(self, node: Node, what: str) -> str:
        name = self.path(self.text(node, what))
        if "\0" in name or not os.path.isfile(name):
            self.problems.add(f"{what}: there is no file '{shorten(name)}'", node.at)
        return name

    def headers(self, node: Node, what: str) -> tuple[tuple[str, str], ...]:
        """A list repeats a header, nothing leaves it out."""
        found: list[tuple[str, str]] = []
        for name, key, value in self.mapping(node, what):
            if not TOKEN.fullmatch(name):
                self.problems.add(f"'{shorten(name)}' is no name of a header", key.at)
            elif not (isinstance(value, Scalar) and value.is_nothing):
                for item in value.items if isinstance(value, Sequence) else [value]:
                    text = self.text(item, name)
                    if re.search("[\r\n\0]", text):
                        self.problems.add("a header's value has no line ends in it", item.at)
                    found.append((name, text))
        return tuple(found)

    def words(self, node: Node, what: str) -> tuple[tuple[str, str], ...]:
        """Names and texts, as of `set`."""
        return tuple((name, self.text(value, name)) for name, _, value in self.mapping(node, what))

    def request(self, node: Scalar) -> tuple[str, str, str]:
        """[METHOD] URL [HTTP/VERSION]: the method, the URL, the version or ""."""
        try:
            return request_words(node.value)
        except RequestError as error:
            self.problems.add(str(error), node.at, error.hint, error.expected)
        return "GET", "/", ""

    def version(self, node: Node) -> str:
        try:
            return http_version(self.text(node, "http"))
        except RequestError as error:
            self.problems.add(str(error), node.at, error.hint, error.expected)
        return "1.1"

    # What is expected.

    def expectations(self, key: str, node: Node) -> list[Expectation]:
        """Of one key: several where it takes names."""
        if key not in NAMED_KEYS:
            return [Expectation(key, "", self.wanted(key, node), node.at)]
        found = []
        for name, word, value in self.mapping(node, key):
            if key == "log" and name in RUNNING:
                self.problems.add(f"only a running program knows '{name}': it cannot be expected", word.at)
            found.append(Expectation(key, name, self.wanted(name, value), word.at))
        return found

    def wanted(self, what: str, node: Node) -> tuple[Test, ...]:
        """`node` as tests (wanted.py)."""
        if isinstance(node, Mapping):
            return tuple(self._test(what, word, value) for _, word, value in node)
        if isinstance(node, Scalar) and node.is_nothing:
            hint = "write {absent: yes} for none, or {present: yes} for any"
            self.problems.add(f"it is not said what '{shorten(what)}' is to be", node.at, hint)
            return ()
        return (self._checked(what, Test("regex" if what == "log-line" else "is", self.texts(node, what)), node),)

    def _test(self, what: str, word: Scalar, value: Node) -> Test:
        name = word.value
        if name not in TESTS:
            self.problems.unknown(f"word for what '{shorten(what)}' is to be:", word, TESTS)
            return Test("present")
        if name in FLAGS:
            opposite = "absent" if name == "present" else "present"
            return Test(name if self.flag(value, name) else opposite)
        return self._checked(what, Test(name, self.texts(value, name)), value)

    def _checked(self, what: str, test: Test, node: Node) -> Test:
        for text in test.values:
            if test.kind == "regex":
                self._regex(text, node.at)
            elif what == "status" and test.kind in ("is", "not") and not re.fullmatch("[1-9][0-9][0-9]", text):
                self.problems.add(f"a status is a number of three digits, not '{shorten(text)}'", node.at)
            elif what == "outcome" and test.kind in ("is", "not") and text not in OUTCOMES:
                near = nearest(text, OUTCOMES)
                hint = f"did you mean '{near}'?" if near else ""
                expected = "" if near else "one of: " + ", ".join(OUTCOMES)
                self.problems.add(f"'{shorten(text)}' is no outcome", node.at, hint, expected)
        if not test.values:
            self.problems.add("an empty list can never hold", node.at)
        return test

    def _regex(self, text: str, at: Position) -> None:
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            self.problems.add(f"this is no regular expression: {error}", at)

    def shares(self, node: Node) -> tuple[Share, ...]:
        return tuple(self._share(name, value) for name, _, value in self.mapping(node, "shares"))

    def _share(self, server: str, node: Node) -> Share:
        text = self.text(node, server)
        found = SHARE.fullmatch(text)
        if found is None:
            if text:
                self.problems.add(f"'{shorten(text)}' is no share", node.at, expected="25%, 20-30%, 7, or 5-9")
            return Share(server, 0, 0, False, node.at)
        least = float(found[1])
        return Share(server, least, float(found[2]) if found[2] else least, bool(found[3]), node.at)


class RequestError(ValueError):
    """A text is no request."""

    def __init__(self, message: str, hint: str = "", expected: str = "") -> None:
        self.hint = hint
        self.expected = expected
        super().__init__(message)


def request_words(text: str) -> tuple[str, str, str]:
    """[METHOD] URL [HTTP/VERSION]: the method, the URL, the version or "". Raises RequestError."""
    words = text.split()
    version = ""
    if len(words) > 1 and words[-1].startswith("HTTP/"):
        version = http_version(words.pop()[5:])
    method = words.pop(0) if len(words) > 1 else "GET"
    if len(words) != 1:
        raise RequestError("a request is [METHOD] URL [HTTP/VERSION]", "a space in a URL is written %20")
    if not TOKEN.fullmatch(method):
        raise RequestError(f"'{shorten(method)}' is no method")
    url = words[0]
    if method != "CONNECT" and not re.match(r"/|\*$|[A-Za-z][A-Za-z0-9+.-]*://", url):
        hint = f"did you mean '/{shorten(url)}' or 'http://{shorten(url)}'?"
        raise RequestError(f"'{shorten(url)}' is no URL: it begins with / or http://", hint)
    return method, url, version


def http_version(text: str) -> str:
    known = VERSIONS.get(text)
    if known is None:
        raise RequestError(f"'{shorten(text)}' is no version of HTTP", expected="one of: 1.0, 1.1, 2")
    return known


def kind(node: Node) -> str:
    return "list" if isinstance(node, Sequence) else "mapping" if isinstance(node, Mapping) else "single value"
