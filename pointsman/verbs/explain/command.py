"""The command `pointsman explain`: words -> Asked -> Engine -> an Explanation -> text, a table, or JSON.

Status: 0 the request was explained, 1 the configuration has faults, 2 what was asked makes no sense. Explanations go to
stdout, all else to stderr.
"""

import argparse
import json
import os
import string
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pointsman.config.keyword import is_number
from pointsman.verbs.explain.model import Answered, Asked, Explanation

if TYPE_CHECKING:
    from pointsman.verbs.explain.engine import Engine
    from pointsman.verbs.explain.repeated import Turn

# ruff: noqa: PLC0415  # the late imports: who asks for help, or makes a mistake, waits for nothing

OK: Final = 0
FAULTS: Final = 1
WRONG: Final = 2
MOST: Final = 100_000  # requests of --repeat

DESCRIPTION = """\
Say what would become of a request, and why: the rules of the configuration and
its balancing, without a socket.

  pointsman explain -f haproxy.cfg http://www.example.com/cart
  pointsman explain -f haproxy.cfg POST /buy -H 'Host: a.test' --src 192.0.2.7
  pointsman explain -f haproxy.cfg https://a.test/ --down app/app1 --repeat 6
  pointsman explain -f haproxy.cfg /search --set 'sc_http_req_rate(0)=40'

Log lines in plain words: pointsman explain --log LINE|FILE|-
"""


class Wrong(Exception):
    """What was asked makes no sense; the text says what would."""


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="pointsman explain",
        usage="pointsman explain -f FILE [METHOD] URL [option ...]",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("words", nargs="*", metavar="URL", help="a path, or with a host, which becomes the Host field")
    group = parser.add_argument_group("configuration")
    add = group.add_argument
    add("-f", dest="files", action="append", default=[], metavar="FILE", help="file or folder; may be repeated")
    add("-C", dest="directory", default="", metavar="DIR", help="change to this folder before files are loaded")
    group = parser.add_argument_group("request")
    add = group.add_argument
    add("-H", dest="headers", action="append", default=[], metavar="'NAME: VALUE'", help="a field; may be repeated")
    add("--body", metavar="FILE", help="the body (-: standard input); the method is POST then, unless one is named")
    add("--http", choices=("1.0", "1.1", "2"), default="1.1", help="version of HTTP (default: %(default)s)")
    add("--data", metavar="FILE", help="what a client of a TCP frontend sends first, in place of a request")
    group = parser.add_argument_group("client")
    add = group.add_argument
    add("--src", default="", metavar="ADDR", help="the client's address (default: 127.0.0.1)")
    add("--dst", default="", metavar="ADDR:PORT", help="the address it comes to, which says the bind line")
    add("--frontend", default="", metavar="NAME", help="or the frontend")
    add("--sni", default="", metavar="NAME", help="server name of TLS (default: the host of an https URL)")
    add("--client-cert", default="", metavar="FILE", help="the client's certificate (PEM)")
    group = parser.add_argument_group("what is taken as given")
    add = group.add_argument
    add("--down", action="append", default=[], metavar="BACKEND/SERVER", help="this server is down; may be repeated")
    add("--set", action="append", default=[], metavar="'EXPR=VALUE'", help="what an expression gives; may be repeated")
    add("--status", type=int, default=200, metavar="N", help="what the server answers (default: %(default)s)")
    add("--answer-header", action="append", default=[], metavar="'NAME: VALUE'", help="a field of its answer")
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--repeat", type=int, metavar="N", help="the same request N times: who gets it, and shares")
    add("--all", action="store_true", help="also why rules did not apply, and long lists whole")
    add("--json", action="store_true", help="as JSON (see docs/explain.md)")
    return parser


def main(words: Sequence[str]) -> int:
    """The exit status."""
    if "--log" in words or any(word.startswith("--log=") for word in words):
        return _explain_logs(words)
    try:
        options = arguments().parse_intermixed_args(list(words))
    except SystemExit as end:  # help, or an option that there is not
        return WRONG if end.code else OK
    try:
        asked = asked_of(options)
        if not options.files:
            raise Wrong("which configuration? Name it with -f")
        return _explain(options, asked)
    except Wrong as error:
        from pointsman.verbs.terminal import safe

        print(f"pointsman explain: {safe(str(error))}", file=sys.stderr)
        return WRONG


def _explain_logs(words: Sequence[str]) -> int:
    from pointsman.verbs.logs.command import main as explain_logs

    return explain_logs(words)


# What is asked


def asked_of(options: argparse.Namespace) -> Asked:
    """The request. Raises Wrong."""
    method, url = _request_line(options)
    if options.repeat is not None and not 1 <= options.repeat <= MOST:
        raise Wrong(f"--repeat {options.repeat}: a number from 1 to {MOST:,}")
    if not 100 <= options.status <= 999:
        raise Wrong(f"--status {options.status}: a status has three digits")
    return Asked(
        method=method,
        url=url,
        headers=_fields(options.headers, "-H"),
        version=options.http,
        body=_content(options.body, "--body") if options.body is not None else b"",
        source=options.src,
        destination=_destination(options.dst),
        frontend=options.frontend,
        sni=options.sni,
        client_certificate=_certificate(options.client_cert),
        payload=_payload(options),
        down=frozenset(_servers(options.down)),
        given=dict(_given(one) for one in options.set),
        answer=Answered(status=options.status, headers=_fields(options.answer_header, "--answer-header")),
    )


