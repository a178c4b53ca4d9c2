"""python-load: which files load, what their annotations mean, and how mistakes in them are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.configs import Loaded, read

import pointsman
from pointsman.core.diagnostics import Severity
from pointsman.extension.declare import Declared
from pointsman.extension.load import functions_of
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.types import Reads, Type


def load(folder: Path, source: str, *lines: str, arguments: str = "") -> Loaded:
    """A configuration with this file, and these lines in a frontend."""
    file = folder / "rules.py"
    file.write_text("import pointsman\n" + source)
    file.chmod(0o644)
    text = f"global\n python-load {file} {arguments}\nfrontend f\n mode http\n bind :1\n timeout client 1s\n"
    return read(text + "".join(f" {line}\n" for line in lines))


def declared(folder: Path, source: str) -> Declared:
    loaded = load(folder, source)
    assert loaded.errors == []
    (one,) = functions_of(loaded.main)
    return one


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("str", Type.STR),
        ("bytes", Type.BIN),
        ("int", Type.SINT),
        ("bool", Type.BOOL),
        ("ipaddress.IPv4Address", Type.IPV4),
        ("ipaddress.IPv6Address", Type.IPV6),
        ("ipaddress.IPv4Address | ipaddress.IPv6Address", Type.ADDR),
        ("dict[str, int]", Type.STR),
        ("list[object]", Type.STR),
        ("str | None", Type.STR),
        ("'int | None'", Type.SINT),
    ],
)
def test_annotations_are_types_of_samples(tmp_path: Path, annotation: str, kind: Type) -> None:
    source = f"import ipaddress\n@pointsman.fetch\ndef x(txn) -> {annotation}: 'What it is.'\n"
    one = declared(tmp_path, source)
    entry = FETCHES.get("python.x")
    assert entry is not None and entry.type == kind and entry.reads == Reads.ALL
    assert entry.documentation == "What it is." and one.takes_transaction
    declared(tmp_path, f"import ipaddress\n@pointsman.converter(pure=True)\ndef y(value: {annotation}) -> bool: ...\n")
    converter = CONVERTERS.get("python.y")
    assert converter is not None and (converter.accepts, converter.returns) == (kind, Type.BOOL)
    assert converter.reads == Reads.NOTHING


def test_what_is_loaded_belongs_to_one_configuration(tmp_path: Path) -> None:
    declared(tmp_path, "@pointsman.fetch('a-name')\ndef x() -> str: return ''\n")
    assert "python.a-name" in FETCHES and "python.a-name" not in list(FETCHES)
    read("global\n")
    assert "python.a-name" not in FETCHES


def test_a_namespace_arguments_and_neighbours(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("value = 'beside'\n")
    source = """
import sys, beside_it
from dataclasses import dataclass
@dataclass
class Seen:
    words: list[str]
