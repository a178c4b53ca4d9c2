"""The two clocks: monotonic milliseconds for everything that waits, wall-clock milliseconds for what people read."""

import os
import time


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Milliseconds since the epoch (UTC)."""
    return time.time_ns() // 1_000_000


def program_start() -> int:
    """When this process was started (monotonic ms, to a hundredth of a second); now, where the system does not say."""
    now = monotonic_ms()
    try:
        with open("/proc/self/stat", encoding="latin-1") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])  # the 22nd of all, proc(5)
    except (OSError, ValueError, IndexError):
        return now
    age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000 - ticks * 1000 // os.sysconf("SC_CLK_TCK")
    return now - max(0, age)
