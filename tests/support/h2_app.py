"""An application that hypercorn serves, over HTTP/1 and HTTP/2 on the same port: python h2_app.py PORT [PEM PORT].

/echo      what was sent, as it comes                    /ws        a WebSocket that echoes
/digest    its SHA-256                                   /wait      answers when /told or a WebSocket has been asked
/trailers  a body with trailers (HTTP/2 only)            /told
/hints     103 before 200                                /seen      version and header fields of the request, as JSON
/page      a browser's, which opens the WebSocket
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TOLD = asyncio.Event()


async def start(send: Send, *fields: tuple[bytes, bytes], trailers: bool = False) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(fields), "trailers": trailers})


async def body(send: Send, data: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    await start(send)
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await body(send, message.get("body", b""), more)


async def digest(scope: Message, receive: Receive, send: Send) -> None:
    told, more = hashlib.sha256(), True
    while more:
        message = await receive()
        told.update(message.get("body", b""))
        more = message.get("more_body", False)
    await start(send)
    await body(send, told.hexdigest().encode())


async def trailers(scope: Message, receive: Receive, send: Send) -> None:
    await start(send, (b"trailer", b"x-sum"), trailers=True)
    await body(send, b"with trailers")
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"13")], "more_trailers": False})


async def hints(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await start(send)
    await body(send, b"after hints")


async def wait(scope: Message, receive: Receive, send: Send) -> None:
    await TOLD.wait()
    TOLD.clear()
    await start(send, (b"content-type", b"application/javascript"))
    await body(send, b"told = true;")


async def told(scope: Message, receive: Receive, send: Send) -> None:
    TOLD.set()
    await start(send)
    await body(send, b"")


async def seen(scope: Message, receive: Receive, send: Send) -> None:
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    await start(send, (b"content-type", b"application/json"))
    await body(send, json.dumps({"version": scope["http_version"], **fields}).encode())


async def page(scope: Message, receive: Receive, send: Send) -> None:
    """A browser's: opens a WebSocket, says what it has echoed; its `load` comes behind that."""
    text = (
        "<html><head><script>told = false; var socket = new WebSocket(location.href.replace('http', 'ws')"
        ".replace('/page', '/ws'));\n"
        "socket.onopen = function () { socket.send('hello'); };\n"
        "socket.onmessage = function (event) { document.title = event.data; fetch('told'); };\n"
        "socket.onerror = function () { document.title = 'error'; fetch('told'); };\n"
        "</script></head><body><script src='wait'></script></body></html>"
    )
    await start(send, (b"content-type", b"text/html"))
    await body(send, text.encode())


async def websocket(scope: Message, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            version = f"server {scope['http_version']}, client {fields.get('x-version')}"
            await send({"type": "websocket.send", "text": f"{version}: {message['text']}"})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


PATHS = {
    "/echo": echo,
    "/digest": digest,
    "/trailers": trailers,
    "/hints": hints,
    "/wait": wait,
    "/told": told,
    "/seen": seen,
    "/page": page,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
    elif scope["type"] == "http":
        await PATHS[scope["path"]](scope, receive, send)
    else:  # lifespan
        raise NotImplementedError


def main() -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.h2_max_inbound_frame_size = 65_536
    config.websocket_max_message_size = 1 << 24
    if len(sys.argv) > 2:
        config.insecure_bind, config.bind = config.bind, [f"127.0.0.1:{sys.argv[3]}"]
        config.certfile = config.keyfile = sys.argv[2]
    asyncio.run(serve(app, config))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
