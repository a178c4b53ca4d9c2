"""The steps of a check: connect, send, expect (manual 4.2 http-check, tcp-check). Made at start-up, only read later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.core.regex import Regex
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.format import Format
from pointsman.sample.types import Value
from pointsman.sample.variables import Check, Variable, assign


class CheckText:
    """Bytes that are known at start-up, or a log-format (the "-lf" forms); `hexadecimal`: the format yields digits."""

    def __init__(self, constant: bytes = b"", form: Format | None = None, hexadecimal: bool = False) -> None:
        self.constant = constant
        self.form = form
        self.hexadecimal = hexadecimal

    def known(self, context: Context) -> bool:
        """False: a format that yields nothing now."""
        return self.form is None or bool(self.form.render(context))

    def render(self, context: Context) -> bytes:
        """Raises ValueError where a format that must yield hexadecimal digits does not."""
        if self.form is None:
            return self.constant
        text = self.form.render(context)
        return bytes.fromhex(text.decode("ascii")) if self.hexadecimal else text


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep:
    """Base of the steps. `number` counts from 1 as logs show it; 0: the step was not written by the user."""

    number: int = 0
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect(CheckStep):
    """Open a connection; the one before is closed."""

    port: int = 0  # 0: of the check, the server
    port_expression: Expression | None = None
    address: str = ""  # "": of the check, the server
    own: bool = False  # the options of the rule count, not those of the server line (no "default")
    send_proxy: bool = False
    via_socks4: bool = False
    ssl: bool = False
    sni: str = ""
    alpn: bytes | None = None  # None: of the check, the server
    linger: bool = False  # close in order, not by a reset
    proto: str = ""  # h1, h2, none: what is spoken; "": what the server's line says of its checks, or ALPN has found

    def label(self, port: int) -> str:
        return f"connect port {port}" if port else "connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendData(CheckStep):
    """Send bytes (tcp-check send)."""

    data: CheckText


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest(CheckStep):
    """Send an HTTP request (http-check send). Attributes that are None were not said."""

    method: bytes | None = None
    uri: CheckText | None = None
    version: bytes | None = None  # b"HTTP/1.0"
    headers: tuple[tuple[bytes, CheckText], ...] = ()  # names in lower case
    body: CheckText | None = None


SCOPES: Final = ("proc", "sess", "check")  # of variables that there are in checks (manual 4.2 http-check set-var)
STATUS: Final = "status"  # what an expect looks at
RSTATUS: Final = "rstatus"
HDR: Final = "hdr"
FHDR: Final = "fhdr"
STRING: Final = "string"
RSTRING: Final = "rstring"
BINARY: Final = "binary"
RBINARY: Final = "rbinary"
HEAD_KINDS: Final = (STATUS, RSTATUS, HDR, FHDR)


@dataclass(frozen=True, slots=True)
class Match:
    """How a name or a value is compared: str, beg, end, sub, reg (manual 4.2 http-check expect hdr)."""

    method: str
    text: CheckText
    regex: Regex | None = None

    def test(self, value: bytes, context: Context, lower: bool = False) -> bool:
        if self.regex is not None:
            return self.regex.test(value)
        wanted = self.text.render(context)
        if lower:
            wanted, value = wanted.lower(), value.lower()
        if self.method == "beg":
            return value.startswith(wanted)
        if self.method == "end":
            return value.endswith(wanted)
        return wanted in value if self.method == "sub" else value == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(CheckStep):
    """Wait for a response and judge it."""

    kind: str = STATUS
    inverse: bool = False
    ranges: tuple[tuple[int, int], ...] = ()  # the statuses that STATUS expects
    regex: Regex | None = None
    text: CheckText | None = None  # of STRING and BINARY
    name: Match | None = None  # of HDR and FHDR
    value: Match | None = None
    min_recv: int = -1
    ok_status: str = "L7OK"
    error_status: str = ""  # "": L7STS for what a head says, else L7RSP
    timeout_status: str = "L7TOUT"
    on_success: Format | None = None
    on_error: Format | None = None
    status_code: Expression | None = None
    place: int = 0  # the number that messages name; a first http-check send does not count there

    @property
    def failure(self) -> str:
        """The status of a failure."""
        return self.error_status or ("L7STS" if self.kind in HEAD_KINDS else "L7RSP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(CheckStep):
    """Base of the steps that say nothing to a server. They count, but may stand before the first connect."""

    def act(self, context: Context) -> None:
        """What it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark(Silent):
    """`comment`: a remark on the step behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable(Silent):
    """set-var, set-var-fmt: a variable gets the value of an expression, or the string that a log-format makes."""

    variable: Variable
    checks: tuple[Check, ...] = ()
    expression: Expression | None = None
    mark: Callable[[Value], Value] | None = None  # keeps the expression's type with the value
    form: Format | None = None

    def act(self, context: Context) -> None:
        if self.variable.scope not in SCOPES:
            return
        value: Value | None
        if self.form is not None:
            value = self.form.render(context)
        else:
            assert self.expression is not None and self.mark is not None
            value = self.expression.get(context)
            if value is None:
                return
            value = self.mark(value)
        assign(self.variable, self.checks, context, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsetVariable(Silent):
    """unset-var: a variable loses its value."""

    variable: Variable

    def act(self, context: Context) -> None:
        self.variable.unset(context)
