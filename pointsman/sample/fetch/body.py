"""The bodies of requests and of the responses of health checks, as far as they are here (manual 7.3.6): all of it, or a
buffer full, under option http-buffer-request or a rule that waits for it; else what came with the head."""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import CheckSession, Context
from pointsman.sample.fetch.request import ignores_case
from pointsman.sample.registry import Source, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where


@fetch("req.body", Type.BIN, Where.REQUEST, Reads.BODY, "7.3.6")
def body(ctx: Context) -> bytes | None:
    """What is here of the body."""
    return ctx.body if ctx.request is not None else None


@fetch("req.body_len", Type.SINT, Where.REQUEST, Reads.BODY, "7.3.6")
def body_length(ctx: Context) -> int | None:
    """How many bytes of it are here."""
    return len(ctx.body) if ctx.request is not None else None


@fetch("req.body_size", Type.SINT, Where.REQUEST, Reads.BODY | Reads.HEADER_BLOCK, "7.3.6")
def body_size(ctx: Context) -> int | None:
    """What Content-Length says; of a chunked body what is here of it."""
    request = ctx.request
    if request is None:
        return None
    return request.length if request.length >= 0 else len(ctx.body)


@fetch("res.body", Type.BIN, Where.CHECK, Reads.RESPONSE_BODY, "7.3.6")
def response_body(ctx: Context) -> bytes | None:
    """What is here of the body of a response, in health checks: elsewhere nothing waits for it."""
    session = ctx.session
    return session.body if ctx.response is not None and isinstance(session, CheckSession) else None


@fetch("res.body_len", Type.SINT, Where.CHECK, Reads.RESPONSE_BODY, "7.3.6")
def response_body_length(ctx: Context) -> int | None:
    """How many bytes of it are here."""
    found = response_body(ctx)
    return len(found) if found is not None else None


@fetch("res.body_size", Type.SINT, Where.CHECK, Reads.RESPONSE_BODY | Reads.RESPONSE_BLOCK, "7.3.6")
def response_body_size(ctx: Context) -> int | None:
    """What Content-Length says; of a chunked body what is here of it."""
    response, found = ctx.response, response_body(ctx)
    if response is None or found is None:
        return None
    return response.length if response.length >= 0 else len(found)


class BodyParameter(Source):
    """The parameters of one name (b"": of any) in a body that is a form."""

    def __init__(self, args: Arguments) -> None:
        self.name = args.text(0)
        self.loose = ignores_case(args, 1)
        if self.loose:
            self.name = self.name.lower()

    def get(self, ctx: Context) -> Value | None:
        found = self.values(ctx)
        return found[0] if found else None

    def values(self, ctx: Context) -> list[Value]:
        if ctx.request is None:
            return []
        found: list[Value] = []
        for part in ctx.body.split(b"&"):
            name, mark, value = part.partition(b"=")
            if mark and (not self.name or self.name == (name.lower() if self.loose else name)):
                found.append(value)
        return found


@fetch_with("req.body_param", "([string,string])", Type.BIN, Where.REQUEST, Reads.BODY, "7.3.6")
def body_parameter(args: Arguments) -> Source:
    """req.body_param([<name>[,i]]): the first parameter of that name in a form, not decoded; ACLs look at all."""
    return BodyParameter(args)
