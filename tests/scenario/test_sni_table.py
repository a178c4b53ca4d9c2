"""A table of names that clients ask for, and what they get: certificates, by their fingerprints, or the alert by which
they are refused: as of HAProxy 3.2 (manual 5.1: crt, crt-list, default-crt, strict-sni)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.sni_cases import CLIENTS, fingerprints

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


@dataclass(frozen=True, slots=True)
class Setup:
    """`words`: of the bind line, with labels for paths; `lines`: of its crt-list, if it has one.
    `rows`: a name, clients, and what each of these gets."""

    title: str
    words: str
    rows: str
    lines: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.title.replace(" ", "-").replace(",", "")


SETUPS = (
    Setup(
        "a name",
        "crt first crt a-ec",
        """
        a.test : all : a-ec
        A.TEST : all : a-ec
        a.test. : all : first
        www.a.test : all : first
        unknown.test : all : first
        - : all : first
        (empty) : all : alert 112
        192.0.2.1 : all : first
        a.test : rsa : alert 40
        """,
    ),
    Setup(
        "kinds of keys",
        "crt first crt a-rsa crt a-ec crt a-ed crt a-ed448",
        """
        a.test : all ec384-proof ec ec-suite ec-proof rsa-first rsa-first/13 all/13 ec/13 : a-ec
        a.test : rsa rsa-suite rsa-proof rsa/13 ed-rsa/13 : a-rsa
        a.test : ed-proof ed/13 : a-ed
        a.test : none ec384/13 : alert 40
        """,
    ),
    Setup(
        "no ECDSA",
        "crt first crt a-rsa crt a-ed",
        """
        a.test : all rsa ed-rsa/13 : a-rsa
        a.test : ed-proof ed/13 : a-ed
        a.test : ec : alert 40
        """,
    ),
    Setup(
        "curves",
        "crt first crt a-384 crt a-ec",
        """
        a.test : all ec384/13 : a-384
        a.test : ec/13 rsa : alert 40
        """,
    ),
    Setup(
        "a curve and RSA",
        "crt first crt a-384 crt a-rsa",
        """
        a.test : rsa/13 : a-rsa
        a.test : ec384/13 : a-384
        a.test : ec/13 : alert 40
        """,
    ),
    Setup(
        "two of a kind",
        "crt first crt a-ec crt a-ec2 crt a-rsa crt a-rsa2",
        """
        a.test : all : a-ec
        a.test : rsa : a-rsa
        """,
    ),
    Setup(
        "a wildcard",
        "crt first crt any-ec",
        """
        www.a.test : all : any-ec
        WWW.A.test : all : any-ec
        a.test : all : first
        x.www.a.test : all : first
        .a.test : all : any-ec
        *.a.test : all : any-ec
        a b.test : all : first
        """,
    ),
    Setup(
        "RSA under a wildcard, ECDSA exact",
        "crt first crt any-rsa crt www-ec",
        """
        www.a.test : all ec : www-ec
        www.a.test : rsa rsa/13 : any-rsa
        """,
    ),
    Setup(
        "ECDSA under a wildcard, RSA exact",
        "crt first crt any-ec crt www-rsa",
        """
        www.a.test : all all/13 ec : any-ec
        www.a.test : rsa : www-rsa
        """,
    ),
    Setup(
        "all kinds, exact and not",
        "crt first crt www-ec crt any-rsa crt any-ed",
        """
        www.a.test : all : www-ec
        www.a.test : rsa : any-rsa
        www.a.test : ed-proof ed/13 : any-ed
        x.a.test : all : any-rsa
        """,
    ),
    Setup(
        "strict",
        "crt first crt a-ec crt any-rsa strict-sni",
        """
        a.test : all : a-ec
        a.test : rsa : alert 40
        unknown.test : all : alert 112
        - : all all/13 : alert 112
        www.a.test : all : any-rsa
        (empty) : all : alert 112
        """,
    ),
    Setup(
        "strict with a default",
        "default-crt first crt a-ec strict-sni",
        """
        unknown.test : all : alert 112
        first.test : all : first
        a.test : all : a-ec
        """,
    ),
    Setup(
        "names of certificates",
        "crt first crt upper crt both crt without crt mail",
        """
        upper.test : all : upper
        san.upper.test : all : upper
        cn.test : all : both
        san.test : all : both
        other.test : all : both
        192.0.2.1 : all : first
        2001:db8::1 : all : first
        mail.test : all : first
        without.test : all : without
        """,
    ),
    Setup(
        "a common name alone",
        "crt first crt cn",
        """
        cn.test : all : cn
        """,
    ),
    Setup(
        "a star",
        "crt first crt star crt a-ec",
        """
        * : all : first
        localhost : all : first
        a.test : all : a-ec
        """,
    ),
    Setup(
        "stars elsewhere",
        "crt first crt partial",
        """
        www.p.test : all : first
        w*.p.test : all : partial
        a.b.p.test : all : first
        """,
    ),
    Setup(
        "a dot behind",
        "crt first crt dotted",
        """
        dotted.test : all : first
        dotted.test. : all : dotted
        """,
    ),
    Setup(
        "the first of two kinds",
        "crt a-ec crt a-rsa",
        """
        unknown.test : all : a-ec
        unknown.test : rsa : alert 40
        a.test : rsa : a-rsa
        """,
    ),
    Setup(
        "defaults of two kinds",
        "default-crt first default-crt first-rsa crt a-ec crt a-rsa",
        """
        unknown.test : all : first
        unknown.test : rsa : first-rsa
        - : rsa/13 : first-rsa
        - : all/13 : first
        """,
    ),
    Setup(
        "a default behind another of its kind",
        "crt a-rsa default-crt first default-crt first-rsa crt a-ec",
        """
        unknown.test : all : first
        unknown.test : rsa : a-rsa
        """,
    ),
    Setup(
        "a default of another kind",
        "crt a-ec default-crt first-rsa",
        """
        unknown.test : all : a-ec
        unknown.test : rsa : first-rsa
        a.test : rsa : alert 40
        """,
    ),
    Setup(
        "a default among others",
        "crt a-ec crt first-rsa default-crt other-rsa",
        """
        unknown.test : all : a-ec
        unknown.test : rsa : other-rsa
        o.test : rsa : other-rsa
        """,
    ),
    Setup(
        "an excluded name",
        "crt-list",
        """
        x.a.test : all : any-ec
        no.a.test : all : first
        no.A.test : all : first
        a.test : all : first
        """,
        (
            "first",
            "any-ec *.a.test !no.a.test",
        ),
    ),
    Setup(
        "excluded by one line of two",
        "crt-list",
        """
        x.a.test : all : other
        x.a.test : rsa : a-rsa
        no.a.test : all rsa : a-rsa
        """,
        (
            "first",
            "other *.a.test !no.a.test",
            "a-rsa *.a.test",
        ),
    ),
    Setup(
        "excluded here and exact there",
        "crt-list",
        """
        no.a.test : all : a-ec
        x.a.test : all : other
        """,
        (
            "first",
            "other *.a.test !no.a.test",
            "a-ec no.a.test",
        ),
    ),
    Setup(
        "a filter of defaults",
        "crt-list",
        """
        unknown.test : all : a-ec
        unknown.test : rsa : first-rsa
        first.test : all : a-ec
        """,
        (
            "a-ec",
            "first *",
            "first-rsa *",
        ),
    ),
    Setup(
        "defaults with own names",
        "crt-list",
        """
        x.test : all : other
        unknown.test : all : a-ec
        o.test : all : a-ec
        """,
        (
            "a-ec",
            "other * x.test",
        ),
    ),
    Setup(
        "a default of another kind in a list",
        "crt-list",
        """
        unknown.test : all : a-ec
        unknown.test : rsa : other-rsa
        o.test : all : a-ec
        """,
        (
            "a-ec",
            "other-rsa *",
        ),
    ),
    Setup(
        "a default that is of no use",
        "crt-list strict-sni",
        """
        unknown.test : rsa : alert 112
        a.test : all : a-ec
        """,
        (
            "a-ec",
            "other-rsa *",
        ),
    ),
    Setup(
        "filters in place of names",
        "crt-list",
        """
        a.test : all : first
        b.test : all : a-ec
        """,
        (
            "first",
            "a-ec b.test",
        ),
    ),
    Setup(
        "exclusion alone",
        "crt-list",
        """
        a.test : all : first
        """,
        (
            "first",
            "a-ec !a.test",
        ),
    ),
    Setup(
        "a wildcard that is excluded",
        "crt-list",
        """
        www.a.test : all : any-ec
        """,
        (
            "first",
            "any-ec *.a.test !*.a.test",
        ),
    ),
    Setup(
        "exact beside a wildcard that excludes it",
        "crt-list",
        """
        yes.a.test : all : a-ec
        yes.a.test : rsa : alert 40
        no.a.test : all rsa : a-rsa
        """,
        (
            "first",
            "a-ec *.a.test !no.a.test yes.a.test",
            "a-rsa *.a.test !yes.a.test",
        ),
    ),
    Setup(
        "filters in upper case",
        "crt-list",
        """
        a.test : all : a-ec
        x.b.test : all : a-ec
        c.b.test : all : first
        """,
        (
            "first",
            "a-ec A.TEST *.B.Test !C.B.test",
        ),
    ),
    Setup(
        "stars elsewhere in filters",
        "crt-list",
        """
        a.b.*.test : all : a-ec
        *b.test : all : first
        xb.test : all : first
        """,
        (
            "first",
            "a-ec a.b.*.test",
            "other *b.test",
        ),
    ),
    Setup(
        "a version for one kind",
        "crt-list",
        """
        a.test : all ed-proof : alert 70
        a.test : rsa : a-rsa
        a.test : all/13 : a-ec
        """,
        (
            "first",
            "a-ec [ssl-min-ver TLSv1.3] a.test",
            "a-rsa a.test",
        ),
    ),
    Setup(
        "several of a name",
        "crt-list",
        """
        same.test : all : a-ec
        same.test : rsa : other-rsa
        """,
        (
            "first",
            "a-ec same.test",
            "other same.test",
            "other-rsa same.test",
            "a-rsa same.test",
        ),
    ),
    Setup(
        "an exclusion, and a name",
        "crt-list",
        """
        no.a.test : all rsa : a-rsa
        """,
        (
            "first",
            "other *.a.test !no.a.test",
            "a-rsa *.a.test no.a.test",
        ),
    ),
    Setup(
        "a wildcard above all",
        "crt-list",
        """
        first.test : all : first
        first.test : rsa : first-rsa
        no.a.test : all rsa : any-rsa
        """,
        (
            "first",
            "other *.a.test !no.a.test",
            "any-rsa",
            "first-rsa *.test",
        ),
    ),
    Setup(
        "a list and a file",
        "crt first crt-list crt a-rsa",
        """
        b.test : all : a-ec
        a.test : all : a-rsa
        unknown.test : rsa : alert 40
        """,
        ("first", "a-ec b.test"),
    ),
    Setup(
        "nothing yet",
        "crt empty strict-sni",
        """
        unknown.test : all : alert 112
        - : all : alert 112
        """,
    ),
    Setup(
        "a folder",
        "crt folder",
        """
        unknown.test : all : a-rsa
        a.test : all : a-ec
        a.test : rsa : a-rsa
        first.test : all : first
        o.test : all : a-rsa
        """,
    ),
    Setup(
        "a bundle",
        "crt bundle",
        """
        a.test : all : a-ec
        a.test : rsa : a-rsa
        unknown.test : all : a-ec
        unknown.test : rsa : a-rsa
        """,
    ),
    Setup(
        "a bundle in a list",
        "crt-list",
        """
        b.test : all : a-ec
        b.test : rsa : a-rsa
        unknown.test : all : a-ec
        unknown.test : rsa : alert 40
        """,
        ("bundle a.test b.test",),
    ),
)

NAMELESS = {"-": None, "(empty)": b""}


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Setup, name, client, what it gets."""
    for setup in SETUPS:
        for row in setup.rows.strip().splitlines():
            name, clients, wanted = row.strip().split(" : ")
            for client in clients.split():
                yield setup.name, name, client, wanted


