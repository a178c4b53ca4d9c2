"""Fixtures of pytest, for who writes cases in Python.

    def test_the_api_has_servers_of_its_own(explain):
        found = explain("GET http://shop.example/api/v1", src="192.0.2.7")
        assert found.backend == "api"

`explain` gives an Explanation (verbs/explain/model.py). Requests of one test follow each other; each test begins anew.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pointsman.verbs.explain.engine import Engine
    from pointsman.verbs.explain.model import Answered, Explanation

# ruff: noqa: PLC0415  # nobody waits for what is not asked


@pytest.fixture
def pointsman_engine(pytestconfig: pytest.Config) -> "Engine":
    """The configuration of the ini option pointsman_config, as it is when the program starts."""
    from pointsman.verbs.routes.items import configured, player_of

    files = configured(pytestconfig)
    if not files:
        pytest.fail("say which configuration is asked: pointsman_config = haproxy.cfg", pytrace=False)
    engine = player_of(pytestconfig, files, {}).engine
    engine.fresh()
    return engine


@pytest.fixture
def explain(pointsman_engine: "Engine") -> "Callable[..., Explanation]":
    """What would become of a request: explain("GET http://shop.example/", src="192.0.2.7").backend."""

    def ask(
        request: str = "",
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        http: str = "",
        src: str = "",
        dst: str = "",
        frontend: str = "",
        sni: str = "",
        client_cert: str = "",
        payload: bytes | None = None,
        down: Iterable[str] = (),
        set: Mapping[str, str] | None = None,  # the word of the format
        answer: "int | Answered" = 200,
    ) -> "Explanation":
        """`request`: [METHOD] URL [HTTP/VERSION]; "" where there is a payload. The others are as in files of cases."""
        from pointsman.verbs.explain.model import Answered, Asked
        from pointsman.verbs.routes.values import request_words

        method, url, version = request_words(request) if request else ("GET", "/", "")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return pointsman_engine.explain(
            Asked(
                method=method,
                url=url,
                version=http or version or "1.1",
                headers=tuple(pairs),
                body=body,
                source=src,
                destination=dst,
                frontend=frontend,
                sni=sni,
                client_certificate=client_cert,
                payload=payload,
                down=frozenset(down),
                given=dict(set or {}),
                answer=Answered(status=answer) if isinstance(answer, int) else answer,
            )
        )

    return ask
