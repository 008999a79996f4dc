"""Whether the authoritative name servers serve what was written; asked beside everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from desired_state.dns_forms import RecordType
from swarm_operator.observed.dns import Question
from swarm_operator.runtime.dns.names import Check, Judged, Name
from swarm_operator.runtime.dns.server_desk import Heard, ServerDesk
from swarm_operator.runtime.ports import Metrics

UNVERIFIED_S: Final = 300.0
"""After so long it is published once more; then a person is told."""
SILENT_S: Final = 10.0
"""A server that says nothing for so long is told, and waited for no longer: those that answer count."""
_STEADY_S: Final = 60.0
_FIRST_S: Final = 0.05
_LONGEST_S: Final = 5.0


@dataclass(slots=True)
class Verification:
    """Of all names."""

    servers: ServerDesk
    metrics: Metrics
    may_publish: Callable[[Name], bool]
    """Not in observe mode, nor for what is paused: there nothing can be owed."""

    def expect(self, name: Name, type_: RecordType, now: float) -> None:
        """It was just published."""
        before = name.checks.get(type_) or Check(at=now, since=now)
        name.checks[type_] = Check(
            at=now,
            since=now,
            is_unverified=before.is_unverified,
            served_by=before.served_by,
            silent=before.silent,
            silent_since=before.silent_since,
            away=before.away,
        )

    def look(self, name: Name, now: float, utc: datetime) -> float:
        """Take what was answered, ask what is due. Returns when to look again."""
        due = now + _STEADY_S
        for type_, judged in name.judged.items():
            if judged.refused is not None or judged.would or type_ not in name.wanted:
                name.checks.pop(type_, None)
                continue
            if name.owed or judged.wanted != name.wanted[type_]:
                continue
            check = name.checks.setdefault(type_, Check(at=now, since=now))
            question = Question(name.id.zone, name.key(type_).fqdn, type_)
            heard = self.servers.heard(question)
            is_asked = self.servers.is_asked(question)
            if heard is not None and not is_asked and check.at <= heard.at:
                self._heard(name, type_, judged, check, heard, now, utc)
            if now >= check.at and not is_asked:
                self.servers.ask(question)
            elif not is_asked:
                due = min(due, check.at)
        return due

    def _heard(
        self,
        name: Name,
        type_: RecordType,
        judged: Judged,
        check: Check,
        heard: Heard,
        now: float,
        utc: datetime,
    ) -> None:
        expected = set(judged.expected)
        check.cannot_be_asked = not heard.said
        check.served_by = {answer.server: set(answer.values) == expected for answer in heard.said}
        _note_silence(check, heard, now)
        check.tries += 1
        differs = not all(check.served_by.values())
        is_known = check.is_verified or check.silent.keys() == check.away.keys()
        if heard.said and not differs and is_known:
            self._served(name, type_, check, now, utc)
        elif check.is_verified:
            self._no_longer_served(name, check, now, differs=differs)
        else:
            self._not_served_yet(name, check, now)

    def _served(
        self, name: Name, type_: RecordType, check: Check, now: float, utc: datetime
    ) -> None:
        if not check.is_verified and check.tries > 0 and name.records.get(type_) is not None:
            rrset = name.records[type_]
            if rrset.verified_at is None:
                name.records[type_] = rrset.model_copy(update={"verified_at": utc})
                if rrset.written_at is not None:
                    took_s = now - name.wanted_since
                    self.metrics.observe("dns_switch_seconds", {"phase": "verify"}, took_s)
        check.is_verified, check.is_unverified = True, False
        check.differs_since, check.tries = None, 0
        is_new_silence = check.silent.keys() != check.away.keys()
        check.at = now + (_LONGEST_S if is_new_silence else _STEADY_S)

    def _no_longer_served(self, name: Name, check: Check, now: float, *, differs: bool) -> None:
        """One look at the provider for each such time; after a while it is published once more."""
        check.at = now + _STEADY_S
        if not differs:
            return
        if check.differs_since is None:
            check.differs_since = now
            name.doubted = True
        elif now >= check.differs_since + UNVERIFIED_S and not check.is_unverified:
            check.is_unverified = name.owed = self.may_publish(name)

    def _not_served_yet(self, name: Name, check: Check, now: float) -> None:
        if now >= check.since + UNVERIFIED_S:
            check.at = now + _STEADY_S
            if check.is_unverified or check.cannot_be_asked:
                check.is_unverified = True
            elif self.may_publish(name):
                check.is_unverified = name.owed = True
            return
        check.at = now + min(_LONGEST_S, _FIRST_S * 2.0 ** min(check.tries - 1, 10))


def _note_silence(check: Check, heard: Heard, now: float) -> None:
    """Who did not answer, and for how long by now. One lost packet is no news."""
    check.silent = {answer.server: answer.error for answer in heard.answers if answer.error}
    check.silent_since = {server: check.silent_since.get(server, now) for server in check.silent}
    check.away = {
        server: why
        for server, why in check.silent.items()
        if now >= check.silent_since[server] + SILENT_S
    }
