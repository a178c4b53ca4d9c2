"""plain-http."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.rules.keywords import RedirectLine, UseBackendLine
from pointsman.rules.redirect import Redirect
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.exposure import public_binds, terms_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80  # here
    bind :443 ssl crt site.pem
    default_backend app
backend app
    mode http
    server one 192.0.2.1:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request redirect scheme https unless { ssl_fc }
    default_backend app
backend app
    mode http
    server one 192.0.2.1:80
"""
ASKS = frozenset({"ssl_fc", "dst_port", "fc_dst_port", "so_id", "so_name"})


@rule("plain-http", Level.INFO, FOUND, CLEAN)
def plain_http(subject: Subject) -> Iterator[Found]:
    """A frontend serves the same by TLS and in clear.

    What goes over port 80 can be read, and changed, by everybody in between. `http-request redirect scheme https unless
    { ssl_fc }` sends clients to TLS.
    """
    for section in subject.fronts:
        if not subject.is_http(section) or not any(one.parameters.tls.ssl for one in section.all(Bind)):
            continue
        plain = [one for one in public_binds(section) if not one.parameters.tls.ssl]
        plain = [one for one in plain if any(address.port == 80 for address in one.addresses)]
        if plain and not _cares(section.all(Rule), section.all(RedirectLine), section.all(UseBackendLine)):
            at = subject.words_at(plain[0].at, 2)
            hint = "'http-request redirect scheme https unless { ssl_fc }'"
            yield Found(at, "what is served by TLS is served in clear as well", hint)


def _cares(rules: list[Rule], redirects: list[RedirectLine], routes: list[UseBackendLine]) -> bool:
    """There are redirections, or lines that look at how clients have come in."""
    if redirects or any(isinstance(one.action, Redirect) for one in rules):
        return True
    return any(_asks(one.condition) for one in rules) or any(_asks(one.condition) for one in routes)


def _asks(condition: Condition | None) -> bool:
    return any(acl.expression.fetch in ASKS for term in terms_of(condition) for acl in term.acls)
