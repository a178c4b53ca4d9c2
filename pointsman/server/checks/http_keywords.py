"""The keywords of HTTP health checks: option httpchk and http-check (manual 4.2)."""

import re
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.sample.arguments import encode
from pointsman.server.checks import words
from pointsman.server.checks.keywords import remark
from pointsman.server.checks.order import check_order
from pointsman.server.checks.plan import HTTP, CheckFlag, CheckKind, CheckRule
from pointsman.server.checks.steps import STRING, CheckStep, CheckText, Remark, SendRequest

BACK = In.DEFAULTS | In.BACK
RULES = BACK | In.HEALTHCHECK
NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")
MATCHES = "min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment"
SENDS = "'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf'"


@keyword("option httpchk", BACK, "4.2")
def option_httpchk(args: Args) -> list[CheckKind | CheckRule]:
    """option httpchk [[<method>] <uri> [<version> [<host>]]]: checks are HTTP requests."""
    given = args.rest()
    if len(given) > 4:
        raise ConfigError(f"'option httpchk' cannot handle unexpected argument '{given[4].text}'.", given[4].at)
    step = SendRequest()
    if len(given) == 1:
        step = SendRequest(uri=words.text(given[0]))
    elif given:
        step = SendRequest(method=_method(args, given[0]), uri=words.text(given[1]))
    if len(given) > 2:
        step = _version_and_more(args, step, given[2])
    if len(given) > 3:
        host = ((b"host", CheckText(form=words.form(args, given[3]))),)
        step = SendRequest(
            method=step.method, uri=step.uri, version=step.version, headers=host + step.headers, body=step.body
        )
    return [CheckKind(kind=HTTP, at=args.at), CheckRule(kind=HTTP, step=step, line=True, at=args.at)]


def _method(args: Args, word: Word) -> bytes:
    if not NAME.fullmatch(word.text):
        raise ConfigError(f"'{args.keyword}' : invalid method '{word.text}'", word.at, "an HTTP method")
    return word.text.encode()


def _version(args: Args, word: Word, text: str) -> bytes:
    if text not in VERSIONS:
        raise ConfigError(
            f"'{args.keyword}' : version '{text}' is not one that checks can send", word.at, "HTTP/1.0 or HTTP/1.1"
        )
    return text.encode()


def _version_and_more(args: Args, step: SendRequest, word: Word) -> SendRequest:
    """The version, and the headers and the body that an old trick hides behind it."""
    version, _, rest = word.text.partition("\r\n")
    headers: list[tuple[bytes, CheckText]] = []
    body: CheckText | None = None
    if rest:
        args.diagnostics.warning(
            "'option httpchk' : hiding headers or body at the end of the version string is "
            "deprecated. Please, consider to use 'http-check send' directive instead.",
            args.at,
        )
        head, _, content = rest.partition("\r\n\r\n")
        body = CheckText(encode(content)) if content else None
        for line in head.split("\r\n"):
            if line:
                name, colon, value = line.partition(":")
                if not colon or not NAME.fullmatch(name):
                    raise ConfigError(f"'option httpchk' : invalid header '{line}' behind the version", word.at)
                headers.append((name.lower().encode(), CheckText(encode(value.strip()))))
    return SendRequest(
        method=step.method, uri=step.uri, version=_version(args, word, version), headers=tuple(headers), body=body
    )


@keyword("http-check disable-on-404", RULES, "4.2")
def disable_on_404(args: Args) -> CheckFlag:
    """http-check disable-on-404: a server that answers 404 gets no new work."""
    args.end()
    return CheckFlag(name="disable-on-404", at=args.at)


@keyword("http-check send-state", RULES, "4.2")
def send_state(args: Args) -> CheckFlag:
    """http-check send-state: tell the server how it is seen, in X-Haproxy-Server-State."""
    args.end()
    return CheckFlag(name="send-state", at=args.at)


def _rule(args: Args, step: CheckStep) -> CheckRule:
    check_order(args, HTTP, step)
    return CheckRule(kind=HTTP, step=step, at=args.at)


@keyword("http-check comment", RULES, "4.2")
def http_check_comment(args: Args) -> CheckRule:
    """http-check comment <string>: a remark on the rule behind it."""
    return _rule(args, Remark(comment=remark(args)))


@keyword("http-check connect", RULES, "4.2")
def http_check_connect(args: Args) -> CheckRule:
    """http-check connect [default] [port <expr>] [addr <ip>] [send-proxy] [ssl] [sni <sni>] [alpn <alpn>] [linger]
    [comment <msg>]"""
    return _rule(args, words.read_connect(args))


@keyword("http-check expect", RULES, "4.2")
def http_check_expect(args: Args) -> CheckRule:
    """http-check expect [min-recv <n>] [comment <msg>] [statuses and formats] [!] <match> <pattern>"""
    return _rule(args, words.read_expect(args, words.HTTP_KINDS, {"string-lf": STRING}, MATCHES))


@keyword("http-check send", RULES, "4.2")
def http_check_send(args: Args) -> CheckRule:
    """http-check send [meth <m>] [uri|uri-lf <u>] [ver <v>] [hdr <name> <fmt>]* [body|body-lf <b>] [comment <msg>]"""
    method: bytes | None = None
    version: bytes | None = None
    uri: CheckText | None = None
    body: CheckText | None = None
    headers: list[tuple[bytes, CheckText]] = []
    comment = ""
    while args.more():
        word = args.word("an argument")
        if word.text == "meth":
            method = _method(args, words.value(args, "meth"))
        elif word.text in ("uri", "uri-lf"):
            uri = _text(args, word.text)
        elif word.text == "ver":
            given = words.value(args, "ver")
            version = _version(args, given, given.text)
        elif word.text == "hdr":
            headers.append(_header(args, headers))
        elif word.text in ("body", "body-lf"):
            body = _text(args, word.text)
        elif word.text == "comment":
            comment = words.comment(args)
        else:
            raise words.unexpected(args, word, SENDS)
    return _rule(
        args, SendRequest(method=method, uri=uri, version=version, headers=tuple(headers), body=body, comment=comment)
    )


def _text(args: Args, name: str) -> CheckText:
    word = words.value(args, name)
    return CheckText(form=words.form(args, word)) if name.endswith("-lf") else words.text(word)


def _header(args: Args, before: list[tuple[bytes, CheckText]]) -> tuple[bytes, CheckText]:
    if len(args.words) - args.index < 2:
        raise ConfigError(
            f"'{args.keyword}' : 'hdr' expects <name> and <value> as arguments.", args.here, "<name> <fmt>"
        )
    word = args.word("<name>")
    name = word.text.lower().encode()
    if not NAME.fullmatch(word.text):
        raise ConfigError(f"'{args.keyword}' : invalid header name '{word.text}'", word.at, "a header name")
    if name == b"host" and any(other == b"host" for other, _ in before):
        raise ConfigError(f"'{args.keyword}' : 'host' header already defined.", word.at)
    return name, CheckText(form=words.form(args, args.word("<fmt>")))
