"""Actions on header fields: add-header, set-header, del-header, replace-header, replace-value (manual 4.4)."""
import re
from collections.abc import Callable
from typing import Final

from pointsman.config.action import CONTINUE, HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE, Action, RuleArgs, action
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.proto.message import Field, Head, field
from pointsman.sample.context import Context
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Writes

_EVERYWHERE: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_METHODS: Final = ("str", "beg", "end", "sub", "reg")


class HeaderAction(Action):
    """Base: which head is edited follows from the rule set."""

    def __init__(self, args: RuleArgs) -> None:
        super().__init__()
        self.on_request = args.rule_set == HTTP_REQUEST
        self.writes = int(Writes.HEADER_BLOCK if self.on_request else Writes.RESPONSE_BLOCK)

    def head(self, context: Context) -> Head | None:
        return context.request if self.on_request else context.response


class SetHeader(HeaderAction):
    """Drop every field of that name (`replaces`), then append one."""

    def __init__(self, args: RuleArgs, header: bytes, value: Format, replaces: bool) -> None:
        super().__init__(args)
        self.header = header
        self.value = value
        self.constant = value.constant
        self.replaces = replaces
        self.reads = value.reads

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is None:
            return CONTINUE
        name = self.header
        made = field(name, self.value.render_header(context))
        if self.replaces:
            fields = [one for one in head.fields if one.name != name]
        else:
            fields = head.fields.copy()
        fields.append(made)
        head.fields = fields
        return CONTINUE


class DelHeader(HeaderAction):
    """Drop the fields whose name matches."""

    def __init__(self, args: RuleArgs, pattern: bytes, method: str) -> None:
        super().__init__(args)
        self.header = pattern
        self.method = method
        self.search = re.compile(pattern).search if method == "reg" else None

    def matches(self, name: bytes) -> bool:
        method = self.method
        if method == "str":
            return name == self.header
        if method == "beg":
            return name.startswith(self.header)
        if method == "end":
            return name.endswith(self.header)
        if method == "sub":
            return name.find(self.header) >= 0
        return self.search is not None and self.search(name) is not None

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is not None:
            head.fields = [one for one in head.fields if not self.matches(one.name)]
        return CONTINUE


class ReplaceHeader(HeaderAction):
    """Rewrite what a regular expression matches: the whole field's value, or each of its comma-separated parts."""

    def __init__(self, args: RuleArgs, header: bytes, regex: "re.Pattern[bytes]", value: Format, each: bool) -> None:
        super().__init__(args)
        self.header = header
        self.regex = regex
        self.value = value
        self.each = each
        self.reads = value.reads

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is None:
            return CONTINUE
        replacement = self.value.render_header(context)
        fields: list[Field] = []
        for one in head.fields:
            if one.name != self.header:
                fields.append(one)
            elif self.each:
                parts = [self._replaced(part, replacement) for part in one.value.split(b",")]
                fields.append(field(one.name, b",".join(parts)))
            else:
                fields.append(field(one.name, self._replaced(one.value, replacement)))
        head.fields = fields
        return CONTINUE

    def _replaced(self, value: bytes, replacement: bytes) -> bytes:
        stripped = value.strip(b" \t")
        found = self.regex.search(stripped)
        if found is None:
            return value
        return value[:len(value) - len(value.lstrip(b" \t"))] + expand(found, replacement)


def expand(found: "re.Match[bytes]", template: bytes) -> bytes:
    """A replacement with \\0 to \\9 for what was captured (manual 4.4, replace-header)."""
    out: list[bytes] = []
    at = 0
    while True:
        mark = template.find(b"\\", at)
        if mark < 0 or mark + 1 >= len(template):
            out.append(template[at:])
            return b"".join(out)
        out.append(template[at:mark])
        digit = template[mark + 1:mark + 2]
        if digit.isdigit():
            number = int(digit)
            out.append((found.group(number) or b"") if number <= (found.re.groups) else b"")
        else:
            out.append(digit)
        at = mark + 2


def _name(args: RuleArgs) -> bytes:
    word = args.word("<name>")
    name = word.text.encode("utf-8", "surrogateescape")
    if not name or name.translate(None, _TOKEN):
        raise ConfigError(f"'{args.keyword}': '{word.text}' is no header name", word.at, "a token (RFC 9110 5.6.2)")
    return name.lower()


def _regex(word: Word) -> "re.Pattern[bytes]":
    try:
        return re.compile(word.text.encode("utf-8", "surrogateescape"))
    except re.error as error:
        raise ConfigError(f"invalid regular expression '{word.text}': {error.msg}", word.at) from error


def _setter(replaces: bool) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<name> <fmt>: append a field; set-header drops all of that name before."""
        name = _name(args)
        return SetHeader(args, name, parse_format(args.word("<fmt>"), args.place), replaces)
    return parse


def _replacer(each: bool) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<name> <match-regex> <replace-fmt>: rewrite values that match; replace-value goes through comma-separated parts."""
        name = _name(args)
        regex = _regex(args.word("<match-regex>"))
        return ReplaceHeader(args, name, regex, parse_format(args.word("<replace-fmt>"), args.place), each)
    return parse


action("add-header", _EVERYWHERE, "4.4", writes=Writes.HEADER_BLOCK)(_setter(False))
action("set-header", _EVERYWHERE, "4.4", writes=Writes.HEADER_BLOCK)(_setter(True))
action("replace-header", _EVERYWHERE, "4.4", writes=Writes.HEADER_BLOCK)(_replacer(False))
action("replace-value", _EVERYWHERE, "4.4", writes=Writes.HEADER_BLOCK)(_replacer(True))


@action("del-header", _EVERYWHERE, "4.4", writes=Writes.HEADER_BLOCK)
def parse_del_header(args: RuleArgs) -> Action:
    """del-header <name> [-m <meth>]: drop every field whose name matches; `meth` is str, beg, end, sub or reg."""
    word = args.word("<name>")
    method = "str"
    if args.accept("-m"):
        method = args.choice("<meth>", _METHODS)
    if method == "reg":
        _regex(word)
        return DelHeader(args, word.text.encode("utf-8", "surrogateescape"), method)
    return DelHeader(args, word.text.lower().encode("utf-8", "surrogateescape"), method)
