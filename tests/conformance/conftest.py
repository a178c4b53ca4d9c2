"""One running program of each kind for all cases, whatever their order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.certificates import authority
from support.h2_origin import H2Origin
from support.h2_programs import BACK, FRONT, Running
from support.ports import Silent


@pytest.fixture(scope="session")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Clients of HTTP/2, a server of HTTP/1."""
    silent = Silent()
    with H2Origin() as origin:
        values = {
            "origin": str(origin.port),
            "silent": str(silent.port),
            "certificate": str(authority().path("a.test")),
        }
        with Running(FRONT, values, tmp_path_factory.mktemp("fronts")) as running:
            yield running
    silent.close()


@pytest.fixture(scope="session")
def backs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Clients of HTTP/1, servers of HTTP/2."""
    with Running(BACK, {}, tmp_path_factory.mktemp("backs")) as running:
        yield running
