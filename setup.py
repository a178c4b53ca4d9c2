"""What pyproject.toml cannot say: the extensions. Both kinds may be missing: plain Python serves then, on one lane.

- `core/_cells.c`, atomic operations on shared cells, `core/_calls.c`, system calls without detours, and `proto/_cut.c`,
  what varies in a head: each on its own
- the modules that a request passes, compiled by mypyc from their own typed source (compiled.py lists them); all or none
"""
import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
BUILD = runpy.run_path(str(ROOT / "compiled.py"))
WANTED = os.environ.get("POINTSMAN_COMPILE") != "0"
written = [Extension("pointsman." + name[:-2].replace("/", "."), [f"pointsman/{name}"], optional=True,
                     extra_compile_args=["-O2"]) for name in BUILD["EXTENSIONS"]]


def hot() -> list[Extension]:
    """The compiled modules; none where mypyc is missing or POINTSMAN_COMPILE=0 says so."""
    if not WANTED:
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 (it may be missing)
    except ImportError:
        return []
    words = ["--strict", "--python-version=3.11", *BUILD["files"]()]
    try:
        made: list[Extension] = mypycify(words, opt_level="3", debug_level="0", multi_file=True,
                                         group_name=BUILD["LIBRARY"])
    except SystemExit as error:  # so it reports what it cannot compile
        print(f"mypyc: {error}", file=sys.stderr)
        return []
    for one in made:
        one.optional = True
        one.include_dirs = [*one.include_dirs, str(Path("build", *BUILD["LIBRARY"].split(".")[:-1]))]  # of the headers
        one.extra_compile_args = [*one.extra_compile_args, "-Wno-error"]  # warnings of compilers yet to come
    return made


class Build(build_ext):
    """Compiles on all processors; leaves no part of a library whose other parts failed, and a note of the build."""

    complete = False  # all hot modules were compiled

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or len(os.sched_getaffinity(0))

    def run(self) -> None:
        in_place = bool(self.inplace or getattr(self, "editable_mode", False))
        was = BUILD["digest"]()
        super().run()
        if in_place:
            fresh = {ROOT / self.get_ext_filename(one.name) for one in compiled} if self.complete else set()
            for path in BUILD["built"]():
                if path not in fresh:  # of an earlier list
                    path.unlink()
            BUILD["write_note"](was, BUILD["YES"] if self.complete else BUILD["FAILED"] if WANTED else BUILD["OFF"])

    def build_extensions(self) -> None:
        """The files of one library are compiled side by side, too."""
        compile_some = self.compiler.compile

        def compile_all(sources: list[str], **words: object) -> list[str]:
            if len(sources) == 1:
                return compile_some(sources, **words)
            with ThreadPoolExecutor(self.parallel) as pool:
                found = pool.map(lambda source: compile_some([source], **words), sources)
                return [path for paths in found for path in paths]

        self.compiler.compile = compile_all
        super().build_extensions()
        paths = [Path(self.get_ext_fullpath(one.name)) for one in compiled]
        self.complete = bool(paths) and all(path.exists() for path in paths)
        if WANTED and not self.complete:
            print("The hot modules could not be compiled: they will run interpreted, on one lane.", file=sys.stderr)
            for path in paths:
                path.unlink(missing_ok=True)


compiled = hot()
setup(ext_modules=[*written, *compiled], cmdclass={"build_ext": Build})
