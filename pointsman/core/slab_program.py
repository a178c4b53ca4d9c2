"""Programs of slabs: changes of one entry that are made together, under one lock, and what is read of one.

A program is a sequence of operations of eight bytes, made at start-up (`op`), in the machine's byte order:

    code (8 bits) | 0 (8) | offset in the entry's data (16) | argument (32)

`amount` and `now` (ms) are given with each run. Counters wrap. A rate is three 32-bit cells from its offset on: when
its period began (ms, the lowest 32 bits), what was counted since, and what was counted in the period before, which
fades linearly while this one passes, but for a single event, which stays until that has passed (HAProxy's frequency
counters). Its operations have the period as argument, in ms.

    code            bytes  what
    ADD1_32         4      one more                            ADD1_64    8
    ADD_32          4      `amount` more                       ADD_64     8
    SET_32          4      `amount`                            SET_64     8
    RATE1           12     counts one                          RATE       12    counts `amount`
    RATE_SET        12     a period begins in which `amount` was counted already, and nothing before
    CURRENT_UP      0      one more in this slot's gauge       CURRENT_DOWN
    CURRENT_SET     0      as much in this slot's that the sum over all slots is `amount`
    TOUCH           0      the time is up after the argument, in ms; 0: never. It becomes the newest
    PIN, UNPIN      0      as the methods

    READ_32         4      the cell                            READ_64    8
    READ_RATE       12     what the rate is now
    READ_CURRENT    0      the sum over all slots              READ_PINS
    READ_EXPIRY     0      ms; 0: never                        READ_CHANGE      the number of its last change
"""

import struct
from typing import Final

OP: Final = struct.Struct("=BBHI")

ADD1_32: Final = 1
ADD_32: Final = 2
ADD1_64: Final = 3
ADD_64: Final = 4
SET_32: Final = 5
SET_64: Final = 6
RATE1: Final = 7
RATE: Final = 8
RATE_SET: Final = 9
CURRENT_UP: Final = 10
CURRENT_DOWN: Final = 11
CURRENT_SET: Final = 12
TOUCH: Final = 13
PIN: Final = 14
UNPIN: Final = 15

READ_32: Final = 32
READ_64: Final = 33
READ_RATE: Final = 34
READ_CURRENT: Final = 35
READ_PINS: Final = 36
READ_EXPIRY: Final = 37
READ_CHANGE: Final = 38

_RATES: Final = (RATE1, RATE, RATE_SET, READ_RATE)
SIZES: Final = {  # bytes of data that each one needs from its offset on
    **dict.fromkeys((ADD1_32, ADD_32, SET_32, READ_32), 4),
    **dict.fromkeys((ADD1_64, ADD_64, SET_64, READ_64), 8),
    **dict.fromkeys(_RATES, 12),
    **dict.fromkeys((CURRENT_UP, CURRENT_DOWN, CURRENT_SET, TOUCH, PIN, UNPIN), 0),
    **dict.fromkeys((READ_CURRENT, READ_PINS, READ_EXPIRY, READ_CHANGE), 0),
}
MOST: Final = 64  # operations of one program


def op(code: int, offset: int = 0, argument: int = 0) -> bytes:
    """One operation; programs are several of them, one behind the other."""
    return OP.pack(code, 0, offset, argument)


def is_sound(code: int, offset: int, argument: int, data_size: int) -> bool:
    """Entries with so many bytes of data have what the operation needs."""
    size = SIZES.get(code, -1)
    if size <= 0:
        return size == 0
    return offset + size <= data_size and (argument > 0 or code not in _RATES)
