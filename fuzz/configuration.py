"""The text of a configuration file: a model, or errors each with a place in the text, and never an internal error."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.more_errors import find_more
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics

SEEDS: Final = [
    b"global\n maxconn 9\n log 127.0.0.1:514 local0\n stats socket /nowhere level admin\n",
    b"defaults d\n mode http\n timeout client 1s\n option httplog\nfrontend f from d\n bind :80 name x\n"
    b" default_backend b\nbackend b\n balance roundrobin\n server s 127.0.0.1:1 check weight 5\n",
    b'frontend f\n mode http\n bind 127.0.0.1:1\n acl a path_beg -i /a "/b c"\n http-request deny status 403 if a'
    b" !{ src ::1 }\n"
    b" http-request set-header x %[src,ipmask(8)]\n use_backend %[path,lower] if TRUE\n",
    b".if defined(A) && !streq(\"$A\",b)\nglobal\n.elif version_atleast(2.6)\n.else\n.endif\n.notice 'x'\n",
    b'backend b\n server-template s 1-3 127.0.0.1:80 ${A[*]} "${B}" \\x41\\ b # c\n http-check expect status 200-299\n',
    b"listen l\n bind unix@/a mode 600\n bind abns@b\n stats uri /s\n stats auth a:b\n errorfile 503 /dev/null\n",
    b"userlist u\n group g users a\n user a insecure-password b\nhttp-errors e\n errorfile 404 /dev/null\n",
]


@contextmanager
def no_names() -> Iterator[None]:
    """Names are not looked up meanwhile: that would take long, and leave the machine."""

    def fail(*args: object, **named: object) -> None:
        raise socket.gaierror("not here")

    kept = socket.getaddrinfo
    socket.getaddrinfo = fail  # type: ignore[assignment]
    try:
        yield
    finally:
        socket.getaddrinfo = kept


def fuzz_one(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    diagnostics = Diagnostics()
    with no_names():
        configuration = load_text(text, diagnostics, variables={"A": "x y"})
        if diagnostics.failed:
            find_more(configuration, diagnostics)
        else:
            assembled(configuration, diagnostics, resolves=False)
    for finding in diagnostics.findings:
        assert "internal error" not in finding.message, finding.message
        assert finding.render()
