"""What `pointsman explain` says of the stories that tests tell of routing, rules, cookies and their like is what the
live program does: the scenarios of tests/peer/families, each request of them on a connection of its own.

Those whose clients or servers do more than ask and answer are about something else, and left out (`tells`). All are
compared with POINTSMAN_LONG=1, every twentieth else, and those about routing.
"""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path

import pytest
from support.actor import Close, End, Recv, Send, Serve, Step
from support.beside import Beside
from support.scenario import Logged, Open, Scenario, Stat

from pointsman.verbs.explain.model import Answered, Asked

sys.path.insert(0, str(Path(__file__).parent.parent / "peer"))
from families.all import FAMILIES

FAMILIES_TOLD = (
    *("routing", "cookies", "rules", "rules-captures", "rules-ends", "rules-limits", "rules-rewrites", "rules-room"),
    *("rules-variables", "acls", "maps", "persistence", "regexes", "sticking", "logs", "name-headers"),
    *("proxied-requests", "keep-alive", "bodies", "rules-bodies", "rules-waits", "http1-edges"),
)
LONG = os.environ.get("POINTSMAN_LONG") == "1"
EVERY = 1 if LONG else 20
OTHER = re.compile(
    r"\b(?:set-map|del-map|add-acl|del-acl|accept-proxy|send-proxy|proto h2|check|ssl|retry-on|set-dst)\b"
    r"|stats (?:uri|enable|admin)|password \$"  # a process of its own answers, or a thread
)
PLAIN = (Open, Send, Recv, End, Close, Logged, Stat)
WHOLE = re.compile(
    rb"\A([!-~]+) (\S+) HTTP/1\.([01])\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n(.*)\Z", re.S
)


def requests(scenario: Scenario) -> list[tuple[str, Asked]] | None:
    """The port and the request of each question; None: its client does something else."""
    found: list[tuple[str, Asked]] = []
    port, source = "front", ""
    for step in scenario.talk:
        if not isinstance(step, PLAIN):
            return None
        if isinstance(step, Open):
            port, source = step.port, step.source
        if isinstance(step, Send):
            asked = one_request(step, source)
            if asked is None:
                return None
            found.append((port, asked))
    return found


def one_request(step: Send, source: str) -> Asked | None:
    whole = WHOLE.match(step.data)
    if whole is None or step.apart:
        return None
    method, target, minor, block, body = whole.groups()
    lines = [line.partition(b":") for line in block.split(b"\r\n") if line]
    headers = tuple((name.decode(), value.strip(b" \t").decode("utf-8", "surrogateescape")) for name, _, value in lines)
    names = {name.lower(): value for name, value in headers}
    if "host" not in names or len(body) != int(names.get("content-length", "0")) or "transfer-encoding" in names:
        return None
    if {"upgrade", "expect"} & set(names) or method == b"CONNECT":
        return None
    url = target.decode("utf-8", "surrogateescape")
    if not url.startswith("/"):
        return None
    return Asked(
        method=method.decode(), url=url, headers=headers, version=f"1.{minor.decode()}", body=body, source=source
    )


def answers(scenario: Scenario) -> dict[str, Serve] | None:
    """What each scripted server always says; None: one does more than that."""
    found: dict[str, Serve] = {}
    for name, scripts in scenario.servers.items():
        steps: list[Step] = [step for script in scripts for step in script]
        one = steps[0] if len(steps) == 1 else None
        if not isinstance(one, Serve) or None in [answered(reply) for reply in (one.reply, *dict(one.paths).values())]:
            return None
        found[name] = one
    return found


def answered(reply: bytes) -> Answered | None:
    head, mark, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ", 2)
    names = [line.partition(b":")[0].lower() for line in lines]
    if not mark or parts[0] != b"HTTP/1.1" or names.count(b"content-length") != 1 or int(parts[1]) < 200:
        return None
    fields = tuple(
        (name.decode(), value.strip().decode("latin-1")) for name, _, value in (x.partition(b":") for x in lines)
    )
    return Answered(status=int(parts[1]), reason=parts[2].decode(), headers=fields, body=body)


def tells(scenario: Scenario) -> bool:
    text = scenario.prelude + scenario.config
    if scenario.later or "{silent" in text or "{refused" in text or "mode tcp" in text:
        return False
    if OTHER.search(text):
        return False
    return bool(requests(scenario)) and answers(scenario) is not None


STORIES = {
    f"{family}-{scenario.name.replace(' ', '_')}": scenario
    for family in FAMILIES_TOLD
    for scenario in FAMILIES.get(family, ())
    if tells(scenario)
}
CHOSEN = [name for number, name in enumerate(STORIES) if name.startswith("routing-") or number % EVERY == 0]


def test_most_stories_are_told() -> None:
    assert len(STORIES) > 250


@pytest.mark.parametrize("name", CHOSEN)
def test_explained_as_told(name: str, tmp_path: Path) -> None:
    scenario = STORIES[name]
    said = answers(scenario)
    asks = requests(scenario)
    assert said is not None and asks is not None
    ports: dict[str, int] = {}
    servers: dict[str, str] = {}

    def placed(found: re.Match[str]) -> str:
        kind, _, rest = found[1].partition(":")
        if kind == "port":
            return str(ports.setdefault(rest, 2000 + len(ports)))
        if kind == "server":
            return "{" + servers.setdefault(rest, "x" + chr(97 + len(servers))) + "}"
        if kind == "file":
            (tmp_path / rest).write_bytes(scenario.files[rest])
            return str(tmp_path / rest)
        return {"log": "127.0.0.1:514", "dir": str(tmp_path)}.get(kind, found[0])

    text = re.sub(r"\{((?:port|server|file):[A-Za-z0-9_.-]+|log|dir)\}", placed, scenario.prelude + scenario.config)
    called = {short: name for name, short in servers.items()}
    with Beside(text, tmp_path, {short: short for short in called}) as beside:
        for port, asked in asks:
            question = Asked(
                method=asked.method,
                url=asked.url,
                headers=asked.headers,
                version=asked.version,
                body=asked.body,
                source=asked.source,
                destination=f"127.0.0.1:{ports[port]}",
            )
            beside.ask(question, partial(reply_of, said, called, asked.url))


def reply_of(said: dict[str, Serve], called: dict[str, str], target: str, short: str) -> Answered:
    """What that server says to it."""
    name = called[short]
    serve = said.get(name)
    if serve is None:
        return Answered(headers=(("Content-Length", str(len(name))),), body=name.encode())
    found = answered(dict(serve.paths).get(target, serve.reply))
    assert found is not None
    return found
