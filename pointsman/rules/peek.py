"""HTTP in the bytes of a TCP connection: layer 4 content rules and routes of a proxy in mode tcp may ask for it (manual
4.2, tcp-request content). The same parser as everywhere makes a request of the client's first bytes."""

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import parse_request, split_head
from pointsman.sample.context import Context


def peek_request(context: Context) -> bool:
    """Give the context the request whose whole head the client's bytes begin with, if there is one. True: they may yet
    become one."""
    if context.request is not None:
        return False
    data = context.request_bytes
    try:
        size = split_head(data, 0, context.buffer.size - context.buffer.reserve, True)
        if not size:
            return True
        context.request = parse_request(data[:size])
    except ProtocolError:
        pass  # it is none
    return False
