"""The fields of `show info` (management manual 9.3), declared once: position, name, tags, type, words, value.

Tools find them by name, so all names are here, also those of what this process does not have (TLS, compression, pipes,
peers): their value is the truth, zero. Holes in the positions are HAProxy's own.
"""
import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pointsman
from pointsman.admin.gauge import Gauge, sent
from pointsman.admin.render import PROCESS, compact, item
from pointsman.admin.rows import Value
from pointsman.admin.view import View
from pointsman.net.clock import monotonic_ms


@dataclass(frozen=True, slots=True)
class Facts:
    """What values are worked out from."""

    view: View
    gauge: Gauge
    consoles: int = 0  # connections to stats sockets

    @property
    def uptime(self) -> int:
        """ms"""
        return monotonic_ms() - self.view.started

    @property
    def listeners(self) -> int:
        return len(self.view.sockets) + sum(
            1 for proxy in self.view.proxies if proxy.front is not None and proxy.front.open
            for _ in proxy.front.listeners)


@dataclass(frozen=True, slots=True)
class Field:
    position: int
    name: str
    tags: str
    type: str
    text: str
    value: Callable[[Facts], Value | float]


def _zero(facts: Facts) -> int:
    return 0


def duration(milliseconds: int) -> str:
    """0d 0h00m27s"""
    seconds = milliseconds // 1000
    return f"{seconds // 86400}d {seconds // 3600 % 24}h{seconds // 60 % 60:02}m{seconds % 60:02}s"


def _descriptors(facts: Facts) -> int:
    return max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _tasks(facts: Facts) -> int:
    return facts.view.reactor.open + len(asyncio.all_tasks())


def _highest(rate: str) -> Callable[[Facts], int]:
    if rate == "connections":
        return lambda facts: facts.view.room.connection_rate.highest
    return lambda facts: facts.view.room.session_rate.highest


