"""Servers and streams for the tests of algorithms."""

from pointsman.core.address import net_address
from pointsman.proto.message import Request, field
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server


class Waited(Server):
    """A server with a queue whose length is said."""

    waiters = 0

    @property
    def queued(self) -> int:
        return self.waiters


def farm(*weights: int) -> list[Waited]:
    return [Waited(f"s{number}", number, "b", weight) for number, weight in enumerate(weights, 1)]


def stream(uri: str = "/", source: str = "192.0.2.1", fields: dict[str, str] | None = None) -> Context:
    context = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    context.source = net_address(source, 40000)
    request = Request()
    request.method = b"GET"
    request.uri = uri.encode()
    request.fields = [field(name.encode(), value.encode()) for name, value in (fields or {}).items()]
    context.request = request
    return context


ANY = stream()


def picks(algorithm: Algorithm, count: int) -> str:
    """Numbers of the servers that come next."""
    found = ""
    for _ in range(count):
        server = algorithm.pick(ANY)
        assert server is not None
        found += str(server.number)
    return found


def begin(algorithm: Algorithm, server: Server) -> None:
    server.connections += 1
    algorithm.took(server)


def end(algorithm: Algorithm, server: Server) -> None:
    server.connections -= 1
    algorithm.left(server)
