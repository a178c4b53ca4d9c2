"""The fields of `show info` (management manual 9.3), declared once: position, name, tags, type, words, value.

Tools find them by name, so all names of 3.5 are here, also those of what this process does not have (compression,
peers): their value is the truth, zero. Holes in the positions are HAProxy's own. Tools that look at `Name` and
`Version` want to know which language and commands they have before them: these are HAProxy's; ours stand at the end.
"""

import asyncio
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pointsman
from pointsman.admin.gauge import Gauge, sent
from pointsman.admin.render import PROCESS_NUMBER, compact, item
from pointsman.admin.rows import Value
from pointsman.admin.view import View
from pointsman.config.features import VERSION
from pointsman.core.tls_counters import TlsCounters
from pointsman.net.clock import monotonic_ms
from pointsman.tables.patterns import LISTS

BUILD: Final = f"{VERSION}-pointsman-{pointsman.__version__}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What values are worked out from."""

    view: View
    gauge: Gauge

    @property
    def uptime(self) -> int:
        """ms"""
        return monotonic_ms() - self.view.started

    @property
    def cli_sessions(self) -> int:
        """Connections to stats sockets since the start."""
        return self.view.process.counters.totals.cli_sessions

    @property
    def requests(self) -> int:
        """Each connection to a stats socket counts as one."""
        return self.view.program.requests + self.cli_sessions

    @property
    def tls(self) -> TlsCounters:
        return self.view.process.tls.counters

    @property
    def listeners(self) -> int:
        return len(self.view.sockets) + sum(
            1
            for proxy in self.view.proxies
            if proxy.front is not None and proxy.front.open
            for _ in proxy.front.listeners
        )


@dataclass(frozen=True, slots=True)
class InfoField:
    position: int
    name: str
    tags: str
    type: str
    text: str
    value: Callable[[Facts], Value | float | None]  # None: not shown


def _zero(facts: Facts) -> int:
    return 0


def _sessions_looked_for(facts: Facts) -> int:
    cache = facts.view.sessions
    return 0 if cache is None else cache.lookups


def _sessions_missed(facts: Facts) -> int:
    cache = facts.view.sessions
    return 0 if cache is None else cache.misses


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
        return lambda facts: facts.view.process.connection_rate.highest
    return lambda facts: facts.view.process.session_rate.highest