FIELDS: Final = (
    Field(0, "Name", "POSV", "str", "Name of the product", lambda _: "Pointsman"),
    Field(1, "Version", "POSV", "str", "Its version", lambda _: pointsman.__version__),
    Field(2, "Release_date", "POSV", "str", "Date of this version", lambda _: pointsman.__date__),
    Field(3, "Nbthread", "CGSV", "u32", "Traffic processes (nbthread)",
          lambda facts: facts.view.nbthread),
    Field(4, "Nbproc", "CGSV", "u32", "Worker processes", lambda _: 1),
    Field(5, "Process_num", "KGPV", "u32", "Number of this process", lambda _: PROCESS),
    Field(6, "Pid", "SGPV", "u32", "Its number in the system", lambda facts: facts.view.pid),
    Field(7, "Uptime", "MDPV", "str", "Time since its start", lambda facts: duration(facts.uptime)),
    Field(8, "Uptime_sec", "MDPV", "u32", "The same in seconds", lambda facts: facts.uptime / 1000),
    Field(9, "Memmax_MB", "CLPV", "u32", "Limit of memory (-m)", lambda facts: facts.view.memory),
    Field(10, "PoolAlloc_MB", "MGPV", "u32", "Memory in pools: there are none", _zero),
    Field(11, "PoolUsed_MB", "MGPV", "u32", "Memory of pools in use", _zero),
    Field(12, "PoolFailed", "MCPV", "u32", "Allocations from pools that failed", _zero),
    Field(13, "Ulimit-n", "CLPV", "u32", "Limit of descriptors", _descriptors),
    Field(14, "Maxsock", "CLPV", "u32", "Limit of sockets", _descriptors),
    Field(15, "Maxconn", "CLPV", "u32", "Limit of connections", lambda facts: facts.view.room.limit),
    Field(16, "Hard_maxconn", "CLPV", "u32", "The same at the start", lambda facts: facts.view.limit),
    Field(17, "CurrConns", "MGPV", "u32", "Client connections now", lambda facts: facts.view.room.connections),
    Field(18, "CumConns", "MCPV", "u32", "Client connections since the start", lambda facts: facts.view.room.total),
    Field(19, "CumReq", "MCPV", "u32", "Requests since the start", lambda facts: facts.view.program.requests),
    Field(20, "MaxSslConns", "CLPV", "u32", "Limit of TLS connections", _zero),
    Field(21, "CurrSslConns", "MGPV", "u32", "TLS connections now", _zero),
    Field(22, "CumSslConns", "MCPV", "u32", "TLS connections since the start", _zero),
    Field(23, "Maxpipes", "CLPV", "u32", "Limit of pipes for splicing",
          lambda facts: facts.view.room.pipes),
    Field(24, "PipesUsed", "MGPV", "u32", "Pipes in use", _zero),
    Field(25, "PipesFree", "MGPV", "u32", "Pipes at hand", _zero),
    Field(26, "ConnRate", "MRPV", "u32", "Connections accepted during the last second",
          lambda facts: facts.view.room.connection_rate.read(facts.view.now)),
    Field(27, "ConnRateLimit", "CLPV", "u32", "Their limit (maxconnrate)",
          lambda facts: facts.view.room.connection_rate.limit),
    Field(28, "MaxConnRate", "MMPV", "u32", "Most of them in one second", _highest("connections")),
    Field(29, "SessRate", "MRPV", "u32", "Sessions begun during the last second",
          lambda facts: facts.view.room.session_rate.read(facts.view.now)),
    Field(30, "SessRateLimit", "CLPV", "u32", "Their limit (maxsessrate)",
          lambda facts: facts.view.room.session_rate.limit),
    Field(31, "MaxSessRate", "MMPV", "u32", "Most of them in one second", _highest("sessions")),
    Field(32, "SslRate", "MRPV", "u32", "TLS connections during the last second", _zero),
    Field(33, "SslRateLimit", "CLPV", "u32", "Their limit", _zero),
    Field(34, "MaxSslRate", "MMPV", "u32", "Most of them in one second", _zero),
    Field(35, "SslFrontendKeyRate", "MRPV", "u32", "TLS keys made for clients during the last second", _zero),
    Field(36, "SslFrontendMaxKeyRate", "MMPV", "u32", "Most of them in one second", _zero),
    Field(37, "SslFrontendSessionReuse_pct", "MaPV", "u32", "Per cent of TLS connections without a new key", _zero),
    Field(38, "SslBackendKeyRate", "MRPV", "u32", "TLS keys made for servers during the last second", _zero),
    Field(39, "SslBackendMaxKeyRate", "MMPV", "u32", "Most of them in one second", _zero),
    Field(40, "SslCacheLookups", "MCPV", "u32", "TLS sessions looked for", _zero),
    Field(41, "SslCacheMisses", "MCPV", "u32", "TLS sessions not found", _zero),
    Field(42, "CompressBpsIn", "MRPV", "u32", "Bytes given to the compressor during the last second", _zero),
    Field(43, "CompressBpsOut", "MRPV", "u32", "Bytes that it gave", _zero),
    Field(44, "CompressBpsRateLim", "CLPV", "u32", "Their limit", _zero),
    Field(47, "Tasks", "MGPV", "u32", "Descriptors and tasks at work", _tasks),
    Field(48, "Run_queue", "MGPV", "u32", "Channels that wait for another go",
          lambda facts: len(facts.view.reactor.goes)),
    Field(49, "Idle_pct", "MaPV", "u32", "Per cent of the last second without work", lambda facts: facts.gauge.idle),
    Field(50, "node", "COSV", "str", "Name of this node", lambda facts: facts.view.node),
    Field(51, "description", "COSV", "str", "Its description", lambda facts: facts.view.description),
    Field(52, "Stopping", "SGPV", "u32", "1 during a soft stop", lambda facts: int(facts.view.room.stopping)),
    Field(53, "Jobs", "MGPV", "u32", "Connections and listeners",
          lambda facts: facts.view.room.connections + facts.consoles + facts.listeners),
    Field(54, "Unstoppable Jobs", "MGPV", "u32", "Those that a soft stop does not wait for", _zero),
    Field(55, "Listeners", "MGPV", "u32", "Listening sockets", lambda facts: facts.listeners),
    Field(56, "ActivePeers", "MGPV", "u32", "Peers connected to", _zero),
    Field(57, "ConnectedPeers", "MGPV", "u32", "Peers connected", _zero),
    Field(58, "DroppedLogs", "MCPV", "u32", "Log lines that nobody will ever read",
          lambda facts: facts.view.dropped_logs()),
    Field(59, "BusyPolling", "CGPV", "u32", "1 under busy-polling", _zero),
    Field(60, "FailedResolutions", "MCPV", "u32", "Names that could not be resolved", _zero),
    Field(61, "TotalBytesOut", "MCPV", "u64", "Bytes sent to clients", lambda facts: sent(facts.view)),
    Field(62, "TotalSplicdedBytesOut", "MCPV", "u64", "Bytes that went through a pipe, in both directions",
          lambda facts: facts.view.room.counters.totals.spliced),
    Field(63, "BytesOutRate", "MRPV", "u64", "Bytes sent to clients during the last second",
          lambda facts: facts.gauge.sent_rate),
    Field(64, "DebugCommandsIssued", "MCPV", "u32", "Debug commands given", _zero),
    Field(65, "CumRecvLogs", "MCPV", "u32", "Log lines received to be forwarded", _zero),
    Field(66, "Build info", "POSV", "str", "Version and build", lambda _: pointsman.__version__),
    Field(67, "Memmax_bytes", "CLPV", "u64", "Limit of memory (-m)", lambda facts: facts.view.memory << 20),
    Field(68, "PoolAlloc_bytes", "MGPV", "u64", "Memory in pools", _zero),
    Field(69, "PoolUsed_bytes", "MGPV", "u64", "Memory of pools in use", _zero),
    Field(70, "Start_time_sec", "MDPV", "u32", "When it was started, seconds since 1970",
          lambda facts: facts.view.started_date),
    Field(71, "Tainted", "SGPV", "str", "Experimental features in use", lambda _: "0"),
)


def _value(field: Field, facts: Facts, floats: bool) -> Value:
    found = field.value(facts)
    if isinstance(found, float):
        return f"{found:f}" if floats else int(found)
    return found


def plain(facts: Facts, descriptions: bool, floats: bool) -> str:
    """<name>: <value>"""
    return "".join(f"{field.name}: {_value(field, facts, floats)}{_quoted(field, descriptions)}\n" for field in FIELDS)


def _quoted(field: Field, descriptions: bool) -> str:
    return f':"{field.text}"' if descriptions else ""


def typed(facts: Facts, descriptions: bool, floats: bool) -> str:
    """<field_pos>.<field_name>.<process_num>:<tags>:<type>:<value>"""
    return "".join(f"{field.position}.{field.name}.{PROCESS}:{field.tags}:{_type(field, facts, floats)}:"
                   f"{_value(field, facts, floats)}{_quoted(field, descriptions)}\n" for field in FIELDS)


def _type(field: Field, facts: Facts, floats: bool) -> str:
    return "flt" if floats and isinstance(field.value(facts), float) else field.type


def as_json(facts: Facts) -> str:
    return compact([item(field.position, field.name, field.tags, field.type, _value(field, facts, False))
                    for field in FIELDS])
