"""expiring-certificate."""

import time
from collections.abc import Iterator
from typing import Final

from pointsman.core.diagnostics import NOWHERE
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :443 ssl crt expired.pem  # here
"""
CLEAN = """
frontend www
    mode http
    bind :443 ssl crt lasting.pem
"""
DAY: Final = 86_400
SOON: Final = 14  # days


@rule("expiring-certificate", Level.WARNING, FOUND, CLEAN)
def expiring_certificate(subject: Subject) -> Iterator[Found]:
    """A certificate has expired, or will within 14 days.

    From then on clients refuse to talk. What renews it has failed to, or its renewal does not reach this file. (That a
    key belongs to its certificate is looked at while they are loaded.)
    """
    if subject.live is None:
        return
    now = time.time()
    for one in subject.live.tls_store.certificates.values():
        after = one.identity.certificate.not_after
        if after is None or one.files.generate or after > now + SOON * DAY:
            continue
        days = int((after - now) // DAY)
        when = time.strftime("%Y-%m-%d", time.gmtime(after))
        if after <= now:
            message = f"the certificate '{one.name}' expired on {when}"
        else:
            message = f"the certificate '{one.name}' expires in {days} day{'s' * (days != 1)}, on {when}"
        yield Found(one.files.at or NOWHERE, message, "renew it")
