"""Header fields: the actions add-header, set-header, del-header, replace-header, replace-value (manual 4.4), and
http-send-name-header (4.2)."""

from collections.abc import Callable
from typing import Final

from pointsman.config.action import CONTINUE, HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE, Action, RuleArgs, action
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.core.regex import Regex
from pointsman.proto.message import CONNECTION, HOST, SEVERAL, Field, Head, Request, field
from pointsman.proto.tokens import TOKEN, tokens
from pointsman.proto.weight import PIECE
from pointsman.rules.room import failed, take
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.head import BLANKS, authority, cut_list
from pointsman.sample.regex import compile_regex
from pointsman.sample.substitution import expand
from pointsman.sample.types import Reads, Writes

_EVERYWHERE: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER
_METHODS: Final = ("str", "beg", "end", "sub", "reg")


class HeaderAction(Action):
    """Base: which head is edited follows from the rule set.

    `exact`: all that it does is to drop the fields of the name `header` (`replaces`), then to append one with that name
    and `value`, if there is one.
    """

    def __init__(self, args: RuleArgs, header: bytes, value: Format | None, replaces: bool) -> None:
        super().__init__()
        self.header = header
        self.value = value
        self.replaces = replaces
        self.exact = True
        self.on_request = args.rule_set == HTTP_REQUEST

    def head(self, context: Context) -> Head | None:
        return context.request if self.on_request else context.response


class SetHeader(HeaderAction):
    """Drop every field of that name (`replaces`), then append one."""

    def __init__(self, args: RuleArgs, header: bytes, value: Format, replaces: bool) -> None:
        super().__init__(args, header, value, replaces)
        self.format = value
        self.constant = value.constant
        self.made = field(header, b"")  # the last one: most values repeat, and fields are never changed
        self.written = b""  # its value as it was rendered

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is None:
            return CONTINUE
        name = self.header
        value = self.format.render_header(context)
        made = self.made
        if self.written != value:
            self.written = value
            made = self.made = field(name, value)
        fields = without(head, name) if self.replaces else head.fields
        room = context.room - PIECE - len(name) - len(value)
        if room < 0:
            return self._closely(context, head, fields, made)
        context.room = room
        return self._write(head, fields, made)

    def _write(self, head: Head, fields: list[Field], made: Field) -> int:
        head.fields = fields + [made]
        if made.kind == CONNECTION:
            head.close_asked = b"close" in tokens(made.value) or head.close_asked and not self.replaces
        elif made.kind == HOST and self.replaces:
            rename_host(head, made.value)
        return CONTINUE

    def _closely(self, context: Context, head: Head, fields: list[Field], made: Field) -> int:
        """Write the field where the buffer may have too little room. The fields that it replaces are gone in any case,
        as with HAProxy, and still take a part of their room up to the next rewrite."""
        gaps = PIECE * (len(head.fields) - len(fields))
        head.fields = fields
        if not take(context, head, gaps + PIECE + len(made.name) + len(made.blanks or made.value)):
            return failed(context)
        context.room += gaps
        return self._write(head, fields, made)


class DelHeader(HeaderAction):
    """Drop the fields whose name matches."""

    def __init__(self, args: RuleArgs, pattern: bytes, method: str, regex: Regex | None = None) -> None:
        super().__init__(args, pattern, None, True)
        self.method = method
        self.exact = method == "str"
        self.regex = regex

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
        return self.regex is not None and self.regex.test(name)

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is not None:
            if self.exact:
                head.fields = without(head, self.header)
            else:
                head.fields = [one for one in head.fields if not self.matches(one.name)]
            if head.close_asked and self.matches(b"connection"):
                head.close_asked = False
        return CONTINUE


class ReplaceHeader(HeaderAction):
    """Rewrite what a regular expression matches: the whole field's value, or each of its comma-separated parts."""

    def __init__(self, args: RuleArgs, header: bytes, regex: Regex, value: Format, each: bool) -> None:
        super().__init__(args, header, value, False)
        self.exact = False
        self.regex = regex
        self.format = value
        self.each = each

    def run(self, context: Context) -> int:
        head = self.head(context)
        if head is None:
            return CONTINUE
        replacement = self.format.render_header(context)
        fields: list[Field] = []
        edited: list[Field] = []
        grows = 0
        for one in head.fields:
            if one.name != self.header:
                fields.append(one)
                continue
            if self.each:
                value = b",".join([self._replaced(part, replacement) for part in cut_list(one.value)])
            else:
                value = self._replaced(one.value, replacement)
            made = field(one.name, value)
            fields.append(made)
            grows += len(value) - len(one.value)
            if made.kind == HOST or made.kind == CONNECTION and value != one.value:
                edited.append(made)
        if grows > 0 and not take(context, head, grows):
            return failed(context)
        head.fields = fields
        for made in edited:
            if made.kind == HOST:
                rename_host(head, made.value)
            else:
                head.close_asked = b"close" in tokens(made.value)
        return CONTINUE

    def _replaced(self, value: bytes, replacement: bytes) -> bytes:
        """A value with blanks around it; those before it stay, so that lists keep their look."""
        stripped = value.strip(BLANKS)
        groups = self.regex.groups(stripped)
        if groups is None:
            return value
        return value[: len(value) - len(value.lstrip(BLANKS))] + expand(groups, replacement)


