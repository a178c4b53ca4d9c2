"""server-name-unverified."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.tls_global import server_defaults
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode tcp
    server one 192.0.2.1:443 ssl verify required ca-file ca.pem  # here
backend web
    mode http
    server one 192.0.2.2:443 ssl verify required ca-file ca.pem no-sni-auto  # here
"""
CLEAN = """
backend app
    mode tcp
    server one 192.0.2.1:443 ssl verify required ca-file ca.pem verifyhost one.example.com
    server two 192.0.2.2:443 ssl verify required ca-file ca.pem sni str(two.example.com)
backend web
    mode http
    server one 192.0.2.2:443 ssl verify required ca-file ca.pem
"""


@rule("server-name-unverified", Level.INFO, FOUND, CLEAN)
def server_name_unverified(subject: Subject) -> Iterator[Found]:
    """Any certificate of a CA will do for a server.

    Without a name to compare (`verifyhost`, `sni`; of HTTP, `sni-auto` takes the Host field) whoever has a certificate
    of the same CA may be the server (manual 5.2, "verifyhost"). With a CA of your own for just these servers, that may
    be what you want.
    """
    default = server_defaults(subject.configuration).verify
    for section in subject.backs:
        http = subject.is_http(section)
        for line in section.all(ServerLine):
            said = line.parameters
            tls = said.tls
            if not tls.ssl or (tls.verify or default) != "required" or tls.verify_host or said.sni is not None:
                continue
            if not (http and tls.sni_auto):
                message = f"any certificate of the CA will do for server '{line.name}'"
                yield Found(subject.word(line.at, "ssl", 3), message, "say 'verifyhost <name>'")
