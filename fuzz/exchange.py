"""What expressions, conditions and formats are tried on: an exchange with a request and a response."""

from pointsman.core.address import net_address
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.proto.h1 import parse_request, parse_response
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session

REQUEST = (
    b"GET /a/b.c?d=e&f=%67 HTTP/1.1\r\nHost: www.example.org:80\r\nCookie: s=1; t=2\r\n"
    b'X: a"b#c{d}|\\e]f\x7f\xe9, g%\r\nN: 7\r\nE:\r\n\r\n'
)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: s=1; path=/\r\nX: y\r\n\r\n"


def text_of(data: bytes) -> str:
    """As a file's bytes are read. A line holds neither its own end nor NUL."""
    return data.translate(None, b"\0\n").decode("utf-8", "surrogateescape")


def word(text: str) -> Word:
    """A word in a line of its own."""
    return Word(text, Position("fuzz.cfg", 1, 1, len(text), text))


def words(text: str) -> list[Word]:
    """The words of a line, cut at spaces, with their places."""
    found: list[Word] = []
    column = 1
    for part in text.split(" "):
        if part:
            found.append(Word(part, Position("fuzz.cfg", 1, column, len(part), text)))
        column += len(part) + 1
    return found


def exchange() -> Context:
    """A context as a stream has it when the response's head is there."""
    session = Session(ListenerFacts("", 1))
    session.source = net_address("127.0.0.1", 40000)
    session.destination = net_address("127.0.0.1", 8080)
    ctx = Context(ProxyFacts("front", 2, True), session)
    ctx.request = parse_request(REQUEST)
    ctx.request.line = ctx.record.request_line = REQUEST.partition(b"\r\n")[0]
    ctx.response = parse_response(RESPONSE)
    ctx.backend = ProxyFacts("back", 3, True)
    ctx.server = ServerFacts("s1", 1)
    ctx.server_source = net_address("127.0.0.1", 50000)
    ctx.server_address = net_address("10.0.0.9", 80)
    return ctx
