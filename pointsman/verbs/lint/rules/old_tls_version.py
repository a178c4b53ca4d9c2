"""old-tls-version."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    ssl-default-bind-options ssl-min-ver TLSv1.0  # here
    ssl-default-server-options force-tlsv11  # here
frontend www
    mode http
    bind :443 ssl crt site.pem ssl-min-ver TLSv1.1  # here
"""
CLEAN = """
global
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-server-options no-sslv3 no-tlsv10 no-tlsv11
frontend www
    mode http
    bind :443 ssl crt site.pem
"""
LINES: Final = ("bind", "server", "default-server", "server-template", "peer")
OPTIONS: Final = ("ssl-default-bind-options", "ssl-default-server-options")
OLD: Final = ("SSLv3", "TLSv1.0", "TLSv1.1")
FORCED: Final = {"force-sslv3": "SSLv3", "force-tlsv10": "TLSv1.0", "force-tlsv11": "TLSv1.1"}


@rule("old-tls-version", Level.WARNING, FOUND, CLEAN)
def old_tls_version(subject: Subject) -> Iterator[Found]:
    """A version of TLS is let in that has been given up: SSLv3, TLS 1.0 or 1.1.

    Known attacks read or change what they encrypt (RFC 7568, RFC 8996), and browsers have refused them since 2020.
    Without a word about versions, TLS 1.2 is the oldest (manual 5.1, "ssl-min-ver").
    """
    for _, line in subject.lines:
        words = line.words
        if words[0].text not in LINES and words[0].text not in OPTIONS:
            continue
        for number, word in enumerate(words[1:], 1):
            if word.text in FORCED:
                message = f"{FORCED[word.text]} has been given up, and is the only version here"
                yield Found(word.at, message, "say 'ssl-min-ver TLSv1.2'")
            elif word.text == "ssl-min-ver" and number + 1 < len(words) and words[number + 1].text in OLD:
                said = words[number + 1]
                yield Found(said.at, f"{said.text} has been given up, and is let in", "write 'TLSv1.2'")
