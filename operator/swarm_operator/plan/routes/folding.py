"""Names that Go takes for the same: `strings.EqualFold`."""

from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def folded(name: str) -> str:
    """Equal for names that Go's EqualFold takes for equal."""
    if name.isascii():
        return name.lower()
    return "".join(_folded_letter(letter) for letter in name)


def _folded_letter(letter: str) -> str:
    upper = letter.upper()
    lower = (upper if len(upper) == 1 else letter).lower()
    return lower if len(lower) == 1 else letter
