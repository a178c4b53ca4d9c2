"""The targets of the fuzzer take what it will feed them: their seeds, and mutants of these, drawn from a number."""

import importlib
import random
import re
from pathlib import Path
from types import ModuleType

import pytest

from fuzz import TARGETS

FOLDER = Path(__file__).parents[3] / "fuzz"
MUTANTS = 200


def mutant(draw: random.Random, seeds: list[bytes]) -> bytes:
    """One seed with a few bytes changed, left out or doubled, or pieces of two seeds."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(data))
        change = draw.randrange(4)
        if change == 0:
            data[at : at + 1] = bytes([draw.randrange(256)])
        elif change == 1:
            del data[at : at + draw.randint(1, 8)]
        elif change == 2:
            data[at:at] = data[at : at + draw.randint(1, 8)]
        else:
            other = draw.choice(seeds)
            data[at:] = other[draw.randint(0, len(other)) :]
    return bytes(data)


def target(name: str) -> ModuleType:
    return importlib.import_module(f"fuzz.{name}")


def test_every_target_is_listed() -> None:
    have = {path.stem for path in FOLDER.glob("*.py") if re.search(r"^def fuzz_one", path.read_text(), re.M)}
    assert have == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_mutants(name: str) -> None:
    module = target(name)
    draw = random.Random(name)
    for data in [b"", *module.SEEDS, *(mutant(draw, module.SEEDS) for _ in range(MUTANTS))]:
        try:
            module.fuzz_one(data)
        except Exception as error:
            raise AssertionError(f"{name} fails on {data!r}") from error


def test_a_target_finds_what_is_not_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lets through the errors of its parser alone."""
    module = target("heads")

    def parse(*args: object) -> None:
        raise IndexError

    monkeypatch.setattr(module, "parse_request", parse)
    with pytest.raises(IndexError):
        module.fuzz_one(module.SEEDS[0])
