"""http-request normalize-uri (manual 4.4): the many spellings of a target become one, step by step, each rule one step.

Steps work on the part of the target that a normalizer is about: the path, or all from the path on. A target without a
path ("*", an authority) stays as it is. None of them writes what may not stand in a target.
"""

import re
from collections.abc import Callable
from typing import Final

from pointsman.config.action import CONTINUE, HTTP_REQUEST, Action, RuleArgs, action
from pointsman.config.global_section import global_flag
from pointsman.config.verdict import INVALID
from pointsman.core.diagnostics import ConfigError
from pointsman.proto.message import path_start
from pointsman.rules.request_line import set_path_and_query, write
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes

UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 2.3
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
NO_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
SLASHES: Final = re.compile(rb"//+")


def encode_fragment(target: bytes) -> bytes:
    return target.replace(b"#", b"%23")


def strip_fragment(target: bytes) -> bytes:
    return target.partition(b"#")[0]


def merge_slashes(path: bytes) -> bytes:
    return SLASHES.sub(b"/", path)


def strip_dots(path: bytes) -> bytes:
    """Segments of one dot; behind a last one the path ends with a slash."""
    segments = path[1:].split(b"/")
    kept = [one for one in segments if one != b"."]
    if segments[-1] == b".":
        kept.append(b"")
    return b"/" + b"/".join(kept)


def strip_parents(path: bytes) -> bytes:
    """Segments of two dots, with the one before; those at the beginning stay."""
    return _without_parents(path, False)


def strip_all_parents(path: bytes) -> bytes:
    """Those at the beginning, too."""
    return _without_parents(path, True)


def _without_parents(path: bytes, full: bool) -> bytes:
    segments = path[1:].split(b"/")
    kept: list[bytes] = []
    for one in segments:
        if one != b"..":
            kept.append(one)
        elif kept and kept[-1] != b"..":
            kept.pop()
        elif not full:
            kept.append(one)
    if segments[-1] == b"..":
        kept.append(b"")
    return b"/" + b"/".join(kept)


def decode_unreserved(target: bytes) -> bytes:
    return ESCAPE.sub(_decoded, target)


def _decoded(found: re.Match[bytes]) -> bytes:
    byte = int(found[1], 16)
    return bytes([byte]) if byte in UNRESERVED else found[0]


def to_uppercase(target: bytes) -> bytes:
    return ESCAPE.sub(_upper, target)


def _upper(found: re.Match[bytes]) -> bytes:
    return found[0].upper()


def sort_query(query: bytes) -> bytes:
    """By names, shorter ones first; of equal names the order stays. An empty parameter at the end is none."""
    parameters = query.split(b"&")
    if not parameters[-1]:
        parameters.pop()
    parameters.sort(key=_name)
    return b"&".join(parameters)


def _name(parameter: bytes) -> bytes:
    return parameter.partition(b"=")[0]


WHOLE: Final = 0  # the part of a target that a step is about: all from the path on
PATH: Final = 1
QUERY: Final = 2


class NormalizeUri(Action):
    def __init__(self, step: Callable[[bytes], bytes], part: int, strict: bool) -> None:
        super().__init__()
        self.step = step
        self.part = part
        self.strict = strict  # an escape that is none is an error

    def run(self, context: Context) -> int:
        request = context.request
        if request is None:
            return CONTINUE
        start = path_start(request.uri)
        if start < 0:
            return CONTINUE
        before = request.uri[start:]
        if self.strict and NO_ESCAPE.search(before) is not None:
            context.answer = None
            return INVALID
        after = self.normalized(before)
        if after == before:
            return CONTINUE
        return write(context, request, set_path_and_query, after)

    def normalized(self, target: bytes) -> bytes:
        if self.part == WHOLE:
            return self.step(target)
        path, mark, query = target.partition(b"?")
        if self.part == PATH:
            path = self.step(path)
        else:
            query = self.step(query)
        return path + mark + query


NORMALIZERS: Final[dict[str, tuple[Callable[[bytes], bytes], int, str]]] = {  # and the word that may follow
    "fragment-encode": (encode_fragment, WHOLE, ""),
    "fragment-strip": (strip_fragment, WHOLE, ""),
    "path-merge-slashes": (merge_slashes, PATH, ""),
    "path-strip-dot": (strip_dots, PATH, ""),
    "path-strip-dotdot": (strip_parents, PATH, "full"),
    "percent-decode-unreserved": (decode_unreserved, WHOLE, "strict"),
    "percent-to-uppercase": (to_uppercase, WHOLE, "strict"),
    "query-sort-by-name": (sort_query, QUERY, ""),
}


@action("normalize-uri", HTTP_REQUEST, "4.4", reads=Reads.REQUEST_LINE, writes=Writes.REQUEST_LINE)
def parse_normalize_uri(args: RuleArgs) -> Action:
    """normalize-uri <normalizer> [full | strict]: one step towards the one spelling of a target. With `strict` a
    request with an invalid escape is answered with 400. Experimental: the global section has to allow it."""
    if not global_flag(args.configuration.main, "expose-experimental-directives"):
        raise ConfigError(
            "'normalize-uri' action is experimental, must be allowed via a global 'expose-experimental-directives'",
            args.at,
            "the directive in a global section above",
        )
    at = args.here
    if not args.more():
        raise ConfigError(f"'{args.keyword}': missing argument <normalizer>", at, "one of " + ", ".join(NORMALIZERS))
    name = args.choice("<normalizer>", tuple(NORMALIZERS))
    step, part, option = NORMALIZERS[name]
    given = args.accept("full", "strict")
    if given and given != option:
        raise ConfigError(
            f"'{args.keyword}': unknown argument '{given}' for the normalizer '{name}'",
            args.words[args.index - 1].at,
            f"'{option}' or nothing" if option else "no argument",
        )
    return NormalizeUri(strip_all_parents if given == "full" else step, part, given == "strict")
