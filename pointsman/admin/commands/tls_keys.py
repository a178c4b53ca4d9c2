"""show tls-keys, set ssl tls-key (management manual 9.3): the keys of session tickets that come from files."""

import base64

from pointsman.admin.command import ADMIN, INFO, Call, CommandError, command
from pointsman.admin.publish import publish
from pointsman.tls.tickets import TicketKeys, decode


@command(
    "show tls-keys",
    "show tls-keys [id|*]",
    "show tls keys references or dump tls ticket keys when id specified",
    level=ADMIN,
)
def show_ticket_keys(call: Call) -> str:
    """show tls-keys [id|*]: the files that keys were read from, or the keys of one of them or of all."""
    known = list(enumerate(call.view.tickets.numbered()))
    wanted = call.word(0)
    if not wanted:
        return "# id (file)\n" + "".join(f"{number} ({keys.name})\n" for number, keys in known)
    if wanted != "*":
        found = call.view.tickets.find(wanted)
        if found is None:
            raise CommandError("'show tls-keys' unable to locate referenced filename")
        known = [(number, keys) for number, keys in known if keys is found]
    return "# id secret\n" + "".join(_secrets(number, keys) for number, keys in known)


def _secrets(number: int, keys: TicketKeys) -> str:
    lines = [f"{number}.{place} {base64.b64encode(key).decode()}\n" for place, key in enumerate(keys.keys)]
    return f"# {number} ({keys.name})\n" + "".join(lines)


@command(
    "set ssl tls-key",
    "set ssl tls-key [id|file] <key>",
    "set the next TLS key for the <id> or <file> listener to <key>",
    level=ADMIN,
)
async def set_ticket_key(call: Call) -> str:
    """set ssl tls-key <id> <tlskey>: it becomes the last one, the one before it seals, and the oldest goes."""
    tickets = call.view.tickets
    if not call.word(1):
        raise CommandError("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.")
    found = tickets.find(call.word(0))
    if found is None:
        raise CommandError("'set ssl tls-key' unable to locate referenced filename")
    try:
        key = decode(call.word(1))
    except ValueError:
        raise CommandError("'set ssl tls-key' received invalid base64 encoded TLS key.") from None
    if len(key) != len(found.keys[0]):
        raise CommandError("'set ssl tls-key' received a key of wrong size.")
    await publish(call, tickets.addition(found, key))
    raise CommandError("TLS ticket key updated!", INFO)
