"""The parts of an exchange as functions of `python-load` files see them: heads, ends of the connection, variables.

They hold nothing themselves: they look at an Exchange, and what is written becomes a change, which that makes
(transaction.py).
"""

from collections.abc import Iterator
from typing import Final, overload
from urllib.parse import parse_qsl

from pointsman.core.address import NetAddress
from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.extension.values import Address, PythonValue, marked_value, plain, raw, sample_of, text
from pointsman.proto import message as heads
from pointsman.proto.message import Head
from pointsman.proto.reasons import reason_of
from pointsman.proto.tokens import TOKEN
from pointsman.sample.head import request_cookies, response_cookies
from pointsman.sample.types import Binary, Packed, Type, Value
from pointsman.sample.variables import Variable, parse_variable

Change = tuple[object, ...]

REQUEST: Final = 0  # whose head
RESPONSE: Final = 1
_BREAKS: Final = b"\r\n\0"
_MOST_NAMES: Final = 1_024  # of variables that are kept


class NotPossible(RuntimeError):
    """What a function asked for does not exist where it was called."""


class Exchange:
    """What the parts look at."""

    def _head(self, side: int) -> Head:
        """Of the request or the response. Raises NotPossible where there is none."""
        raise NotImplementedError

    def _body(self) -> bytes:
        raise NotImplementedError

    def variable_value(self, name: str) -> Value | None:
        raise NotImplementedError

    def change(self, change: Change) -> None:
        """Make a change. Raises NotPossible, ValueError or NoRoom."""
        raise NotImplementedError


class End:
    """One end of a connection."""

    __slots__ = ("_address",)

    def __init__(self, address: NetAddress) -> None:
        self._address = address

    @property
    def ip(self) -> Address | None:
        """The address; None for a UNIX socket."""
        found = sample_of(Type.ADDR, self._address.packed) if self._address.packed else None
        assert found is None or isinstance(found, Address)
        return found

    @property
    def port(self) -> int:
        return self._address.port

    def __str__(self) -> str:
        return f"{text(self._address.text)}:{self.port}" if self._address.packed else text(self._address.text)


class Headers:
    """The header fields of a request or a response. Names are compared without case."""

    __slots__ = ("_side", "_transaction")

    def __init__(self, transaction: Exchange, side: int) -> None:
        self._transaction = transaction
        self._side = side

    def _fields(self) -> list[heads.Field]:
        return self._transaction._head(self._side).fields

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """The first field of that name, whole; `default` where there is none."""
        wanted = raw(name.lower())
        for one in self._fields():
            if one.name == wanted:
                return text(one.value)
        return default

    def get_all(self, name: str) -> list[str]:
        """All fields of that name, in their order."""
        wanted = raw(name.lower())
        return [text(one.value) for one in self._fields() if one.name == wanted]

    def items(self) -> list[tuple[str, str]]:
        """All fields: names in lower case, values."""
        return [(text(one.name), text(one.value)) for one in self._fields()]

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self.items()])

    def __len__(self) -> int:
        return len(self._fields())

    def set(self, name: str, value: str) -> None:
        """Drop all fields of that name, and append one."""
        self._transaction.change(("header", self._side, field_name(name), field_value(value), True))

    __setitem__ = set

    def add(self, name: str, value: str) -> None:
        """Append a field, whatever there is of that name."""
        self._transaction.change(("header", self._side, field_name(name), field_value(value), False))

    def remove(self, name: str) -> None:
        """Drop all fields of that name, if there are any."""
        self._transaction.change(("remove", self._side, field_name(name)))

    __delitem__ = remove

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


def field_name(name: str) -> bytes:
    made = raw(name).lower()
    if not made or made.translate(None, TOKEN):
        raise ValueError(f"{name!r} is no name of a header field (RFC 9110 5.6.2)")
    return made


def field_value(value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"a header field's value is a str, not {type(value).__name__}: {value!r:.80}")
    made = raw(value)
    if any(byte in made for byte in _BREAKS):
        raise ValueError(f"a line break or NUL in the value of a header field: {value!r:.80}")
    return made


