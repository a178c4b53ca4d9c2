"""What pyproject.toml cannot say: the extension for shared cells, which may be missing (then plain_cells.py serves)."""
from setuptools import Extension, setup

setup(ext_modules=[Extension("pointsman.core._cells", ["pointsman/core/_cells.c"], optional=True,
                             extra_compile_args=["-O2"])])
