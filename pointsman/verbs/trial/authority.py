"""Certificates of a run: a CA of its own, and what it signs for each file that is missing, by the program openssl.

Where that is not installed there is one certificate that signs itself, made by the library (core/tls.py).

    ca.pem                  the CA: what clients have to trust, and what servers are trusted by
    client.pem              a certificate with its key, for clients that are asked for one
    ca.key, site.key        keys; all certificates share one, as making keys is what takes long
"""

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from pointsman.core import tls
from pointsman.core.address import is_ip
from pointsman.verbs.trial.material import AUTHORITY, CERTIFICATE, CHAIN, KEY, REVOKED, Material

LOCAL: Final = ("localhost", "127.0.0.1")
MOST_NAMES: Final = 100  # of one certificate
MOST_SIGNED: Final = 60  # certificates of their own; files beyond that share the last one
DAYS: Final = "30"
TICKET_KEYS: Final = 3
TICKET_KEY_SIZE: Final = 48  # manual 5.1, tls-ticket-keys
HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")
FFDHE2048: Final = b"""\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""  # the group of that name (RFC 7919 A.1), as openssl genpkey writes it
REVOKING: Final = """[ca]
default_ca = own
[own]
database = {0}/index.txt
crlnumber = {0}/crlnumber
default_md = sha256
default_crl_days = 30
"""


class CertificateError(Exception):
    """A certificate could not be made."""


def openssl(*words: str) -> None:
    """Run it. Raises CertificateError."""
    try:
        subprocess.run(["openssl", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        last = said.decode(errors="replace").strip().splitlines()[-1:] or [str(error)]
        raise CertificateError(f"openssl {words[0]}: {last[0]}") from error


class Authority:
    """`names`: host names that every certificate has."""

    def __init__(self, folder: str, names: Iterable[str]) -> None:
        self.folder = Path(folder)
        self.names = list(names)
        self.own = shutil.which("openssl") is not None
        self.signed: dict[tuple[str, ...], bytes] = {}

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def begin(self) -> None:
        """Make the CA and the keys, once."""
        if os.path.exists(self.path("ca.pem")):
            return
        if not self.own:
            chain, key = tls.dummy("RSA", 2048, "", "localhost")
            for name, text in (("ca.pem", chain), ("client.pem", chain + key), ("site.key", key)):
                write(self.folder / name, text)
            return
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path("ca.key"))
        signs = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        subject = ("-subj", "/CN=CA of pointsman try", "-days", DAYS)
        openssl("req", "-x509", *curve, *subject, *signs, "-out", self.path("ca.pem"))
        openssl("genrsa", "-out", self.path("site.key"), "2048")
        os.chmod(self.path("ca.key"), 0o600)
        os.chmod(self.path("site.key"), 0o600)
        write(self.folder / "client.pem", self.issue("client", [], "clientAuth") + self.key())

    def key(self) -> bytes:
        return Path(self.path("site.key")).read_bytes()

    def issue(self, name: str, others: Collection[str], use: str = "serverAuth,clientAuth") -> bytes:
        """A certificate for these names, as PEM."""
        self.begin()
        if not self.own:
            return Path(self.path("ca.pem")).read_bytes()
        names = [*dict.fromkeys([one for one in (name, *others) if HOST.fullmatch(one) or one in LOCAL])][:MOST_NAMES]
        listed = ",".join(f"{'IP' if is_ip(one) else 'DNS'}:{one}" for one in [*names, *LOCAL])
        known = (name, listed, use)
        if known not in self.signed:
            new = self.path("new.pem")
            common = "".join(char for char in name if char.isalnum() or char in ".-_* ")[:60] or "site"
            openssl(
                *("req", "-x509", "-new", "-key", self.path("site.key"), "-subj", f"/CN={common}", "-days", DAYS),
                *("-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-out", new),
                *("-addext", f"subjectAltName={listed}", "-addext", f"extendedKeyUsage={use}"),
                *("-addext", "basicConstraints=critical,CA:FALSE"),
            )
            self.signed[known] = Path(new).read_bytes()
        return self.signed[known]

    def fill(self, material: Material) -> None:
        """Write all certificates, keys and lists that are missing."""
        for path, (kind, new) in material.made.items():
            if kind in (CERTIFICATE, CHAIN):
                text = self._site(path)
                for file in [Path(new)] if os.path.isfile(new) else Path(new).iterdir():
                    write(file, text + (self.key() if kind == CERTIFICATE else b""))
            elif kind == KEY:
                self.begin()
                write(Path(new), self.key())
            elif kind == AUTHORITY:
                self.begin()
                shutil.copyfile(self.path("ca.pem"), new)
            elif kind == REVOKED:
                self._revoked(new)
            elif kind == "dh":
                write(Path(new), FFDHE2048)
            elif kind == "tickets":
                keys = (base64.b64encode(os.urandom(TICKET_KEY_SIZE)) + b"\n" for _ in range(TICKET_KEYS))
                write(Path(new), b"".join(keys))

    def _site(self, path: str) -> bytes:
        """The certificate of a file: its own name, as far as it is one, and all that the rules know."""
        name = os.path.basename(path.rstrip("/"))
        for ending in (".pem", ".crt", ".cer", ".cert", ".combined"):
            name = name.removesuffix(ending)
        if len(self.signed) >= MOST_SIGNED:
            return next(reversed(self.signed.values()))
        return self.issue(name.lower(), self.names)

    def _revoked(self, new: str) -> None:
        """A list of the CA that has nothing on it."""
        self.begin()
        if not self.own:
            raise CertificateError("a list of revoked certificates needs the program openssl")
        write(self.folder / "index.txt", b"")
        write(self.folder / "crlnumber", b"01\n")
        write(self.folder / "ca.cnf", REVOKING.format(self.folder).encode())
        words = ("-keyfile", self.path("ca.key"), "-cert", self.path("ca.pem"), "-out", new)
        openssl("ca", "-gencrl", "-config", self.path("ca.cnf"), *words)


def write(path: Path, text: bytes) -> None:
    """A file that nobody else may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
