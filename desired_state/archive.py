"""A stack's files as bytes that fit the KV: compressed, cut into chunks, and back."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

CHUNK_B: Final = 256 * 1024
"""One chunk and the index fit a transaction (Consul: 512 KiB of JSON, values in base64)."""
_LIMIT_B: Final = 64 * 1024 * 1024
"""No archive of ours unpacks to more: what does was not written by us."""


class ArchiveDamaged(Exception):
    """The chunks are no archive."""


def pack(files: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """The same files give the same chunks."""
    listed = {path: base64.b64encode(files[path]).decode() for path in sorted(files)}
    packed = zlib.compress(json.dumps(listed, sort_keys=True).encode(), level=9)
    return tuple(packed[start : start + CHUNK_B] for start in range(0, len(packed), CHUNK_B))


def unpack(chunks: Sequence[bytes]) -> Mapping[str, bytes]:
    """Raises ArchiveDamaged."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(b"".join(chunks), _LIMIT_B)
        if not unpacker.eof:
            raise ArchiveDamaged("the archive is cut short, or larger than any of ours")
        return {path: base64.b64decode(data) for path, data in json.loads(text).items()}
    except (zlib.error, ValueError, AttributeError, TypeError) as error:
        raise ArchiveDamaged(f"the chunks are no archive of a stack: {error}") from None