INFO_FIELDS: Final = (
    InfoField(0, "Name", "POSV", "str", "Product whose language and commands these are", lambda _: "HAProxy"),
    InfoField(1, "Version", "POSV", "str", "Version of that language", lambda _: VERSION),
    InfoField(2, "Release_date", "POSV", "str", "Date of this version", lambda _: pointsman.__date__),
    InfoField(3, "Nbthread", "CGSV", "u32", "Traffic processes (nbthread)", lambda facts: facts.view.nbthread),
    InfoField(4, "Nbproc", "CGSV", "u32", "Worker processes", lambda _: 1),
    InfoField(5, "Process_num", "KGPV", "u32", "Number of this process", lambda _: PROCESS_NUMBER),
    InfoField(6, "Pid", "SGPV", "u32", "Its number in the system", lambda facts: facts.view.pid),
    InfoField(7, "Uptime", "MDPV", "str", "Time since its start", lambda facts: duration(facts.uptime)),
    InfoField(8, "Uptime_sec", "MDPV", "u32", "The same in seconds", lambda facts: facts.uptime / 1000),
    InfoField(9, "Memmax_MB", "CLPV", "u32", "Limit of memory (-m)", lambda facts: facts.view.memory),
    InfoField(10, "PoolAlloc_MB", "MGPV", "u32", "Memory in pools: there are none", _zero),
    InfoField(11, "PoolUsed_MB", "MGPV", "u32", "Memory of pools in use", _zero),
    InfoField(12, "PoolFailed", "MCPV", "u32", "Allocations from pools that failed", _zero),
    InfoField(13, "Ulimit-n", "CLPV", "u32", "Limit of descriptors", _descriptors),
    InfoField(14, "Maxsock", "CLPV", "u32", "Limit of sockets", _descriptors),
    InfoField(15, "Maxconn", "CLPV", "u32", "Limit of connections", lambda facts: facts.view.process.limit),
    InfoField(16, "Hard_maxconn", "CLPV", "u32", "The same at the start", lambda facts: facts.view.limit),
    InfoField(17, "CurrConns", "MGPV", "u32", "Client connections now", lambda facts: facts.view.process.connections),
    InfoField(
        18,
        "CumConns",
        "MCPV",
        "u32",
        "Connections of clients and of the stats sockets since the start",
        lambda facts: facts.view.process.total + facts.cli_sessions,
    ),
    InfoField(
        19,
        "CumReq",
        "MCPV",
        "u32",
        "Requests of clients and on the stats sockets since the start",
        lambda facts: facts.requests,
    ),
    InfoField(20, "MaxSslConns", "MMPV", "u32", "Limit of TLS connections", lambda facts: facts.tls.limit),
    InfoField(21, "CurrSslConns", "MGPV", "u32", "TLS connections now", lambda facts: facts.tls.sum_of("current")),
    InfoField(
        22,
        "CumSslConns",
        "MCPV",
        "u32",
        "TLS connections since the start",
        lambda facts: facts.tls.sum_of("accepted") + facts.tls.sum_of("connected"),
    ),
    InfoField(23, "Maxpipes", "CLPV", "u32", "Limit of pipes for splicing", lambda facts: facts.view.process.pipes),
    InfoField(24, "PipesUsed", "MGPV", "u32", "Pipes in use", _zero),
    InfoField(25, "PipesFree", "MGPV", "u32", "Pipes at hand", _zero),
    InfoField(
        26,
        "ConnRate",
        "MRPV",
        "u32",
        "Connections accepted during the last second",
        lambda facts: facts.view.process.connection_rate.read(facts.view.now),
    ),
    InfoField(
        27,
        "ConnRateLimit",
        "CLPV",
        "u32",
        "Their limit (maxconnrate)",
        lambda facts: facts.view.process.connection_rate.limit,
    ),
    InfoField(28, "MaxConnRate", "MMPV", "u32", "Most of them in one second", _highest("connections")),
    InfoField(
        29,
        "SessRate",
        "MRPV",
        "u32",
        "Sessions begun during the last second",
        lambda facts: facts.view.process.session_rate.read(facts.view.now),
    ),
    InfoField(
        30,
        "SessRateLimit",
        "CLPV",
        "u32",
        "Their limit (maxsessrate)",
        lambda facts: facts.view.process.session_rate.limit,
    ),
    InfoField(31, "MaxSessRate", "MRPV", "u32", "Most of them in one second", _highest("sessions")),
    InfoField(
        32,
        "SslRate",
        "MRPV",
        "u32",
        "TLS connections of clients during the last second",
        lambda facts: facts.tls.rate.read(facts.view.now),
    ),
    InfoField(33, "SslRateLimit", "CLPV", "u32", "Their limit (maxsslrate)", lambda facts: facts.tls.rate.limit),
    InfoField(34, "MaxSslRate", "MMPV", "u32", "Most of them in one second", lambda facts: facts.tls.rate.highest),
    InfoField(
        35,
        "SslFrontendKeyRate",
        "MGPV",
        "u32",
        "TLS keys made for clients during the last second",
        lambda facts: facts.tls.key_rate.read(facts.view.now),
    ),
    InfoField(
        36,
        "SslFrontendMaxKeyRate",
        "MMPV",
        "u32",
        "Most of them in one second",
        lambda facts: facts.tls.key_rate.highest,
    ),
    InfoField(
        37,
        "SslFrontendSessionReuse_pct",
        "MGPV",
        "u32",
        "Per cent of TLS connections of clients without a new key",
        lambda facts: facts.tls.reuse(facts.view.now),
    ),
    InfoField(
        38,
        "SslBackendKeyRate",
        "MRPV",
        "u32",
        "TLS keys made for servers during the last second",
        lambda facts: facts.tls.server_key_rate.read(facts.view.now),
    ),
    InfoField(
        39,
        "SslBackendMaxKeyRate",
        "MMPV",
        "u32",
        "Most of them in one second",
        lambda facts: facts.tls.server_key_rate.highest,
    ),
    InfoField(40, "SslCacheLookups", "MCPV", "u32", "TLS sessions looked for", _sessions_looked_for),
    InfoField(41, "SslCacheMisses", "MCPV", "u32", "TLS sessions not found", _sessions_missed),
    InfoField(42, "CompressBpsIn", "MRPV", "u32", "Bytes given to the compressor during the last second", _zero),
    InfoField(43, "CompressBpsOut", "MRPV", "u32", "Bytes that it gave", _zero),
    InfoField(44, "CompressBpsRateLim", "CLPV", "u32", "Their limit", lambda facts: facts.view.compression_rate_limit),
    InfoField(47, "Tasks", "MGPV", "u32", "Descriptors and tasks at work", _tasks),
    InfoField(
        48, "Run_queue", "MGPV", "u32", "Channels that wait for another go", lambda facts: len(facts.view.reactor.goes)
    ),
    InfoField(
        49, "Idle_pct", "MaPV", "u32", "Per cent of the last second without work", lambda facts: facts.gauge.idle
    ),
    InfoField(50, "node", "COSV", "str", "Name of this node", lambda facts: facts.view.node),
    InfoField(51, "description", "COSV", "str", "Its description", lambda facts: facts.view.description or None),
    InfoField(52, "Stopping", "MGPV", "u32", "1 during a soft stop", lambda facts: int(facts.view.process.stopping)),
    InfoField(
        53,
        "Jobs",
        "MGPV",
        "u32",
        "Connections and listeners",
        lambda facts: facts.view.process.connections + len(facts.view.consoles) + facts.listeners,
    ),
    InfoField(54, "Unstoppable Jobs", "MGPV", "u32", "Those that a soft stop does not wait for", _zero),
    InfoField(55, "Listeners", "MGPV", "u32", "Listening sockets", lambda facts: facts.listeners),
    InfoField(56, "ActivePeers", "MGPV", "u32", "Peers connected to", _zero),
    InfoField(57, "ConnectedPeers", "MGPV", "u32", "Peers connected", _zero),
    InfoField(
        58,
        "DroppedLogs",
        "MGPV",
        "u32",
        "Log lines that nobody will ever read",
        lambda facts: facts.view.dropped_logs(),
    ),
    InfoField(59, "BusyPolling", "MGPV", "u32", "1 under busy-polling", _zero),
    InfoField(60, "FailedResolutions", "MGPV", "u32", "Names that could not be resolved", _zero),
    InfoField(61, "TotalBytesOut", "MGPV", "u64", "Bytes sent to clients", lambda facts: sent(facts.view)),
    InfoField(
        62,
        "TotalSplicedBytesOut",
        "MGPV",
        "u64",
        "Bytes that went through a pipe, in both directions",
        lambda facts: facts.view.process.counters.totals.spliced,
    ),
    InfoField(
        63,
        "BytesOutRate",
        "MRPV",
        "u64",
        "Bytes sent to clients during the last second",
        lambda facts: facts.gauge.sent_rate,
    ),
    InfoField(64, "DebugCommandsIssued", "MGPV", "u32", "Debug commands given", _zero),
    InfoField(65, "CumRecvLogs", "MCPV", "u32", "Log lines received to be forwarded", _zero),
    InfoField(66, "Build info", "POSV", "str", "Version and build", lambda _: BUILD),
    InfoField(67, "Memmax_bytes", "CLPV", "u32", "Limit of memory (-m)", lambda facts: facts.view.memory << 20),
    InfoField(68, "PoolAlloc_bytes", "MGPV", "u64", "Memory in pools", _zero),
    InfoField(69, "PoolUsed_bytes", "MGPV", "u64", "Memory of pools in use", _zero),
    InfoField(
        70,
        "Start_time_sec",
        "MDPV",
        "u32",
        "When it was started, seconds since 1970",
        lambda facts: facts.view.started_date,
    ),
    InfoField(71, "Tainted", "SGPV", "str", "Experimental features in use", lambda _: "0"),
    InfoField(
        72, "TotalWarnings", "MCPV", "u32", "Warnings about the configuration", lambda facts: facts.view.warnings()
    ),
    InfoField(
        73,
        "MaxconnReached",
        "MCPV",
        "u32",
        "How often maxconn was reached",
        lambda facts: facts.view.process.counters.totals.maxconn_reached,
    ),
    InfoField(
        74,
        "BootTime_ms",
        "MDPV",
        "u32",
        "Milliseconds from the program's start until it served",
        lambda facts: max(0, facts.view.started - facts.view.born),
    ),
    InfoField(75, "Niced_tasks", "MGPV", "u32", "Tasks of another priority", _zero),
    InfoField(
        76,
        "CurrStreams",
        "MGPV",
        "u64",
        "Streams now: in backends, and on the stats sockets",
        lambda facts: (
            len(facts.view.consoles)
            + sum(proxy.back.backend.connections for proxy in facts.view.proxies if proxy.back is not None)
        ),
    ),
    InfoField(77, "CumStreams", "MGPV", "u64", "Streams since the start", lambda facts: facts.requests),
    InfoField(78, "BlockedTrafficWarnings", "MGPV", "u32", "Warnings about traffic that one task has held up", _zero),
    InfoField(79, "PatternsAdded", "MGPV", "u64", "Entries added to maps and ACLs", lambda _: LISTS.added),
    InfoField(80, "PatternsFreed", "MGPV", "u64", "Entries taken from them", lambda _: LISTS.added - LISTS.count()),
    InfoField(81, "NbThreadGroups", "CGSV", "u32", "Thread groups", lambda facts: facts.view.groups),
    InfoField(82, "Product", "POSV", "str", "Name of this program", lambda _: "Pointsman"),
    InfoField(83, "Product_version", "POSV", "str", "Its own version", lambda _: pointsman.__version__),
    InfoField(
        84,
        "ExhaustedRegexes",
        "MGPV",
        "u64",
        "Matches of regular expressions given up after too many steps",
        lambda facts: facts.view.process.counters.totals.exhausted,
    ),
)


