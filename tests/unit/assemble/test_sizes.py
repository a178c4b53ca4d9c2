"""Sizes come from the configuration; what cannot be had, and what nobody foresaw, is an error with a place."""

import errno
import os

import pytest

import pointsman.assemble
import pointsman.keywords
from pointsman.assemble import CELLS, CELLS_IN_ROW, assembled
from pointsman.assemble.live import Live
from pointsman.assemble.more_errors import find_more
from pointsman.config.keyword import KEYWORDS, Args, Keyword
from pointsman.config.load import load_text
from pointsman.config.setting import Setting
from pointsman.config.timeouts import timeout
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import Diagnostics, Finding
from pointsman.log.target import LogTarget

assert pointsman.keywords

DEFAULTS = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"


def build(text: str) -> Live:
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics)
    live = assembled(configuration, diagnostics)
    assert live is not None and not diagnostics.failed, diagnostics.findings
    return live


def taken(lanes: int, servers: int = 1, backends: int = 1, frontends: int = 1, binds: int = 1) -> int:
    """Cells of the arena that such a configuration takes."""
    text = f"global\n nbthread {lanes}\n" + DEFAULTS
    for number in range(backends):
        text += f"backend b{number}\n server-template s 1-{servers} 127.0.0.1:80 check maxconn 5\n"
    for number in range(frontends):
        text += f"frontend f{number}\n" + "".join(f" bind 127.0.0.1:{port + 1}\n" for port in range(binds))
    return build(text).process.arena.next


@pytest.mark.parametrize("lanes", [1, 2, 16])
def test_what_is_reckoned_for_an_object_is_enough(lanes: int) -> None:
    bound = CELLS_IN_ROW * (lanes + 1) + CELLS
    least = taken(lanes)
    for more in ({"servers": 11}, {"frontends": 11}, {"binds": 11}):
        assert (taken(lanes, **more) - least) / 10 <= bound
    assert (taken(lanes, backends=11) - least) / 10 <= 3 * bound  # each has a server, and counts twice itself


def test_the_arena_has_room_for_all_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointsman.assemble, "SPARE_ROW", 2000)
    monkeypatch.setattr(pointsman.assemble, "ADDED", 0)  # what is spare would not do
    live = build(f"{DEFAULTS}backend b\n server-template s 1-3000 127.0.0.1:80 check\n")
    assert len(live.backends[0].servers) == 3000


def test_a_long_chain_of_defaults() -> None:
    text = "defaults d0\n timeout connect 1s\n log 127.0.0.1:514 local0\n"
    text += "".join(f"defaults d{number} from d{number - 1}\n retries {number}\n" for number in range(1, 2000))
    diagnostics = Diagnostics()
    (proxy,) = load_text(text + "backend b from d1999\n", diagnostics).proxies
    assert diagnostics.findings == []
    assert timeout(proxy, "connect") == 1000
    assert len(proxy.all(LogTarget)) == 1


def no_arena(lanes: int, process: int, rows: int) -> Arena:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


def test_memory_for_cells_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointsman.assemble, "Arena", no_arena)
    diagnostics = Diagnostics()
    text = f"global\n nbthread 1\n{DEFAULTS}backend b\n server s :1\n"
    assert assembled(load_text(text, diagnostics), diagnostics) is None
    (finding,) = diagnostics.findings
    assert finding.message == (
        "cannot reserve 23 MB for the state of 3 proxies, servers and addresses in 1 lanes: "
        "[Errno 12] Cannot allocate memory"
    )
    assert "nbthread" in finding.hint


def raising(error: Exception) -> Keyword:
    def parse(args: Args) -> Setting:
        raise error

    found = KEYWORDS.get("balance")
    assert found is not None
    return Keyword("balance", found.where, "4.2", parse)


def broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[Finding]:
    monkeypatch.setitem(KEYWORDS._entries, "balance", raising(error))
    diagnostics = Diagnostics()
    configuration = load_text("backend b\n balance source\n nonsense\n", diagnostics)
    find_more(configuration, diagnostics)
    return diagnostics.findings


def test_an_exception_of_a_parser_has_the_place_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    internal, other = broken(monkeypatch, ZeroDivisionError("by zero"))
    assert internal.message.startswith("internal error while reading this line: ZeroDivisionError: by zero (test_sizes")
    assert internal.position.line == 2
    assert (other.message, other.position.line) == ("unknown keyword 'nonsense' in 'backend' section", 3)


def test_memory_that_runs_out_while_a_line_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = broken(monkeypatch, MemoryError())[0]
    assert (finding.message, finding.position.line) == ("out of memory while reading this line.", 2)


def test_an_exception_of_assembling_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*args: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(pointsman.assemble, "fill_servers", fill)
    diagnostics = Diagnostics()
    assert assembled(load_text(f"{DEFAULTS}backend b\n server s :1\n", diagnostics), diagnostics) is not None
    (finding,) = diagnostics.findings
    assert finding.message.startswith("internal error while putting backend 'b' together: KeyError: 'x' (")
    assert finding.position.line == 6
