"""tune.h2.* and h2-workaround-bogus-websocket-clients: ranges and messages as the haproxy program (3.2) has them,
defaults as the manual (3.5, 3.2) and the SETTINGS that 3.2 sends."""

import pytest
from support.configs import good, only_error, read

from pointsman.assemble import assembled
from pointsman.config.tune_h2 import h2_options
from pointsman.proto.h2_options import LOG_CONNECTION, LOG_NONE, LOG_STREAM, NO_LIMIT, H2Options


def sides(*lines: str) -> tuple[H2Options, H2Options]:
    return h2_options(good("global", *lines).configuration.main)


def values(options: H2Options) -> dict[str, int]:
    names = ("initial_window", "streams", "frame_size", "table_size", "buffer", "rxbuf", "glitches", "total_streams")
    names += ("rst_at_once", "frames_at_once", "log_errors", "bogus_websocket")
    return {name: getattr(options, name) for name in names}


DEFAULTS = {
    "initial_window": 16384,
    "streams": 100,
    "frame_size": 16384,
    "table_size": 4096,
    "buffer": 16384,
    "rxbuf": 1600 << 10,
    "glitches": 0,
    "total_streams": 0,
    "rst_at_once": 0,
    "frames_at_once": 0,
    "log_errors": LOG_STREAM,
    "bogus_websocket": False,
}
STREAMS = "tune.h2.fe.max-concurrent-streams"
FIVE = {"streams": 5}
LARGE = {"initial_window": 32768, "frame_size": 32768, "buffer": 32768, "rxbuf": 3200 << 10}


def test_defaults() -> None:
    assert [values(side) for side in sides()] == [DEFAULTS, DEFAULTS]


@pytest.mark.parametrize(
    "lines, front, back",
    [
        ("tune.h2.initial-window-size 20000", {"initial_window": 20000}, {"initial_window": 20000}),
        ("tune.h2.initial-window-size 0", {}, {}),
        ("tune.h2.fe.initial-window-size 30000", {"initial_window": 30000}, {}),
        (
            "tune.h2.be.initial-window-size 30000; tune.h2.initial-window-size 20000",
            {"initial_window": 20000},
            {"initial_window": 30000},
        ),
        ("tune.h2.fe.max-concurrent-streams 10", {"streams": 10}, {}),
        ("tune.h2.fe.max-concurrent-streams 10 rq-load ignore min 3", {"streams": 10}, {}),
        ("tune.h2.fe.max-concurrent-streams 0; tune.h2.max-concurrent-streams 50", {"streams": 50}, {"streams": 50}),
        ("tune.h2.max-concurrent-streams 0", {"streams": NO_LIMIT}, {"streams": NO_LIMIT}),
        ("tune.h2.max-concurrent-streams 0; tune.h2.be.max-concurrent-streams 5", {"streams": NO_LIMIT}, FIVE),
        ("tune.h2.be.max-concurrent-streams 200", {}, {"streams": 200, "rxbuf": 200 * 16384}),
        ("tune.bufsize 32768", LARGE, LARGE),
        (
            "tune.bufsize 32768; tune.h2.max-frame-size 20000; tune.h2.initial-window-size 1",
            {**LARGE, "initial_window": 1, "frame_size": 20000},
            {**LARGE, "initial_window": 1, "frame_size": 20000},
        ),
        ("tune.bufsize 8192", {}, {}),
        ("tune.h2.max-frame-size 60000", {}, {}),
        ("tune.h2.header-table-size 65536", {"table_size": 65536}, {"table_size": 65536}),
        ("tune.h2.fe.rxbuf 1k", {}, {}),
        ("tune.h2.fe.rxbuf 1601k", {"rxbuf": 1616 << 10}, {}),
        ("tune.h2.be.rxbuf 4m", {}, {"rxbuf": 4 << 20}),
        ("tune.h2.fe.glitches-threshold 300; tune.h2.be.glitches-threshold 400", {"glitches": 300}, {"glitches": 400}),
        ("tune.h2.fe.max-total-streams 1000", {"total_streams": 1000}, {}),
        ("tune.h2.fe.max-rst-at-once 1; tune.h2.fe.max-frames-at-once 2", {"rst_at_once": 1, "frames_at_once": 2}, {}),
        ("tune.h2.be.max-frames-at-once 2", {}, {"frames_at_once": 2}),
        ("tune.h2.log-errors none", *[{"log_errors": LOG_NONE}] * 2),
        ("tune.h2.log-errors connection", *[{"log_errors": LOG_CONNECTION}] * 2),
        ("tune.h2.log-errors stream", {}, {}),
        ("h2-workaround-bogus-websocket-clients", *[{"bogus_websocket": True}] * 2),
        ("h2-workaround-bogus-websocket-clients; no h2-workaround-bogus-websocket-clients", {}, {}),
        ("tune.h2.fe.glitches-threshold 5; tune.h2.fe.glitches-threshold 6", {"glitches": 6}, {}),
    ],
)
def test_what_the_words_set(lines: str, front: dict[str, int], back: dict[str, int]) -> None:
    said = sides(*lines.split("; "))
    assert [values(side) for side in said] == [{**DEFAULTS, **front}, {**DEFAULTS, **back}]


