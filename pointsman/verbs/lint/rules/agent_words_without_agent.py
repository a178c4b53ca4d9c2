"""agent-words-without-agent."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80 check agent-port 9999 agent-inter 5s  # here
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:80 check agent-check agent-port 9999 agent-inter 5s
"""
OF_AGENTS = frozenset(("agent-port", "agent-inter", "agent-addr", "agent-send"))


@rule("agent-words-without-agent", Level.WARNING, FOUND, CLEAN)
def agent_words_without_agent(subject: Subject) -> Iterator[Found]:
    """A server line says where its agent is, and not that it is asked.

    `agent-port`, `agent-inter`, `agent-addr` and `agent-send` mean nothing without `agent-check` (manual 5.2).
    """
    for section in subject.backs:
        for line in section.all(ServerLine):
            if line.parameters.agent_check:
                continue
            found = [word for word in subject.words(line.at)[3:] if word.text in OF_AGENTS]
            if found and not line.template:
                yield Found(found[0].at, f"'{found[0].text}' means nothing without 'agent-check'", "add 'agent-check'")
