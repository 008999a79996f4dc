"""The bindings of all documents, from the thread that reads documents to the one that acts on them."""

import threading
from collections.abc import Callable

from swarm_operator.plan.dns.wishes import Wishes


class WishBox:
    """Holds the newest wishes; thread-safe."""

    def __init__(
        self,
        on_news: Callable[[], None] = lambda: None,
        term: Callable[[], object] = lambda: None,
    ) -> None:
        """`term`: of the lease. Documents are read by who leads only: what was wished in an earlier
        term says nothing of what was written since, and would take new names for gone ones."""
        self._on_news = on_news
        self._term = term
        self._lock = threading.Lock()
        self._latest: tuple[Wishes, object] | None = None

    def put(self, wishes: Wishes) -> None:
        """After a complete read only: what is not in it is not wished any more."""
        put = wishes, self._term()
        with self._lock:
            is_new = put != self._latest
            if is_new:
                self._latest = put
        if is_new:
            self._on_news()

    def latest(self) -> Wishes | None:
        """None before the first of this term."""
        with self._lock:
            latest = self._latest
        return latest[0] if latest is not None and latest[1] == self._term() else None
