"""Every option reaches the live proxies by the name that stands beside its parser; nothing else has to be touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from support.contract import names_of

import pointsman.assemble
import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.assemble.options import set_options
from pointsman.config.keyword import KEYWORDS, Args, keyword
from pointsman.config.load import load_text
from pointsman.config.options import CLIENT, OPTIONS, SERVER, Option, Switch
from pointsman.config.setting import SETS, Section, Setting, sets
from pointsman.core.diagnostics import Diagnostics
from pointsman.stream.proxies import CLOSE, KEEP_ALIVE, SERVER_CLOSE, BackendProxy, ForwardFor, Frontend

assert pointsman.keywords

SWITCHES: Final = sorted(name for name, switch in OPTIONS.items() if switch.front or switch.back)
ELSEWHERE: Final = sorted(name for name, switch in OPTIONS.items() if not (switch.front or switch.back or switch.hint))
# Where an attribute is not what the option alone would make it: line, and which side.
EXCEPTIONS: Final = {("http-buffer-request", "back"): "the frontend of a listen section has waited for the body"}


@contextmanager
def proxies(
    *lines: str, kind: str = "listen", mode: str = "http"
) -> Iterator[tuple[Frontend | None, BackendProxy | None]]:
    """What a section becomes."""
    diagnostics = Diagnostics()
    text = f"{kind} x\n mode {mode}\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
    text += "".join(f" {line}\n" for line in lines)
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, diagnostics.findings
    try:
        yield (live.frontends or [None])[0], (live.backends or [None])[0]
    finally:
        live.reactor.epoll.close()


def held(proxy: Frontend | BackendProxy | None, attribute: str) -> object:
    """What an option's attribute says of it."""
    found = getattr(proxy, attribute.removeprefix("not "))
    return not found if attribute.startswith("not ") else found


def test_every_attribute_exists() -> None:
    """A compiled class has only what its source declares, and a name that nobody declares would be set in vain."""
    with proxies() as (frontend, backend):
        front, back = set(names_of(frontend)), set(names_of(backend))
    named = [(switch.front, switch.back) for switch in OPTIONS.values()]
    named += [(names.front, names.back) for names in SETS.values()]
    assert {one.removeprefix("not ") for one, _ in named if one} <= front
    assert {one.removeprefix("not ") for _, one in named if one} <= back


@pytest.mark.parametrize("name", SWITCHES)
def test_on_off_and_not_said(name: str) -> None:
    switch = OPTIONS[name]
    for lines in ((), (f"option {name}",), (f"no option {name}",), (f"default option {name}",)):
        for side, attribute in (("front", switch.front), ("back", switch.back)):
            if not attribute or (name, side) in EXCEPTIONS:
                continue
            on = lines == (f"option {name}",)
            if name == "abortonclose":
                on = lines != (f"no option {name}",)  # on by default in mode http (manual 4.2)
            with proxies(*lines) as (frontend, backend):
                assert held(frontend if side == "front" else backend, attribute) is on, (lines, side)


def test_exceptions() -> None:
    with proxies("option http-buffer-request") as (frontend, backend):
        assert frontend is not None and backend is not None
        assert frontend.buffers and not backend.buffers
    with proxies("option http-buffer-request", kind="backend") as (_, backend):
        assert backend is not None and backend.buffers
    with proxies("option accept-unsafe-violations-in-http-request", "option pointsman-strict") as (frontend, _):
        assert frontend is not None and frontend.strict and not frontend.unsafe
    with proxies(mode="tcp") as (frontend, backend):
        assert frontend is not None and backend is not None
        assert not frontend.abort_on_close and not backend.abort_on_close  # of HTTP alone it is the default


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_names_no_attribute_is_asked_for_by_assemble(name: str) -> None:
    sources = Path(pointsman.assemble.__file__).parent.glob("*.py")
    assert any(f'"{name}"' in path.read_text(encoding="utf-8") for path in sources)


