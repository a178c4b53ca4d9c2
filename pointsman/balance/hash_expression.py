"""Hash: the value of an expression names the server (manual 4.2 "balance hash")."""

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.hashing import Function, number
from pointsman.balance.registry import Make, algorithm
from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression, parse_expression
from pointsman.sample.types import Type, Where


class Sample(HashKey):
    """The value as bytes: addresses packed, numbers in eight bytes. The function "none" reads it as text."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.binary = expression.cast_to(Type.BIN)

    def bytes(self, context: Context) -> bytes | None:
        if self.binary is None:
            return self.expression.get_bytes(context)
        value = self.binary(context)
        assert value is None or isinstance(value, bytes)
        return value

    def hash(self, context: Context, function: Function) -> int | None:
        key = self.expression.get_bytes(context) if function is number else self.bytes(context)
        return None if key is None else function(key)


@algorithm("hash", hashed=True)
def hash_expression(args: Args, argument: str) -> Make:
    """hash <expr>: by any sample of the request (manual 4.2)."""
    if not args.more():
        raise ConfigError("balance hash requires a sample expression.", args.here, "<expr>")
    expression = parse_expression(args.word("<expr>"), Where.REQUEST, acls_of(args.section))
    return by_hash(Sample(expression), expression)
