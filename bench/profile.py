"""python -m bench.profile [row]: where the user instructions of a request go, function by function.

Functions that mypyc has compiled are shown one by one (CPyDef_... is the body of a Python function, CPyPy_... its door
for interpreted callers); what CPython's interpreter does itself is folded into groups, the C library's into its own.
--unfolded shows everything by its symbol, --modules adds up what is compiled by module. Interpreted functions are
invisible here: they are all "the interpreter's loop".
"""

from __future__ import annotations

import argparse
import re
import runpy
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.about import is_compiled
from bench.callgrind import Costs, Counting, is_countable
from bench.count import NUMBER
from bench.rows import ROWS
from bench.stage import MEMORIES_OFF, ROOT

# CPython's functions, by the beginning of their symbols; the first that fits.
GROUPS = (
    ("the interpreter's loop", r"_?PyEval_|_PyFunction_Vectorcall|_PyFrame|_PyEvalFrame"),
    (
        "memory",
        r"_?PyObject_(Malloc|Free|Calloc|Realloc|GC_)|_?PyMem_|_PyObject_(GC_)?New|PyObject_GC|_?PyGC_|"
        r"PyType_Generic|_Py_Dealloc|_Py_NewReference|PyObject_Init",
    ),
    ("dictionaries and sets", r"_?PyDict|dict|_?PySet|set_|insertdict|lookdict|PyFrozenSet"),
    ("bytes", r"_?PyBytes|bytes_|_?PyByteArray|bytearray_|stringlib|_Py_bytes|fastsearch"),
    ("text", r"_?PyUnicode|unicode"),
    ("integers", r"_?PyLong|long_|_?PyBool|PyNumber|_?PyFloat|float_"),
    ("tuples and lists", r"_?PyTuple|tuple|_?PyList|list_|PySequence|PyIter"),
    (
        "arguments and calls",
        r"_?PyArg|PyVectorcall|_?PyObject_(Vectorcall|Call|FastCall|MakeTpCall)|cfunction_|"
        r"method_vectorcall|PyCFunction|vgetargs|convertitem|_PyStack|PyMethod|method_|PyCell",
    ),
    ("attributes", r"_?PyObject_(Generic)?(Get|Set)|_PyType|type_|PyDescr|PyMember|member_|_PyObject_Lookup|PyType_"),
    ("system calls", r"os_|posix_|_Py_(read|write)|sock_|select_|PyEval_(Save|Restore)|take_gil|drop_gil|time_"),
    ("exceptions", r"_?PyErr|PyException|BaseException|_PyErr"),
    ("comparisons and tests", r"PyObject_(RichCompare|IsTrue|Hash|Size)|_?PyObject_"),
)
COMPILED_GROUP = re.compile(r"CPyDef_|CPyPy_|CPyGen_|CPy")
TOP = 40


def fold(place: str, symbol: str) -> str:
    """What a function is called in the table."""
    library = place.rpartition("/")[2]
    plain = symbol.partition("'")[0]  # callgrind numbers levels of recursion
    if (
        COMPILED_GROUP.match(plain)
        or "pointsman" in place
        or library.startswith(("_cells", "_calls", "_cut", "_pcre", "_slabs", "_tls"))
    ):
        return plain
    if not re.match(r"(lib)?python3", library):
        return f"[{library or 'unknown'}]"
    if plain.startswith("0x"):
        return "[CPython: functions without a symbol]"
    for name, pattern in GROUPS:
        if re.match(pattern, plain):
            return f"[CPython: {name}]"
    return "[CPython: other]"


def by_module(costs: Costs) -> Costs:
    """The same with the module for a compiled function: mypyc begins a symbol with the end of its module's name."""
    ends: dict[str, str] = {}
    for name in runpy.run_path(str(ROOT / "compiled.py"))["files"]():
        parts = Path(name).with_suffix("").parts[1:]
        ends.update(("___".join(parts[start:]) + "___", "/".join(parts)) for start in range(len(parts)))
    added: Costs = Counter()
    for (place, symbol), cost in costs.items():
        own = re.match(r"CPy(?:Def|Py|Gen|Static|Type|ExecFn)?_(.*)", symbol)
        fits = [end for end in ends if own and own[1].startswith(end)]
        added[(place, f"pointsman {ends[max(fits, key=len)]}") if fits else (place, fold(place, symbol))] += cost
    return added


def table(costs: Costs, number: int, unfolded: bool, top: int) -> list[str]:
    """Lines: instructions of a request, their share, the function."""
    folded: Counter[str] = Counter()
    for (place, symbol), cost in costs.items():
        folded[symbol if unfolded else fold(place, symbol)] += cost
    whole = costs.total()
    lines = ["| instructions | share | function |", "|---|---|---|"]
    for name, cost in folded.most_common(top):
        lines.append(f"| {cost / number:12,.0f} | {cost / whole * 100:5.1f} % | {name} |")
    rest = whole - sum(cost for _, cost in folded.most_common(top))
    lines.append(f"| {rest / number:12,.0f} | {rest / whole * 100:5.1f} % | all others |")
    lines.append(f"| {whole / number:12,.0f} | 100.0 % | a request |")
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Run it."""
    rows = [row.name for row in ROWS.values() if is_countable(row)]
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("row", nargs="?", default="small", choices=rows)
    parser.add_argument("--python", default=sys.executable, help="the interpreter for Pointsman")
    parser.add_argument("--number", type=int, default=0, help="requests of a measurement")
    parser.add_argument("--top", type=int, default=TOP, help=f"functions that are shown (default: {TOP})")
    parser.add_argument("--unfolded", action="store_true", help="every symbol by itself")
    parser.add_argument("--modules", action="store_true", help="compiled functions by module")
    options = parser.parse_args(words)
    if shutil.which("valgrind") is None:
        raise SystemExit("not installed: valgrind")
    compiled = is_compiled(options.python)
    number = options.number or NUMBER[compiled]
    row = ROWS[options.row]
    environment = MEMORIES_OFF if row.variant == "off" else {}
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-profile-") as folder,
        Counting(options.python, Path(folder), environment, h2=row.streams > 0) as counting,
    ):
        costs = counting.measure(row, number)
    print(f"{row.name}: {row.tells}; {'compiled' if compiled else 'interpreted'}; {number} requests\n")
    costs = by_module(costs) if options.modules else costs
    print("\n".join(table(costs, number, options.unfolded or options.modules, options.top)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
