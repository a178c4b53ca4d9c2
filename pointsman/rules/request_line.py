"""Actions on the request's line: set-method, set-path, set-pathq, set-query, set-uri and replace-* (manual 4.4).

The log goes on showing the line that was received. An absolute URI and the Host field always name the same host: who
writes one writes both (RFC 9112 3.2.2).
"""

from collections.abc import Callable
from typing import Final

from pointsman.config.action import CONTINUE, HTTP_REQUEST, Action, RuleArgs, action
from pointsman.core.regex import Regex
from pointsman.proto.message import HOST, Request, field, path_start
from pointsman.rules.room import failed, weigh
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.head import authority
from pointsman.sample.regex import compile_regex
from pointsman.sample.substitution import expand
from pointsman.sample.types import Reads, Writes

Edit = Callable[[Request, bytes], None]


def path_bounds(uri: bytes, with_query: bool) -> tuple[int, int]:
    """Where path (and query) of a target begin and end; the place for it in an absolute URI without one. "*" and an
    authority are taken as a whole."""
    start = path_start(uri)
    if start < 0:
        if uri.find(b"://") < 0:
            return 0, len(uri)
        mark = uri.find(b"?")
        start = mark if mark >= 0 else len(uri)
    end = -1 if with_query else uri.find(b"?", start)
    return start, end if end >= 0 else len(uri)


def set_method(request: Request, value: bytes) -> None:
    request.method = value


def _set_from_path(request: Request, value: bytes, with_query: bool) -> None:
    uri = request.uri
    start, end = path_bounds(uri, with_query)
    if start and value and value[0] not in b"/?":  # as it stands it would be a part of the authority
        value = b"/" + value
    request.uri = uri[:start] + value + uri[end:]


def set_path(request: Request, value: bytes) -> None:
    _set_from_path(request, value, False)


def set_path_and_query(request: Request, value: bytes) -> None:
    _set_from_path(request, value, True)


def set_query(request: Request, value: bytes) -> None:
    before, mark, _ = request.uri.partition(b"?")
    if mark or value:
        request.uri = before + b"?" + value


def set_uri(request: Request, value: bytes) -> None:
    request.uri = value
    request.in_parts = False
    host = authority(value)
    if host:
        request.host = host
        request.fields = [field(one.name, host) if one.kind == HOST else one for one in request.fields]


def write(context: Context, request: Request, edit: Edit, value: bytes) -> int:
    """Edit it, if what it becomes fits: the verdict."""
    method, uri, host, fields = request.method, request.uri, request.host, request.fields
    in_parts = request.in_parts
    edit(request, value)
    grows = len(request.uri) - len(uri) + len(request.method) - len(method)
    if request.fields is fields:
        if grows <= 0:
            return CONTINUE
        if context.room >= grows:
            context.room -= grows
            return CONTINUE
    if weigh(context, request) >= 0:
        return CONTINUE
    request.method, request.uri, request.host, request.fields = method, uri, host, fields
    request.in_parts = in_parts
    weigh(context, request)
    return failed(context)


class SetPart(Action):
    """Write a part of the line."""

    def __init__(self, edit: Edit, value: Format) -> None:
        super().__init__()
        self.edit = edit
        self.value = value

    def run(self, context: Context) -> int:
        request = context.request
        if request is not None:
            return write(context, request, self.edit, self.value.render_header(context))
        return CONTINUE


PATH: Final = 0
PATH_AND_QUERY: Final = 1
URI: Final = 2


class ReplacePart(Action):
    """Replace a part of the line wholly where a regular expression matches it."""

    def __init__(self, part: int, edit: Edit, regex: Regex, value: Format) -> None:
        super().__init__()
        self.part = part
        self.edit = edit
        self.regex = regex
        self.value = value

    def run(self, context: Context) -> int:
        request = context.request
        if request is None:
            return CONTINUE
        old = request.uri
        if self.part != URI:
            start, end = path_bounds(old, self.part == PATH_AND_QUERY)
            if not old.startswith(b"/", start):
                return CONTINUE
            old = old[start:end]
        groups = self.regex.groups(old)
        if groups is not None:
            return write(context, request, self.edit, expand(groups, self.value.render_header(context)))
        return CONTINUE


_LINE: Final = Reads.REQUEST_LINE  # what they leave of it stays
_WRITES: Final = Writes.REQUEST_LINE | Writes.HEADER_BLOCK  # an absolute URI brings its Host along


def _setter(edit: Edit) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<fmt>: write that part of the request's line."""
        return SetPart(edit, args.format("<fmt>"))

    return parse


def _replacer(part: int, edit: Edit) -> Callable[[RuleArgs], Action]:
    def parse(args: RuleArgs) -> Action:
        """<match-regex> <replace-fmt>: replace that part of the request's line where it matches."""
        word = args.word("<match-regex>")
        regex = compile_regex(word.text, word.at)
        return ReplacePart(part, edit, regex, args.format("<replace-fmt>"))

    return parse


action("set-method", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=Writes.REQUEST_LINE)(_setter(set_method))
action("set-path", HTTP_REQUEST, "4.4", reads=_LINE, writes=Writes.REQUEST_LINE)(_setter(set_path))
action("set-pathq", HTTP_REQUEST, "4.4", reads=_LINE, writes=Writes.REQUEST_LINE)(_setter(set_path_and_query))
action("set-query", HTTP_REQUEST, "4.4", reads=_LINE, writes=Writes.REQUEST_LINE)(_setter(set_query))
action("set-uri", HTTP_REQUEST, "4.4", reads=Reads.NOTHING, writes=_WRITES)(_setter(set_uri))
action("replace-path", HTTP_REQUEST, "4.4", reads=_LINE, writes=Writes.REQUEST_LINE)(_replacer(PATH, set_path))
action("replace-pathq", HTTP_REQUEST, "4.4", reads=_LINE, writes=Writes.REQUEST_LINE)(
    _replacer(PATH_AND_QUERY, set_path_and_query)
)
action("replace-uri", HTTP_REQUEST, "4.4", reads=_LINE, writes=_WRITES)(_replacer(URI, set_uri))
