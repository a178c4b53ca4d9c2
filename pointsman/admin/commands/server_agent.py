"""Commands about the agents of servers (management manual 9.3): enable and disable agent, set server ... agent,
agent-addr, agent-port, agent-send."""

import asyncio
import socket
from collections.abc import Awaitable

from pointsman.admin.addresses import agent_of, begin_checks
from pointsman.admin.command import ADMIN, Call, CommandError, command
from pointsman.admin.commands.set_server import part
from pointsman.admin.lookup import wanted_server
from pointsman.admin.publish import publish
from pointsman.core.address import is_ip
from pointsman.server.backend import LiveServer
from pointsman.server.checks.agent import Agent, AgentTarget

_NONE = "agent checks are not enabled on this server"


@command("disable agent", "disable agent <bk>/<srv>", "stop a server's agent checks for a while", level=ADMIN)
def disable_agent(call: Call) -> str:
    """What it has said stays in force, but is no objection any more; weights are the operator's meanwhile."""
    server = wanted_server(call)[1]
    if server.agent:
        server.agent_paused = True
    return ""


@command("enable agent", "enable agent <bk>/<srv>", "go on with a server's agent checks", level=ADMIN)
def enable_agent(call: Call) -> str:
    """After `disable agent`."""
    server = wanted_server(call)[1]
    if not server.agent:
        raise CommandError("Agent was not configured on this server, cannot enable.")
    server.agent_paused = False
    begin_checks(server)
    return ""


def _agent(call: Call, complaint: str) -> tuple[LiveServer, Agent]:
    server = wanted_server(call)[1]
    agent = agent_of(server)
    if agent is None or server.agent_paused:
        raise CommandError(complaint)
    return server, agent


@part("agent")
def set_agent(call: Call) -> str:
    """set server <backend>/<server> agent [ up | down ]: until the agent says otherwise."""
    agent = _agent(call, f"{_NONE}.")[1]
    if call.word(2) not in ("up", "down"):
        raise CommandError("'set server <srv> agent' expects 'up' or 'down'.")
    agent.force(call.word(2) == "up", call.view.now)
    call.view.settle()
    return ""


def _change(call: Call, server: LiveServer, target: AgentTarget) -> Awaitable[str]:
    sent = target.send.decode("utf-8", "surrogateescape")
    return publish(call, ["server", server.route.decode(), "agent", target.address, target.port, sent])


@part("agent-addr")
async def set_agent_address(call: Call) -> str:
    """set server <backend>/<server> agent-addr <addr> [port <port>]: a host name is looked up now."""
    server, agent = _agent(call, _NONE)
    if not call.word(2):
        raise CommandError("set server <b>/<s> agent-addr requires an address and optionally a port.")
    port = _port(call.word(4)) if call.word(3) == "port" else agent.target.port
    host = call.word(2) if is_ip(call.word(2)) else await _resolved(call.word(2))
    return await _change(call, server, AgentTarget(host, port, agent.target.send))


async def _resolved(name: str) -> str:
    """Only who asks waits. IPv4 first, as at start-up."""
    loop = asyncio.get_running_loop()
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return str((await loop.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM))[0][4][0])
        except (OSError, UnicodeError):
            continue
    raise CommandError(f"invalid addr '{name}'")


@part("agent-port")
def set_agent_port(call: Call) -> Awaitable[str]:
    """set server <backend>/<server> agent-port <port>"""
    server, agent = _agent(call, _NONE)
    if not call.word(2):
        raise CommandError("set server <b>/<s> agent-port requires a port.")
    return _change(call, server, AgentTarget(agent.target.address, _port(call.word(2)), agent.target.send))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise CommandError("provided port is not an integer")
    if len(text) > 9 or int(text) > 65_535:
        raise CommandError("provided port is invalid")
    return int(text)


@part("agent-send")
def set_agent_send(call: Call) -> Awaitable[str]:
    """set server <backend>/<server> agent-send <value>"""
    server, agent = _agent(call, f"{_NONE}.")
    sent = call.word(2).encode("utf-8", "surrogateescape")
    return _change(call, server, AgentTarget(agent.target.address, agent.target.port, sent))
