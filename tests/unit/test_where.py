"""where.py finds what is registered, by looking at the source alone; and says what a module may import."""

import subprocess
import sys
from pathlib import Path

import pytest

import pointsman.keywords
import where
from pointsman.admin.command import COMMANDS
from pointsman.balance.registry import ALGORITHMS
from pointsman.config.action import ACTIONS
from pointsman.config.bind import BIND_WORDS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.predicates import PREDICATES
from pointsman.config.server_words import SERVER_WORDS
from pointsman.core.registry import Registry
from pointsman.rules.service import SERVICES
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.tag import TAGS

assert pointsman.keywords is not None

REGISTRIES: dict[str, Registry[object]] = {
    registry.family: registry  # type: ignore[misc]
    for registry in (
        ACTIONS,
        ALGORITHMS,
        BIND_WORDS,
        COMMANDS,
        CONVERTERS,
        FETCHES,
        KEYWORDS,
        PREDICATES,
        SERVER_WORDS,
        SERVICES,
        TAGS,
    )
}


@pytest.mark.parametrize("family", sorted(REGISTRIES))
def test_every_name_is_found(family: str) -> None:
    """In a module that `import pointsman.keywords` has imported: so it is where the name was registered."""
    assert len(REGISTRIES[family]) > 0
    for name in REGISTRIES[family]:
        places = where.find(name.removeprefix("global "))
        modules = {one.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for one in places}
        assert modules & sys.modules.keys(), (family, name, places)


@pytest.mark.parametrize(
    ("word", "path", "how"),
    [
        ("set-header", "pointsman/rules/headers.py", "action 'set-header'"),
        ("http-request del-header", "pointsman/rules/headers.py", "@action 'del-header'  del-header <name>"),
        ("option forwardfor", "pointsman/config/options.py", "@keyword 'option forwardfor'"),
        ("no option http-no-delay", "pointsman/config/options.py", "table OPTIONS 'http-no-delay'"),
        ("timeout client", "pointsman/config/timeouts.py", "table TIMEOUTS 'client'"),
        ("res.hdr(host,1)", "pointsman/sample/fetch/headers.py", "@fetch_of_heads 'req.hdr res.hdr shdr'"),
        (
            "ssl_f_sha1",
            "pointsman/sample/fetch/ssl_certificates.py",
            "@fetch_of_certificates 'ssl_c_sha1 ssl_f_sha1 ssl_s_sha1'",
        ),
        ("%ci", "pointsman/log/tags.py", "@tag 'ci'"),
        ("r", "pointsman/log/tags.py", "text_tag 'r'"),
        ("show info", "pointsman/admin/commands/show.py", "@command 'show info'"),
        ("tune.vars.proc-max-size", "pointsman/config/global_section.py", "table NUMBERS 'tune.vars....-max-size'"),
    ],
)
def test_the_place_and_how_it_is_named(word: str, path: str, how: str) -> None:
    assert any(str(one).startswith(f"{path}:{one.line}: {how}") for one in where.find(word)), where.find(word)


def test_the_line_is_that_of_the_word() -> None:
    for word in ("set-header", "show info", "option forwardfor", "del-header", "leastconn"):
        one = where.find(word)[0]
        assert word in (where.ROOT / one.path).read_text().splitlines()[one.line - 1]


def test_what_is_not_registered() -> None:
    assert where.find("nonsense") == where.find("http-request nonsense") == []


def test_what_a_module_may_import() -> None:
    folder, below = where.may_import("pointsman/rules/plan.py")
    assert folder == "rules"
    assert {"balance", "server", "sample", "proto", "net", "core"} <= set(below)
    assert not {"rules", "stream", "admin"} & set(below)
    assert where.may_import("pointsman/core/arena.py") == ("core", [])
    assert "net" not in where.may_import("pointsman/proto/h1.py")[1]
    with pytest.raises(SystemExit, match="no folder of pointsman"):
        where.may_import("elsewhere.py")


@pytest.mark.parametrize(
    ("words", "status", "output"),
    [
        (["%ci"], 0, "pointsman/log/tags.py:"),
        (["show", "info"], 0, "pointsman/admin/commands/show.py:"),
        (["nonsense"], 1, "nonsense: nothing registers it"),
        (["pointsman/core/arena.py"], 0, "core: itself, and of pointsman: nothing else"),
    ],
)
def test_the_command(words: list[str], status: int, output: str) -> None:
    done = subprocess.run(
        [sys.executable, Path(where.__file__), *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.startswith(output)) == (status, True), done.stdout + done.stderr
