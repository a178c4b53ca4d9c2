"""What pyproject.toml cannot say: the extensions. Both kinds may be missing: plain Python serves then, on one lane.

- `core/_cells.c`: atomic operations on shared cells
- the modules that a request passes, compiled by mypyc from their own typed source (compiled.py lists them)
"""
import os
import runpy
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
cells = Extension("pointsman.core._cells", ["pointsman/core/_cells.c"], optional=True, extra_compile_args=["-O2"])


def hot() -> list[Extension]:
    """The compiled modules; none where mypyc is missing or POINTSMAN_COMPILE=0 says so."""
    if os.environ.get("POINTSMAN_COMPILE") == "0":
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 (it may be missing)
    except ImportError:
        return []
    files = runpy.run_path(str(ROOT / "compiled.py"))["files"]()
    made: list[Extension] = mypycify(["--strict", "--python-version=3.11", *files], opt_level="3", debug_level="0")
    for one in made:
        one.optional = True
    return made


setup(ext_modules=[cells, *hot()])
