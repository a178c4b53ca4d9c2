"""open-stats-socket."""

from collections.abc import Iterator

from pointsman.config.global_section import StatsSocket
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    stats socket /run/haproxy/admin.sock mode 666 level admin  # here
frontend www
    mode http
    bind :80
"""
CLEAN = """
global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    stats socket /run/haproxy/see.sock mode 666 level user
frontend www
    mode http
    bind :80
"""


@rule("open-stats-socket", Level.WARNING, FOUND, CLEAN)
def open_stats_socket(subject: Subject) -> Iterator[Found]:
    """Everybody on the machine, or on the network, may change the running process.

    Level `admin` and `operator` change servers, tables, maps and certificates (management manual 9.3). Give the socket
    to a group (`mode 660 group ...`), and bind an address of TCP to the machine itself.
    """
    for line in subject.configuration.main.all(StatsSocket):
        said = line.parameters
        if said.level == "user":
            continue
        for address in line.addresses:
            if address.kind == "unix" and said.owner.mode is not None and said.owner.mode & 0o002:
                at = subject.word(line.at, "mode")
                yield Found(at, f"everybody on this machine may use a socket of level '{said.level}'", "say 'mode 660'")
            elif (
                address.kind == "inet"
                and not address.host.startswith("127.")
                and address.host not in ("::1", "localhost")
            ):
                message = f"who reaches this address may use level '{said.level}', without a password"
                yield Found(line.at, message, "listen on 127.0.0.1, or on a socket of the file system")
