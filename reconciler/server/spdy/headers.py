"""Blocks of headers as SPDY/3 writes them: counted names and values, compressed with a dictionary known to both.

Pure apart from the state of the compression, which lives as long as its connection.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

BLOCK_BYTES_MAX = 64 * 1024
_NUMBER = struct.Struct(">I")


class HeadersError(ValueError):
    """A block of headers cannot be read; the connection is useless from there on."""


def _counted(words: str) -> bytes:
    return b"".join(_NUMBER.pack(len(word)) + word.encode() for word in words.split("|"))


# The protocol fixes this text; a compressed block names it by its checksum.
_DICTIONARY = _counted(
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|"
    "allow|authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|"
    "content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|"
    "if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|"
    "proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|"
    "upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|"
    "set-cookie|keep-alive|origin"
) + (
    b"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    b"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    b"403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    b"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    b"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    b"text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY_CHECKSUM = zlib.adler32(_DICTIONARY)


class HeaderWriter:
    """Compresses the blocks of one direction of a connection, in order."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(zdict=_DICTIONARY)

    def block(self, headers: Mapping[str, str]) -> bytes:
        """Return the compressed block of these headers."""
        pairs = [_NUMBER.pack(len(headers))]
        for name, value in headers.items():
            pairs += [_sized(name.lower()), _sized(value)]
        return self._compressor.compress(b"".join(pairs)) + self._compressor.flush(zlib.Z_SYNC_FLUSH)


class HeaderReader:
    """Reads the blocks of one direction of a connection, in order."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(zdict=_DICTIONARY)

    def headers(self, block: bytes) -> dict[str, str]:
        """Return the headers of a compressed block; raise HeadersError for a malformed or an oversized one."""
        try:
            plain = self._decompressor.decompress(block, BLOCK_BYTES_MAX)
        except zlib.error as error:
            raise HeadersError(f"headers do not decompress: {error}") from error
        if self._decompressor.unconsumed_tail:
            raise HeadersError(f"headers are larger than {BLOCK_BYTES_MAX} bytes")
        return dict(_pairs(plain))


def _sized(text: str) -> bytes:
    encoded = text.encode("latin-1")
    return _NUMBER.pack(len(encoded)) + encoded


def _pairs(plain: bytes) -> Iterator[tuple[str, str]]:
    texts = _texts(plain)
    for name in texts:
        yield name.lower(), next(texts)


def _texts(plain: bytes) -> Iterator[str]:
    count, position = _number(plain, 0), _NUMBER.size
    for _ in range(2 * count):
        size = _number(plain, position)
        position += _NUMBER.size + size
        if position > len(plain):
            raise HeadersError("headers are cut off")
        yield plain[position - size : position].decode("latin-1")


def _number(plain: bytes, position: int) -> int:
    if position + _NUMBER.size > len(plain):
        raise HeadersError("headers are cut off")
    return int(_NUMBER.unpack_from(plain, position)[0])
