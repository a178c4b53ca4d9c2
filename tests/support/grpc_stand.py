"""A server of gRPC without protocol buffers: messages are bytes, methods are below, and it notes how calls end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc

from support.ports import free_port

WORKERS = 24
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Calls(grpc.GenericRpcHandler):
    """The methods of the service /t.T/. `cancelled` holds an event for each call of Hold and Flood, by its name."""

    def __init__(self) -> None:
        self.cancelled: dict[bytes, threading.Event] = {}
        self.begun: dict[bytes, threading.Event] = {}
        self.remaining: list[float | None] = []  # of the deadlines that calls of Hold have brought, in s
        self.peers: list[str] = []  # the connection of each call of Peer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        name = details.method.rpartition("/")[2]
        method = getattr(self, name.lower(), None)
        if method is None or not details.method.startswith("/t.T/"):
            return None
        make = {
            "Down": grpc.unary_stream_rpc_method_handler,
            "Flood": grpc.unary_stream_rpc_method_handler,
            "Half": grpc.unary_stream_rpc_method_handler,
            "Up": grpc.stream_unary_rpc_method_handler,
            "Both": grpc.stream_stream_rpc_method_handler,
        }.get(name, grpc.unary_unary_rpc_method_handler)
        return make(method)

    def expect(self, name: bytes) -> None:
        """A call of Hold or Flood of that name will come."""
        self.cancelled[name], self.begun[name] = threading.Event(), threading.Event()

    def unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return request[::-1]

    def peer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.peers.append(context.peer())
        return b""

    def metadata(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Gives back what begins with x-: in the head, and, after the message, as trailers."""
        found = [(name, value) for name, value in context.invocation_metadata() if name.startswith("x-")]
        context.send_initial_metadata([(f"{name}-head" if not name.endswith("-bin") else name, v) for name, v in found])
        context.set_trailing_metadata(found)
        return b"metadata"

    def down(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(int(request)):
            yield b"message %d" % number

    def up(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        sizes = [len(request) for request in requests]
        return b"%d messages, %d bytes" % (len(sizes), sum(sizes))

    def both(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for request in requests:
            yield request[::-1]

    def fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Trailers and nothing before them."""
        context.set_trailing_metadata([("x-why", "told")])
        context.abort(grpc.StatusCode.NOT_FOUND, request.decode())
        return b""

    def half(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Fails behind a message."""
        yield b"first"
        context.abort(grpc.StatusCode.DATA_LOSS, "behind the first")

    def hold(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answers when it is cancelled, which nobody hears."""
        self.remaining.append(context.time_remaining())
        self._watch(request, context)
        self.cancelled[request].wait(20)
        return b""

    def flood(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Sends until it is cancelled."""
        self._watch(request, context)
        while context.is_active():
            yield b"x" * 10_000

    def _watch(self, name: bytes, context: grpc.ServicerContext) -> None:
        if not context.add_callback(self.cancelled[name].set):
            self.cancelled[name].set()
        self.begun[name].set()


class GrpcServer:
    """In clear on one port, over TLS on another; use as `with GrpcServer(pem) as server:`. `pem`: with the key."""

    def __init__(self, pem: Path) -> None:
        self.calls = Calls()
        self.pool = futures.ThreadPoolExecutor(WORKERS)
        self.server = grpc.server(self.pool, [self.calls], options=UNLIMITED)
        self.port, self.tls = free_port(), free_port()
        assert self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        text = pem.read_bytes()
        credentials = grpc.ssl_server_credentials([(text, text)])
        assert self.server.add_secure_port(f"127.0.0.1:{self.tls}", credentials)

    def __enter__(self) -> GrpcServer:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop(0).wait(5)
        self.pool.shutdown()


class Client:
    """A channel of its own connection. `ca`: over TLS, with that authority."""

    def __init__(self, port: int, ca: bytes | None = None) -> None:
        options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        target = f"127.0.0.1:{port}"
        if ca is None:
            self.channel = grpc.insecure_channel(target, options)
        else:
            self.channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def unary(self, name: str) -> grpc.UnaryUnaryMultiCallable:
        return self.channel.unary_unary(f"/t.T/{name}")

    def down(self, name: str) -> grpc.UnaryStreamMultiCallable:
        return self.channel.unary_stream(f"/t.T/{name}")

    def up(self, name: str) -> grpc.StreamUnaryMultiCallable:
        return self.channel.stream_unary(f"/t.T/{name}")

    def both(self, name: str) -> grpc.StreamStreamMultiCallable:
        return self.channel.stream_stream(f"/t.T/{name}")