class Request:
    """The request's head, and its body as far as it is here."""

    __slots__ = ("_transaction", "headers")

    def __init__(self, transaction: Exchange) -> None:
        self._transaction = transaction
        self.headers: Headers = Headers(transaction, REQUEST)

    def _head(self) -> heads.Request:
        head = self._transaction._head(REQUEST)
        assert isinstance(head, heads.Request)
        return head

    @property
    def method(self) -> str:
        return text(self._head().method)

    @method.setter
    def method(self, value: str) -> None:
        self._transaction.change(("line", "method", _target(value)))

    @property
    def uri(self) -> str:
        """The whole target, as it stands in the request's line."""
        return text(self._head().uri)

    @uri.setter
    def uri(self, value: str) -> None:
        self._transaction.change(("line", "uri", _target(value)))

    @property
    def path(self) -> str:
        """From the first slash up to the query; "" where there is none, as in `OPTIONS *`."""
        return text(self._head().path or b"")

    @path.setter
    def path(self, value: str) -> None:
        self._transaction.change(("line", "path", _target(value)))

    @property
    def query(self) -> str:
        """What stands behind the question mark; "" without one."""
        return text(self._head().query or b"")

    @query.setter
    def query(self, value: str) -> None:
        self._transaction.change(("line", "query", _target(value)))

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query, decoded; of several with one name the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True, errors="surrogateescape"))

    @property
    def host(self) -> str:
        """The host that is asked for, with its port if it has one; "" where none is named."""
        return text(self._head().host or b"")

    @property
    def version(self) -> str:
        """As it was received: "1.1", "2.0"."""
        head = self._head()
        return f"{head.major}.{head.minor if head.major == 1 else 0}"

    @property
    def cookies(self) -> dict[str, str]:
        """By name; of several with one name the last."""
        return {text(name): text(value) for name, value in request_cookies(self._head())}

    @property
    def body(self) -> bytes:
        """What is here of the body: all of it, up to a buffer, behind `option http-buffer-request` or
        `http-request wait-for-body`; else what came along with the head."""
        self._head()
        return self._transaction._body()


class Response:
    """The response's head."""

    __slots__ = ("_transaction", "headers")

    def __init__(self, transaction: Exchange) -> None:
        self._transaction = transaction
        self.headers: Headers = Headers(transaction, RESPONSE)

    def _head(self) -> heads.Response:
        head = self._transaction._head(RESPONSE)
        assert isinstance(head, heads.Response)
        return head

    @property
    def status(self) -> int:
        return self._head().status

    @status.setter
    def status(self, value: int) -> None:
        if not isinstance(value, int) or not 100 <= value <= 999:
            raise ValueError(f"{value!r:.80} is no status of a response")
        self._transaction.change(("status", value, reason_of(value)))

    @property
    def reason(self) -> str:
        return text(self._head().reason)

    @reason.setter
    def reason(self, value: str) -> None:
        self._transaction.change(("status", self.status, field_value(value)))

    @property
    def cookies(self) -> dict[str, str]:
        """Those that it sets, without their attributes."""
        return {text(name): text(value) for name, value in response_cookies(self._head())}


def _target(value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"a part of the request's line is a str, not {type(value).__name__}: {value!r:.80}")
    made = raw(value)
    if any(byte <= 0x20 or byte == 0x7F for byte in made):
        raise ValueError(f"a blank or a control character in the request's line: {value!r:.80}")
    return made


class Variables:
    """Variables (manual 2.8), by their names with scope: "txn.user", "sess.seen", "proc.mode"."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Exchange) -> None:
        self._transaction = transaction

    def get(self, name: str, default: PythonValue | None = None) -> PythonValue | None:
        """Its value: str, bytes, int, bool or an address, as it was set; `default` where it has none."""
        variable_named(name)
        found = plain(self._transaction.variable_value(name))
        return default if found is None else found

    def __getitem__(self, name: str) -> PythonValue:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def set(self, name: str, value: PythonValue) -> None:
        """Give it a value. A dict or a list becomes a string of JSON."""
        variable_named(name)
        made = marked_value(value)
        kind = "addr" if isinstance(made, Packed) else "bin" if isinstance(made, Binary) else ""
        self._transaction.change(("set", name, kind, bytes(made) if isinstance(made, bytes) else made))

    __setitem__ = set

    def unset(self, name: str) -> None:
        """Forget its value, if it has one."""
        variable_named(name)
        self._transaction.change(("unset", name))

    __delitem__ = unset


_VARIABLES: Final[dict[str, Variable]] = {}  # by the names that functions have used


def variable_named(name: str) -> Variable:
    found = _VARIABLES.get(name)
    if found is None:
        try:
            found = parse_variable(name, NOWHERE, parents=True)
        except ConfigError as error:
            raise ValueError(error.finding.message) from None
        if len(_VARIABLES) < _MOST_NAMES:
            _VARIABLES[name] = found
    return found
