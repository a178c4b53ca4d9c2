"""Functions of python-load files in explanations: those that run in the lane are called, async ones are not known."""

from pathlib import Path

import pytest

from pointsman.verbs.explain.engine import Engine
from pointsman.verbs.explain.model import Asked

RULES = """
import pointsman
from pointsman import Transaction

@pointsman.fetch
def tenant(txn: Transaction) -> str:
    return txn.request.host.partition(".")[0]

@pointsman.action
def mark(txn: Transaction) -> None:
    txn.request.headers["x-tenant"] = txn.sample("python.tenant,upper", str) or ""

@pointsman.fetch
async def role(txn: Transaction) -> str:
    raise AssertionError("nobody calls it")

@pointsman.action
async def check(txn: Transaction) -> None:
    raise AssertionError("nobody calls it")
"""
CONFIG = """
global
    python-load {rules}
defaults
    mode http
    timeout client 30s
    timeout server 1m
    timeout connect 5s
frontend web
    bind :80
    http-request python.mark
    http-request deny if { python.role banned }
    http-request python.check
    use_backend other if { python.tenant acme }
    default_backend main
backend main
    server m 10.0.0.1:80
backend other
    server o 10.0.0.2:80
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "rules.py").chmod(0o644)
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIG.replace("{rules}", str(tmp_path / "rules.py")))
    made = Engine([str(file)])
    assert not made.failed, [one.message for one in made.diagnostics.findings]
    return made


def test_functions_of_lanes_are_called(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    found = engine.explain(Asked(url="http://acme.example/"))
    assert found.server is not None and (found.backend, found.server.name) == ("other", "o")
    assert "x-tenant: ACME" in found.request
    assert engine.explain(Asked(url="http://else.example/")).backend == "main"
    assert "Traceback" not in capfd.readouterr().err


def test_async_ones_are_shown_both_ways(engine: Engine) -> None:
    found = engine.explain(Asked(url="http://acme.example/"))
    (branch,) = found.branches
    assert branch.unknown.text == "python.role" and "async function" in branch.unknown.why
    assert branch.explanation.outcome == "deny" and branch.unknown.assumed == "banned"
    given = engine.explain(Asked(url="http://acme.example/", given={"python.role": "banned"}))
    assert given.outcome == "deny" and not given.branches


def test_async_actions_are_taken_to_change_nothing(engine: Engine) -> None:
    """Though they would fail closed: nobody has asked them."""
    found = engine.explain(Asked(url="http://else.example/"))
    assert (found.outcome, found.status) == ("server", 200)
    assert "python.check runs in the live program alone: here it changes nothing" in found.notes
