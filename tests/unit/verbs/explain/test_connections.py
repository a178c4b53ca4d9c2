"""Connections that are asked about: TCP mode, TLS, HTTP/2, bodies that are waited for."""

import subprocess
from pathlib import Path

import pytest

from pointsman.core.tls import MISSING
from pointsman.proto import tls_hello
from pointsman.verbs.explain.engine import AskedError, Engine
from pointsman.verbs.explain.hello import client_hello
from pointsman.verbs.explain.model import Answered, Asked, Explanation

needs_tls = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

DEFAULTS = """\
global
    log 127.0.0.1:514 local0
defaults
    mode {mode}
    log global
    option {mode}log
    timeout client 30s
    timeout server 1m
    timeout connect 5s
"""
TCP = (
    DEFAULTS.replace("{mode}", "tcp")
    + """\
frontend passing
    bind 192.0.2.1:443
    tcp-request inspect-delay 3s
    tcp-request content reject if { src 198.51.100.0/24 }
    tcp-request content set-var(sess.name) req.ssl_sni if { req.ssl_hello_type 1 }
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend mail if { req.ssl_sni -i mail.example }
    use_backend web if { req.ssl_alpn h2 }
    use_backend plain if HTTP
    default_backend other
frontend refusing
    bind 192.0.2.1:444
    tcp-request connection reject if { src 203.0.113.0/24 }
    tcp-request session reject if { src 198.51.100.0/24 }
    default_backend answers
backend mail
    use-server m1 if { req.ssl_sni -m found }
    server m1 10.0.0.1:443
backend web
    server w1 10.0.0.2:443
backend plain
    mode http
    http-request set-header x-plain 1
    server p1 10.0.0.4:80
backend other
    balance source
    server o1 10.0.0.3:443
backend answers
    tcp-response content reject if { res.len gt 4 }
    server a1 10.0.0.5:25
"""
)
TLS = (
    DEFAULTS.replace("{mode}", "http")
    + """\
frontend secure
    bind 192.0.2.1:443 ssl crt {server} ca-file {ca} verify optional crt-ignore-err all alpn h2,http/1.1
    http-request set-header x-sni %[ssl_fc_sni]
    http-request set-header x-alpn %[ssl_fc_alpn]
    http-request set-header x-user %[ssl_c_s_dn(cn)] if { ssl_c_used }
    http-request set-header x-verify %[ssl_c_verify]
    http-request set-header x-shown %[ssl_f_s_dn(cn)]
    http-request set-header x-version %[req.ver]
    http-request set-header x-proto https if { ssl_fc }
    default_backend app
frontend plain
    bind 192.0.2.1:8444 ssl crt {server} alpn http/1.1
    default_backend app
frontend strict
    bind 192.0.2.1:8443 ssl crt {server} ca-file {ca} verify required
    default_backend app
backend app
    option http-buffer-request
    http-request set-header x-body %[req.body] if { req.body_size gt 0 }
    server a1 10.0.0.1:80
"""
)


def made(folder: Path, text: str) -> Engine:
    file = folder / "haproxy.cfg"
    file.write_text(text)
    engine = Engine([str(file)])
    assert not engine.failed, [one.message for one in engine.diagnostics.findings]
    return engine


@pytest.fixture(scope="module")
def tcp(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return made(tmp_path_factory.mktemp("tcp"), TCP)


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """PEM files: a server's, a CA, a client's with and without its key."""
    folder = tmp_path_factory.mktemp("tls")
    found: dict[str, Path] = {}
    for name, subject in (("ca", "/CN=ca"), ("server", "/CN=shop.example"), ("client", "/CN=alice")):
        key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
        words = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            subject,
        ]
        signed = ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")] if name == "client" else []
        openssl("req", "-x509", *words, *signed, "-keyout", str(key), "-out", str(certificate))
        found[f"{name}.crt"] = certificate
        found[name] = folder / f"{name}.pem"
        found[name].write_bytes(certificate.read_bytes() + key.read_bytes())
    return found


@pytest.fixture
def tls(files: dict[str, Path], tmp_path: Path) -> Engine:
    return made(tmp_path, TLS.replace("{server}", str(files["server"])).replace("{ca}", str(files["ca.crt"])))


def header(found: Explanation, name: str) -> str | None:
    return dict(line.partition(": ")[::2] for line in found.request[1:]).get(name)


def test_a_hello_says_what_it_is_asked_for() -> None:
    hello = client_hello("shop.example", (b"h2", b"http/1.1"))
    assert tls_hello.handshake_type(hello) == tls_hello.CLIENT_HELLO
    assert tls_hello.version(hello) == 3 << 16 | 3


@pytest.mark.parametrize(
    ("asked", "backend", "server"),
    [
        (Asked(url="https://mail.example/"), "mail", "m1"),
        (Asked(url="https://shop.example/", version="2"), "web", "w1"),
        (Asked(url="https://shop.example/"), "other", "o1"),
        (Asked(url="/", sni="mail.example"), "mail", "m1"),
        (Asked(payload=b"\x16\x03"), "other", "o1"),
    ],
)
def test_tcp_mode_looks_at_the_first_bytes(tcp: Engine, asked: Asked, backend: str, server: str) -> None:
    fields = ("url", "sni", "version", "payload")
    question = Asked(destination="192.0.2.1:443", **{name: getattr(asked, name) for name in fields})
    found = tcp.explain(question)
    assert (found.outcome, found.backend, found.server and found.server.name) == ("server", backend, server)
    assert (found.letters, found.status, found.request) == ("----", 0, ())
    assert f" passing {backend}/{server} 0/0/0 " in found.log_line
    if backend == "mail":
        assert found.server is not None
        assert found.server.algorithm == "use-server"
    if asked.url.startswith("https"):
        assert found.variables == {"sess.name": asked.url[8:-1]}
        assert found.notes == ()
    elif asked.payload is not None:
        assert found.notes == ("content rules wait here up to 3s for more bytes (inspect-delay)",)


