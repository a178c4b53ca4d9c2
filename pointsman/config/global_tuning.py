"""Global keywords that change nothing here: they are checked, and a notice says so (manual 3.1 to 3.4).

Four kinds: tuning of HAProxy's threads, memory, pollers and buffers, where this program has others or none; defaults
for what is refused by name wherever it is asked for (QUIC, Lua, compression, peers); what only HAProxy's
developers need; permissions that nothing here makes use of. A keyword leaves this table on the day it begins to mean
something.
"""

from collections.abc import Callable

from pointsman.config.keyword import Args, keyword, parse_size
from pointsman.config.setting import In

# How each is written: flag (no argument), number, size, time, switch (on, off or another word), words (one or more),
# any (as many as one likes).
TUNING: dict[str, str] = {
    "busy-polling": "flag",
    "max-threads-per-group": "number",
    "no-memory-trimming": "flag",
    "noepoll": "flag",
    "nogetaddrinfo": "flag",
    "nokqueue": "flag",
    "nopoll": "flag",
    "numa-cpu-mapping": "flag",
    "prealloc-fd": "flag",
    "profiling.memory": "words",
    "profiling.tasks": "words",
    "quick-exit": "flag",
    "stats calculate-max-counters": "switch",
    "tune.applet.zero-copy-forwarding": "switch",
    "tune.buffers.limit": "number",
    "tune.buffers.reserve": "number",
    "tune.bufsize.large": "size",
    "tune.bufsize.small": "size",
    "tune.chksize": "size",
    "tune.defaults.purge": "any",
    "tune.epoll.mask-events": "words",
    "tune.events.max-events-at-once": "number",
    "tune.fd.edge-triggered": "switch",
    "tune.fd.tables": "switch",
    "tune.h1.zero-copy-fwd-recv": "switch",
    "tune.h1.zero-copy-fwd-send": "switch",
    "tune.h2.zero-copy-fwd-send": "switch",
    "tune.idle-pool.shared": "switch",
    "tune.idletimer": "time",
    "tune.listener.default-shards": "switch",
    "tune.listener.multi-queue": "switch",
    "tune.max-rules-at-once": "number",
    "tune.maxaccept": "number",
    "tune.maxpollevents": "number",
    "tune.memory.hot-size": "size",
    "tune.notsent-lowat.client": "size",
    "tune.notsent-lowat.server": "size",
    "tune.pattern.cache-size": "number",
    "tune.pipesize": "size",
    "tune.pool-high-fd-ratio": "number",
    "tune.pool-low-fd-ratio": "number",
    "tune.pt.zero-copy-forwarding": "switch",
    "tune.rcvbuf.backend": "size",
    "tune.rcvbuf.client": "size",
    "tune.rcvbuf.frontend": "size",
    "tune.rcvbuf.server": "size",
    "tune.recv_enough": "size",
    "tune.renice.runtime": "number",
    "tune.renice.startup": "number",
    "tune.ring.queues": "number",
    "tune.runqueue-depth": "number",
    "tune.sched.low-latency": "switch",
    "tune.sndbuf.backend": "size",
    "tune.sndbuf.client": "size",
    "tune.sndbuf.frontend": "size",
    "tune.sndbuf.server": "size",
    "tune.ssl.certificate-compression": "switch",
    "tune.ssl.hard-maxrecord": "number",
    "tune.ssl.keyupdate-rate-limit": "number",
    "tune.ssl.maxrecord": "number",
    "tune.ssl.ssl-ctx-cache-size": "number",
    "tune.takeover-other-tg-connections": "switch",
    "warn-blocked-traffic-after": "time",
}
HTTP2: dict[str, str] = {
    "tune.streams-elasticity": "number",
}
_QUIC_BOTH = {
    "cc.cubic-min-losses": "number",
    "cc.hystart": "switch",
    "cc.max-frame-loss": "number",
    "cc.max-win-size": "size",
    "cc.reorder-ratio": "number",
    "max-idle-timeout": "time",
    "sec.glitches-threshold": "number",
    "stream.data-ratio": "number",
    "stream.max-concurrent": "number",
    "stream.rxbuf": "size",
    "tx.pacing": "switch",
    "tx.udp-gso": "switch",
}
QUIC: dict[str, str] = {
    "cluster-secret": "words",
    "harden.reject-privileged-ports.quic": "switch",
    "limited-quic": "flag",
    "tune.quic.fe.sec.retry-threshold": "number",
    "tune.quic.fe.sock-per-conn": "switch",
    "tune.quic.fe.stream.max-total": "number",
    "tune.quic.listen": "switch",
    "tune.quic.mem.tx-max": "size",
    "tune.quic.zero-copy-fwd-send": "switch",
    **{f"tune.quic.{side}.{name}": how for side in ("be", "fe") for name, how in _QUIC_BOTH.items()},
}
LUA: dict[str, str] = {
    "tune.lua.bool-sample-conversion": "switch",
    "tune.lua.burst-timeout": "time",
    "tune.lua.forced-yield": "number",
    "tune.lua.log.loggers": "switch",
    "tune.lua.log.stderr": "switch",
    "tune.lua.maxmem": "number",
    "tune.lua.openlibs": "any",
    "tune.lua.service-timeout": "time",
    "tune.lua.session-timeout": "time",
    "tune.lua.task-timeout": "time",
}
COMPRESSION: dict[str, str] = {
    "maxcompcpuusage": "number",
    "maxcomprate": "number",
    "maxzlibmem": "number",
    "tune.comp.maxlevel": "number",
    "tune.zlib.memlevel": "number",
    "tune.zlib.windowsize": "number",
}
TABLES: dict[str, str] = {
    "tune.peers.max-updates-at-once": "number",
}
DEVELOPMENT: dict[str, str] = {
    "debug.counters": "switch",
    "force-cfg-parser-pause": "time",
    "stress-level": "number",
    "tune.fail-alloc": "number",
}
FAMILIES: tuple[tuple[dict[str, str], str], ...] = (
    (TUNING, "tunes what this program does in another way"),
    (HTTP2, "is for what of HTTP/2 and QUIC is not built yet"),
    (QUIC, "is for QUIC, which is not built yet"),
    (LUA, "is for Lua, which is not built yet"),
    (COMPRESSION, "is for compression, which is not built yet"),
    (TABLES, "is for stick tables, which are not built yet"),
    (DEVELOPMENT, "is for who develops HAProxy itself"),
)
# Keywords of HAProxy's inner workings: they will never mean anything here.
HINTS: dict[str, str] = {**TUNING, **DEVELOPMENT}
NEGATABLE = (
    "busy-polling",
    "numa-cpu-mapping",
)


def _check(args: Args, how: str) -> None:
    """The arguments, as `how` says."""
    if how == "any" or (how == "words" and args.more()):
        args.rest()
    elif how == "size":
        parse_size(args.word("<size>"))
    elif how == "time":
        args.time("<timeout>")
    elif how == "number":
        args.integer("<number>", -(1 << 31), (1 << 32) - 1)
    elif how != "flag":
        args.take("<value>")
    args.end()


def _parser(name: str, how: str, why: str) -> Callable[[Args], None]:
    def parse(args: Args) -> None:
        _check(args, how)
        args.diagnostics.notice(f"'{name}' has no effect: it {why}", args.at)

    parse.__doc__ = f"{name}: accepted without effect; it {why}."
    return parse


for _table, _why in FAMILIES:
    for _name, _how in _table.items():
        keyword(_name, In.GLOBAL, "3", negatable=_name in NEGATABLE)(_parser(_name, _how, _why))
