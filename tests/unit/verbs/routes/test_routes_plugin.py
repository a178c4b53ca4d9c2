"""The plugin of pytest, in sessions of its own: what it collects, what fails, what fixtures give."""

from pathlib import Path

import pytest

from pointsman.verbs.routes import plugin

pytest_plugins = ["pytester"]
PLUGIN = plugin.__name__

CONFIGURATION = """\
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind :80
    use_backend api if { req.hdr(host) -i api.example }
    default_backend "${FALLBACK-app}"
backend app
    server w1 192.0.2.21:80
backend api
    balance roundrobin
    server a1 192.0.2.11:80
    server a2 192.0.2.12:80
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """What a session in this process has imported stays: imported again, keywords would be registered twice."""
    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot.restore", lambda self: None)
    write(pytester, "haproxy.cfg", CONFIGURATION)
    pytester.makeini("[pytest]\npointsman_config = haproxy.cfg\n")
    return pytester


def write(session: pytest.Pytester, name: str, text: str) -> Path:
    path = session.path / name
    path.write_text(text)
    return path


def run(session: pytest.Pytester, *words: str) -> pytest.RunResult:
    return session.runpytest_inprocess("-p", PLUGIN, "-p", "no:cacheprovider", "-p", "no:xdist", *words)


def test_cases_are_items_with_places_and_reasons(session: pytest.Pytester) -> None:
    write(
        session,
        "shop.routes.yml",
        "- name: hosts\n  cases:\n  - http://api.example/: api\n  - http://shop.example/: api\n"
        "- /: app\n  skip: later\n",
    )
    write(session, "other.yml", "- nonsense\n")
    result = run(session, "-rA")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*_ hosts / http://shop.example/ _*",
            "backend: expected api, got app",
            "    haproxy.cfg:8: use_backend api if { req.hdr(host) -i api.example }",
            '        it does not hold: req.hdr(host) "shop.example" does not match',
            "SKIPPED * shop.routes.yml: later",
            "FAILED shop.routes.yml::hosts / http://shop.example/ - backend: expected api*",
        ]
    )


def test_identifiers_are_the_same_in_each_process(session: pytest.Pytester) -> None:
    write(
        session,
        "a.routes.yml",
        "- http://<h>.example/: {backend: {present: yes}}\n  parameters: {h: [api, x]}\n- /: app\n- /: app\n",
    )
    lines = [run(session, "--collect-only", "-q").outlines[:4] for _ in range(2)]
    assert lines[0] == lines[1] == [
        "a.routes.yml::http://api.example/",
        "a.routes.yml::http://x.example/",
        "a.routes.yml::/ (line 3)",
        "a.routes.yml::/ (line 4)",
    ]  # fmt: skip


def test_each_file_has_its_configuration_and_environment(session: pytest.Pytester) -> None:
    write(
        session,
        "a.routes.yml",
        "configuration: haproxy.cfg\nenvironment: {FALLBACK: api}\ncases:\n- http://x.example/: api\n",
    )
    write(session, "b.routes.yaml", "- http://x.example/: app\n")
    run(session).assert_outcomes(passed=2)


def test_names_of_files_are_an_option(session: pytest.Pytester) -> None:
    session.makeini("[pytest]\npointsman_config = haproxy.cfg\npointsman_routes = routes.yml\n")
    write(session, "routes.yml", "- http://x.example/: app\n")
    write(session, "a.routes.yml", "- nonsense\n")
    run(session).assert_outcomes(passed=1)
    session.makeini("[pytest]\npointsman_routes =\n")
    assert run(session).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_mistakes_are_told_when_files_are_collected(session: pytest.Pytester) -> None:
    write(session, "a.routes.yml", "- /: {backnd: app}\n")
    result = run(session)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["a.routes.yml:1:7: unknown key 'backnd' in 'expect'", "    did you mean 'backend'?"])
    session.makeini("[pytest]\n")
    write(session, "a.routes.yml", "- /: app\n")
    result = run(session)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["a.routes.yml: say which configuration is played*"])


def test_a_configuration_with_a_mistake_fails_each_case(session: pytest.Pytester) -> None:
    write(session, "haproxy.cfg", CONFIGURATION.replace("mode http", "mode htpp"))
    write(session, "a.routes.yml", "- /a: app\n- /b: app\n")
    result = run(session)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*parsing ?haproxy.cfg:2?*"])


def test_fixtures_explain_and_each_test_begins_anew(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import pytest
        from pointsman.verbs.explain.model import Answered

        @pytest.mark.parametrize("again", [1, 2])
        def test_turns(explain, again):
            assert [explain("GET http://api.example/").server.name for _ in range(3)] == ["a1", "a2", "a1"]

        def test_words(explain, pointsman_engine):
            found = explain(
                "POST http://api.example/x HTTP/1.0", headers={"X-A": "b"}, body=b"abc", src="192.0.2.7",
                dst="192.0.2.1:80", frontend="web", down=["api/a1"], answer=Answered(status=404),
            )
            assert (found.server.name, found.status, found.body_from) == ("a2", 404, "server")
            assert "x-a: b" in found.request
            assert explain("/", answer=500).status == 500
            assert pointsman_engine.live.frontends

        def test_no_request(explain):
            with pytest.raises(ValueError, match="'shop' is no URL"):
                explain("shop")
        """
    )
    run(session).assert_outcomes(passed=4)
    session.makeini("[pytest]\n")
    result = run(session, "-k", "test_words")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*say which configuration is asked: pointsman_config = haproxy.cfg*"])


def test_it_costs_nothing_where_nobody_asks(session: pytest.Pytester) -> None:
    session.makeconftest(
        """
        import sys

        def pytest_sessionfinish():
            names = sorted(one for one in sys.modules if one.startswith("pointsman") or one == "yaml")
            print("\\nloaded:", *names)
        """
    )
    session.makepyfile("def test_a(): pass")
    result = session.runpytest_subprocess("-p", PLUGIN, "-p", "no:xdist", "-p", "no:cacheprovider", "-s")
    names = "pointsman pointsman.verbs pointsman.verbs.routes pointsman.verbs.routes.fixtures"
    result.stdout.fnmatch_lines([f"loaded: {names} pointsman.verbs.routes.plugin"])
