"""An exchange for tests of expressions: a context with a request, and a response if one is asked for."""

from pointsman.core.address import net_address
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.proto.message import Head, Request, Response, field
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Value, Where


def word(text: str) -> Word:
    """A word in a line of its own."""
    return Word(text, Position("test.cfg", 1, 1, len(text), text))


def words(text: str) -> list[Word]:
    """The words of a line, cut at spaces, with their places."""
    found: list[Word] = []
    column = 1
    for part in text.split(" "):
        if part:
            found.append(Word(part, Position("test.cfg", 1, column, len(part), text)))
        column += len(part) + 1
    return found


def _fields(head: Head, lines: str | bytes) -> None:
    block = lines if isinstance(lines, bytes) else lines.encode("latin-1")
    for line in block.split(b"\n"):
        if line:
            name, _, value = line.partition(b":")
            head.fields.append(field(name.strip().lower(), value.strip(b" \t")))


def exchange(
    line: str = "GET / HTTP/1.1",
    fields: str | bytes = "host: a",
    source: str = "127.0.0.1",
    answer: str | None = None,
    answer_fields: str = "",
) -> Context:
    """A context as a stream has it once the request's head is there,
    and the response's if `answer` is its first line."""
    ctx = Context(ProxyFacts("front", 2, True), Session(ListenerFacts("", 1)))
    ctx.source = ctx.session.source = net_address(source, 40000)
    ctx.destination = ctx.session.destination = net_address("::1" if ":" in source else "127.0.0.1", 8080)
    ctx.session.real_source, ctx.session.real_destination = ctx.source, ctx.destination
    request = Request()
    method, uri, version = line.split(" ")
    request.method, request.uri, request.minor = method.encode(), uri.encode("latin-1"), int(version[-1])
    _fields(request, fields)
    request.host = request.get(b"host")
    request.line = ctx.record.request_line = line.encode("latin-1")
    ctx.request = request
    if answer is not None:
        response = Response()
        response.line = answer.encode()
        version, status, response_reason = answer.split(" ", 2)
        response.minor, response.status, response.reason = int(version[-1]), int(status), response_reason.encode()
        _fields(response, answer_fields)
        ctx.response = response
        ctx.backend = ProxyFacts("back", 3, True)
        ctx.server = ServerFacts("s1", 1)
        ctx.server_source = net_address("127.0.0.1", 50000)
        ctx.server_address = net_address("10.0.0.9", 80)
    return ctx


def sample(text: str, ctx: Context | None = None, where: Where = Where.EVERYWHERE) -> Value | None:
    """What an expression yields."""
    return parse_expression(word(text), where).get(ctx or exchange())


def shown(text: str, ctx: Context | None = None) -> bytes | None:
    """The same as a string."""
    return parse_expression(word(text), Where.EVERYWHERE).get_bytes(ctx or exchange())


def many(text: str, ctx: Context) -> list[Value]:
    """All values, as an ACL sees them."""
    return parse_expression(word(text), Where.EVERYWHERE).values(ctx)