SEEN = Seen([__name__, *pointsman.arguments, beside_it.value])
"""
    loaded = load(tmp_path, source, arguments="one 'two three'")
    assert loaded.errors == [] and loaded.warnings == [f"'python-load': '{tmp_path}/rules.py' declares nothing."]
    assert sys.modules["pointsman_rules.rules"].SEEN.words == ["pointsman_rules.rules", "one", "two three", "beside"]
    sys.path.remove(str(tmp_path))
    assert pointsman.arguments == []


def test_relative_names_start_from_default_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "rules.py").write_text("import pointsman\n@pointsman.fetch\ndef x() -> int: return 1\n")
    monkeypatch.chdir(tmp_path)
    assert read("global\n default-path origin sub\n python-load rules.py\n").errors == []
    assert read("global\n python-load rules.py\n").errors == [
        "'python-load': cannot open 'rules.py': No such file or directory"
    ]


def test_a_file_that_anybody_may_write(tmp_path: Path) -> None:
    file = tmp_path / "open.py"
    file.write_text("import pointsman\n@pointsman.fetch\ndef x() -> int: return 1\n")
    file.chmod(0o666)
    (warning,) = read(f"global\n python-load {file}\n").warnings
    assert "can be written by every user" in warning


MISTAKES = {
    "syntax": ("def x(:\n", "rules.py:2: invalid syntax", "def x(:"),
    "raises": ("a = {}\na['key']\n", "rules.py:3: KeyError: 'key'", "line 3, in <module>\n        a['key']"),
    "ends": ("raise SystemExit(3)\n", "rules.py:2: it ends the process (SystemExit(3))", "SystemExit: 3"),
    "no-result": (
        "@pointsman.fetch\ndef x(txn): ...\n",
        "rules.py:2: fetch x() does not say what it returns: '-> str', for example",
        "@pointsman.fetch",
    ),
    "set": (
        "@pointsman.fetch\ndef x(txn) -> set[int]: ...\n",
        "rules.py:2: the result of x() is annotated as set[int], which no sample is: str, bytes, int, bool, "
        "IPv4Address, IPv6Address, dict or list are possible",
        "@pointsman.fetch",
    ),
    "argument": (
        "@pointsman.action\ndef x(txn, when: complex) -> None: ...\n",
        "rules.py:2: argument 'when' of x() is annotated as complex, which no sample is: str, bytes, int, bool, "
        "IPv4Address, IPv6Address, dict or list are possible",
        "@pointsman.action",
    ),
    "unknown-annotation": (
        "@pointsman.fetch\ndef x(txn) -> 'Nothing': ...\n",
        "rules.py:2: the annotations of x() cannot be read: name 'Nothing' is not defined",
        "@pointsman.fetch",
    ),
    "no-value": (
        "@pointsman.converter\ndef x() -> int: ...\n",
        "rules.py:2: converter x() needs an argument: the value that is converted",
        "@pointsman.converter",
    ),
    "reads": (
        "@pointsman.fetch(reads='header')\ndef x() -> int: ...\n",
        "rules.py:2: reads='header': one or more of source, connection, request-line, request-headers, response-line, "
        "response-headers, body, moving, nothing, everything",
        "@pointsman.fetch(reads='header')",
    ),
    "fail": (
        "@pointsman.action(fail='shut')\ndef x(): ...\n",
        "rules.py:2: fail='shut': 'open' or 'closed' is expected",
        "@pointsman.action(fail='shut')",
    ),
    "default": (
        "@pointsman.fetch(default='a')\ndef x() -> int: ...\n",
        "rules.py:2: default='a': str where the annotation says int: 'a'",
        "@pointsman.fetch(default='a')",
    ),
    "variables": (
        "@pointsman.action(variables=['txn.a'])\ndef x(): ...\n",
        "rules.py:2: variables=...: only async functions need to name them; others ask the exchange itself",
        "@pointsman.action(variables=['txn.a'])",
    ),
    "wanted-variables": (
        "@pointsman.action(variables=['user'])\nasync def x(): ...\n",
        "rules.py:2: invalid variable name 'user'. A variable name must be start by its scope. The scope can be "
        "'proc', 'sess', 'txn', 'req', 'res' or 'check'",
        "",
    ),
    "wanted-samples": (
        "@pointsman.action(samples=['hrd(a)'])\nasync def x(): ...\n",
        "rules.py:2: 'hrd(a)': unknown fetch method 'hrd'",
        "",
    ),
    "generator": (
        "@pointsman.fetch\ndef x() -> int: yield 1\n",
        "rules.py:2: fetch x() is a generator: it has to return, not to yield",
        "@pointsman.fetch",
    ),
    "task": (
        "@pointsman.task\ndef x(): ...\n",
        "rules.py:2: a task that is not async needs every=<seconds>",
        "@pointsman.task",
    ),
    "twice": (
        "@pointsman.fetch\ndef x() -> int: ...\n@pointsman.fetch('x')\ndef y() -> int: ...\n",
        "rules.py:4: there is a fetch python.x already, at rules.py:2",
        "",
    ),
    "name": (
        "@pointsman.fetch('a b')\ndef x() -> int: ...\n",
        "rules.py:2: 'a b' is no name: letters, digits, and any of _.:+-",
        "@pointsman.fetch('a b')",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_in_files(tmp_path: Path, name: str) -> None:
    source, message, hint = MISTAKES[name]
    loaded = load(tmp_path, source)
    assert loaded.errors == [f"'python-load': {message}"]
    (finding,) = loaded.diagnostics.findings
    assert finding.position.line == 2 and hint in finding.hint


FUNCTIONS = """
import ipaddress
@pointsman.fetch
def user(txn, cookie: str, size: int = 3) -> str: return f"{cookie}{size}"
@pointsman.converter
def within(value: bytes, yes: bool, *nets: ipaddress.IPv4Address) -> int: return len(nets) + yes
@pointsman.action
def act(txn, name: str, size: int = 1) -> None: ...
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "http-request set-header a %[python.user]",
            "invalid args in fetch method 'python.user' : 'cookie' is missing",
        ),
        (
            "http-request set-header a %[python.user(a,b)]",
            "fetch method 'python.user' : failed to parse 'b' as type 'integer' at position 2",
        ),
        (
            "http-request set-header a %[python.user(a,1,2)]",
            "fetch method 'python.user' : expected ')' before '2'",
        ),
        (
            "http-request set-header a %[path,python.within(maybe)]",
            "invalid args in converter 'python.within' : 'yes' is annotated as bool: 'maybe' is none of true, false, "
            "yes, no, on, off, 1, 0",
        ),
        ("http-request set-header a %[python.users(a)]", "unknown fetch method 'python.users'"),
        ("http-request python.act", "'http-request python.act': 'name' is missing"),
        (
            "http-request python.act a b",
            "'http-request python.act': 'size' is annotated as int: invalid literal for int() with base 10: 'b'",
        ),
        (
            "http-request python.act a 1 c if TRUE",
            "'http-request python.act' cannot handle unexpected argument 'c'",
        ),
        ("http-request python.nobody", "'http-request': unknown action 'python.nobody'"),
        (
            "http-after-response python.act a fail-closed",
            "'http-after-response python.act': a response cannot be refused any more in http-after-response",
        ),
    ],
)
def test_mistakes_in_rules(tmp_path: Path, line: str, message: str) -> None:
    assert load(tmp_path, FUNCTIONS, line).errors == [message]


