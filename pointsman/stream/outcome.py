"""What an exchange amounted to, to be done again for the same bytes.

A stream notes what its rules ask (rules/plan.py). If all of it was the connection and the request's head, then for the
same head on the same connection the outcome is the same: the backend, the edited request, the bytes that go out. The
client's side keeps it beside the bytes of the head (h1front.py). The same holds for responses: a server connection
keeps the last head with the bytes that were sent to the client for it (h1back.py).

An outcome never holds what has to be asked anew: which server, timers, counters, log line. `version`: see
core/epoch.py.
"""
from pointsman.proto.message import Request, Response
from pointsman.stream.proxies import BackendProxy, Frontend


class Outcome:
    """Of a request."""

    def __init__(self, request: Request, backend: BackendProxy, head: bytes, version: int) -> None:
        self.request = request  # as the rules left it
        self.backend = backend
        self.head = head  # as it goes to the server
        self.version = version


class Answer:
    """Of a response."""

    def __init__(self, response: Response, frontend: Frontend, outcome: Outcome | None, version: int) -> None:
        self.response = response  # as the rules left it
        self.frontend = frontend
        self.outcome = outcome  # of the request, if rules looked at that
        self.version = version
        self.closing = False
        self.wire = b""  # as it goes to the client
        self.raw = b""  # as it was received; for the side that keeps it
        self.kind = 0  # of its body
        self.keeps = False  # the server connection allows another exchange
