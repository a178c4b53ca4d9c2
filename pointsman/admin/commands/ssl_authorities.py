"""Commands about CAs and lists of revoked certificates in memory (management manual 9.3): ca-file and crl-file have the
same ones, but that CAs may be added to those that are staged."""

import base64
from collections.abc import Awaitable
from typing import Final

from pointsman.admin.command import ADMIN, NOTICE, OPERATOR, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.admin.transactions import LINE_END, abort, certificate_lines, committing, crl_lines, indexed, only
from pointsman.core.tls import Certificate, Crl, pem_certificates, pem_crls
from pointsman.tls.changes import CA, CRL, KIND
from pointsman.tls.files import blocks

NAMES: Final = {CA: "CA", CRL: "CRL"}
LINE: Final = 64  # characters of a line of PEM
CONTENT: Final = {CA: b"CERTIFICATE", CRL: b"X509 CRL"}


def _parts(kind: str, pem: bytes) -> list[bytes]:
    """The DERs. ValueError: one of them is none."""
    return pem_certificates(pem) if kind == CA else pem_crls(pem)


# Showing.


def _show(call: Call, kind: str) -> str:
    tls = call.view.tls
    if call.words:
        return _details(call, kind)
    staged = tls.authorities.get(kind)
    text = ""
    if staged is not None:
        text = f"# transaction\n*{staged[0]}{_count(kind, staged[1])}\n"
    table = tls.follower.table(kind)
    return f"{text}# filename\n" + "".join(f"{name}{_count(kind, table[name].pem)}\n" for name in sorted(table))


def _count(kind: str, pem: bytes) -> str:
    return f" - {len(_parts(kind, pem))} certificate(s)" if kind == CA else ""


def _details(call: Call, kind: str) -> str:
    tls = call.view.tls
    transaction, name, index = indexed(call.words[0], NAMES[kind])
    found = tls.follower.table(kind).get(name)
    staged = tls.authorities.get(kind)
    unknown = CommandError(f"Can't display the {NAMES[kind]} file : Not found!")
    if len(call.words) > 1:
        raise unknown
    if transaction:
        if staged is None or staged[0] != name:
            raise unknown
        head, pem = f"Filename: *{name}\nStatus: Uncommitted\n", staged[1]
    elif found is None:
        raise unknown
    else:
        status = "Used" if found.used else "Unused" if found.pem or kind == CA else "Empty"
        head, pem = f"Filename: {name}\nStatus: {status}\n", found.pem
    parts = list(enumerate(_parts(kind, pem), 1))
    wanted = [(number, der) for number, der in parts if index in (0, number)]
    if kind == CA and not wanted:
        return ""
    return head + "".join(f"{LINE_END}{_part(kind, number, der)}" for number, der in wanted)


def _part(kind: str, number: int, der: bytes) -> str:
    if kind == CA:
        return f"Certificate #{number}:\n{certificate_lines(Certificate(der))}"
    return f"Certificate Revocation List #{number}:\n{crl_lines(Crl(der))}"


@command(
    "show ssl ca-file",
    "show ssl ca-file [<cafile>[:<index>]]",
    "list the CA files in memory, or the details of one, or of one of its certificates",
    level=OPERATOR,
)
def show_ca_files(call: Call) -> str:
    """show ssl ca-file [[*][\\]<cafile>[:<index>]]"""
    return _show(call, CA)


@command(
    "show ssl crl-file",
    "show ssl crl-file [<crlfile[:<index>>]]",
    "list the CRL files in memory, or the details of one, or of one of its lists",
    level=OPERATOR,
)
def show_crl_files(call: Call) -> str:
    """show ssl crl-file [[*][\\]<crlfile>[:<index>]]"""
    return _show(call, CRL)


# Changing.


async def _new(call: Call, kind: str) -> str:
    name = call.word(0)
    if not name:
        raise CommandError(f"'new ssl {kind}' expects a filename")
    follower = call.view.tls.follower
    if name in follower.table(CA) or name in follower.table(CRL):
        raise CommandError(f"{NAMES[kind]} file '{name}' already exists!")
    await publish(call, [KIND, kind, name, ""])
    raise CommandError(f"New {NAMES[kind]} file created '{name}'!", NOTICE)


@command("new ssl ca-file", "new ssl ca-file <cafile>", "make a name for a CA file that is to come", level=ADMIN)
def new_ca_file(call: Call) -> Awaitable[str]:
    """new ssl ca-file <cafile>"""
    return _new(call, CA)


@command("new ssl crl-file", "new ssl crl-file <crlfile>", "make a name for a CRL file that is to come", level=ADMIN)
def new_crl_file(call: Call) -> Awaitable[str]:
    """new ssl crl-file <crlfile>"""
    return _new(call, CRL)


