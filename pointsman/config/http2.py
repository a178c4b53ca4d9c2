"""Which parts of HTTP/2 are built. What asks for one that is not is refused by name, or left out with a warning."""

CHECKS = False  # their checks do: `check-proto h2`, `check-alpn h2`, `http-check connect proto h2`
