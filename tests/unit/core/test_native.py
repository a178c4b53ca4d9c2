"""Classes of the modules that are compiled."""

import importlib
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]
HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC


def test_the_collector_knows_them_all() -> None:
    """How mypyc puts off a deep deallocation writes in front of the object, where only such ones have room."""
    listed = runpy.run_path(str(ROOT / "compiled.py"))["files"]()
    names = {path.removesuffix(".py").replace("/", ".") for path in listed}
    members = [member for name in names for member in vars(importlib.import_module(name)).values()]
    classes = {one for one in members if isinstance(one, type) and one.__module__ in names}
    assert len(classes) > 100
    assert [one for one in classes if not one.__flags__ & HAVE_GC and not is_trait(one)] == []


def is_trait(one: type) -> bool:
    """There are no objects of it, only of classes that have it."""
    try:
        one()
    except TypeError as error:
        return "traits may not be directly created" in str(error)
    return False
