"""Cookies of requests and responses (manual 7.3.6).

Rules get the last cookie of a name, or the first of all; ACLs look at all.
"""

from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import text_to_int
from pointsman.sample.context import Context
from pointsman.sample.fetch.headers import head_of
from pointsman.sample.head import cookie_set, cookies_of, request_cookies, response_cookies
from pointsman.sample.registry import CURRENT_HEAD, REQUEST_HEAD, RESPONSE_HEAD, fetch_of_heads, fetch_with
from pointsman.sample.source import OWN, Getter, Source
from pointsman.sample.types import Reads, Type, Value, Where


def _cookies(ctx: Context, side: int) -> list[tuple[bytes, bytes]]:
    if ctx.response is not None and side != REQUEST_HEAD:
        return response_cookies(ctx.response)
    return request_cookies(ctx.request) if ctx.request is not None and side != RESPONSE_HEAD else []


class Cookies(Source):
    """The values of the cookies of a name (b"": of any)."""

    def __init__(self, args: Arguments, side: int) -> None:
        self.name = args.text(0)
        self.side = side
        if side != CURRENT_HEAD:
            self.lines = OWN
            self.on_request = side == REQUEST_HEAD
            self.header = b"cookie" if self.on_request else b"set-cookie"

    def text(self, ctx: Context) -> bytes | None:
        found = self.texts(ctx)
        if not found:
            return None
        return found[-1] if self.name else found[0]

    def get(self, ctx: Context) -> Value | None:
        return self.text(ctx)

    def texts(self, ctx: Context) -> list[bytes]:
        return [value for name, value in _cookies(ctx, self.side) if not self.name or name == self.name]

    def values(self, ctx: Context) -> list[Value]:
        return list(self.texts(ctx))

    def of_line(self, value: bytes) -> list[Value]:
        return list(self.texts_of(value))

    def texts_of(self, line: bytes) -> list[bytes]:
        """The values in one field."""
        found = cookies_of(line) if self.on_request else cookie_set(line)
        return [value for name, value in found if not self.name or name == self.name]


class NumberCookies(Cookies):
    """The same, as integers."""

    def get(self, ctx: Context) -> Value | None:
        found = self.text(ctx)
        return None if found is None else text_to_int(found) or 0

    def values(self, ctx: Context) -> list[Value]:
        return [text_to_int(text) or 0 for text in self.texts(ctx)]

    def of_line(self, value: bytes) -> list[Value]:
        return [text_to_int(text) or 0 for text in self.texts_of(value)]


@fetch_of_heads("req.cook cook", "res.cook scook", "([string])", Type.STR)
def cookie_value(args: Arguments, side: int) -> Source:
    """req.cook, res.cook([<name>]): the last cookie of that name, in a response the last one that it sets; without a
    name the first one."""
    return Cookies(args, side)


@fetch_of_heads("req.cook_cnt cook_cnt", "res.cook_cnt scook_cnt", "([string])", Type.SINT)
def cookie_count(args: Arguments, side: int) -> Getter:
    """req.cook_cnt, res.cook_cnt([<name>]): how many there are."""
    source = Cookies(args, side)

    def get(ctx: Context) -> Value | None:
        return None if head_of(ctx, side) is None else len(source.texts(ctx))

    return get


@fetch_of_heads("req.cook_val cook_val", "res.cook_val scook_val", "([string])", Type.SINT)
def cookie_number(args: Arguments, side: int) -> Source:
    """req.cook_val, res.cook_val([<name>]): such a cookie as an integer."""
    return NumberCookies(args, side)


@fetch_of_heads("req.cook_names", "res.cook_names", "([string])", Type.STR)
def cookie_names(args: Arguments, side: int) -> Getter:
    """req.cook_names, res.cook_names([<delim>]): the names of all cookies in their order."""
    delimiter = args.text(0)[:1] or b","

    def get(ctx: Context) -> Value | None:
        if head_of(ctx, side) is None:
            return None
        return delimiter.join([name for name, _ in _cookies(ctx, side)])

    return get


@fetch_with("cookie", "([string])", Type.STR, Where.EXCHANGE, Reads.HEADER_BLOCK | Reads.RESPONSE_BLOCK, "7.3.6")
def cookie(args: Arguments) -> Source:
    """cookie([<name>]): req.cook in rules for requests, res.cook in those for responses. Deprecated."""
    return Cookies(args, CURRENT_HEAD)


@fetch_with("set-cookie", "([string])", Type.STR, Where.ANSWERED, Reads.RESPONSE_BLOCK, "7.3.6")
def set_cookie(args: Arguments) -> Source:
    """set-cookie([<name>]): res.cook. Deprecated."""
    return Cookies(args, RESPONSE_HEAD)
