"""Actions on many header fields at once, whose names are known only when they run: add-headers-bin, set-headers-bin,
del-headers-bin (manual 4.4).

Fields come as the fetch req.hdrs_bin gives them: strings behind their lengths, name and value in turn, an empty pair
at the end. Names alone are strings behind their lengths. What is cut short is taken for no sample. Nothing vouches for
what comes this way: a name that is no token, and a value that would leave its line, are left out.
"""

from typing import Final

from pointsman.config.action import CONTINUE, HTTP_AFTER, HTTP_REQUEST, HTTP_RESPONSE, Action, RuleArgs, action
from pointsman.core.diagnostics import ConfigError
from pointsman.proto.message import CONNECTION, HOST, Field, Head, field
from pointsman.proto.tokens import TOKEN, tokens
from pointsman.proto.weight import PIECE
from pointsman.rules.headers import rename_host
from pointsman.rules.room import failed, take
from pointsman.sample.context import Context
from pointsman.sample.source import Getter
from pointsman.sample.types import Reads, Type, Writes

_EVERYWHERE: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER
_FIELDS: Final = Writes.HEADER_BLOCK | Writes.RESPONSE_BLOCK
_METHODS: Final = ("str", "beg", "end", "sub")
_BREAKS: Final = b"\r\n\0"
ONE_BYTE: Final = 240  # below it, a length is one byte (SPOE 3.1, variable-length integers)
LONGEST_LENGTH: Final = 5  # bytes


def strings(data: bytes) -> list[bytes] | None:
    """The strings behind their lengths. None: the last one is cut short."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= ONE_BYTE:
            shift = 4
            while True:
                if at == len(data) or shift > 7 * LONGEST_LENGTH:
                    return None
                byte = data[at]
                at += 1
                length += byte << shift
                shift += 7
                if byte < 128:
                    break
        if at + length > len(data):
            return None
        found.append(data[at : at + length])
        at += length
    return found


def fields_of(data: bytes, prefix: bytes) -> list[Field]:
    """The fields that can be sent, as far as their names begin so."""
    found = strings(data)
    if found is None:
        return []
    made: list[Field] = []
    for index in range(0, len(found) - 1, 2):
        name, value = found[index].lower(), found[index + 1]
        if not name:
            break
        if not name.translate(None, TOKEN) and name.startswith(prefix) and not _leaves_line(value):
            made.append(field(name, value))
    return made


def _leaves_line(value: bytes) -> bool:
    return len(value.translate(None, _BREAKS)) != len(value)


class BinaryAction(Action):
    """Base: which head is edited follows from the rule set."""

    def __init__(self, args: RuleArgs, ask: Getter) -> None:
        super().__init__()
        self.ask = ask
        self.on_request = args.rule_set == HTTP_REQUEST

    def data(self, context: Context) -> bytes:
        found = self.ask(context)
        return found if isinstance(found, bytes) else b""

    def head(self, context: Context) -> Head | None:
        return context.request if self.on_request else context.response


class AddHeaders(BinaryAction):
    """Append fields; `replaces`: all that have their names are dropped before."""

    def __init__(self, args: RuleArgs, ask: Getter, prefix: bytes, replaces: bool) -> None:
        super().__init__(args, ask)
        self.prefix = prefix
        self.replaces = replaces

    def run(self, context: Context) -> int:
        head = self.head(context)
        made = fields_of(self.data(context), self.prefix)
        if head is None or not made:
            return CONTINUE
        fields = head.fields
        if self.replaces:
            names = {one.name for one in made}
            fields = [one for one in fields if one.name not in names]
        if not take(context, head, sum([PIECE + len(one.name) + len(one.value) for one in made])):
            return failed(context)
        head.fields = fields + made
        closes = False
        for one in made:
            if one.kind == CONNECTION:
                closes = b"close" in tokens(one.value) or closes
                head.close_asked = closes or head.close_asked and not self.replaces
            elif one.kind == HOST and self.replaces:
                rename_host(head, one.value)
        return CONTINUE


class DelHeaders(BinaryAction):
    def __init__(self, args: RuleArgs, ask: Getter, method: str) -> None:
        super().__init__(args, ask)
        self.method = method

    def run(self, context: Context) -> int:
        head = self.head(context)
        names = [name.lower() for name in strings(self.data(context)) or [] if name]
        if head is None or not names:
            return CONTINUE
        head.fields = [one for one in head.fields if not self._matches(one.name, names)]
        if head.close_asked and self._matches(b"connection", names):
            head.close_asked = False
        return CONTINUE

    def _matches(self, name: bytes, wanted: list[bytes]) -> bool:
        method = self.method
        for one in wanted:
            if method == "str":
                found = name == one
            elif method == "beg":
                found = name.startswith(one)
            elif method == "end":
                found = name.endswith(one)
            else:
                found = name.find(one) >= 0
            if found:
                return True
        return False


def _asked(args: RuleArgs) -> Getter:
    at = args.here
    expression = args.expression("<expr>")
    ask = expression.cast_to(Type.BIN)
    if ask is None:
        raise ConfigError(f"'{args.keyword}': '{expression.text}' yields no binary string", at, "such as req.hdrs_bin")
    return ask


def _prefix(args: RuleArgs) -> bytes:
    if not args.accept("prefix"):
        return b""
    return args.word("<str>").text.lower().encode("utf-8", "surrogateescape")


def _of_own_message(args: RuleArgs, replaces: bool) -> None:
    if args.rule_set == HTTP_REQUEST:
        writes = Writes.HEADER_BLOCK | Writes.REQUEST_LINE if replaces else Writes.HEADER_BLOCK
        args.only(reads=Reads.REQUEST_LINE if replaces else Reads.NOTHING, writes=writes)
    else:
        args.only(reads=Reads.NOTHING, writes=Writes.RESPONSE_BLOCK)


@action("add-headers-bin", _EVERYWHERE, "4.4", reads=Reads.NOTHING, writes=_FIELDS)
def parse_add_headers(args: RuleArgs) -> Action:
    """add-headers-bin <expr> [prefix <str>]: append the fields of a binary string, those alone whose names begin so."""
    ask = _asked(args)
    _of_own_message(args, False)
    return AddHeaders(args, ask, _prefix(args), False)


@action("set-headers-bin", _EVERYWHERE, "4.4", reads=Reads.REQUEST_LINE, writes=_FIELDS | Writes.REQUEST_LINE)
def parse_set_headers(args: RuleArgs) -> Action:
    """set-headers-bin <expr> [prefix <str>]: the same in place of all fields that have their names."""
    ask = _asked(args)
    _of_own_message(args, True)
    return AddHeaders(args, ask, _prefix(args), True)


@action("del-headers-bin", _EVERYWHERE, "4.4", reads=Reads.NOTHING, writes=_FIELDS)
def parse_del_headers(args: RuleArgs) -> Action:
    """del-headers-bin <expr> [-m {str | beg | end | sub}]: drop the fields whose names are in a binary string."""
    ask = _asked(args)
    _of_own_message(args, False)
    method = args.choice("<meth>", _METHODS) if args.accept("-m") else "str"
    return DelHeaders(args, ask, method)
