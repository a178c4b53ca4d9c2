"""tune.vars.*-max-size: how much memory variables may take (manual 3.2; those of checks in the same way).

Limits contain each other: what a variable of a request takes counts for the exchange, its connection, the process, and
all together. A variable that does not fit is not set and keeps the value that it has. As in HAProxy (measured of 3.2),
each takes 80 bytes, and a string its length besides. With several lanes each counts for itself.
"""

from typing import Final

from pointsman.sample.context import Context, Session, Variables
from pointsman.sample.types import Packed, Value

COST: Final = 80
_REQUEST: Final = b"req."
_RESPONSE: Final = b"res."


class VariableLimits:
    """In bytes; 0: none."""

    def __init__(self) -> None:
        self.on = False  # there is any limit
        self.used = 0  # by the variables of this lane's connections and exchanges
        self.set(0, 0, 0, 0, 0)

    def set(self, overall: int, process: int, session: int, exchange: int, message: int, check: int = 0) -> None:
        self.overall = overall
        self.process = process
        self.session = session
        self.exchange = exchange
        self.message = message
        self.check = check
        self.on = overall > 0 or process > 0 or session > 0 or exchange > 0 or message > 0 or check > 0
        self.used = 0

    def admits(self, ctx: Context, key: bytes, value: Value | None, process: Variables) -> bool:
        """Whether a variable may have that value (None: it is unset); then it counts."""
        store = (
            process
            if key.startswith(b"proc.")
            else ctx.session.variables
            if key.startswith(b"sess.")
            else ctx.variables
        )
        grows = weight(value) - weight(store.get(key))
        if grows > 0 and not self._fits(ctx, key, grows, process):
            return False
        if store is not process:
            self.used += grows
            if store is ctx.variables:
                ctx.charge += grows
            else:
                ctx.session.charge += grows
        return True

    def _fits(self, ctx: Context, key: bytes, grows: int, process: Variables) -> bool:
        limit = min(self.overall or self.process, self.process or self.overall)
        if limit and self.used + weights(process, b"") + grows > limit:
            return False
        if key.startswith(b"proc."):
            return True
        if key.startswith(b"check."):
            return not self.check or ctx.charge + grows <= self.check
        if self.session and ctx.charge + ctx.session.charge + grows > self.session:
            return False
        if key.startswith(b"sess."):
            return True
        if self.exchange and ctx.charge + grows > self.exchange:
            return False
        scope = _RESPONSE if ctx.responding else _REQUEST
        return not (self.message and key.startswith(scope) and weights(ctx.variables, scope) + grows > self.message)

    def exchange_over(self, ctx: Context) -> None:
        """Its variables are gone."""
        self.used -= ctx.charge
        ctx.charge = 0

    def session_over(self, session: Session) -> None:
        """Its own are gone, too."""
        self.used -= session.charge
        session.charge = 0


def weight(value: Value | None) -> int:
    """What a variable with that value takes."""
    if value is None:
        return 0
    return COST + len(value) if isinstance(value, bytes) and not isinstance(value, Packed) else COST


def weights(store: Variables, start: bytes) -> int:
    """What all variables take whose names begin so."""
    total = 0
    for key, value in store.items():
        if key.startswith(start):
            total += weight(value)
    return total


VARIABLE_LIMITS: Final = VariableLimits()
