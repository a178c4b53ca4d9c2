"""What is counted, and what may be asked, of a connection of HTTP/2, at either side: h2_* of `show stat`, and the
fetches of streams (sample/fetch/streams.py)."""

from mypy_extensions import mypyc_attr

from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.sample.context import StreamsFacts


@mypyc_attr(free_list_len=1)
class H2Facts(StreamsFacts):
    def __init__(self, endpoint: H2Endpoint) -> None:
        """The connection is there."""
        self.endpoint = endpoint
        self.counters = endpoint.counters
        self.counters.begin()

    def open_streams(self) -> int:
        return len(self.endpoint.streams)

    def streams_limit(self) -> int:
        endpoint = self.endpoint
        most = endpoint.options.streams
        return min(most, endpoint.most) if endpoint.client else most

    def request(self) -> None:
        """A client's stream is a request, which its frontend counts as well."""
        self.counters.opened += 1
        self.counters.requests += 1

    def count(self) -> None:
        """Add up what was counted lately."""
        self.counters.fold(len(self.endpoint.streams))

    def moved(self, up: int, down: int) -> None:
        counters = self.counters
        counters.bytes_in += up
        counters.bytes_out += down
        if not counters.open:
            counters.fold(0)

    def end(self) -> None:
        """The connection is gone."""
        self.counters.end()
