"""The order in which Go's `sort.Slice` leaves equal items.

docker/cli sorts a service's ports by their published number with it. Up to 12 items that is an
insertion sort, which keeps equal items in order; beyond, it is pattern-defeating quicksort, which
does not, but always ends in the same order. The order of ports alone restarts tasks, so it has to be
the same one here. Positions below are those of the algorithm as Go has it since 1.19.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Generic, TypeVar

ItemT = TypeVar("ItemT")

_MAX_INSERTION: Final = 12
_SHORTEST_NINTHER: Final = 50
_SHORTEST_SHIFTING: Final = 50
_MAX_SHIFTS: Final = 5
_MAX_SWAPS: Final = 12
_UINT64: Final = 2**64 - 1


class _Hint(Enum):
    UNKNOWN = 0
    INCREASING = 1
    DECREASING = 2


def sorted_as_go(items: list[ItemT], key: Callable[[ItemT], int]) -> list[ItemT]:
    """`items` by `key`, equal ones as `sort.Slice` leaves them."""
    if len(items) <= _MAX_INSERTION:
        return sorted(items, key=key)
    sorting = _Sorting(list(items), [key(item) for item in items])
    sorting.sort(0, len(items), len(items).bit_length())
    return sorting.items


@dataclass(slots=True)
class _Sorting(Generic[ItemT]):
    items: list[ItemT]
    keys: list[int] = field(default_factory=list)

    def less(self, i: int, j: int) -> bool:
        return self.keys[i] < self.keys[j]

    def swap(self, i: int, j: int) -> None:
        self.items[i], self.items[j] = self.items[j], self.items[i]
        self.keys[i], self.keys[j] = self.keys[j], self.keys[i]

    def sort(self, start: int, end: int, limit: int) -> None:
        """Sorts [start, end); after `limit` bad pivots by a heap."""
        was_balanced = was_partitioned = True
        while end - start > _MAX_INSERTION:
            length = end - start
            if limit == 0:
                self._heap_sort(start, end)
                return
            if not was_balanced:
                self._break_patterns(start, end)
                limit -= 1
            pivot, hint = self._pivot(start, end)
            if hint is _Hint.DECREASING:
                self._reverse(start, end)
                pivot, hint = (end - 1) - (pivot - start), _Hint.INCREASING
            likely_sorted = was_balanced and was_partitioned and hint is _Hint.INCREASING
            if likely_sorted and self._nearly_sorted(start, end):
                return
            if start > 0 and not self.less(start - 1, pivot):
                start = self._partition_equal(start, end, pivot)
                continue
            middle, was_partitioned = self._partition(start, end, pivot)
            left, right = middle - start, end - middle
            was_balanced = min(left, right) >= length // 8
            if left < right:
                self.sort(start, middle, limit)
                start = middle + 1
            else:
                self.sort(middle + 1, end, limit)
                end = middle
        self._insertion_sort(start, end)

    def _insertion_sort(self, start: int, end: int) -> None:
        for i in range(start + 1, end):
            self._sift_left(i, start)

    def _sift_left(self, i: int, floor: int) -> None:
        while i > floor and self.less(i, i - 1):
            self.swap(i, i - 1)
            i -= 1

    def _heap_sort(self, start: int, end: int) -> None:
        size = end - start
        for root in range((size - 1) // 2, -1, -1):
            self._sift_down(root, size, start)
        for last in range(size - 1, -1, -1):
            self.swap(start, start + last)
            self._sift_down(0, last, start)

    def _sift_down(self, root: int, size: int, first: int) -> None:
        while (child := 2 * root + 1) < size:
            if child + 1 < size and self.less(first + child, first + child + 1):
                child += 1
            if not self.less(first + root, first + child):
                return
            self.swap(first + root, first + child)
            root = child

    def _reverse(self, start: int, end: int) -> None:
        self.items[start:end] = reversed(self.items[start:end])
        self.keys[start:end] = reversed(self.keys[start:end])

    def _break_patterns(self, start: int, end: int) -> None:
        """Moves three items about, by a generator that is seeded with the length alone."""
        length = end - start
        state = length
        index = start + length // 4 * 2 - 1
        for offset in range(3):
            state ^= state << 13 & _UINT64
            state ^= state >> 7
            state ^= state << 17 & _UINT64
            other = state & ((1 << length.bit_length()) - 1)
            if other >= length:
                other -= length
            self.swap(index + offset, start + other)

    def _pivot(self, start: int, end: int) -> tuple[int, _Hint]:
        """A pivot of three, or of nine, and what the comparisons tell of the order."""
        quarter = (end - start) // 4
        candidates = [start + quarter, start + quarter * 2, start + quarter * 3]
        swaps = 0
        if end - start >= _SHORTEST_NINTHER:
            for n, middle in enumerate(candidates):
                candidates[n], count = self._median(middle - 1, middle, middle + 1)
                swaps += count
        pivot, count = self._median(*candidates)
        swaps += count
        hints = {0: _Hint.INCREASING, _MAX_SWAPS: _Hint.DECREASING}
        return pivot, hints.get(swaps, _Hint.UNKNOWN)

    def _median(self, a: int, b: int, c: int) -> tuple[int, int]:
        swaps = 0
        if self.less(b, a):
            a, b, swaps = b, a, swaps + 1
        if self.less(c, b):
            b, swaps = c, swaps + 1
        if self.less(b, a):
            b, swaps = a, swaps + 1
        return b, swaps

    def _nearly_sorted(self, start: int, end: int) -> bool:
        """Whether the range is sorted now, after a few shifts at most."""
        i = start + 1
        for _ in range(_MAX_SHIFTS):
            while i < end and not self.less(i, i - 1):
                i += 1
            if i == end:
                return True
            if end - start < _SHORTEST_SHIFTING:
                return False
            self.swap(i, i - 1)
            if i - start >= 2:
                self._sift_left(i - 1, 0)
            if end - i >= 2:
                self._sift_right(i + 1, end)
        return False

    def _sift_right(self, i: int, end: int) -> None:
        while i < end and self.less(i, i - 1):
            self.swap(i, i - 1)
            i += 1

    def _partition(self, start: int, end: int, pivot: int) -> tuple[int, bool]:
        """Smaller items left of the pivot, others right; and whether they were already."""
        self.swap(start, pivot)
        i, j = start + 1, end - 1
        moved = False
        while True:
            while i <= j and self.less(i, start):
                i += 1
            while i <= j and not self.less(j, start):
                j -= 1
            if i > j:
                break
            self.swap(i, j)
            moved = True
            i, j = i + 1, j - 1
        self.swap(j, start)
        return j, not moved

    def _partition_equal(self, start: int, end: int, pivot: int) -> int:
        """Items equal to the pivot left, greater ones right; where those begin."""
        self.swap(start, pivot)
        i, j = start + 1, end - 1
        while True:
            while i <= j and not self.less(start, i):
                i += 1
            while i <= j and self.less(start, j):
                j -= 1
            if i > j:
                return i
            self.swap(i, j)
            i, j = i + 1, j - 1
