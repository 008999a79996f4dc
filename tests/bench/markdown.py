"""Tables that read well on a terminal, and can be pasted into a document."""

from collections.abc import Iterator, Sequence


def table(cells: Sequence[Sequence[str]], texts: int = 1) -> Iterator[str]:
    """The lines of a table whose first row is the head; its first `texts` columns are texts."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, row in enumerate(cells):
        padded = (
            cell.ljust(width) if column < texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            rules = ("-" * w if c < texts else "-" * (w - 1) + ":" for c, w in enumerate(widths))
            yield f"| {' | '.join(rules)} |"
