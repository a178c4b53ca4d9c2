"""tls-never."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.config.setting import In
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }  # here
    http-request deny if { path_beg /admin } { ssl_c_used }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request redirect scheme https unless { ssl_fc }
frontend secure
    mode http
    bind :443 ssl crt site.pem
    http-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }
"""
FETCHES = frozenset({"ssl_fc", "ssl_c_used", "ssl_fc_has_crt", "ssl_fc_has_sni"})


@rule("tls-never", Level.INFO, FOUND, CLEAN)
def tls_never(subject: Subject) -> Iterator[Found]:
    """A condition asks for TLS, and the frontend has none.

    No bind line of it has `ssl`, so the condition never holds: a header that is to protect is never sent. Behind a
    proxy that does TLS, ask what that one says: `fc_pp_authority`, or X-Forwarded-Proto if it alone can reach you.
    """
    for section in subject.fronts:
        binds = section.all(Bind)
        if not binds or any(one.parameters.tls.ssl for one in binds) or subject.may_be_used("ssl"):
            continue
        if section.kind & In.BACK and section.name in subject.named:
            continue  # other frontends may send requests there
        for one in subject.own(section, Rule):
            yield from _asked(one.condition, one.negated)
        for line in subject.own(section, UseBackendLine):
            yield from _asked(line.condition, line.negated)


def _asked(condition: Condition | None, negated: bool) -> Iterator[Found]:
    for terms in condition.alternatives if condition is not None and not negated else ():
        for term in terms:
            for acl in term.acls:
                expression = acl.expression
                if expression.fetch in FETCHES and not expression.converters and not term.negated:
                    if len(term.acls) == 1 and acl.method == "bool" and not acl.lists.written:
                        at = acl.criterion.at if not term.name else term.word.at
                        yield Found(
                            at, "no bind line here has 'ssl': this never holds", "say 'bind ... ssl crt <file>'"
                        )
