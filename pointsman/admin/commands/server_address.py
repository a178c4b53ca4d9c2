"""set server <backend>/<server> addr, check-addr, check-port, fqdn, ssl (management manual 9.3)."""

import ipaddress
from collections.abc import Awaitable

from pointsman.admin.addresses import ServerAddresses
from pointsman.admin.command import Call, CommandError
from pointsman.admin.commands.set_server import part
from pointsman.admin.lookup import wanted_server
from pointsman.admin.named_servers import NAMES
from pointsman.admin.publish import publish
from pointsman.admin.view import BackSide
from pointsman.log.target import NOTICE
from pointsman.resolve.message import is_name
from pointsman.server.backend import LiveServer
from pointsman.server.dial import Dial
from pointsman.tables.changes import CHANGES, Change

_BY = "by 'stats socket command'"
_NO_MAP = (
    "can't change <port> to port map because it is incompatible with current health check port configuration "
    "(use 'port' statement from the 'server' directive."
)


def _addresses() -> ServerAddresses:
    found = CHANGES.followers["server"]
    assert isinstance(found, ServerAddresses)
    return found


def _address(text: str) -> str:
    """IPv4 or IPv6, in its usual spelling; "" for none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _shown_port(dial: Dial) -> str:
    assert not isinstance(dial.target, str)
    return f"{dial.offset:+d}" if dial.follow_port else str(dial.target[1])


@part("addr")
async def set_address(call: Call) -> str:
    """set server <backend>/<server> addr <ip4 or ip6 address> [port <port>]"""
    back, server = wanted_server(call)
    dial = server.dial
    if isinstance(dial.target, str):
        raise CommandError(
            "Update for the current server address family is only supported through configuration file " + _BY
        )
    if not call.word(2):
        raise CommandError("set server <b>/<s> addr requires an address and optionally a port.")
    if not dial.target[0]:  # its name has none, and says so when it has one
        raise CommandError("Update for the current server address family is only supported through configuration file.")
    host = _address(call.word(2))
    if not host:
        raise CommandError(f"Invalid addr '{call.word(2)}'")
    said: list[str] = []
    if host != dial.target[0]:
        said.append(f"IP changed from '{dial.target[0]}' to '{host}'")
    port, follow, offset = dial.target[1], dial.follow_port, dial.offset
    if call.word(3) == "port":
        said_port, port, follow, offset = _new_port(call.word(4), server)
        said += [said_port] if said_port else []
    elif call.word(3):
        raise CommandError("set server <b>/<s> addr requires an address and optionally a port.")
    route = server.route.decode()
    change: Change = ["server", route, "addr", host, port, follow, offset]
    if (host, port, follow, offset) != (*dial.target, dial.follow_port, dial.offset) or dial.follow_address:
        await publish(call, change)
        call.view.settle()
        _log(call, back, f"{route} : {', '.join(said)} {_BY}")
    return f"{', '.join(said)} {_BY}\n" if said else "nothing changed\n"


def _new_port(text: str, server: LiveServer) -> tuple[str, int, bool, int]:
    """What is said of it, and port, whether it is the client's, and how much is added to that."""
    dial = server.dial
    assert not isinstance(dial.target, str)
    old = dial.target[1], dial.follow_port, dial.offset
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9 or int(digits) > 65_535:
        raise CommandError(f"problem converting port '{text}' to an int")
    mapped = digits != text
    checker = _addresses().checker(server)
    if mapped and (checker is None or not checker.target.port):
        return _NO_MAP, *old
    new = (0, True, int(text)) if mapped else (int(text), False, 0)
    if new == old:
        return "", *old
    return f"port changed from '{_shown_port(dial)}' to '{text}'", *new


def _log(call: Call, back: BackSide, message: str) -> None:
    back.tell(NOTICE, message.encode())


@part("check-addr")
def set_check_address(call: Call) -> Awaitable[str]:
    """set server <backend>/<server> check-addr <ip4 | ip6> [port <port>]"""
    server = wanted_server(call)[1]
    if not call.word(2):
        raise CommandError("set server <b>/<s> check-addr requires an address and optionally a port.")
    checker = _addresses().checker(server)
    if checker is None:
        raise CommandError("health checks are not enabled on this server")
    host = _address(call.word(2))
    if not host:
        raise CommandError(f"invalid addr '{call.word(2)}'")
    port = checker.target.port
    if call.word(3):
        if call.word(3) != "port":
            raise CommandError("set server <b>/<s> check-addr requires an address and optionally a port.")
        port = _check_port(call.word(4))
    return publish(call, ["server", server.route.decode(), "check", host, port])


@part("check-port")
def set_check_port(call: Call) -> Awaitable[str]:
    """set server <backend>/<server> check-port <port>"""
    server = wanted_server(call)[1]
    if not call.word(2):
        raise CommandError("set server <b>/<s> check-port requires a port.")
    checker = _addresses().checker(server)
    if checker is None:
        raise CommandError("health checks are not enabled on this server")
    port = _check_port(call.word(2))
    if not port and server.dial.follow_port:
        raise CommandError("a server whose port is the client's needs a port for its checks")
    return publish(call, ["server", server.route.decode(), "check", checker.target.address, port])


def _check_port(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise CommandError("provided port is not an integer")
    if len(text) > 9 or int(text) > 65_535:
        raise CommandError("provided port is invalid")
    return int(text)


@part("fqdn")
def set_name(call: Call) -> str:
    """set server <backend>/<server> fqdn <FQDN>: for servers with `resolvers`, but not for those of a service."""
    server = wanted_server(call)[1]
    name = call.word(2)
    if not name:
        raise CommandError("set server <b>/<s> fqdn requires a FQDN.")
    named = NAMES.of(server)
    if named is None:
        raise CommandError("set server <b>/<s> fqdn failed because no resolution is configured.")
    if server.service:
        raise CommandError("set server <b>/<s> fqdn failed because SRV resolution is configured.")
    if not is_name(name):
        raise CommandError(f"could not update {named.route} FQDN {_BY}")
    old = server.fqdn
    if name == old:
        return f"no need to change the FDQN {_BY}\n"
    named.names.rename(named, name)
    return f"{named.route} changed its FQDN from {old or '(null)'} to {name} {_BY}\n"


@part("ssl")
def set_ssl(call: Call) -> Awaitable[str]:
    """set server <backend>/<server> ssl [ on | off ]: whether connections yet to come are encrypted; checks are not
    asked."""
    server = wanted_server(call)[1]
    if server.encrypting is None:
        raise CommandError("'set server <srv> ssl' cannot be set.  default-server should define ssl settings")
    if call.word(2) not in ("on", "off"):
        raise CommandError("'set server <srv> ssl' expects 'on' or 'off'.")
    return _told(call, ["server", server.route.decode(), "ssl", call.word(2) == "on"])


async def _told(call: Call, change: Change) -> str:
    await publish(call, change)
    call.view.settle()
    return "server ssl setting updated.\n"