CASES = tuple(cases())


def path(label: str, folder: Path) -> str:
    inside = label in ("folder", "empty", "bundle")
    return f"{folder}/{label}" if inside else f"{authority().folder}/{label}.pem"


def prepare(folder: Path) -> str:
    """All files but the certificates; the configuration."""
    own = authority().folder
    for name in ("folder", "empty"):
        (folder / name).mkdir(parents=True)
    inside = {"b.pem": "first", "a.pem": "a-ec", "C.pem": "a-rsa", ".h.pem": "other", "0.key": "other-rsa"}
    copies = {f"folder/{name}": label for name, label in inside.items()} | {
        "bundle.rsa": "a-rsa",
        "bundle.ecdsa": "a-ec",
    }
    for name, label in copies.items():
        (folder / name).write_bytes((own / f"{label}.pem").read_bytes())
    text = "defaults\n mode http\n timeout client 5s\n"
    for setup in SETUPS:
        if setup.lines:
            lines = (f"{path(label, folder)} {rest}" for label, _, rest in (one.partition(" ") for one in setup.lines))
            (folder / f"{setup.name}.list").write_text("\n".join(lines) + "\n")
        words = re.sub(r"crt ([a-z0-9-]+)", lambda found: f"crt {path(found[1], folder)}", setup.words)
        words = words.replace("crt-list", f"crt-list {folder}/{setup.name}.list")
        text += f"frontend {setup.name}\n bind 127.0.0.1:{{port:{setup.name}}} ssl {words}\n"
        text += " http-request return status 200\n"
    return text


