"""Where the extension was not built (core/tls.py): everything is imported, nothing serves, and a sentence says why."""

import subprocess
import sys

from support.programs import ROOT

PROGRAM = """
import sys
sys.modules["pointsman.core._tls"] = None
from pointsman.core import tls
from pointsman.net.tls import MISSING, TlsTransports
assert tls.VERSION == "" and MISSING == tls.MISSING
read = (lambda: tls.Certificate(b""), lambda: tls.Crl(b""),
        lambda: tls.pem_certificates(b""), lambda: tls.pem_crls(b""))
serve = (lambda: tls.Context(True), lambda: tls.Connection(None, 1), lambda: TlsTransports(None).accept(1, b""))
for make in read + serve:
    try:
        make()
    except RuntimeError as error:
        assert str(error) == MISSING
    else:
        raise AssertionError
assert issubclass(tls.TlsError, OSError) and tls.verify_text(10) == "error 10" and tls.providers() == []
print(MISSING)
"""


def test_one_sentence_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and "libssl-dev" in done.stdout
