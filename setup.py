"""What pyproject.toml cannot say: the extensions. Both kinds may be missing: plain Python serves then, on one lane.

- what compiled.py lists as EXTENSIONS, written in C (`core/_cells.c`, atomic operations on shared cells, and others):
  each on its own
- the modules that a request passes, compiled by mypyc from their own typed source (compiled.py lists them); all or none

POINTSMAN_BUILD in the environment says which (compiled.py, KINDS). Objects are reused by content (objectcache.py), so
nothing here looks at times.
"""

import os
import runpy
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
BUILD = runpy.run_path(str(ROOT / "compiled.py"))
CACHE = runpy.run_path(str(ROOT / "objectcache.py"))
KIND = BUILD["kind"]()
WANTED = KIND in BUILD["COMPILED"]
WAS = BUILD["digest"]()  # before anything is read
written = [
    Extension(
        "pointsman." + name[:-2].replace("/", "."),
        [f"pointsman/{source}" for source in (name, *BUILD["PARTS"].get(name, ()))],
        depends=[f"pointsman/{header}" for header in BUILD["HEADERS"]],
        optional=True,
        extra_compile_args=["-O2"],
        libraries=BUILD["LIBRARIES"].get(name, []),
    )
    for name in BUILD["EXTENSIONS"]
]


def hot() -> list[Extension]:
    """The compiled modules; none where mypyc is missing or POINTSMAN_BUILD wants none."""
    if not WANTED:
        return []
    try:
        from mypyc.build import mypycify  # noqa: PLC0415 (it may be missing)
    except ImportError:
        return []
    folder = Path("build", KIND)
    # Without mypy's cache: with it mypyc leaves modules as they were that call methods of a class by their numbers,
    # although the class has got others in between.
    words = ["--strict", "--python-version=3.11", f"--cache-dir={os.devnull}", *BUILD["files"]()]
    how: dict[str, object] = {"opt_level": "3", "multi_file": True, "group_name": BUILD["LIBRARY"]}
    if BUILD["EVERYDAY"] == KIND:
        how = {"opt_level": "1", "separate": True, "include_runtime_files": False}
    print(f"mypyc translates {len(BUILD['files']())} modules ({KIND} build)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        made: list[Extension] = mypycify(words, debug_level="0", target_dir=str(folder), **how)
    except SystemExit as error:  # so it reports what it cannot compile
        print(f"mypyc: {error}", file=sys.stderr)
        return []
    for one in made:
        one.optional = True
        one.include_dirs = [*one.include_dirs, str(folder.joinpath(*one.name.split(".")[:-1]))]  # of headers
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
        super().run()
        if not in_place or BUILD["EXTENSIONS_ONLY"] == KIND:
            return
        fresh = {ROOT / self.get_ext_filename(one.name) for one in compiled} if self.complete else set()
        for path in BUILD["built"]():
            if path not in fresh:  # of an earlier list, or of another kind of build
                path.unlink()
        BUILD["write_note"](WAS, KIND if self.complete or not WANTED else BUILD["FAILED"])

    def build_extensions(self) -> None:
        """All of them at once, and what no compiler can make is left out."""
        builder = CACHE["Builder"](
            CACHE["cache_folder"](ROOT),
            self.compiler.compiler_so,
            self.compiler.linker_so,
            self.parallel,
            self.compiler.include_dirs,
        )
        libraries = [self._library(one) for one in self.extensions]
        failed = builder.build(libraries)
        places = {one.target for one in libraries}
        for path in Path(self.build_lib).rglob("*.so"):  # of another kind of build
            if path not in places:
                path.unlink()
        hot_ones = {Path(self.get_ext_fullpath(one.name)) for one in compiled}
        self.complete = bool(hot_ones) and not hot_ones & {one.target for one in failed}
        if not self.complete:
            if WANTED:
                print("The hot modules could not be compiled: they will run interpreted, on one lane.", file=sys.stderr)
            for path in hot_ones:
                path.unlink(missing_ok=True)

    def _library(self, one: Extension) -> object:
        links = [
            *(f"-L{name}" for name in one.library_dirs),
            *one.extra_link_args,
            *(f"-l{name}" for name in one.libraries),
        ]
        defined = [f"-D{name}" if value is None else f"-D{name}={value}" for name, value in one.define_macros]
        return CACHE["Library"](
            one.sources,
            Path(self.get_ext_fullpath(one.name)),
            one.include_dirs,
            [*defined, *one.extra_compile_args],
            links,
        )

    def copy_extensions_to_source(self) -> None:
        """In one step each: what runs keeps what it has opened."""
        for one in self.extensions:
            name = self.get_ext_filename(one.name)
            made, place = Path(self.build_lib, name), ROOT / name
            if made.exists():
                beside = place.with_name(f".{place.name}.{os.getpid()}")
                shutil.copyfile(made, beside)
                beside.chmod(0o755)
                beside.replace(place)
            else:
                place.unlink(missing_ok=True)


compiled = hot()
setup(ext_modules=[*written, *compiled], cmdclass={"build_ext": Build})
