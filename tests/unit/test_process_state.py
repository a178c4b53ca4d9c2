"""What a process has only once is known (support/process.py), and each test begins without what others have left."""

import importlib
import pkgutil
import sys
from collections import deque
from pathlib import Path
from types import ModuleType

import pytest
from support import process
from support.stand import Stand

import pointsman

CONFIG = """
global
    tune.vars.proc-max-size 10000
    tune.http.logurilen 2000
    set-var proc.a int(1)
    log 127.0.0.1:9 local0
userlist users
    user one insecure-password two
defaults
    mode http
    log global
    log-format "%ci %ft %bi %rt %[var(proc.b)]"
    timeout connect 2s
    timeout client 3s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    acl named path -m str /denied
    http-request set-var(proc.b) src
    http-request set-header X %[path,map({map})]%[txn.id32]
    http-request set-map({map}) %[path] z
    http-request deny if named
    http-request auth if { path /auth } !{ http_auth(users) }
    http-response set-header Y %[bc_src]%[bc_reused]%[fc_glitches]
    use_backend b if { path /b }
    default_backend c
backend b
    balance uri
    server one {a}
backend c
    server one {a}
"""
# Memories, of what follows from nothing but the question; and numbers that only grow.
OTHERS = {
    ("pointsman.core.address", "_HOSTS"),
    ("pointsman.core.address", "_PACKED"),
    ("pointsman.core.epoch", "EPOCH"),
}
DEPTH = 5


def told(thing: object, depth: int = DEPTH) -> object:
    """All that it holds, to some depth."""
    if thing is None or isinstance(thing, int | float | str | bytes):
        return thing
    if not depth:
        return type(thing).__name__
    if isinstance(thing, dict):
        return [(told(key, 1), told(value, depth - 1)) for key, value in thing.items()]
    if isinstance(thing, list | tuple | deque):
        return [told(one, depth - 1) for one in thing]
    if isinstance(thing, set | frozenset):
        return sorted(repr(told(one, 1)) for one in thing)
    return type(thing).__name__, [(name, told(value, depth - 1)) for name, value in sorted(process.attributes(thing))]


def modules() -> list[ModuleType]:
    """All but those that do something when they are imported."""
    for found in pkgutil.walk_packages(pointsman.__path__, "pointsman."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    return [module for name, module in sorted(sys.modules.items()) if name.startswith("pointsman.")]


def state() -> dict[tuple[str, str], object]:
    """What module-level names stand for."""
    return {
        (module.__name__, name): told(value)
        for module in modules()
        for name, value in vars(module).items()
        if not name.startswith("__") and not isinstance(value, type | ModuleType)
    }


def serve(folder: Path) -> None:
    """Requests that meet all of CONFIG."""
    file = folder / "one.map"
    file.write_text("/a b\n")
    with Stand(CONFIG.replace("{map}", str(file)), "a") as stand:
        client = stand.client()
        for path, status in ((b"/b", b"200"), (b"/denied", b"403"), (b"/auth", b"401"), (b"/c", b"200")):
            client.send(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            if status == b"200":
                stand.accept("a").send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert client.take().startswith(b"HTTP/1.1 " + status)


def test_what_serving_leaves_is_known(tmp_path: Path) -> None:
    """A module that keeps something else says so in PLACES; or it says here why tests need not begin without it."""
    places = {(module, name) for module, names in process.PLACES.items() for name in names}
    holders = {id(getattr(sys.modules[module], name)): (module, name) for module, name in places | OTHERS}
    before = state()
    serve(tmp_path)
    after = state()
    changed = {place for place, value in after.items() if before[place] != value}
    left = {holders.get(id(getattr(sys.modules[module], name)), (module, name)) for module, name in changed}
    assert left <= places | OTHERS
    assert {name for _, name in left} >= {
        "CHANGES",
        "CRITERIA",
        "VARIABLE_LIMITS",
        "LISTS",
        "PROCESS_VARIABLES",
        "USERLISTS",
        "WISHES",
    }
    process.begin()
    now = state()
    assert {place: now[place] for place in places} == {place: before[place] for place in places}


@pytest.mark.parametrize("_", [1, 2])
def test_a_test_begins_without_it(tmp_path: Path, _: int) -> None:
    """Both times."""
    found = {
        (module, name): told(getattr(sys.modules[module], name))
        for module, names in process.PLACES.items()
        for name in names
    }
    process.begin()
    assert found == {(module, name): told(getattr(sys.modules[module], name)) for module, name in found}
    serve(tmp_path)
    assert found != {(module, name): told(getattr(sys.modules[module], name)) for module, name in found}