class Programs:
    """Both programs, each started once for all cases."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.labels = fingerprints()
        self.running: dict[str, Program] = {}

    def port(self, kind: Kind, name: str) -> int:
        if kind.name not in self.running:
            folder = self.folder / kind.name
            program = Program(kind, prepare(folder), folder)
            self.running[kind.name] = self.stack.enter_context(program)
        return self.running[kind.name].ports[name]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with ExitStack() as stack:
        yield Programs(tmp_path_factory.mktemp("sni"), stack)


def test_there_are_enough_cases() -> None:
    """A certificate or a client that no case uses would be dead weight; a case that is there twice, a slip."""
    assert len(CASES) == len(set(CASES)) > 150
    assert {client for _, _, client, _ in CASES} == set(CLIENTS) - {"ed448/13"}


@pytest.mark.parametrize(("setup", "name", "client", "wanted"), CASES)
def test_a_name_chooses_a_certificate(
    peer: Kind, programs: Programs, setup: str, name: str, client: str, wanted: str
) -> None:
    if peer is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    asked = NAMELESS[name] if name in NAMELESS else name.encode()
    shown = CLIENTS[client].shown(programs.port(peer, setup), asked)
    assert programs.labels.get(shown, shown) == wanted


@pytest.mark.parametrize(("client", "wanted"), [("ec-suite", "a-ed"), ("ed448/13", "a-ed448")])
def test_a_key_that_the_client_can_verify_is_found(programs: Programs, client: str, wanted: str) -> None:
    """Where 3.2 tries RSA, for which the client has no suite, or the first key that is neither RSA nor ECDSA."""
    setup = {"a-ed": "no-ECDSA", "a-ed448": "kinds-of-keys"}[wanted]
    shown = CLIENTS[client].shown(programs.port(POINTSMAN, setup), b"a.test")
    assert programs.labels.get(shown) == wanted