def _request_line(options: argparse.Namespace) -> tuple[str, str]:
    words: list[str] = options.words
    if len(words) > 2:
        raise Wrong(f"'{words[2]}' is one word too many: [METHOD] URL")
    default = "POST" if options.body is not None else "GET"
    if not words:
        if options.data is None and not (options.frontend or options.dst or options.sni):
            raise Wrong("what is asked for? Name a URL: pointsman explain -f haproxy.cfg /some/path")
        return default, f"https://{options.sni}/" if options.sni else "/"  # whose client names it
    method, url = words if len(words) == 2 else (default, words[0])
    if len(words) == 1 and url.isupper() and url.isalpha():
        raise Wrong(f"'{url}' is a method: a URL is missing behind it")
    url = _encoded(url)
    if "://" in url or url.startswith("/") or url == "*" or method == "CONNECT":
        return method, url
    host = url.partition("/")[0]
    if "." in host or ":" in host or host == "localhost":  # as browsers and curl have it
        return method, f"http://{url}"
    raise Wrong(f"'{url}' is no URL: is it a path (/{url}) or a host (http://{url})?")


def _encoded(url: str) -> str:
    """What is not ASCII is sent as browsers send it: percent-encoded, but names of hosts by IDNA."""
    if url.isascii():
        return url
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        scheme, rest = "", url
    host, slash, path = rest.partition("/")
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        raise Wrong(f"'{host}' is no name of a host") from None
    return f"{scheme}{slashes}{host}{slash}{quote(os.fsencode(path), safe=string.punctuation)}"


def _payload(options: argparse.Namespace) -> bytes | None:
    """None: a request comes, or the hello of a TLS client. Else what a connection sends first, perhaps nothing."""
    if options.data is not None:
        return _content(options.data, "--data")
    return None if options.words or options.sni else b""


def _fields(texts: Iterable[str], option: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise Wrong(f"{option} '{text}': a field is 'Name: value'")
        if "\n" in text.strip() or "\r" in text.strip():  # it would be read as fields of its own
            raise Wrong(f"{option} {text!r}: a field has no line ends in it")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _content(name: str, option: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Wrong(f"{option} {name}: {error.strerror}") from None


def _destination(text: str) -> str:
    """ ":443", as bind lines have it, is a port."""
    return text[1:] if is_number(text[1:]) and text.startswith(":") else text


def _certificate(name: str) -> str:
    """The file's name: it is there."""
    if name:
        _content(name, "--client-cert")
    return name


def _servers(names: Iterable[str]) -> Iterable[str]:
    for text in names:
        for name in text.split(","):
            if not all(name.partition("/")):
                raise Wrong(f"--down '{name}': a server is named with its backend, as in app/app1")
            yield name


def _given(text: str) -> tuple[str, str]:
    """The expression and its value. A "=" in parentheses belongs to the expression."""
    depth = 0
    for index, one in enumerate(text):
        depth += (one == "(") - (one == ")")
        if one == "=" and depth <= 0:
            name = text[:index].strip()
            if name:
                return name, text[index + 1 :]
            break
    raise Wrong(f"--set '{text}': an expression and its value, as in 'sc_http_req_rate(0)=20'")


# The answer


def _explain(options: argparse.Namespace, asked: Asked) -> int:
    from pointsman.verbs.explain.engine import AskedError, Engine
    from pointsman.verbs.explain.repeated import turn_of

    engine = Engine(options.files, directory=options.directory)
    if engine.failed:
        return _faults(engine)
    _know_servers(engine, asked.down)
    try:
        first = engine.explain(asked)
        turns = [turn_of(first)]
        turns += [turn_of(engine.explain(asked)) for _ in range((options.repeat or 1) - 1)]
    except AskedError as error:
        raise Wrong(str(error)) from None
    _show(first, turns, options)
    return OK


def _faults(engine: "Engine") -> int:
    """As -c shows them."""
    from pointsman.worker.console import Console

    console = Console()
    console.show(engine.diagnostics)
    console.alert("config : Fatal errors found in configuration.")
    return FAULTS


def _know_servers(engine: "Engine", down: Iterable[str]) -> None:
    """Each name of --down is a server of the configuration."""
    known = {
        f"{backend.name.decode('utf-8', 'replace')}/{server.name.decode('utf-8', 'replace')}"
        for backend in engine.live.backends
        for server in backend.servers
    }
    for name in sorted(down):
        if name not in known:
            raise Wrong(f"--down {name}: {_unknown_server(name, known)}")


def _unknown_server(name: str, known: set[str]) -> str:
    from pointsman.core.registry import nearest

    backend, _, server = name.partition("/")
    near = nearest(name, known)
    backends = sorted({one.partition("/")[0] for one in known})
    if backend not in backends:
        closest = nearest(backend, backends)
        near = near or (f"{closest}/{server}" if closest and f"{closest}/{server}" in known else None)
        said = f"there is no backend '{backend}' with servers"
    else:
        said = f"backend '{backend}' has no server '{server}'"
    return f"{said}. Did you mean {near}?" if near else said


def _show(first: Explanation, turns: "list[Turn]", options: argparse.Namespace) -> None:
    from pointsman.verbs.explain.repeated import table
    from pointsman.verbs.terminal import Terminal, write

    terminal = Terminal.of(sys.stdout)
    if options.json:
        write([_json(first, turns if options.repeat else [])])
    elif options.repeat:
        write(table(first, turns, terminal, options.all))
    else:
        from pointsman.verbs.explain.render import page

        write(page(first, terminal, options.all))


def _json(first: Explanation, turns: "list[Turn]") -> str:
    from pointsman.verbs.explain.as_json import explanation_json
    from pointsman.verbs.explain.repeated import repeated_json

    answer = explanation_json(first)
    if turns:
        answer["repeat"] = repeated_json(turns)
    # A terminal might obey what is not ASCII (C1 control characters, for one), and not each file can hold it.
    seen = sys.stdout.isatty() or (sys.stdout.encoding or "").lower() != "utf-8"
    return json.dumps(answer, indent=2, ensure_ascii=seen)
