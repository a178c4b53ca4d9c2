"""redirect-loop."""

from collections.abc import Iterator

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.bind import Bind
from pointsman.rules.redirect import Redirect
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.lists import entries_of
from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request redirect scheme https  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request redirect scheme https unless { ssl_fc }
frontend again
    mode http
    bind :81
    bind :444 ssl crt site.pem
    http-request allow if { ssl_fc }
    http-request redirect scheme https
"""


@rule("redirect-loop", Level.WARNING, FOUND, CLEAN)
def redirect_loop(subject: Subject) -> Iterator[Found]:
    """Requests by TLS are redirected to TLS.

    The browser comes back to the same rule, until it gives up. Say `unless { ssl_fc }`.
    """
    for section in subject.fronts:
        if not any(bind.parameters.tls.ssl for bind in section.all(Bind)):
            continue
        for entry in entries_of(section, HTTP_REQUEST):
            held = getattr(entry.setting, "rule", entry.setting)
            action = getattr(held, "action", None)
            if entry.condition is None and isinstance(action, Redirect):
                if action.kind == "scheme" and action.target == b"https":
                    message = "requests by TLS are redirected to TLS, again and again"
                    yield Found(entry.setting.at, message, "add 'unless { ssl_fc }'")
            if entry.ends and (entry.condition is None or _asks_tls(entry.condition)):
                break  # requests by TLS may have gone


def _asks_tls(condition: Condition) -> bool:
    acls = [acl for terms in condition.alternatives for term in terms for acl in term.acls]
    return any(key_of(acl) in ("ssl_fc", "dst_port", "req.hdr(x-forwarded-proto)") for acl in acls)
