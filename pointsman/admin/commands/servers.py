"""Commands that show servers (management manual 9.3)."""

from typing import Final

from pointsman.admin.addresses import agent_of, checker_of
from pointsman.admin.command import Call, CommandError, command
from pointsman.admin.view import ProxyView
from pointsman.server.backend import LiveServer
from pointsman.server.checks.status import STATUSES
from pointsman.server.server import CONFIGURED_MAINT, MAINT, STOPPED
from pointsman.server.state_file import AGENT, COLUMNS, CONFIGURED, ENABLED, PAUSED, STATUS_NUMBERS, VERSION

UNSIGNED: Final = 0xFFFFFFFF  # how HAProxy writes what is added to a client's port, where that is negative
CONNECTION_COLUMNS: Final = (
    "bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess unsafe_nb safe_nb "
    "idle_lim idle_cur idle_per_thr[{}]"
)


def _backends(call: Call, index: int) -> list[ProxyView]:
    """The backend that a word names, or all."""
    name = call.word(index)
    if not name:
        return [proxy for proxy in call.view.proxies if proxy.back is not None]
    proxy = call.view.back(name)
    if proxy is None:
        raise CommandError("Can't find backend.")
    return [proxy]


def _place(server: LiveServer) -> tuple[str, int]:
    """Address and port; "-" and 0 where there is none."""
    target = server.dial.target
    if isinstance(target, str):
        return "-", 0
    return target[0] or "-", target[1]


def _checked_at(server: LiveServer) -> tuple[int, str]:
    """Port and address of its checks, where they are not its own."""
    checker = checker_of(server)
    return (checker.target.port, checker.target.address or "-") if checker is not None else (0, "-")


def _agent_at(server: LiveServer) -> tuple[str, int]:
    """Address of its agent, where that is not the server's, and port."""
    agent = agent_of(server)
    return (agent.target.address or "-", agent.target.port) if agent is not None else ("-", 0)


def _agent_state(server: LiveServer) -> int:
    return CONFIGURED | AGENT | (0 if server.agent_paused else ENABLED) if server.agent else 0


@command("show backend", "show backend", "list the backends")
def show_backend(call: Call) -> str:
    return "# name\n" + "".join(f"{proxy.name}\n" for proxy in call.view.proxies if proxy.back is not None)


@command("show servers state", "show servers state [<backend>]", "list the states of servers, as a state file has them")
def show_servers_state(call: Call) -> str:
    """Version 1 of the format."""
    lines = [str(VERSION), f"# {COLUMNS}"]
    for proxy in _backends(call, 0):
        assert proxy.back is not None
        lines += [_state(call, proxy, server) for server in proxy.back.backend.servers]
    return "\n".join(lines) + "\n"


def _handshakes(call: Call, proxy: ProxyView) -> list[str]:
    """Remarks on servers with which a handshake of TLS has failed: how many, how long ago the last one, and why."""
    assert proxy.back is not None
    lines: list[str] = []
    for server in proxy.back.backend.servers:
        last = server.handshakes.last() if server.handshakes is not None else None
        if last is not None:
            when, count, reason = last
            lines.append(f"# {server.route.decode()} tls-failed={count} age={call.view.since(when)} {reason}")
    return lines


def _state(call: Call, proxy: ProxyView, server: LiveServer) -> str:
    address, port = _place(server)
    if server.dial.follow_port:
        port = server.dial.offset & UNSIGNED
    maintenance = bool(server.admin & MAINT)
    status = server.check_status.removeprefix("* ") or "INI"
    result = 0
    if server.checked and status in STATUSES and STATUSES[status][0] and status not in ("UNK", "INI"):
        result = (4 if status == "L7OKC" else 3) if STATUSES[status][1] else 2
    check_state = (CONFIGURED | (0 if server.check_paused else ENABLED)) if server.checked else 0
    health = server.check_health if server.checked else 0
    values: list[int | str] = [
        proxy.number,
        proxy.name,
        server.number,
        server.name.decode(),
        address,
        STOPPED if maintenance else server.state,
        server.admin,
        server.weight,
        server.initial_weight,
        call.view.since_change(server),
        STATUS_NUMBERS.get(status, 1),
        result,
        health,
        check_state | (PAUSED if maintenance and (check_state & ENABLED or server.admin & CONFIGURED_MAINT) else 0),
        _agent_state(server),
        int(server.backend.said_id),
        int(server.said_id),
        server.fqdn or "-",
        port,
        server.service or "-",
        int(server.transports is not None),
        *_checked_at(server),
        *_agent_at(server),
    ]
    return " ".join(str(value) for value in values)


@command("show servers conn", "show servers conn [<backend>]", "list the server connections, in use and idle")
def show_servers_conn(call: Call) -> str:
    lanes = call.view.nbthread
    lines = ["# " + CONNECTION_COLUMNS.format(lanes)]
    for proxy in _backends(call, 0):
        assert proxy.back is not None
        for server in proxy.back.backend.servers:
            address, port = _place(server)
            totals = server.counters.totals
            used = totals.links - totals.idle
            values: list[int | str] = [
                f"{proxy.name}/{server.name.decode()}",
                f"{proxy.number}/{server.number}",
                address,
                port,
                "-",
                server.pool.keep_for,
                server.connections,
                used,
                totals.highest,
                used,
                0,
                totals.idle - totals.idle_safe,
                totals.idle_safe,
                server.pool.limit,
                totals.idle,
                *[server.counters.of_lane(lane, "idle") for lane in range(lanes)],
            ]
            lines.append(" ".join(str(value) for value in values))
        lines += _handshakes(call, proxy)
    return "\n".join(lines) + "\n"
