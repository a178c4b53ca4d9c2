"""A client of HTTP/2 on the library h2: streams at once on one connection, one thread, sockets that may block.

Streams are opened by `open`, and `answer` reads until one of them has ended, whatever comes for others meanwhile.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

Fields = list[tuple[bytes, bytes]]
WINDOW = (1 << 30) - 1


@dataclass(slots=True)
class Answer:
    """What has come for a stream so far. `reset`: the code of an RST_STREAM."""

    status: int = 0
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    interim: list[tuple[int, Fields]] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    def get(self, name: bytes) -> bytes:
        """The values of a header field, joined; b"" if there is none."""
        return b", ".join(value for one, value in self.fields if one == name)


def trusting(*protocols: str) -> ssl.SSLContext:
    """For clients that take any certificate, and offer these protocols by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class H2Client:
    """Use as `with H2Client(port) as client:`. `tls`: with ALPN, which has to give h2."""

    def __init__(self, port: int, tls: bool = False, timeout: float = 10, window: int = WINDOW) -> None:
        self.scheme, self.authority = ("https" if tls else "http"), f"127.0.0.1:{port}"
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            secured = trusting("h2", "http/1.1").wrap_socket(self.sock, server_hostname="www.example.test")
            assert secured.selected_alpn_protocol() == "h2"
            self.sock = secured
        # What is sent is the test's affair, right or wrong.
        config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.events: list[h2.events.Event] = []  # of the connection: all that belong to no stream
        self.closed = False
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.increment_flow_control_window(WINDOW - 65_535)
        self.flush()

    def __enter__(self) -> H2Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.sock.sendall(data)

    def fields(self, method: str, path: str, more: Iterable[tuple[bytes, bytes]] = ()) -> Fields:
        """Of a request's head."""
        return [
            (b":method", method.encode()),
            (b":scheme", self.scheme.encode()),
            (b":authority", self.authority.encode()),
            (b":path", path.encode()),
            *more,
        ]

    def open(self, fields: Fields, end: bool = True) -> int:
        """A stream with that head, sent; its number."""
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, end: bool = False) -> None:
        """Payload, as the windows allow. What does not fit is dropped if the other side resets the stream meanwhile."""
        view = memoryview(data)
        answer = self.answers[stream]
        while True:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(view))
            if room or not view:
                last = room == len(view)
                self.h2.send_data(stream, bytes(view[:room]), end_stream=end and last)
                view = view[room:]
                self.flush()
                if last:
                    return
            else:
                self.wait(lambda: self.h2.local_flow_control_window(stream) > 0 or answer.reset is not None)
            if answer.reset is not None:
                return

    def end(self, stream: int, trailers: Fields = []) -> None:  # noqa: B006  # never changed
        """The end of what is sent, with trailers or without."""
        if trailers:
            self.h2.send_headers(stream, trailers, end_stream=True)
        else:
            self.h2.end_stream(stream)
        self.flush()

    def reset(self, stream: int, code: int = 8) -> None:
        self.h2.reset_stream(stream, code)
        self.flush()

    def read(self) -> bool:
        """Takes what comes next; False at the end of the connection."""
        data = self.sock.recv(262_144)
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            self.note(event)
        self.flush()
        return True

    def note(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", None)
        answer = self.answers.get(stream) if stream else None
        if answer is None:
            self.events.append(event)
        elif isinstance(event, h2.events.ResponseReceived):
            answer.fields = [(bytes(name), bytes(value)) for name, value in event.headers]
            answer.status = int(answer.get(b":status"))
        elif isinstance(event, h2.events.InformationalResponseReceived):
            fields = [(bytes(name), bytes(value)) for name, value in event.headers]
            answer.interim.append((int(dict(fields)[b":status"]), fields))
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = int(event.error_code)

    def wait(self, holds: Callable[[], bool]) -> None:
        """Reads until it holds. EOFError if the connection ends before."""
        while not holds():
            if not self.read():
                raise EOFError("the connection has ended")

    def answer(self, stream: int) -> Answer:
        """The answer, whole or broken off."""
        answer = self.answers[stream]
        self.wait(lambda: answer.ended or answer.reset is not None)
        return answer

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes = b"",
        more: Iterable[tuple[bytes, bytes]] = (),
        trailers: Fields = [],  # noqa: B006  # never changed
    ) -> Answer:
        """A request and its answer."""
        stream = self.open(self.fields(method, path, more), end=not body and not trailers)
        if body:
            self.send(stream, body, end=not trailers)
        if trailers:
            self.end(stream, trailers)
        return self.answer(stream)
