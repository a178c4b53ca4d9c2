"""literal-secret."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    http-request set-header Authorization "Basic dXNlcjpEYWhnaDNvR2g0YQ=="  # here
    http-request add-header X-Api-Key 8f14e45fceea167a5a36dedd4bea2543  # here
    server one 192.0.2.1:80
"""
CLEAN = """
backend app
    mode http
    http-request set-header Authorization "Basic ${TOKEN}"
    http-request set-header X-Api-Key %[env(API_KEY)]
    http-request del-header Proxy-Authorization
    http-request set-header X-Auth-Token none
    server one 192.0.2.1:80
"""
RULES: Final = ("http-request", "http-response", "http-after-response", "http-check")
ACTIONS: Final = ("set-header", "add-header")
_LISTED: Final = """
authorization proxy-authorization x-api-key api-key apikey x-auth-token x-access-token x-vault-token private-token
x-auth-key x-secret x-functions-key ocp-apim-subscription-key
"""
HEADERS: Final = frozenset(_LISTED.split())
SHORTEST: Final = 8  # of what is taken for a secret


@rule("literal-secret", Level.INFO, FOUND, CLEAN)
def literal_secret(subject: Subject) -> Iterator[Found]:
    """A rule writes a secret that stands in the configuration.

    Whoever sees the file, a backup or the repository of it has the secret. Take it from the environment:
    `%[env(TOKEN)]`, or `"Basic ${TOKEN}"` in double quotes (manual 2.3).
    """
    for _, line in subject.lines:
        words = line.words
        if words[0].text not in RULES or len(words) < 4 or words[1].text not in ACTIONS:
            continue
        value = words[3].text
        raw = words[3].at.text
        if words[2].text.lower() in HEADERS and len(value) >= SHORTEST and "%[" not in value and "$" not in raw:
            message = f"the secret for '{words[2].text}' stands here in clear"
            yield Found(words[3].at, message, "take it from the environment: '%[env(NAME)]'")
