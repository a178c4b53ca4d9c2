"""Where is a keyword: `python where.py set-header`. What may a module import: `python where.py pointsman/net/wire.py`.

A keyword stands in the source as the first word of the decorator (or of the call) that registers it, or, where many are
registered in a loop, in a table from which the loop takes them. This looks for both, in the text of the source alone:
nothing is imported. The words may be written as in a configuration: "option forwardfor", "http-request set-header",
"req.hdr(host)", "%ci", "show info". tests/unit/test_where.py asks it for every name that is registered.

What a module may import follows from its folder's place in the layers of pyproject.toml.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / "pointsman"
LINT = PACKAGE / "verbs" / "lint"  # its tables are about keywords, and register none
# Decorators that register under several names: how many of their arguments are such.
NAMES = {"fetch_of_heads": 2, "fetch_of_certificates": 3}


@dataclass(frozen=True)
class Found:
    """`how`: the decorator, call or table; `text`: the first line of what documents it."""

    path: str
    line: int
    how: str
    name: str
    text: str = ""

    def __str__(self) -> str:
        name = re.sub(r"\\(.)", r"\1", self.name[1:].replace(".+", "...")) if self.name.startswith("~") else self.name
        return f"{self.path}:{self.line}: {self.how} {name!r}{'  ' + self.text if self.text else ''}"


def _constants(node: ast.expr) -> list[ast.expr]:
    """The keys of a dictionary, the members of a list, tuple or set, with what `|`, `+`, `*` and calls make of them."""
    if isinstance(node, ast.Dict):
        unpacked = [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
        return [key for key in node.keys if key is not None] + _all_constants(unpacked)
    if isinstance(node, ast.DictComp):
        return [node.key]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [*node.elts, *_all_constants(node.elts)]
    if isinstance(node, ast.Starred):
        return _constants(node.value)
    if isinstance(node, ast.BinOp):
        return _all_constants([node.left, node.right])
    return _all_constants(node.args) if isinstance(node, ast.Call) else []


def _all_constants(nodes: list[ast.expr]) -> list[ast.expr]:
    return [one for node in nodes for one in _constants(node)]


def _text(node: ast.expr) -> str:
    """A text, or, of one with computed parts, a regular expression behind "~"; else ""."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".+" for one in node.values]
        return "~" + "".join(parts)
    return ""


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _in(tree: ast.Module, path: str) -> Iterator[Found]:
    """All words of a module that may be keywords."""
    named = {_name(one.target): _text(one.value) for one in tree.body if isinstance(one, ast.AnnAssign) and one.value}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = (ast.get_docstring(node) or "").partition("\n")[0]
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and one.args:
                    count = NAMES.get(_name(one.func), 1)
                    word = " ".join(_text(arg) or named.get(_name(arg), "") for arg in one.args[:count])
                    if word:
                        yield Found(path, one.lineno, f"@{_name(one.func)}", word, text)
    for statement in tree.body:
        for inner in statement.body if isinstance(statement, ast.For) else [statement]:
            yield from _calls(inner, path)
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = statement.iter if isinstance(statement, ast.For) else getattr(statement, "value", None)
        if isinstance(target, ast.Name | ast.Tuple) and isinstance(value, ast.expr):
            table = "loop over" if isinstance(statement, ast.For) else f"table {_name(target)}"
            yield from (Found(path, one.lineno, table, _text(one)) for one in _constants(value) if _text(one))


def _calls(statement: ast.stmt, path: str) -> Iterator[Found]:
    """What a statement of a module registers: text_tag("r", ...), keyword("stats uri", ...)(parser)."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    while isinstance(call, ast.Call):
        if call.args and _text(call.args[0]):
            yield Found(path, call.lineno, _name(call.func), _text(call.args[0]))
        call = call.func


@cache
def everything() -> list[Found]:
    """What may be a keyword, of all modules."""
    return [
        one
        for path in sorted(PACKAGE.rglob("*.py"))
        if LINT not in path.parents
        for one in _in(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))
    ]


def _fits(found: Found, word: str, behind: str) -> bool:
    """`behind`: the word without the first one, as "client" of "timeout client"."""
    if found.name.startswith("~"):
        return re.fullmatch(found.name[1:], word) is not None
    names = found.name.split() if found.how.startswith(("@fetch", "@converter")) else [found.name]
    return word in names or behind in names or word == found.name.partition(" ")[2]


def find(word: str) -> list[Found]:
    """The places of a keyword: where a decorator or a call names it, or else the tables that name it with what takes
    them, all in the order of files."""
    word = re.sub(r"\(.*\)$", "", word.strip().removeprefix("%").removeprefix("no "))
    behind = word.partition(" ")[2]
    found = [one for one in everything() if _fits(one, word, behind)]
    exact = [one for one in found if not one.name.startswith("~")]
    by_all = [one for one in exact if one.name == word or one.how.startswith("@")]
    return sorted(by_all or found, key=lambda one: (not one.how.startswith("@"), one.how.startswith("table")))


def layers() -> list[list[str]]:
    """The folders of the package, from the top down; those beside each other import nothing of each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def may_import(module: str) -> tuple[str, list[str]]:
    """A module's folder (or the module, where it stands in none), and the folders below, which it may import."""
    parts = Path(module).with_suffix("").parts
    folder = parts[parts.index("pointsman") + 1] if "pointsman" in parts[:-1] else parts[0]
    order = layers()
    for place, layer in enumerate(order):
        if folder in layer:
            return folder, [name for below in order[place + 1 :] for name in below]
    raise SystemExit(f"{module}: no folder of pointsman; these are: {', '.join(name for one in order for name in one)}")


def main(words: list[str]) -> int:
    if not words:
        print(__doc__)
        return 2
    word = " ".join(words)
    if word.endswith(".py"):
        folder, below = may_import(word)
        print(f"{folder}: itself, and of pointsman: {', '.join(below) or 'nothing else'}")
        return 0
    found = find(word)
    print("\n".join(map(str, found)) if found else f"{word}: nothing registers it")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
