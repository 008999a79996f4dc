"""The hash by which a folder in the KV is known to be just what `push` wrote there."""

import hashlib
from collections.abc import Mapping
from typing import Final

from desired_state import keys

OWN_MARKERS: Final = frozenset({keys.PUSHED, keys.PUSHING})


def folder_hash(files: Mapping[str, bytes]) -> str:
    """SHA-256, in hex, over the paths and contents of a stack's folder, whatever their order.

    The markers of `push` itself do not count. The hash lies beside the files, never where only
    names may be seen: it would let a short secret be guessed.
    """
    digest = hashlib.sha256()
    for path in sorted(set(files) - OWN_MARKERS):
        for part in (path.encode(), files[path]):
            # Lengths keep ("ab", "c") and ("a", "bc") apart.
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()
