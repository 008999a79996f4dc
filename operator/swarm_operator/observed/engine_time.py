"""Times as the engine writes them, in all that it answers."""

from datetime import datetime


def parse_time(text: str) -> datetime | None:
    """RFC 3339 in UTC with up to nine digits of fraction, of which six are kept; None where it is none.

    Go leaves the zeros at a fraction's end out (`time.RFC3339Nano`).
    """
    whole, dot, fraction = text.removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}{dot}{fraction[:6]}+00:00")
    except ValueError:
        return None