def _shown(facts: Facts, floats: bool = False) -> Iterator[tuple[InfoField, str, Value]]:
    """Each field that has a value, with its type."""
    for field in INFO_FIELDS:
        found = field.value(facts)
        if isinstance(found, float):
            yield (field, "flt", f"{found:f}") if floats else (field, field.type, int(found))
        elif found is not None:
            yield field, field.type, found


def _quoted(field: InfoField, descriptions: bool) -> str:
    return f':"{field.text}"' if descriptions else ""


def plain(facts: Facts, descriptions: bool, floats: bool) -> str:
    """<name>: <value>"""
    return "".join(
        f"{field.name}: {value}{_quoted(field, descriptions)}\n" for field, _, value in _shown(facts, floats)
    )


def typed(facts: Facts, descriptions: bool, floats: bool) -> str:
    """<field_pos>.<field_name>.<process_num>:<tags>:<type>:<value>"""
    return "".join(
        f"{field.position}.{field.name}.{PROCESS_NUMBER}:{field.tags}:{kind}:{value}{_quoted(field, descriptions)}\n"
        for field, kind, value in _shown(facts, floats)
    )


def as_json(facts: Facts) -> str:
    return compact([item(field.position, field.name, field.tags, kind, value) for field, kind, value in _shown(facts)])
