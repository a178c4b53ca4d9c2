"""Classes of the modules that are compiled."""
import gc
import importlib
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]
HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC


def test_the_collector_knows_them_all() -> None:
    """How mypyc puts off a deep deallocation writes in front of the object, where only such ones have room."""
    listed = runpy.run_path(str(ROOT / "compiled.py"))["files"]()
    names = {path.removesuffix(".py").replace("/", ".") for path in listed}
    for name in names:
        importlib.import_module(name)
    classes = [one for one in gc.get_objects() if isinstance(one, type) and one.__module__ in names]
    assert len(classes) > 100
    assert [one for one in classes if not one.__flags__ & HAVE_GC] == []
