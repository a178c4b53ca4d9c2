"""What `global` says of HTTP/2: tune.h2.* (manual 3.2), h2-workaround-bogus-websocket-clients (3.1).

A number for both sides is the default of the one for clients (`fe`) and of the one for servers (`be`); 0 is the same as
not saying it, but for `tune.h2.max-concurrent-streams 0`, which means no limit.
"""

from collections.abc import Callable
from typing import Final

from pointsman.config.global_section import GlobalFlag, GlobalNumber, buffer_sizes, global_flag
from pointsman.config.keyword import Args, is_number, keyword, parse_size
from pointsman.config.setting import In, Section
from pointsman.core.diagnostics import ConfigError
from pointsman.proto.h2_options import LOG_CONNECTION, LOG_NONE, LOG_STREAM, NO_LIMIT, H2Options

BIGGEST: Final = (1 << 31) - 1
LOG_LEVELS: Final = {"none": LOG_NONE, "connection": LOG_CONNECTION, "stream": LOG_STREAM}
# Keyword -> the least and the largest number.
NUMBERS: dict[str, tuple[int, int]] = {
    "tune.h2.be.glitches-threshold": (0, BIGGEST),
    "tune.h2.be.initial-window-size": (0, BIGGEST),
    "tune.h2.be.max-concurrent-streams": (0, BIGGEST),
    "tune.h2.be.max-frames-at-once": (0, BIGGEST),
    "tune.h2.fe.glitches-threshold": (0, BIGGEST),
    "tune.h2.fe.initial-window-size": (0, BIGGEST),
    "tune.h2.fe.max-frames-at-once": (0, BIGGEST),
    "tune.h2.fe.max-rst-at-once": (0, BIGGEST),
    "tune.h2.fe.max-total-streams": (0, BIGGEST),
    "tune.h2.header-table-size": (4_096, 65_536),
    "tune.h2.initial-window-size": (0, BIGGEST),
    "tune.h2.max-concurrent-streams": (0, BIGGEST),
    "tune.h2.max-frame-size": (16_384, 16_777_215),
}
SIZES: tuple[str, ...] = ("tune.h2.be.rxbuf", "tune.h2.fe.rxbuf")


def _number(args: Args, name: str, low: int, high: int) -> int:
    text = args.peek()
    if not is_number(text) or not low <= int(text) <= high:
        limits = f"between {low} and {high}" if low else ""
        expects = f"a numeric value {limits}" if limits else "a positive numeric value"
        raise ConfigError(f"'{name}' expects {expects}.", args.here, f"a number from {low} to {high}")
    args.take("<number>")
    return int(text)


def _number_parser(name: str, low: int, high: int) -> Callable[[Args], GlobalNumber]:
    def parse(args: Args) -> GlobalNumber:
        value = _number(args, name, low, high)
        args.end()
        return GlobalNumber(name=name, value=value, at=args.at)

    parse.__doc__ = f"{name} <number>"
    return parse


def _size_parser(name: str) -> Callable[[Args], GlobalNumber]:
    def parse(args: Args) -> GlobalNumber:
        word = args.word("<size>")
        value = parse_size(word)
        if value >= 1 << 32:
            raise ConfigError(f"'{name}': '{word.text}' is too large", word.at, "a size below 4g")
        args.end()
        return GlobalNumber(name=name, value=value, at=args.at)

    parse.__doc__ = f"{name} <size>: bytes that streams of one connection may have received and not passed on."
    return parse


for _name, (_low, _high) in NUMBERS.items():
    keyword(_name, In.GLOBAL, "3.2")(_number_parser(_name, _low, _high))
for _name in SIZES:
    keyword(_name, In.GLOBAL, "3.2")(_size_parser(_name))


@keyword("tune.h2.fe.max-concurrent-streams", In.GLOBAL, "3.2")
def client_streams(args: Args) -> GlobalNumber:
    """tune.h2.fe.max-concurrent-streams <number> [rq-load ignore] [min <number>]: streams of a client's connection.

    `rq-load` with a number or `auto` is refused: how many are offered does not depend on a lane's load.
    """
    value = _number(args, args.keyword, 0, BIGGEST)
    while args.more():
        if args.choice("rq-load or min", ("rq-load", "min")) == "min":
            _number(args, f"{args.keyword}: min", 1, BIGGEST)
        elif not args.accept("ignore"):
            if args.peek() != "auto":
                _number(args, f"{args.keyword}: rq-load", 0, BIGGEST)
            raise ConfigError(
                f"'{args.keyword}': 'rq-load' is not supported: how many streams are offered does not depend on a "
                "lane's load (manual 3.2)",
                args.here,
                "rq-load ignore",
            )
    return GlobalNumber(name=args.keyword, value=value, at=args.at)


@keyword("tune.h2.log-errors", In.GLOBAL, "3.2")
def log_errors(args: Args) -> GlobalNumber:
    """tune.h2.log-errors none|connection|stream: which errors of the protocol are logged."""
    level = LOG_LEVELS.get(args.peek())
    if level is None:
        raise ConfigError(
            f"'{args.keyword}' expects 'none', 'connection', or 'stream'", args.here, "none, connection or stream"
        )
    args.take("<level>")
    args.end()
    return GlobalNumber(name=args.keyword, value=level, at=args.at)


@keyword("h2-workaround-bogus-websocket-clients", In.GLOBAL, "3.1", negatable=True)
def bogus_websocket(args: Args) -> GlobalFlag:
    """h2-workaround-bogus-websocket-clients: clients are not told that WebSocket goes over HTTP/2 (RFC 8441)."""
    args.end()
    return GlobalFlag(name="h2-workaround-bogus-websocket-clients", on=not args.negated, at=args.at)


def h2_options(main: Section) -> tuple[H2Options, H2Options]:
    """What connections of clients, and those to servers, are told."""
    return _side(main, "fe"), _side(main, "be")


def _side(main: Section, side: str) -> H2Options:
    def said(name: str) -> int:
        found = main.one(GlobalNumber, f"tune.h2.{name}")
        return 0 if found is None else found.value

    options = H2Options()
    options.set_buffer(buffer_sizes(main)[0])
    options.initial_window = (
        said(f"{side}.initial-window-size") or said("initial-window-size") or options.initial_window
    )
    options.streams = said(f"{side}.max-concurrent-streams") or _common_streams(main)
    options.frame_size = min(said("max-frame-size") or options.frame_size, options.frame_size)
    options.table_size = said("header-table-size") or options.table_size
    options.glitches = said(f"{side}.glitches-threshold")
    options.total_streams = said(f"{side}.max-total-streams")
    options.rst_at_once = said(f"{side}.max-rst-at-once")
    options.frames_at_once = said(f"{side}.max-frames-at-once")
    level = main.one(GlobalNumber, "tune.h2.log-errors")
    options.log_errors = options.log_errors if level is None else level.value
    options.bogus_websocket = global_flag(main, "h2-workaround-bogus-websocket-clients")
    buffers = -(-(said(f"{side}.rxbuf") or options.rxbuf) // options.buffer)
    options.rxbuf = max(buffers, 0 if options.streams == NO_LIMIT else options.streams) * options.buffer
    return options


def _common_streams(main: Section) -> int:
    """tune.h2.max-concurrent-streams: 0 means no limit."""
    found = main.one(GlobalNumber, "tune.h2.max-concurrent-streams")
    return H2Options().streams if found is None else found.value or NO_LIMIT
