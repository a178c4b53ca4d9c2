"""`cookie` and `dynamic-cookie-key` lines, and the `cookie` of servers: what they say and what is wrong with them."""

import pytest
from support.configs import good, only_error, read, section

from pointsman.assemble import assemble
from pointsman.assemble.cookies import cookie_of
from pointsman.config.cookies import CookieLine, DynamicCookieKey
from pointsman.stream.cookies import INSERT, PREFIX, REWRITE, PersistenceCookie


def cookie(words: str, *more: str) -> PersistenceCookie:
    line = good("backend", f"cookie SRV {words}", *more).proxy.one(CookieLine)
    assert line is not None
    return cookie_of(line)


@pytest.mark.parametrize(
    ("words", "mode", "acts"),
    [("", 0, False), ("nocache", 0, False), ("indirect", 0, True), ("rewrite", REWRITE, True)]
    + [("prefix", PREFIX, True), ("insert insert", INSERT, True)],
)
def test_modes(words: str, mode: int, acts: bool) -> None:
    made = cookie(words)
    assert (made.name, made.mode, made.acts) == (b"SRV", mode, acts)


def test_attributes_stand_in_their_order() -> None:
    words = 'insert attr "SameSite=None" secure domain .a.b domain c.d httponly attr "X=y z"'
    assert cookie(words).tail == b"; domain=.a.b; domain=c.d; HttpOnly; Secure; SameSite=None; X=y z"


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("100", 100), ("30m", 1800), ("1500ms", 2), ("500ms", 1), ("2d", 172_800)]
)
def test_ages_are_seconds_rounded_up(text: str, seconds: int) -> None:
    made = cookie(f"insert maxidle {text} maxlife {text}")
    assert (made.max_idle, made.max_life) == (seconds, seconds)


def test_the_last_line_counts_and_defaults_hold() -> None:
    later = cookie("insert nocache", "cookie SRV prefix")
    assert (later.mode, later.nocache) == (PREFIX, False)
    loaded = read("defaults\n cookie A insert nocache\n dynamic-cookie-key k\nbackend b\nbackend c\n cookie B prefix\n")
    first, second = loaded.configuration.proxies
    lines = [one.one(CookieLine) for one in (first, second)]
    assert [line.name for line in lines if line is not None] == [b"A", b"B"]
    key = second.one(DynamicCookieKey)
    assert key is not None and key.value == b"k"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cookie", "'cookie' expects <cookie_name> as argument."),
        ("cookie SRV insert rewrite", "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."),
        ("cookie SRV prefix insert", "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."),
        ("cookie SRV rewrite indirect", "cookie 'rewrite' and 'indirect' modes are incompatible."),
        ("cookie SRV preserve", "cookie 'preserve' requires at least 'insert' or 'indirect'."),
        ("cookie SRV prefix preserve", "cookie 'preserve' requires at least 'insert' or 'indirect'."),
        ("cookie SRV insert domain", "'domain' expects <domain> as argument."),
        ("cookie SRV insert domain a.b;c", "character ';' is not permitted in domain name 'a.b;c'."),
        ("cookie SRV maxidle", "'maxidle' expects <idletime> in seconds as argument."),
        ("cookie SRV maxlife", "'maxlife' expects <lifetime> in seconds as argument."),
        ("cookie SRV insert attr", "'attr' expects <value> as argument."),
        ("cookie SRV insert attr a;b", "character '%x3B' is not permitted in attribute value."),
        ("dynamic-cookie-key", "'dynamic-cookie-key' expects <secret_key> as argument."),
        ("server s 127.0.0.1:1 cookie", "'server x/s' : 'cookie' : expects <value> as argument."),
        ("appsession X len 5 timeout 1s", "The 'appsession' directive is not supported anymore since HAProxy 1.6."),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    """In HAProxy's words, as far as programs know them."""
    assert only_error("backend", line) == message


def test_an_unknown_option_is_underlined_and_its_like_named() -> None:
    (finding,) = section("backend", "cookie SRV insert indirekt").diagnostics.findings
    assert finding.message == (
        "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'preserve', 'httponly', "
        "'secure', 'dynamic', 'domain', 'maxidle', 'maxlife' and 'attr' options."
    )
    assert (finding.position.line, finding.position.column, finding.position.length) == (2, 20, 8)
    assert "'indirect'" in finding.hint


def test_warnings() -> None:
    dotless = section("backend", "cookie SRV insert domain localhost")
    assert dotless.errors == [] and dotless.warnings == [
        "domain 'localhost' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3)."
    ]
    assert "ignored because frontend 'x' has no backend capability." in section("frontend", "cookie A").warnings[0]
    loaded = read(
        "defaults\n timeout server 1s\n timeout connect 1s\nbackend b\n mode tcp\n cookie A insert\n"
        " server s1 127.0.0.1:1 cookie c1\n server s2 127.0.0.1:1\n"
    )
    assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.warnings == [
        "cookie will be ignored for backend 'b' (needs 'mode http').",
        "backend 'b' : ignoring cookie for server 's1' as HTTP mode is disabled.",
    ]
