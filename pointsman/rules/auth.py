"""http-request auth (manual 4.4): ask for a user and a password (RFC 7617)."""

from pointsman.config.action import ANSWER, HTTP_REQUEST, Action, RuleArgs, action
from pointsman.rules.reply import Challenge
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes


class Auth(Action):
    """Answer with the page for 401 and a challenge. Without a realm the proxy's name is one."""

    def __init__(self, realm: bytes) -> None:
        super().__init__()
        self.final = True
        self.realm = realm

    def run(self, context: Context) -> int:
        realm = self.realm or (context.backend or context.frontend).name
        context.answer = Challenge(401, b"www-authenticate", b'Basic realm="%b"' % realm)
        return ANSWER


@action("auth", HTTP_REQUEST, "4.4", reads=Reads.MOVING, writes=Writes.NOTHING)
def parse_auth(args: RuleArgs) -> Action:
    """auth [realm <realm>]: answer 401 and ask for a user and a password."""
    realm = b""
    if args.accept("realm"):
        realm = args.word("<realm>").text.encode("utf-8", "surrogateescape")
    if realm:
        args.only(reads=Reads.NOTHING)  # not the name of the backend or frontend
    return Auth(realm)
