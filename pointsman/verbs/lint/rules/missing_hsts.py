"""missing-hsts."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.rules.keywords import RedirectLine
from pointsman.rules.redirect import Redirect
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request redirect scheme https unless { ssl_fc }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request redirect scheme https unless { ssl_fc }
    http-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }
"""
HEADER = "strict-transport-security"


@rule("missing-hsts", Level.INFO, FOUND, CLEAN)
def missing_hsts(subject: Subject) -> Iterator[Found]:
    """Clients are sent to TLS, and not told to stay there.

    Each first request of a browser goes out in clear, where somebody in between can answer it. With the response header
    Strict-Transport-Security (RFC 6797) browsers come by TLS from then on. Servers may send it as well: then there is
    nothing to do.
    """
    if not any(bind.parameters.tls.ssl for section in subject.fronts for bind in section.all(Bind)):
        return
    if any(HEADER in word.text.lower() for _, line in subject.lines for word in line.words):
        return
    for section in subject.fronts:
        lines: list[tuple[Rule, object]] = [(one, one.action) for one in section.all(Rule)]
        lines += [(one.rule, one.rule.action) for one in section.all(RedirectLine)]
        for one, action in lines:
            if isinstance(action, Redirect) and action.kind == "scheme" and action.target == b"https":
                message = "clients are sent to TLS, and nothing here tells them to stay there"
                hint = "'http-response set-header Strict-Transport-Security max-age=31536000', unless servers send it"
                yield Found(one.at, message, hint)
                return