@pytest.mark.parametrize(
    "line", ["use-service python.b", "python.b", "set-path %[python.b]", "set-path %[src,python.b]"]
)
def test_where_no_file_was_loaded(line: str) -> None:
    loaded = read(f"frontend f\n mode http\n timeout client 1s\n bind :1\n http-request {line}\n")
    (finding,) = [one for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]
    assert "python.b" in finding.message and "python-load <file>" in finding.hint


@pytest.mark.parametrize("line", ["python.atc x", "set-path %[python.usr(a)]", "set-path %[src,python.withn(yes)]"])
def test_names_that_are_near(tmp_path: Path, line: str) -> None:
    (finding,) = load(tmp_path, FUNCTIONS, f"http-request {line}").diagnostics.findings
    assert finding.hint in [f"did you mean 'python.{name}'?" for name in ("act", "user", "within")]


def test_rules_that_are_well(tmp_path: Path) -> None:
    assert (
        load(
            tmp_path,
            FUNCTIONS,
            "acl known python.user(a) -m found",
            "http-request python.act a 1 fail-open if known",
            "http-request python.act %[python.user(a)] %[path,python.within(yes,1.2.3.4,5.6.7.8)]",
            "tcp-request connection python.act x",
            "tcp-request content python.act x fail-closed",
            "http-response python.act x unless { path,python.within(no) 1 }",
            "http-after-response python.act x",
            'log-format "%[python.user(x,1)]"',
            "use_backend %[python.user(x,1)]",
        ).errors
        == []
    )


def test_two_lines_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.py"
    file.write_text("import pointsman\n@pointsman.fetch\ndef x() -> int: return 1\n")
    file.chmod(0o644)
    (error,) = read(f"global\n python-load {file}\n python-load {file}\n").errors
    assert error == f"'python-load': '{file}' is loaded already, in line 2"


def test_nobody_pays_who_loads_nothing() -> None:
    """Of the package nothing is imported but the keyword's module."""
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pointsman.cli, pointsman.keywords, pointsman.assemble; "
            "print([m for m in sys.modules if m.startswith('pointsman.extension.')])",
        ],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(pointsman.__file__).parents[1])},
    )
    assert found.stdout == "['pointsman.extension.load']\n"


ASYNC = """
@pointsman.fetch
async def role(txn) -> str: ...
@pointsman.converter
async def size(value: str) -> int: ...
@pointsman.action
async def act(txn, *words: str) -> None: ...
"""


@pytest.mark.parametrize(
    "line",
    [
        "use_backend %[python.role]",
        "use_backend b if { python.role a }",
        "use_backend b if named",
        "use_backend b if through",
        "http-request set-header a %[python.role]",
        "http-request set-path %[path,python.size]",
        "http-after-response set-header a b if named",
        "http-after-response python.act",
        "http-response set-header a %[python.role]",
        "tcp-request content reject if named",
        "tcp-request connection python.act",
        'log-format "%[python.role]"',
        "redirect location / if named",
        "monitor fail if named",
        "unique-id-format %[path,python.size]",
        "http-after-response set-var(txn.a) python.role",
    ],
)
def test_async_functions_stand_only_where_rules_wait(tmp_path: Path, line: str) -> None:
    loaded = load(tmp_path, ASYNC, "acl named python.role a", "acl through acl(named)", line)
    (error,) = loaded.errors
    assert "async function" in error and "cannot be waited for" in error


def test_where_they_wait(tmp_path: Path) -> None:
    assert (
        load(
            tmp_path,
            ASYNC,
            "acl named python.role a",
            "acl through acl(named)",
            "http-request deny if named || { path,python.size 3 }",
            "http-request python.act %[python.role] %[path,python.size] unless named",
            "http-request set-var(txn.a) path,python.size if through",
            "http-request set-var-fmt(txn.a) %[python.role]/%[path]",
            "http-response deny if { res.hdr(a),python.size 3 }",
            "http-response python.act",
            "tcp-request content python.act",
            "tcp-request content set-var(txn.a) python.role",
        ).errors
        == []
    )
