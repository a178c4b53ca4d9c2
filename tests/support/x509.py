"""Certificates with something of everything that X.509 has: a root, a CA below it, and leaves which these signed."""

from __future__ import annotations

import atexit
import base64
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

CONFIG = """
[req]
distinguished_name = names
prompt = no
string_mask = {mask}
[names]
CN = unused
[root]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[plain]
[full]
subjectAltName = DNS:www.example.test,DNS:*.example.test,IP:127.0.0.1,IP:2001:db8::1,email:a@b.test,URI:http://x.test/y
authorityInfoAccess = OCSP;URI:http://ocsp.test/,OCSP;URI:http://second.test/,caIssuers;URI:http://ca.test/ca.cer
certificatePolicies = 1.2.3.4,2.5.29.32.0,0.4.0.1862.1.4
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ca]
default_ca = own
[own]
database = index
default_md = sha256
crlnumber = crlnumber
"""
EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
ROOT = "/C=DE/O=Wurzel GmbH+OU=Röt/OU=Second/CN=Root CA"
SUB = "/C=DE/O=Zwischen/CN=Sub CA"
CLIENT = (
    '/C=DE/ST=Bayern/L=München/O=A "q", B+OU=one+OU=two/OU=three/CN=client+emailAddress=x@y.test/CN=second;#/UID=u1'
)
UTF8 = "utf8only"


class Forest:
    """A folder: `name.crt`, `name.key`, and `name.pem` with both and the certificate of the CA below the root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="forest-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._write(UTF8)
        (self.folder / "index").touch()
        (self.folder / "crlnumber").write_text("01\n")
        self.root = self.make("root", ROOT, extensions="root", signer="")
        self.sub = self.make("sub", SUB, extensions="sub", signer="root", serial=0x8001020304)

    def _write(self, mask: str) -> None:
        (self.folder / "config").write_text(CONFIG.format(mask=mask))

    def run(self, *words: str) -> str:
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def make(
        self,
        name: str,
        subject: str,
        key: tuple[str, ...] = EC,
        extensions: str = "full",
        signer: str = "sub",
        serial: int = 1,
        mask: str = UTF8,
        days: int = 3650,
    ) -> Path:
        """A certificate; signer "": itself."""
        path = self.folder / f"{name}.pem"
        if path.exists():
            return path
        self._write(mask)
        ask = ("-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-utf8", "-multivalue-rdn", "-config", "config")
        self.run("req", *ask, "-subj", subject, "-out", f"{name}.csr")
        by = ("-CA", f"{signer}.crt", "-CAkey", f"{signer}.key") if signer else ("-signkey", f"{name}.key")
        what = ("-days", str(days), "-set_serial", str(serial), "-extfile", "config", "-extensions", extensions)
        self.run("x509", "-req", "-in", f"{name}.csr", *by, *what, "-out", f"{name}.crt")
        chain = ["sub"] if signer == "sub" else []
        path.write_text("".join((self.folder / f"{one}.crt").read_text() for one in (name, *chain)) + self.key(name))
        return path

    def key(self, name: str) -> str:
        return (self.folder / f"{name}.key").read_text()

    def der(self, name: str) -> bytes:
        return base64.b64decode("".join((self.folder / f"{name}.crt").read_text().split("\n")[1:-2]))

    def changed(self, name: str, of: str, *changes: tuple[bytes, bytes]) -> Path:
        """Another certificate with other bytes in some places, so that its signature is wrong."""
        der = self.der(of)
        for old, new in changes:
            assert der.count(old) == 1 and len(old) == len(new)
            der = der.replace(old, new)
        text = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"
        (self.folder / f"{name}.crt").write_text(text)
        path = self.folder / f"{name}.pem"
        path.write_text(text + self.key(of))
        return path

    def crl(self, *serials: tuple[str, str]) -> Path:
        """Of the root. Serials in hexadecimal digits, each with the date (YYMMDDhhmmssZ) of its revocation."""
        lines = [f"R\t360101000000Z\t{date}\t{serial}\tunknown\t/CN=a\n" for serial, date in serials]
        (self.folder / "index").write_text("".join(lines))
        path = self.folder / "crl.pem"
        signer = ("-config", "config", "-cert", "root.crt", "-keyfile", "root.key", "-crldays", "30")
        self.run("ca", "-gencrl", *signer, "-out", path.name)
        return path

    def authorities(self) -> Path:
        path = self.folder / "authorities.pem"
        path.write_text("".join((self.folder / f"{one}.crt").read_text() for one in ("root", "sub")))
        return path


@cache
def forest() -> Forest:
    return Forest()
