"""readable-key."""

from collections.abc import Iterator
from typing import Final

from pointsman.config.bind import Bind
from pointsman.config.certificates import stored_certificates
from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.tls.options import CertificateList, LoadedFiles
from pointsman.verbs.lint.permissions import readable_by_all
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :443 ssl crt open.pem  # here
"""
CLEAN = """
frontend www
    mode http
    bind :443 ssl crt closed.pem
    bind :444 ssl crt missing.pem
"""
MARK: Final = b"PRIVATE KEY-----"
LONGEST: Final = 1 << 20


@rule("readable-key", Level.WARNING, FOUND, CLEAN)
def readable_key(subject: Subject) -> Iterator[Found]:
    """Everybody on the machine may read a private key.

    Whoever has it can be your server. The file needs no rights for others (`chmod o-r`, or 600): it is read before the
    process gives its rights away.
    """
    for files, at in _files(subject):
        paths = [files.key] if files.key else [files.crt, f"{files.crt}.key"]
        for path in paths:
            if path and readable_by_all(path) and _has_key(path):
                yield Found(at, f"everybody on this machine may read the key in '{path}'", f"chmod o-r {path}")


def _files(subject: Subject) -> Iterator[tuple[LoadedFiles, Position]]:
    for section in subject.fronts:
        for bind in section.all(Bind):
            for one in bind.parameters.tls.certificates:
                for line in one.lines if isinstance(one, CertificateList) else (one,):
                    at = bind.at if isinstance(one, CertificateList) else line.at
                    yield line.files, at or bind.at
    for section in subject.backs:
        for server in section.all(ServerLine):
            crt = server.parameters.tls.crt
            if crt is not None:
                yield crt, subject.word(server.at, "crt", 3)
    for files in stored_certificates(subject.configuration):
        yield files, files.at or NOWHERE


def _has_key(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return MARK in stream.read(LONGEST)
    except OSError:
        return False