@pytest.mark.parametrize(
    ("line", "attribute", "front", "back"),
    [
        ("", "mode", KEEP_ALIVE, KEEP_ALIVE),
        ("option http-server-close", "mode", SERVER_CLOSE, SERVER_CLOSE),
        ("option httpclose", "mode", CLOSE, CLOSE),
        ("no option httpclose", "mode", KEEP_ALIVE, KEEP_ALIVE),
        ("option http-restrict-req-hdr-names reject", "header_names", 2, 2),
        ("option http-restrict-req-hdr-names preserve", "header_names", 0, 0),
        ("option redispatch 3", "redispatch", None, 3),
        ("option redispatch", "redispatch", None, -1),
        ("no option redispatch", "redispatch", None, 0),
        ("", "forwardfor", "None", "None"),
    ],
)
def test_what_arguments_say(line: str, attribute: str, front: object, back: object) -> None:
    with proxies(*[one for one in (line,) if one]) as (frontend, backend):
        for proxy, wanted in ((frontend, front), (backend, back)):
            if wanted is not None:
                assert getattr(proxy, attribute) == (None if wanted == "None" else wanted)


@pytest.mark.parametrize(
    ("line", "attribute", "header", "if_none", "networks"),
    [
        ("option forwardfor", "forwardfor", b"x-forwarded-for", False, []),
        ("option forwardfor header X-Who if-none", "forwardfor", b"x-who", True, []),
        ("option forwardfor except 10.0.0.0/8", "forwardfor", b"x-forwarded-for", False, [(b"\x0a\0\0\0", 8)]),
        ("option originalto", "originalto", b"x-original-to", False, []),
        ("option originalto header X-Where except ::1", "originalto", b"x-where", False, [(bytes(15) + b"\1", 128)]),
    ],
)
def test_fields_that_name_the_client(
    line: str, attribute: str, header: bytes, if_none: bool, networks: list[tuple[bytes, int]]
) -> None:
    with proxies(line) as both:
        for proxy in both:
            made = getattr(proxy, attribute)
            assert isinstance(made, ForwardFor)
            assert (made.header, made.if_none, made.networks) == (header, if_none, networks)


def test_a_new_option_takes_a_row_and_an_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row; the attribute is one that is there already."""
    monkeypatch.setitem(OPTIONS, "contract-test", Switch(CLIENT, front="continuous"))
    monkeypatch.setitem(OPTIONS, "contract-contrary", Switch(SERVER, back="not retry_connections"))
    with proxies() as (frontend, backend):
        assert frontend is not None and backend is not None
        section = frontend_section("option allbackups")
        for name in ("contract-test", "contract-contrary"):
            section.put(Option(name=name, on=True))
        assert (frontend.continuous, backend.retry_connections, backend.all_backups) == (False, True, False)
        set_options(frontend, section)
        set_options(backend, section)
        assert (frontend.continuous, backend.retry_connections, backend.all_backups) == (True, False, True)


def frontend_section(*lines: str) -> Section:
    diagnostics = Diagnostics()
    return load_text("listen x\n" + "".join(f" {line}\n" for line in lines), diagnostics).proxies[0]


def test_a_new_option_with_an_argument_takes_a_setting_and_an_attribute() -> None:
    """Its parser says by @sets where the value goes."""
    try:

        @sets(front="tarpit", back="retries")
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Few(Setting):
            number: int

            def live(self) -> object:
                return self.number

        @keyword("option contract-few", CLIENT, "4.2")
        def few(args: Args) -> Few:
            """option contract-few <number>"""
            return Few(number=args.integer("<number>", 0, 9), at=args.at)

        with proxies("option contract-few 7") as (frontend, backend):
            assert frontend is not None and backend is not None
            assert (frontend.tarpit, backend.retries) == (7, 7)
    finally:
        for kind in [kind for kind in SETS if kind.__name__ == "Few"]:
            del SETS[kind]
        KEYWORDS._entries.pop("option contract-few", None)
