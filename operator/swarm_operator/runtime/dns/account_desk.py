"""One account at a provider: orders of the controller are worked off by a thread of its own.

So a provider that is slow holds up neither the controller nor another account.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from swarm_operator.observed.dns import Capabilities, Record, RrsetChange, RrsetKey
from swarm_operator.observed.dns_errors import Throttled
from swarm_operator.observed.errors import Conflict, LeaseLost, OutsideError, Unavailable
from swarm_operator.runtime.dns.failures import is_of_one_set
from swarm_operator.runtime.dns.orders import Look, LookAt, Looked, Order, Result, Write, Written
from swarm_operator.runtime.dns.ports import DnsProvider
from swarm_operator.runtime.ports import Clock, LeaseView, Metrics

_IDLE_S: Final = 60.0
LEAST_LEASE_S: Final = 2.0
"""The lease must hold for so long when a request that changes something is sent."""
HANGS_S: Final = 120.0
"""One name is read, one change is made, in a few requests, each of them given up after some seconds:
whoever is at one of them for so long waits for what has no limit."""


class AccountDesk:
    """Orders in, results out; thread-safe. `step` is the thread's turn and does not raise."""

    def __init__(
        self,
        name: str,
        provider: DnsProvider,
        zones: tuple[str, ...],
        *,
        lease: LeaseView,
        clock: Clock,
        metrics: Metrics,
        on_result: Callable[[], None],
        on_order: Callable[[], None],
        credentials: Callable[[], object] = lambda: None,
        has_credentials: Callable[[], bool] = lambda: True,
    ) -> None:
        """`credentials` gives another value whenever the account's credentials changed."""
        self.name = name
        self.zones = zones
        self.credentials = credentials
        self.has_credentials = has_credentials
        self._provider = provider
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._on_result = on_result
        self._on_order = on_order
        self._lock = threading.Lock()
        self._orders: deque[Order] = deque()
        self._results: list[Result] = []
        self._closed_until = 0.0
        self._gives_way: Order | None = None
        self._goes_on_since: float | None = None
        """Monotonic time of the last sign of life of the order in hand; None while there is none."""

    @property
    def capabilities(self) -> Capabilities:
        return self._provider.capabilities

    def hangs_from(self) -> float | None:
        """The monotonic time from which on the order in hand is to be called hanging."""
        since = self._goes_on_since
        return None if since is None else since + HANGS_S

    def put(self, order: Order) -> None:
        """Asked by the controller."""
        with self._lock:
            self._orders.append(order)
        self._on_order()

    def give_way(self, order: Order) -> None:
        """A change of the same zone waits: this one is to end after the name that is being read."""
        with self._lock:
            self._gives_way = order

    def take(self) -> list[Result]:
        """What is done since it was asked last."""
        with self._lock:
            found, self._results = self._results, []
        return found

    def step(self) -> float:
        """Work off one order, a change before what is only looked after. Returns the monotonic time
        of the next step."""
        with self._lock:
            order = next(filter(_is_change, self._orders), next(iter(self._orders), None))
            if order is not None:
                self._orders.remove(order)
        if order is None:
            return self._clock.monotonic() + _IDLE_S
        self._goes_on()
        result = self._looked(order) if isinstance(order, Look) else self._written(order)
        self._goes_on_since = None
        self._note_patience(result)
        with self._lock:
            self._results.append(result)
        self._on_result()
        return self._clock.monotonic()

    def _note_patience(self, result: Result) -> None:
        """Where the provider asked for some, what is ordered already has to wait for it too."""
        errors = [*result.errors.values()]
        if isinstance(result, Written) and result.publish_error is not None:
            errors.append(result.publish_error)
        for error in errors:
            if result.calls and isinstance(error, Throttled) and error.retry_after_s is not None:
                self._closed_until = self._clock.monotonic() + error.retry_after_s

    def _goes_on(self) -> None:
        self._goes_on_since = self._clock.monotonic()

    def _require_open(self) -> None:
        self._goes_on()
        left_s = self._closed_until - self._clock.monotonic()
        if left_s > 0:
            raise Throttled(f"{self.name} asked for patience: {left_s:.0f} s more", left_s)

    # --- reading ------------------------------------------------------------------------------------

    def _looked(self, order: Look) -> Looked:
        records: dict[str, tuple[Record, ...]] = {}
        errors: dict[str, OutsideError] = {}
        for at in order.names:
            if (records or errors) and self._must_give_way(order):
                break
            try:
                records[at.name] = self._read(order.zone, at)
            except Conflict as error:
                errors[at.name] = error
            except OutsideError as error:
                # The next one would fare no better.
                errors |= {each.name: error for each in order.names if each.name not in records}
                break
            except Exception as error:  # noqa: BLE001 - else nobody would ever hear of the order again
                errors[at.name] = _defect(error)
        return Looked(order, records, errors, self._provider.sent())

    def _must_give_way(self, order: Look) -> bool:
        if order.is_change:
            return False
        with self._lock:
            return self._gives_way is order or any(map(_is_change, self._orders))

    def _read(self, zone: str, at: LookAt) -> tuple[Record, ...]:
        self._require_open()
        found = self._provider.read(zone, at.name, at.types)
        if at.beside and {record.type for record in found} != set(at.types):
            beside = self._provider.read(zone, at.name, at.beside)
            found += tuple(record for record in beside if record not in found)
        return found

    # --- writing ------------------------------------------------------------------------------------

    def _written(self, order: Write) -> Written:
        done: set[RrsetKey] = set()
        errors: dict[RrsetKey, OutsideError] = {}
        goes_on = True
        for change in order.changes:
            error = self._tried(partial(self._apply, change, order))
            self._count("dns_writes_total", error, op=_op(change))
            if error is None:
                done.add(change.key)
                continue
            errors[change.key] = error
            if not is_of_one_set(error, "write"):
                goes_on = False
                break
        publish_error: OutsideError | None = None
        is_published = False
        if goes_on and (done or not order.changes):
            publish_error = self._tried(partial(self._publish, order))
            self._count("dns_publish_total", publish_error)
            is_published = publish_error is None
        return Written(
            order, frozenset(done), errors, is_published, publish_error, self._provider.sent()
        )

    def _apply(self, change: RrsetChange, order: Write) -> None:
        self._require_open()
        self._provider.apply(change, self._may_go_on(order))

    def _publish(self, order: Write) -> None:
        self._require_open()
        if not self._may_go_on(order)():
            raise LeaseLost(f"{order.zone}: the lease is not ours any more")
        self._provider.publish(order.zone)

    def _may_go_on(self, order: Write) -> Callable[[], bool]:
        def answer() -> bool:
            self._goes_on()
            return self._lease.fence(self._clock.monotonic() + LEAST_LEASE_S) == order.fence

        return answer

    def _tried(self, action: Callable[[], None]) -> OutsideError | None:
        try:
            action()
        except OutsideError as error:
            return error
        except Exception as error:  # noqa: BLE001 - else nobody would ever hear of the order again
            return _defect(error)
        return None

    def _count(self, metric: str, error: OutsideError | None, **more: str) -> None:
        result = "done" if error is None else "error"
        self._metrics.count(metric, {"provider": self.name, **more, "result": result})


def _is_change(order: Order) -> bool:
    return isinstance(order, Write) or order.is_change


def _op(change: RrsetChange) -> str:
    """What becomes of the record set as a whole."""
    if not change.before:
        return "create"
    return "update" if change.after else "delete"


def _defect(error: Exception) -> Unavailable:
    return Unavailable(f"a defect of the operator ({type(error).__name__}); please report it")
