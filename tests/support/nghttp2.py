"""HPACK of libnghttp2 (Debian: libnghttp2-14), by ctypes: what our decoder and encoder are compared with."""

from ctypes import CDLL, POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_ssize_t, c_uint8, c_void_p, string_at
from ctypes import cast as pointer_as
from typing import Final

Pair = tuple[bytes, bytes]

NO_INDEX: Final = 1  # NGHTTP2_NV_FLAG_NO_INDEX: a literal that may never be indexed
_FINAL: Final = 1
_EMIT: Final = 2


class _Nv(Structure):
    _fields_ = [
        ("name", c_void_p),
        ("value", c_void_p),
        ("name_size", c_size_t),
        ("value_size", c_size_t),
        ("flags", c_uint8),
    ]


_LIBRARY: Final = CDLL("libnghttp2.so.14")
for _name, _result, _arguments in (
    ("nghttp2_hd_deflate_new", c_int, [POINTER(c_void_p), c_size_t]),
    ("nghttp2_hd_deflate_del", None, [c_void_p]),
    ("nghttp2_hd_deflate_change_table_size", c_int, [c_void_p, c_size_t]),
    ("nghttp2_hd_deflate_bound", c_size_t, [c_void_p, POINTER(_Nv), c_size_t]),
    ("nghttp2_hd_deflate_hd", c_ssize_t, [c_void_p, c_void_p, c_size_t, POINTER(_Nv), c_size_t]),
    ("nghttp2_hd_inflate_new", c_int, [POINTER(c_void_p)]),
    ("nghttp2_hd_inflate_del", None, [c_void_p]),
    ("nghttp2_hd_inflate_change_table_size", c_int, [c_void_p, c_size_t]),
    ("nghttp2_hd_inflate_hd2", c_ssize_t, [c_void_p, POINTER(_Nv), POINTER(c_int), c_char_p, c_size_t, c_int]),
    ("nghttp2_hd_inflate_end_headers", c_int, [c_void_p]),
):
    _function = getattr(_LIBRARY, _name)
    _function.restype, _function.argtypes = _result, _arguments


class InflateError(Exception):
    """The library refuses a block."""


class Deflater:
    """An encoder. `most`: bytes of its table."""

    def __init__(self, most: int = 4096) -> None:
        self._handle = c_void_p()
        assert not _LIBRARY.nghttp2_hd_deflate_new(byref(self._handle), most)

    def __del__(self) -> None:
        _LIBRARY.nghttp2_hd_deflate_del(self._handle)

    def resize(self, size: int) -> None:
        """The peer's SETTINGS ask for that; the next block says so."""
        assert not _LIBRARY.nghttp2_hd_deflate_change_table_size(self._handle, size)

    def encode(self, pairs: list[Pair], flags: int = 0) -> bytes:
        made = (_Nv * max(len(pairs), 1))()
        for i, (name, value) in enumerate(pairs):
            place = pointer_as(c_char_p(name), c_void_p), pointer_as(c_char_p(value), c_void_p)
            made[i] = _Nv(*place, len(name), len(value), flags)
        room = _LIBRARY.nghttp2_hd_deflate_bound(self._handle, made, len(pairs))
        out = (c_uint8 * max(room, 1))()
        size = _LIBRARY.nghttp2_hd_deflate_hd(self._handle, out, room, made, len(pairs))
        assert size >= 0
        return bytes(out[:size])


class Inflater:
    """A decoder."""

    def __init__(self) -> None:
        self._handle = c_void_p()
        assert not _LIBRARY.nghttp2_hd_inflate_new(byref(self._handle))

    def __del__(self) -> None:
        _LIBRARY.nghttp2_hd_inflate_del(self._handle)

    def resize(self, size: int) -> None:
        """The peer has acknowledged SETTINGS with this size."""
        assert not _LIBRARY.nghttp2_hd_inflate_change_table_size(self._handle, size)

    def decode(self, block: bytes) -> list[Pair]:
        found: list[Pair] = []
        at = 0
        while True:
            one, flags = _Nv(), c_int()
            rest = block[at:]
            size = _LIBRARY.nghttp2_hd_inflate_hd2(self._handle, byref(one), byref(flags), rest, len(rest), 1)
            if size < 0:
                raise InflateError(size)
            at += size
            if flags.value & _EMIT:
                found.append((string_at(one.name, one.name_size), string_at(one.value, one.value_size)))
            if flags.value & _FINAL:
                break
            assert size or flags.value & _EMIT
        assert not _LIBRARY.nghttp2_hd_inflate_end_headers(self._handle)
        return found
