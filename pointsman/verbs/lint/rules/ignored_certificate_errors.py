"""ignored-certificate-errors."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.tls.options import EVERY_ERROR
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :443 ssl crt site.pem ca-file ca.pem verify required crt-ignore-err all  # here
    bind :444 ssl crt site.pem ca-file ca.pem verify required ca-ignore-err all  # here
"""
CLEAN = """
frontend www
    mode http
    bind :443 ssl crt site.pem ca-file ca.pem verify optional crt-ignore-err all ca-ignore-err all
    bind :444 ssl crt site.pem ca-file ca.pem verify required crt-ignore-err 10
    http-request deny unless { ssl_c_verify 0 }
"""


@rule("ignored-certificate-errors", Level.WARNING, FOUND, CLEAN)
def ignored_certificate_errors(subject: Subject) -> Iterator[Found]:
    """Clients show certificates, and whatever is wrong with them does not matter.

    `crt-ignore-err all` and `ca-ignore-err all` let a certificate pass that has expired, or that somebody has made
    himself (manual 5.1). That is fine where a rule asks `ssl_c_verify` afterwards, and none does.
    """
    if any("ssl_c_" in word.text and "verify" in word.text for _, line in subject.lines for word in line.words):
        return
    for section in subject.fronts:
        for bind in section.all(Bind):
            tls = bind.parameters.tls
            for name, errors in (("crt", tls.ignored_of_client), ("ca", tls.ignored_of_authorities)):
                if tls.ssl and errors == EVERY_ERROR:
                    at = subject.word(bind.at, f"{name}-ignore-err")
                    message = "certificates of clients pass whatever is wrong with them"
                    yield Found(at, message, "deny them with a rule: 'unless { ssl_c_verify 0 }'")
