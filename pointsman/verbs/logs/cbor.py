"""CBOR as log-formats write it (RFC 8949): numbers, texts, lists and maps, in hexadecimal digits."""

from typing import Final

DEEPEST: Final = 8  # lists in lists: formats write one
BREAK: Final = 0xFF


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def _take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError("it ends within a value")
        found = self.data[self.at : self.at + count]
        self.at += count
        return found

    def value(self, depth: int = 0) -> object:
        if depth > DEEPEST:
            raise ValueError("too deep")
        first = self._take(1)[0]
        major, low = first >> 5, first & 0x1F
        if major == 7:
            simple: dict[int, object] = {20: False, 21: True, 22: None}
            if low not in simple:
                raise ValueError("a value that log-formats do not write")
            return simple[low]
        if low == 31:
            return self._open(major, depth)
        if low > 27:
            raise ValueError("a length that is reserved")
        number = low if low < 24 else int.from_bytes(self._take(1 << (low - 24)), "big")
        if major < 2:
            return number if major == 0 else -1 - number
        if major == 2:
            return self._take(number).decode("utf-8", "backslashreplace")
        if major == 3:
            return self._take(number).decode("utf-8", "replace")
        if major == 4:
            return [self.value(depth + 1) for _ in range(self._fitting(number))]
        if major == 5:
            return {str(self.value(depth + 1)): self.value(depth + 1) for _ in range(self._fitting(number))}
        raise ValueError("a tag")

    def _fitting(self, number: int) -> int:
        """No more items than there are bytes."""
        if number > len(self.data) - self.at:
            raise ValueError("it ends within a list")
        return number

    def _open(self, major: int, depth: int) -> object:
        """Of indefinite length."""
        items: list[object] = []
        while self.at < len(self.data) and self.data[self.at] != BREAK:
            items.append(self.value(depth + 1))
        self._take(1)
        if major == 4:
            return items
        if major == 5 and len(items) % 2 == 0:
            return {str(name): value for name, value in zip(items[::2], items[1::2], strict=True)}
        if major in (2, 3):
            return "".join(str(one) for one in items)
        raise ValueError("a value that log-formats do not write")


def read_cbor(digits: str) -> object:
    """The one value that hexadecimal digits stand for; None where they are none."""
    try:
        reader = _Reader(bytes.fromhex(digits))
        found = reader.value()
    except ValueError:
        return None
    return found if reader.at == len(reader.data) else None
