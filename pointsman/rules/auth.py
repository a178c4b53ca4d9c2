"""http-request auth (manual 4.4): ask for a user and a password (RFC 7617)."""

from pointsman.config.action import ANSWER, HTTP_REQUEST, Action, RuleArgs, action
from pointsman.rules.reply import Challenge
from pointsman.sample.context import Context
from pointsman.sample.fetch.auth import goes_to_proxy
from pointsman.sample.types import Reads, Writes


def challenge(context: Context, realm: bytes) -> Challenge:
    """What asks for a user of that realm, in the words of a server or of a proxy (RFC 9110 11.6, 11.7)."""
    value = b'Basic realm="%b"' % realm
    if goes_to_proxy(context):
        return Challenge(407, b"proxy-authenticate", value)
    return Challenge(401, b"www-authenticate", value)


class Auth(Action):
    """Answer with the page for 401 (407: of a proxy) and a challenge. Without a realm the proxy's name is one."""

    def __init__(self, realm: bytes) -> None:
        super().__init__()
        self.final = True
        self.realm = realm

    def run(self, context: Context) -> int:
        realm = self.realm or (context.backend or context.frontend).name
        context.answer = challenge(context, realm)
        return ANSWER


@action("auth", HTTP_REQUEST, "4.4", reads=Reads.MOVING | Reads.REQUEST_LINE, writes=Writes.NOTHING)
def parse_auth(args: RuleArgs) -> Action:
    """auth [realm <realm>]: answer 401 and ask for a user and a password (407 for a proxied request under option
    http-use-proxy-header)."""
    realm = b""
    if args.accept("realm"):
        realm = args.word("<realm>").text.encode("utf-8", "surrogateescape")
    if realm:
        args.only(reads=Reads.REQUEST_LINE)  # not the name of the backend or frontend
    return Auth(realm)
