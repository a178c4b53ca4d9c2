"""The two clocks: monotonic milliseconds for everything that waits, wall-clock milliseconds for what people read."""
import time


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Milliseconds since the epoch (UTC)."""
    return time.time_ns() // 1_000_000
