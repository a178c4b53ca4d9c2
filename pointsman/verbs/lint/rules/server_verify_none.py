"""server-verify-none."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Section
from pointsman.config.tls_global import server_defaults
from pointsman.core.diagnostics import Position
from pointsman.verbs.lint.exposure import is_local
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:443 ssl verify none  # here
backend more
    mode http
    default-server ssl verify none  # here
    server one 192.0.2.2:443
    server two 192.0.2.3:443
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:443 ssl verify required ca-file ca.pem
    server two 192.0.2.2:80 check check-ssl verify none
    server here 127.0.0.1:8443 ssl verify none
"""


@rule("server-verify-none", Level.WARNING, FOUND, CLEAN)
def server_verify_none(subject: Subject) -> Iterator[Found]:
    """The certificate of a server is not looked at.

    What goes there is encrypted, but whoever gets in between may be the server, and reads all of it. Say `verify
    required ca-file <file>`, with the CA that has signed the server's certificate, or the certificate itself (manual
    5.2, "verify"). Checks alone, and servers on the same machine, are left alone here.
    """
    default = server_defaults(subject.configuration).verify
    for section in subject.backs:
        inherited: Position | None = None
        for line in section.all(ServerLine):
            tls = line.parameters.tls
            if tls.ssl and (tls.verify or default) == "none" and not is_local(line.address):
                at = subject.word(line.at, "verify", 3)
                if at == line.at:
                    at = inherited = inherited or _inherited(subject, section) or line.at
                message = f"whoever gets in between may be server '{line.name}': its certificate is not looked at"
                yield Found(at, message, "say 'verify required ca-file <file>'")


def _inherited(subject: Subject, section: Section) -> Position | None:
    """Where it is said for all servers of a section."""
    above: Section | None = section
    while above is not None:
        for one in subject.lines_of(above):
            texts = [word.text for word in one.words]
            if texts[0] == "default-server" and "verify" in texts:
                return one.words[texts.index("verify")].at
        above = above.defaults
    for one in subject.lines_of(subject.configuration.main):
        if one.words[0].text == "ssl-server-verify":
            return one.words[0].at
    return None
