"""What a client says in Authorization (manual 7.3.6, http_auth and its kin); one that takes us for a proxy says it in
Proxy-Authorization, where the frontend knows of that (option http-use-proxy-header)."""

import base64
import binascii
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter, Source, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where
from pointsman.sample.users import userlist

READS: Final = Reads.HEADER_BLOCK | Reads.REQUEST_LINE  # which field it is says the target


def goes_to_proxy(ctx: Context) -> bool:
    """Under option http-use-proxy-header: its target is neither a path nor "*", so it was made for a proxy (manual
    4.2)."""
    request = ctx.request
    return ctx.frontend.is_proxy and request is not None and not request.uri.startswith((b"/", b"*"))


def credentials(ctx: Context, name: bytes = b"") -> tuple[bytes, bytes] | None:
    """Scheme and token of the field; b"": of the one that clients of servers, or of proxies, send."""
    if ctx.request is None:
        return None
    if not name:
        name = b"proxy-authorization" if goes_to_proxy(ctx) else b"authorization"
    text = ctx.request.get(name)
    if text is None:
        return None
    scheme, _, token = text.partition(b" ")
    return scheme, token.strip(b" \t")


def basic(ctx: Context) -> tuple[bytes, bytes] | None:
    """User and password of the Basic scheme (RFC 7617)."""
    found = credentials(ctx)
    if found is None or found[0].lower() != b"basic":
        return None
    try:
        user, mark, password = base64.b64decode(found[1], validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if mark and b"\0" not in user + password else None


@fetch("http_auth_user", Type.STR, Where.REQUEST, READS, "7.3.6")
def user(ctx: Context) -> bytes | None:
    """The user of the Basic scheme, unchecked."""
    found = basic(ctx)
    return found[0] if found is not None else None


@fetch("http_auth_pass", Type.STR, Where.REQUEST, READS, "7.3.6")
def password(ctx: Context) -> bytes | None:
    """The password of the Basic scheme, unchecked."""
    found = basic(ctx)
    return found[1] if found is not None else None


@fetch("http_auth_type", Type.STR, Where.REQUEST, READS, "7.3.6")
def scheme(ctx: Context) -> bytes | None:
    """ "Basic" or "Bearer"."""
    found = credentials(ctx)
    name = found[0].lower() if found is not None else b""
    return name.capitalize() if name in (b"basic", b"bearer") else None


@fetch_with("http_auth_bearer", "([string])", Type.STR, Where.REQUEST, READS, "7.3.6")
def bearer(args: Arguments) -> Getter:
    """http_auth_bearer([<header>]): the token of the Bearer scheme, in Authorization or in another field."""
    name = args.text(0).lower()

    def get(ctx: Context) -> Value | None:
        found = credentials(ctx, name)
        return found[1] if found is not None and found[0].lower() == b"bearer" else None

    return get


@fetch_with("http_auth", "(user list)", Type.BOOL, Where.REQUEST, READS | Reads.MOVING, "7.3.6")
def authenticated(args: Arguments) -> Getter:
    """http_auth(<userlist>): whether the client sent a user and a password that the list knows. No sample where it sent
    none, as in HAProxy."""
    users = userlist(args.word(0))

    def get(ctx: Context) -> Value | None:
        found = basic(ctx)
        return None if found is None else users.check(found[0], found[1], ctx)

    return get


class Groups(Source):
    """The user that a list lets in; for ACLs the groups of that user."""

    def __init__(self, name: str) -> None:
        self.users = userlist(name)

    def get(self, ctx: Context) -> Value | None:
        found = basic(ctx)
        return found[0] if found is not None and self.users.check(found[0], found[1], ctx) else None

    def values(self, ctx: Context) -> list[Value]:
        found = basic(ctx)
        if found is None or not self.users.check(found[0], found[1], ctx):
            return []
        return sorted(self.users.accounts[found[0]].groups)


@fetch_with("http_auth_group", "(user list)", Type.STR, Where.REQUEST, READS | Reads.MOVING, "7.3.6")
def group(args: Arguments) -> Source:
    """http_auth_group(<userlist>): the user, if the password is right; an ACL compares the user's groups instead."""
    return Groups(args.word(0))
