"""Certificates made for the occasion by the program openssl: a CA of our own, and what it has signed."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

CONFIG = """
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
serial = serial
crlnumber = crlnumber
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
default_crl_days = 3650
[any]
commonName = supplied
[req]
distinguished_name = names
[names]
[v3_ca]
basicConstraints = critical,CA:TRUE
"""
KEYS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-newkey", "rsa:2048"],
    "ed": ["-newkey", "ed25519"],
    "ed448": ["-newkey", "ed448"],
}
SIGNER = ["-config", "config", "-cert", "ca.pem", "-keyfile", "ca.key"]


class Authority:
    """A folder with a CA, and what it has signed: `pem(name)` is the certificate with its key."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="certificates-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "config").write_text(CONFIG)
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("01\n")
        (self.folder / "crlnumber").write_text("01\n")
        words = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", f"/CN={name}", "-config", "config"]
        self._run("req", "-x509", *KEYS["ec"], "-nodes", *words, "-extensions", "v3_ca")
        self.ca = (self.folder / "ca.pem").read_bytes()

    def _run(self, *words: str) -> None:
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def pem(self, name: str, kind: str = "ec", expired: bool = False, revoked: bool = False) -> bytes:
        """For the host `name`, "*." before it or not."""
        return self.path(name, kind, expired, revoked).read_bytes()

    def path(
        self, name: str, kind: str = "ec", expired: bool = False, revoked: bool = False, others: str | None = None
    ) -> Path:
        """`others`: the names beside the subject's, as OpenSSL writes them; "": none. By default the same one."""
        more = "" if others is None else f"-{others}"
        base = f"{name}-{kind}{'-expired' * expired}{'-revoked' * revoked}{more}".replace("*", "any")
        path = self.folder / f"{base}.pem"
        if not path.exists():
            dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] if expired else ["-days", "3650"]
            files = ["-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr", "-config", "config"]
            names = ["-subj", f"/CN={name}"]
            others = f"DNS:{name},IP:127.0.0.1" if others is None else others
            if others:
                names += ["-addext", f"subjectAltName={others}"]
            self._run("req", *KEYS[kind], *files, *names)
            self._run("ca", "-batch", "-notext", *SIGNER, "-in", f"{base}.csr", "-out", f"{base}.crt", *dates)
            if revoked:
                self._run("ca", *SIGNER, "-revoke", f"{base}.crt")
            path.write_bytes((self.folder / f"{base}.crt").read_bytes() + (self.folder / f"{base}.key").read_bytes())
        return path

    def named(self, label: str, kind: str, common: str, *others: str) -> Path:
        """A certificate whose common name is `common`, "" for none, with `others` as in "DNS:a.test" beside it."""
        path = self.folder / f"{label}.pem"
        if not path.exists():
            files = ["-nodes", "-keyout", f"{label}.key", "-out", f"{label}.crt", "-config", "config"]
            names = ["-subj", f"/CN={common}" if common else "/O=without"]
            names += ["-addext", f"subjectAltName={','.join(others)}"] if others else []
            signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "3650"]
            self._run("req", "-x509", *KEYS[kind], *files, *names, *signer)
            path.write_bytes((self.folder / f"{label}.crt").read_bytes() + (self.folder / f"{label}.key").read_bytes())
        return path

    def with_responder(self, name: str, uri: str) -> Path:
        """A certificate that names who can be asked about it by OCSP; the CA's own stands behind it."""
        path = self.folder / f"{name}-responder.pem"
        if not path.exists():
            files = ["-nodes", "-keyout", "responder.key", "-out", "responder.csr", "-config", "config"]
            names = ["-addext", f"subjectAltName=DNS:{name}", "-addext", f"authorityInfoAccess=OCSP;URI:{uri}"]
            self._run("req", *KEYS["ec"], *files, "-subj", f"/CN={name}", *names)
            base = path.with_suffix(".crt")
            self._run("ca", "-batch", "-notext", *SIGNER, "-in", "responder.csr", "-out", str(base), "-days", "3650")
            path.write_bytes(base.read_bytes() + self.ca + (self.folder / "responder.key").read_bytes())
        return path

    def ocsp(self, path: Path, *words: str) -> bytes:
        """The DER of an OCSP response about that certificate. `words`: of `openssl ocsp`, by default for three days."""
        words = words or ("-ndays", "3")
        files = ["-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-issuer", "ca.pem"]
        self._run("ocsp", *files, "-cert", str(path), "-respout", "ocsp.der", *words)
        return (self.folder / "ocsp.der").read_bytes()

    def responder(self, port: int) -> subprocess.Popen[bytes]:
        """A responder on that port, until it is killed."""
        files = ["-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-ndays", "3"]
        words = ["openssl", "ocsp", *files, "-port", str(port)]
        return subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def alone(self, name: str) -> Path:
        """One that has signed itself."""
        path = self.folder / f"{name}-alone.pem"
        if not path.exists():
            files = ["-nodes", "-keyout", "alone.key", "-out", "alone.crt", "-config", "config", "-days", "3650"]
            self._run("req", "-x509", *KEYS["ec"], *files, "-subj", f"/CN={name}")
            path.write_bytes((self.folder / "alone.crt").read_bytes() + (self.folder / "alone.key").read_bytes())
        return path

    def crl(self) -> bytes:
        """The list of those that are revoked by now."""
        self._run("ca", "-gencrl", "-config", "config", "-cert", "ca.pem", "-keyfile", "ca.key", "-out", "crl.pem")
        return (self.folder / "crl.pem").read_bytes()

    def encrypted_key(self, name: str, passphrase: str) -> bytes:
        """The key of that certificate once more, encrypted."""
        self._run(
            "pkey", "-in", str(self.path(name)), "-aes256", "-passout", f"pass:{passphrase}", "-out", "secret.key"
        )
        return (self.folder / "secret.key").read_bytes()


@cache
def authority(name: str = "Pointsman's tests") -> Authority:
    return Authority(name)
