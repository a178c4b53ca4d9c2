"""Environment variables that a file uses and nobody has set: each gets a value that fits its name, and a notice."""

import os
from typing import Final, overload

FIRST_PORT: Final = 9001
_KINDS: Final = (  # what a name has in it, and what it then probably is; the first that fits
    (("HOSTNAME", "DOMAIN", "FQDN"), "example.com"),
    (("HOST", "ADDR", "_IP", "IP_", "SERVER", "NODE", "BIND", "LISTEN", "DNS"), "127.0.0.1"),
    (("TIMEOUT", "INTERVAL", "DELAY", "_TIME", "TTL", "INTER"), "30s"),
    (("MAX", "LIMIT", "COUNT", "RATE", "NUM", "SIZE", "THREADS", "WEIGHT", "CONN"), "100"),
    (("LEVEL",), "info"),
    (("MODE",), "http"),
    (("BALANCE", "ALGORITHM"), "roundrobin"),
)


class StandIns(dict[str, str]):
    """The environment of a load. `made`: what was invented, by name."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(environment)
        self.made: dict[str, str] = {}

    @overload  # type: ignore[override]
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str, /) -> str: ...
    def get(self, name: str, default: str | None = None, /) -> str | None:
        """A default that the file itself has counts; where it has none, a value is made once."""
        found = super().get(name)
        if found is not None or default:
            return found if found is not None else default
        if name not in self.made:
            self.made[name] = self._value(name)
        return self.made[name]

    # What the files set is seen by all that reads the environment later (the fetch env, python-load).

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        os.environ[name] = value

    def setdefault(self, name: str, default: str = "", /) -> str:
        if name not in self:
            self[name] = default
        return self[name]

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        os.environ.pop(name, None)

    def pop(self, name: str, default: str | None = None, /) -> str | None:  # type: ignore[override]
        os.environ.pop(name, None)
        return super().pop(name, default)

    def _value(self, name: str) -> str:
        upper = name.upper()
        if "PORT" in upper:
            return str(FIRST_PORT + sum("PORT" in one.upper() for one in self.made))
        for parts, value in _KINDS:
            if any(part in upper for part in parts) or upper == "IP":
                return value if upper != "IP" else "127.0.0.1"
        return name.lower().replace("_", "-")
