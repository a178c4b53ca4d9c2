"""The one exception that untrusted bytes may cause in a parser."""

from typing import Final

UNANSWERED: Final = 0  # a status: who sent that does not understand an answer


class ProtocolError(Exception):
    """The peer's bytes are not what its protocol allows. `status` is what a client is told: 400, 413, 414, 417, 422,
    431, 405 and 505 for its own fault, 502 for a server's, UNANSWERED where nothing is said."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status
