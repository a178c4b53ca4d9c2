"""Names in runtime commands: <backend>/<server>, <frontend>, numbers (management manual 9.3)."""

from pointsman.admin.command import Call, CommandError
from pointsman.admin.view import BackSide, FrontSide, named
from pointsman.server.backend import LiveServer


def wanted_server(call: Call, index: int = 0) -> tuple[BackSide, LiveServer]:
    """The server that a word names; each part by its name, or by "#" and its number. Raises CommandError."""
    backend_name, slash, server_name = call.word(index).partition("/")
    if not slash or not server_name:
        raise CommandError("Require 'backend/server'.")
    proxy = call.view.back(backend_name)
    if proxy is None or proxy.back is None:
        raise CommandError("No such backend.")
    for server in proxy.back.backend.servers:
        if named(server_name, server.name.decode(), server.number):
            return proxy.back, server
    raise CommandError("No such server.")


def wanted_frontend(call: Call, index: int = 0) -> FrontSide:
    """The frontend that a word names. Raises CommandError."""
    name = call.word(index)
    if not name:
        raise CommandError("A frontend name is expected.")
    front = call.view.front(name)
    if front is None:
        raise CommandError("No such frontend.")
    return front


def whole_number(text: str, missing: str) -> int:
    """A decimal number, negative ones too. Raises CommandError with that text."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise CommandError(missing)
    return int(text)