def _set(call: Call, kind: str, adds: bool = False) -> str:
    tls = call.view.tls
    name = call.word(0)
    if not name or not call.payload:
        raise CommandError(f"'set ssl {kind}' expects a filename and {NAMES[kind]}s as a payload")
    failed = f"\nCan't update {name}!"
    only(tls, kind, name, last=failed)
    found = tls.follower.table(kind).get(name)
    if found is None:
        raise CommandError(f"Can't replace a {NAMES[kind]} file which is not referenced by the configuration!{failed}")
    given = call.payload.encode("utf-8", "surrogateescape")
    pem = b"".join(text for what, text in blocks(given) if what == CONTENT[kind])
    try:
        good = bool(_parts(kind, pem))
    except ValueError:
        good = False
    if not good:
        raise CommandError(f"Invalid payload{failed}")
    staged = tls.authorities.get(kind)
    if adds:
        pem = _together(found.pem if staged is None else staged[1], pem)
    tls.authorities[kind] = name, pem
    raise CommandError(f"transaction {'created' if staged is None else 'updated'} for {NAMES[kind]} {name}!", NOTICE)


def _together(first: bytes, second: bytes) -> bytes:
    """CAs of both, each once."""
    found = {base64.b64encode(der): None for pem in (first, second) for der in pem_certificates(pem)}
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n"
        + b"".join(text[at : at + LINE] + b"\n" for at in range(0, len(text), LINE))
        + b"-----END CERTIFICATE-----\n"
        for text in found
    )


@command("set ssl ca-file", "set ssl ca-file <cafile> <payload>", "replace a CA file, once committed", level=ADMIN)
def set_ca_file(call: Call) -> str:
    """set ssl ca-file <cafile> <payload>: staged, in place of what is staged already."""
    return _set(call, CA)


@command("set ssl crl-file", "set ssl crl-file <crlfile> <payload>", "replace a CRL file, once committed", level=ADMIN)
def set_crl_file(call: Call) -> str:
    """set ssl crl-file <crlfile> <payload>: staged, in place of what is staged already."""
    return _set(call, CRL)


@command("add ssl ca-file", "add ssl ca-file <cafile> <payload>", "add CAs to a CA file, once committed", level=ADMIN)
def add_ca_file(call: Call) -> str:
    """add ssl ca-file <cafile> <payload>: to what is staged, or else to what is in force."""
    return _set(call, CA, adds=True)


async def _commit(call: Call, kind: str) -> str:
    tls = call.view.tls
    name = call.word(0)
    committing(tls, kind, name)
    staged = tls.authorities[kind]
    found = tls.follower.table(kind).get(name)
    text = f"Committing {name}" + "." * (0 if found is None else len(found.users))
    try:
        await publish(call, [KIND, kind, name, staged[1].decode("latin-1")])
    except CommandError as error:
        raise CommandError(f"{text}\n{error}\nFailed!") from None
    if tls.authorities.get(kind) is staged:
        tls.forget(kind)
    return f"{text}\nSuccess!\n"


@command("commit ssl ca-file", "commit ssl ca-file <cafile>", "put the CA file that was set in force", level=ADMIN)
def commit_ca_file(call: Call) -> Awaitable[str]:
    """commit ssl ca-file <cafile>: handshakes from now on are verified by it, on all lanes."""
    return _commit(call, CA)


@command("commit ssl crl-file", "commit ssl crl-file <crlfile>", "put the CRL file that was set in force", level=ADMIN)
def commit_crl_file(call: Call) -> Awaitable[str]:
    """commit ssl crl-file <crlfile>: handshakes from now on are verified by it, on all lanes."""
    return _commit(call, CRL)


@command("abort ssl ca-file", "abort ssl ca-file <cafile>", "forget the CA file that was set", level=ADMIN)
def abort_ca_file(call: Call) -> str:
    """abort ssl ca-file <cafile>"""
    return abort(call.view.tls, CA, call.word(0))


@command("abort ssl crl-file", "abort ssl crl-file <crlfile>", "forget the CRL file that was set", level=ADMIN)
def abort_crl_file(call: Call) -> str:
    """abort ssl crl-file <crlfile>"""
    return abort(call.view.tls, CRL, call.word(0))


async def _delete(call: Call, kind: str) -> str:
    tls = call.view.tls
    name, what = call.word(0), f"{NAMES[kind]} file"
    if not name:
        raise CommandError(f"'del ssl {kind}' expects a {what} name")
    failed = f"Can't remove the {what}:"
    found = tls.follower.table(kind).get(name)
    if found is None:
        raise CommandError(f"{failed} {what} '{name}' doesn't exist!")
    if tls.staged(kind) == name:
        raise CommandError(f"{failed} ongoing transaction for the {what} '{name}'")
    if found.used:
        raise CommandError(f"{failed} {what} '{name}' in use, can't be deleted!")
    await publish(call, [KIND, "del", kind, name])
    raise CommandError(f"{what} '{name}' deleted!", NOTICE)


@command("del ssl ca-file", "del ssl ca-file <cafile>", "forget a CA file that nobody uses", level=ADMIN)
def delete_ca_file(call: Call) -> Awaitable[str]:
    """del ssl ca-file <cafile>"""
    return _delete(call, CA)


@command("del ssl crl-file", "del ssl crl-file <crlfile>", "forget a CRL file that nobody uses", level=ADMIN)
def delete_crl_file(call: Call) -> Awaitable[str]:
    """del ssl crl-file <crlfile>"""
    return _delete(call, CRL)
