"""What is special about sockets towards servers: namespaces, MPTCP, congestion control, signatures; and which of their
connections are alike (manual 5.2)."""

import socket
from socket import AF_UNIX

from pointsman.assemble.live import Live
from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.namespaces import NAMESPACES
from pointsman.net.tcp_options import IPPROTO_MPTCP, set_congestion, sign_for
from pointsman.server.backend import LiveServer
from pointsman.server.dial import Dial
from pointsman.server.pool_key import Name
from pointsman.server.socket_maker import SocketMaker


def make_sockets(live: Live, server: LiveServer, line: ServerLine, diagnostics: Diagnostics) -> None:
    """As the server's line says. Raises ConfigError for what the kernel does not have; a congestion control that it
    does not have is left out, with a warning, and so are options that MPTCP has not."""
    parameters = line.parameters
    said = f"'server {server.route.decode('utf-8', 'replace')}'"
    if parameters.pool_name is not None:
        server.pool_name = Name(parameters.pool_name)
        server.settle()
    dial = server.dial
    if dial.presented is not None:
        live.rights.setdefault("cap_net_raw", f"{line.at}: 'usesrc'")
    maker = SocketMaker()
    if parameters.namespace:
        maker.namespace = _namespace(parameters.namespace, said, line.at)
        live.rights.setdefault("cap_sys_admin", f"{line.at}: 'namespace'")
    if dial.family != AF_UNIX:
        maker.protocol = IPPROTO_MPTCP if line.address.mptcp else 0
        maker.congestion = parameters.congestion.encode()
        maker.password = parameters.password.encode("utf-8", "surrogateescape")
    if not maker.is_plain:
        dial.maker = maker
        _try(dial, maker, said, line, diagnostics)


def check_namespace(name: str, said: str, at: Position, diagnostics: Diagnostics) -> None:
    """Of a socket that listens: its name is known."""
    if name:
        try:
            _namespace(name, said, at)
        except ConfigError as error:
            diagnostics.add(error.finding)


def _namespace(name: str, said: str, at: Position) -> int:
    try:
        return NAMESPACES.open(name)
    except OSError as error:
        expected, hint = "the name of a network namespace (ip netns)", error.strerror or ""
        raise ConfigError(f"{said} : Cannot open namespace '{name}'.", at, expected, hint) from None


def _try(dial: Dial, maker: SocketMaker, said: str, line: ServerLine, diagnostics: Diagnostics) -> None:
    """What the kernel says of a socket of that kind."""
    if dial.family == AF_UNIX:
        return
    try:
        sock = socket.socket(dial.family, socket.SOCK_STREAM, maker.protocol)
    except OSError as error:
        diagnostics.warning(f"{said} : MPTCP: {error.strerror}; connections to it will fail.", line.at)
        return
    with sock:
        if maker.congestion:
            try:
                set_congestion(sock, maker.congestion)
            except OSError as error:
                diagnostics.warning(
                    f"{said} : cannot set congestion control '{maker.congestion.decode()}' ({error.strerror}).",
                    line.at,
                    hint="net.ipv4.tcp_allowed_congestion_control names those that everybody may use",
                )
                maker.congestion = b""
        if maker.password:
            try:
                sign_for(sock, dial.family, bytes(4 if dial.family == 2 else 16), maker.password)
            except OSError as error:
                raise ConfigError(f"{said} : 'tcp-md5sig' : {error.strerror}", line.at) from None
        if maker.protocol:
            for option in list(dial.options):
                try:
                    sock.setsockopt(*option)
                except OSError as error:
                    dial.options.remove(option)
                    diagnostics.warning(
                        f"{said} : MPTCP has no option {option[1]} of TCP ({error.strerror}): it is not set.", line.at
                    )