@pytest.mark.parametrize("name", ["\udc80", "\u00e9" * 70, "a" * 70_000], ids=["bytes", "label", "long"])
def test_a_name_that_no_hello_can_have(tcp: Engine, name: str) -> None:
    with pytest.raises(AskedError, match=r"is no name of a host, which TLS would have\Z"):
        tcp.explain(Asked(destination="192.0.2.1:443", sni=name))


def test_rules_that_wait_are_told_once(tcp: Engine) -> None:
    found = tcp.explain(Asked(destination="192.0.2.1:443", payload=b"\x16\x03"))
    assert [step.at.line for step in found.stages[0].steps] == [13, 14, 15]


def test_a_connection_of_tcp_becomes_http(tcp: Engine) -> None:
    found = tcp.explain(Asked(url="http://h/a", destination="192.0.2.1:443"))
    assert (found.backend, found.status, found.request[0]) == ("plain", 200, "GET /a HTTP/1.1")
    assert header(found, "x-plain") == "1"


@pytest.mark.parametrize(
    ("asked", "outcome", "letters", "line"),
    [
        (Asked(destination="192.0.2.1:443", source="198.51.100.7"), "drop", "PR--", 13),
        (Asked(destination="192.0.2.1:444", source="203.0.113.7"), "drop", "----", 22),
        (Asked(destination="192.0.2.1:444", source="198.51.100.7"), "drop", "----", 23),
        (Asked(destination="192.0.2.1:444", answer=Answered(body=b"longer")), "server", "PD--", 38),
        (Asked(destination="192.0.2.1:444", answer=Answered(body=b"220")), "server", "----", 0),
    ],
)
def test_layer_4_refuses(tcp: Engine, asked: Asked, outcome: str, letters: str, line: int) -> None:
    found = tcp.explain(asked)
    assert (found.outcome, found.letters, found.ended_by.line) == (outcome, letters, line)


@needs_tls
def test_tls_is_spoken(tls: Engine) -> None:
    found = tls.explain(Asked(url="https://shop.example/"))
    assert (header(found, "x-sni"), header(found, "x-proto"), header(found, "x-user")) == (
        "shop.example",
        "https",
        None,
    )
    assert (header(found, "x-alpn"), header(found, "x-shown")) == ("http/1.1", "shop.example")
    assert " secure~ app/a1 " in found.log_line


@needs_tls
def test_http2(tls: Engine) -> None:
    asked = Asked(url="https://shop.example/a?b", version="2", headers=(("X-Case", "1"),), method="POST", body=b"abc")
    found = tls.explain(asked)
    assert (header(found, "x-alpn"), header(found, "x-version")) == ("h2", "2.0")
    assert (found.request[0], header(found, "x-body")) == ("POST /a?b HTTP/1.1", "abc")
    assert '"POST https://shop.example/a?b HTTP/2.0"' in found.log_line
    assert found.response[0] == "HTTP/2 200"


@needs_tls
def test_http2_is_not_offered(tls: Engine) -> None:
    found = tls.explain(Asked(url="https://shop.example/", frontend="plain", version="2"))
    assert found.notes == ("HTTP/2 cannot be spoken here: the client speaks HTTP/1.1",)
    assert (found.response[0], found.log_fields["HV"]) == ("HTTP/1.1 200 OK", "HTTP/1.1")


@needs_tls
@pytest.mark.parametrize("name", ["client", "client.crt"])
def test_a_client_certificate(tls: Engine, files: dict[str, Path], name: str) -> None:
    """With its key it is verified; without, that is taken for granted."""
    found = tls.explain(Asked(url="https://shop.example/", client_certificate=str(files[name])))
    assert (header(found, "x-user"), header(found, "x-verify")) == ("alice", "0")
    assert (found.notes != ()) == (name == "client.crt")


@needs_tls
def test_a_certificate_of_others(tls: Engine, files: dict[str, Path]) -> None:
    found = tls.explain(Asked(url="https://shop.example/", client_certificate=str(files["server"])))
    assert header(found, "x-verify") not in (None, "0")
    strict = Asked(url="https://shop.example/", frontend="strict", client_certificate=str(files["server"]))
    found = tls.explain(strict)
    assert (found.outcome, found.request) == ("drop", ())
    assert found.notes[0].startswith("the TLS handshake fails: ")
    found = tls.explain(Asked(url="https://shop.example/", frontend="strict"))
    assert found.outcome == "drop"
    found = tls.explain(Asked(url="https://h/", frontend="strict", client_certificate=str(files["client"])))
    assert found.outcome == "server"


@needs_tls
def test_files_that_are_no_certificates(tls: Engine, tmp_path: Path) -> None:
    with pytest.raises(AskedError):
        tls.explain(Asked(url="https://h/", client_certificate=str(tmp_path / "none.pem")))
    (tmp_path / "other.pem").write_text("nothing")
    with pytest.raises(AskedError):
        tls.explain(Asked(url="https://h/", client_certificate=str(tmp_path / "other.pem")))
