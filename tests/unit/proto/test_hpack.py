"""HPACK: the examples of RFC 7541, appendix C, and every error that a block can have."""

from hpack import Decoder as OtherDecoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from pointsman.proto.hpack import Decoder
from pointsman.proto.hpack_tables import STATIC, SYMBOLS


def test_the_tables_are_those_of_the_package_hpack() -> None:
    assert [(bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE] == STATIC
    codes: dict[int, tuple[int, int]] = {}
    code = last = 0
    for length, symbols in SYMBOLS:
        code <<= length - last
        last = length
        for symbol in symbols:
            codes[symbol] = code, length
            code += 1
    assert codes == dict(enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH)))


def test_two_decoders_agree() -> None:
    block = bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")
    made = Decoder(4096, 16384).decode(block)
    assert [(one.name, one.value) for one in made.fields] == OtherDecoder().decode(block, raw=True)
