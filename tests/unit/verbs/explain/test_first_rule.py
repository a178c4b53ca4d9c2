"""What explanations say of the first rule, and of the body that the client gets."""

from pathlib import Path

from pointsman.verbs.explain.engine import Engine
from pointsman.verbs.explain.model import Answered, Asked, HeadDiff

CONFIGURATION = """\
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend web
    bind 192.0.2.1:80
    http-request set-header X-First yes
    http-request return status 200 content-type text/plain string hello if { path /hello }
    default_backend app
backend app
    server s1 192.0.2.2:80
"""


def test_the_first_rule_shows_its_change_and_bodies_are_told(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIGURATION)
    engine = Engine([str(file)])
    found = engine.explain(Asked(url="/x", headers=(("X-First", "no"),), answer=Answered(body=b"from the server")))
    assert found.stages[0].steps[0].diff == HeadDiff(removed=("x-first: no",), added=("x-first: yes",))
    assert (found.body_from, found.body) == ("server", b"from the server")
    told = engine.explain(Asked(url="/hello"))
    assert (told.body_from, told.body) == ("answer", b"hello")
