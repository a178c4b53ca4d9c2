"""python -m fuzz [<target> [words for libFuzzer]]: fuzzes one target with atheris; without a target, lists them.

`-max_total_time=<seconds>` ends a run without findings. What libFuzzer collects lies in build/fuzz/<target>, an input
that fails in build/fuzz/<target>-crash-<digest>; named behind the target, such a file is played once more.
"""

import hashlib
import importlib
import os
import sys
from pathlib import Path

from fuzz import TARGETS

COLLECTED = Path(__file__).parents[1] / "build" / "fuzz"


def corpus(target: str, seeds: list[bytes]) -> Path:
    """The folder of the inputs that a run begins with, and to which it adds."""
    folder = COLLECTED / target
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    return folder


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit("python -m fuzz <target> [words for libFuzzer]; targets: " + " ".join(TARGETS))
    target, *words = sys.argv[1:]
    os.environ["POINTSMAN_INTERPRETED"] = "1"  # coverage is that of Python's bytecode
    atheris = importlib.import_module("atheris")  # by name: it is optional, and has no types
    with atheris.instrument_imports(include=["pointsman"]):
        module = importlib.import_module(f"fuzz.{target}")
    if all(word.startswith("-") for word in words):
        words.append(str(corpus(target, module.SEEDS)))
    atheris.Setup(
        [sys.argv[0], "-max_len=600", "-timeout=20", f"-artifact_prefix={COLLECTED / target}-", *words], module.fuzz_one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
