"""What is still to be published at an account that a name has left for another one."""

from collections.abc import Collection, Iterable

from swarm_operator.runtime.dns.names import Name


def leave(name: Name, account: str) -> None:
    """The binding names another account: of its records there nothing is known, and what was written
    here without being published is still owed here."""
    if name.owed:
        name.owed_at = tuple(sorted({*name.owed_at, account}))
    name.owed, name.judged, name.checks = False, {}, {}


def debtors(names: Iterable[Name], zone: str, account: str) -> list[Name]:
    """Names of a zone that left something behind at an account."""
    return [name for name in names if name.id.zone == zone and account in name.owed_at]


def settle(names: Iterable[Name], account: str) -> None:
    """It was published there, or never will be."""
    for name in names:
        name.owed_at = tuple(each for each in name.owed_at if each != account)


def drop_unknown(name: Name, accounts: Collection[str]) -> None:
    """Nothing can be sent to an account that the settings do not name any more."""
    name.owed_at = tuple(each for each in name.owed_at if each in accounts)