def without(head: Head, name: bytes) -> list[Field]:
    """Its fields less those of that name: the same list if there is none, else a new one. Of a head that no rule has
    edited, the shape knows the names."""
    fields = head.fields
    shape = head.shape
    if shape is not None and fields is head.lines:
        if shape.lacks is name:
            return fields
        place = shape.names.get(name)
        if place is None:
            shape.lacks = name
            return fields
        if place != SEVERAL:
            fields = fields.copy()
            del fields[place]
            return fields
    for one in fields:
        if one.name == name:
            return [other for other in fields if other.name != name]
    return fields


def rename_host(head: Head, host: bytes) -> None:
    """The Host field says another name: so does an absolute URI (RFC 9112 3.2.2)."""
    if isinstance(head, Request):
        head.host = host
        old = authority(head.uri)
        if old is not None:
            start = head.uri.find(b"://") + 3
            head.uri = head.uri[:start] + host + head.uri[start + len(old) :]


def _declare(args: RuleArgs, replaced: bytes = b"", rewrites: bool = False) -> None:
    """Of both messages the rule edits its own: the fields, and with Host what names the same in the request's line.
    `rewrites`: the value that it writes is made of the one that was there."""
    writes, reads = Writes.RESPONSE_BLOCK, Reads.RESPONSE_BLOCK if rewrites else Reads.NOTHING
    if args.rule_set == HTTP_REQUEST:
        writes, reads = Writes.HEADER_BLOCK, Reads.HEADER_BLOCK if rewrites else Reads.NOTHING
        if replaced == b"host":
            writes |= Writes.REQUEST_LINE
            reads |= Reads.REQUEST_LINE
    args.only(reads=reads, writes=writes)


def header_name(args: Args) -> bytes:
    """The next word as the name of a field, in lower case. HAProxy takes any text; a name that is none would let a
    message end early."""
    word = args.word("<name>")
    name = word.text.encode("utf-8", "surrogateescape")
    if not name or name.translate(None, TOKEN):
        raise ConfigError(f"'{args.keyword}': '{word.text}' is no header name", word.at, "a token (RFC 9110 5.6.2)")
    return name.lower()


def _setter(replaces: bool) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<name> <fmt>: append a field; set-header drops all of that name before."""
        name = header_name(args)
        _declare(args, name if replaces else b"")
        return SetHeader(args, name, args.format("<fmt>"), replaces)

    return parse


def _replacer(each: bool) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<name> <match-regex> <replace-fmt>: rewrite values that match; replace-value looks at the parts of lists."""
        name = header_name(args)
        word = args.word("<match-regex>")
        regex = compile_regex(word.text, word.at)
        _declare(args, name, rewrites=True)
        return ReplaceHeader(args, name, regex, args.format("<replace-fmt>"), each)

    return parse


_FIELDS: Final = Writes.HEADER_BLOCK | Writes.RESPONSE_BLOCK
_BOTH: Final = Reads.REQUEST_LINE | Reads.HEADER_BLOCK | Reads.RESPONSE_BLOCK

action("add-header", _EVERYWHERE, "4.4", reads=Reads.NOTHING, writes=_FIELDS)(_setter(False))
action("set-header", _EVERYWHERE, "4.4", reads=Reads.REQUEST_LINE, writes=_FIELDS | Writes.REQUEST_LINE)(_setter(True))
action("replace-header", _EVERYWHERE, "4.4", reads=_BOTH, writes=_FIELDS | Writes.REQUEST_LINE)(_replacer(False))
action("replace-value", _EVERYWHERE, "4.4", reads=_BOTH, writes=_FIELDS | Writes.REQUEST_LINE)(_replacer(True))


@action("del-header", _EVERYWHERE, "4.4", reads=Reads.NOTHING, writes=_FIELDS)
def parse_del_header(args: RuleArgs) -> Action:
    """del-header <name> [-m <meth>]: drop every field whose name matches; `meth` is str, beg, end, sub or reg."""
    _declare(args)
    word = args.word("<name>")
    method = "str"
    if args.accept("-m"):
        method = args.choice("<meth>", _METHODS)
    if method == "reg":
        return DelHeader(args, b"", method, compile_regex(word.text, word.at))
    return DelHeader(args, word.text.lower().encode("utf-8", "surrogateescape"), method)
