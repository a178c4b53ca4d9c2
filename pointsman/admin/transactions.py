"""Transactions of what is in memory for TLS, and how it is shown: what runtime commands about certificates and about
authorities have in common."""

from typing import Final

from pointsman.admin.command import NOTICE, CommandError
from pointsman.admin.tls_memory import TlsMemory
from pointsman.core.tls import Certificate, Crl

LINE_END: Final = " \n"  # of a line that is to look empty: an empty one would end the answer


def only(tls: TlsMemory, kind: str, name: str, doing: str = "set", last: str = "") -> None:
    """CommandError: the transaction is about another name. `last`: a line behind what is said then."""
    other = tls.staged(kind)
    if other is not None and other != name:
        raise CommandError(f"The ongoing transaction is about '{other}' but you are trying to {doing} '{name}'{last}")


def committing(tls: TlsMemory, kind: str, name: str) -> None:
    """CommandError: there is nothing to commit for that name."""
    if not name:
        raise CommandError(f"'commit ssl {kind}' expects a filename")
    if tls.staged(kind) is None:
        raise CommandError(f"No ongoing transaction! !\nCan't commit {name}!")
    only(tls, kind, name, last=f"\nCan't commit {name}!")


def abort(tls: TlsMemory, kind: str, name: str) -> str:
    """The transaction ends, and nothing has happened."""
    if not name:
        raise CommandError(f"'abort ssl {kind}' expects a filename")
    if tls.staged(kind) is None:
        raise CommandError("No ongoing transaction!")
    only(tls, kind, name, "abort a transaction for")
    tls.forget(kind)
    raise CommandError(f"Transaction aborted for certificate '{name}'!", NOTICE)


def named(word: str) -> tuple[bool, str]:
    """Whether a transaction is meant ("*" in front; "\\*" for a name that begins so), and the name."""
    if word.startswith("*"):
        return True, word[1:]
    return False, word[1:] if word.startswith("\\") else word


def indexed(word: str, kind: str) -> tuple[bool, str, int]:
    """The same for <file>[:<index>]; 0: no index."""
    name, colon, digits = word.rpartition(":")
    if not colon:
        return *named(word), 0
    if not digits.isascii() or not digits.isdigit() or not int(digits):
        raise CommandError(f"wrong {kind} index after colons in '{word}'!")
    return *named(name), int(digits)


def certificate_lines(said: Certificate) -> str:
    """What is shown of a certificate."""
    kind, alternatives = said.key_kind.decode(), (said.alternative_names or b"").decode("utf-8", "replace")
    names = [name for name in alternatives.split(", ") if name.startswith("DNS:")]
    size = str(said.key_bits) if kind in ("RSA", "EC", "DSA") else ""
    lines = (
        ("Serial", said.serial.hex().upper()),
        ("notBefore", _text(said.not_before_text)),
        ("notAfter", _text(said.not_after_text)),
        ("Subject Alternative Name", ", ".join(names)),
        ("Algorithm", kind + size),
        ("SHA1 FingerPrint", said.sha1.hex().upper()),
        ("Subject", _text(said.line(False))),
        ("Issuer", _text(said.line(True))),
    )
    return "".join(f"{name}: {value}\n" for name, value in lines)


def crl_lines(said: Crl) -> str:
    """What is shown of a list of revoked certificates, as "openssl crl -text" has it."""
    lines = [
        f"Version {said.version}",
        f"Signature Algorithm: {_text(said.signature_algorithm)}",
        f"Issuer: {_text(said.issuer_line)}",
        f"Last Update: {_text(said.last_update_text)}",
        f"Next Update: {_text(said.next_update_text) or 'NONE'}",
    ]
    if not said.revoked:
        lines.append("No Revoked Certificates.")
    else:
        lines.append("Revoked Certificates:")
    for serial, date in said.revoked:
        lines += [f"    Serial Number: {serial.hex().upper()}", f"        Revocation Date: {_text(date)}"]
    return "".join(line + "\n" for line in lines)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