@pytest.mark.parametrize(
    "line, message",
    [
        ("tune.h2.initial-window-size -1", "expects a positive numeric value."),
        ("tune.h2.initial-window-size", "expects a positive numeric value."),
        ("tune.h2.initial-window-size 2147483648", "expects a positive numeric value."),
        ("tune.h2.initial-window-size 10k", "expects a positive numeric value."),
        ("tune.h2.fe.max-concurrent-streams -1", "expects a positive numeric value."),
        ("tune.h2.fe.max-total-streams x", "expects a positive numeric value."),
        ("tune.h2.max-concurrent-streams 5 6", "cannot handle unexpected argument '6'"),
        ("tune.h2.max-frame-size 16383", "expects a numeric value between 16384 and 16777215."),
        ("tune.h2.max-frame-size 16777216", "expects a numeric value between 16384 and 16777215."),
        ("tune.h2.header-table-size 4095", "expects a numeric value between 4096 and 65536."),
        ("tune.h2.header-table-size 65537", "expects a numeric value between 4096 and 65536."),
        ("tune.h2.log-errors", "expects 'none', 'connection', or 'stream'"),
        ("tune.h2.log-errors all", "expects 'none', 'connection', or 'stream'"),
        ("h2-workaround-bogus-websocket-clients on", "cannot handle unexpected argument 'on'"),
    ],
)
def test_what_is_refused(line: str, message: str) -> None:
    assert only_error("global", line).startswith(f"'{line.split(maxsplit=1)[0]}' {message}")


@pytest.mark.parametrize(
    "line, message",
    [
        ("tune.h2.fe.rxbuf 4g", "'tune.h2.fe.rxbuf': '4g' is too large"),
        ("tune.h2.be.rxbuf x", "'x' is not a size"),
        (f"{STREAMS} 9 load", f"'{STREAMS}': unknown rq-load or min 'load'"),
        (f"{STREAMS} 9 rq-load auto", f"'{STREAMS}': 'rq-load' is not supported: "),
        (f"{STREAMS} 9 rq-load 50", f"'{STREAMS}': 'rq-load' is not supported: "),
        (f"{STREAMS} 9 rq-load x", f"'{STREAMS}: rq-load' expects a positive numeric value"),
        (f"{STREAMS} 9 min 0", f"'{STREAMS}: min' expects a numeric value between 1 and "),
    ],
)
def test_what_is_refused_in_words_of_ours(line: str, message: str) -> None:
    assert only_error("global", line).startswith(message)


@pytest.mark.parametrize("lines, front, back", [("", 0, 0), (" tune.h2.be.glitches-threshold 9\n", 0, 9)])
def test_the_program_has_them(lines: str, front: int, back: int) -> None:
    configuration = read(f"global\n{lines} tune.glitches.kill.cpu-usage 80\n tune.h2.fe.max-concurrent-streams 7\n")
    live = assembled(configuration.configuration, configuration.diagnostics)
    assert live is not None and configuration.errors == []
    assert (live.program.h2_front.streams, live.program.h2_back.streams) == (7, 100)
    found = live.program.h2_glitches
    assert (found is None) == (not lines)
    assert found is None or (found.front, found.back, found.busy) == (front, back, 80)
