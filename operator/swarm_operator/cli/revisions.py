"""The kept revisions of a stack, as the verbs `history`, `rollback` and `diff --from` choose them."""

from collections.abc import Mapping

import click

from desired_state.archive import ArchiveDamaged
from desired_state.records import History, Revision
from swarm_operator.runtime import history
from swarm_operator.runtime.ports import KvPort


def numbered(kept: History, stack: str, number: int) -> Revision:
    """Raises click.ClickException with the numbers that there are."""
    for revision in kept.revisions:
        if revision.number == number:
            return revision
    there = ", ".join(str(revision.number) for revision in kept.revisions) or "none yet"
    raise click.ClickException(f"revision {number} of {stack} is not kept; kept are: {there}")


def newest_other(kv: KvPort, kept: History, stack: str, now: Mapping[str, bytes]) -> Revision:
    """The newest revision that differs from the documents and files of `now`.

    Raises click.ClickException where there is none.
    """
    for revision in reversed(kept.revisions):
        if files_of(kv, stack, revision) != dict(now):
            return revision
    raise click.ClickException(
        f"no revision of {stack} is kept but the current one: one is kept when the stack is first "
        "Ready with it"
    )


def files_of(kv: KvPort, stack: str, revision: Revision) -> dict[str, bytes]:
    """Raises click.ClickException where the archive is damaged, and what the KV raises."""
    try:
        return dict(history.read_files(kv, stack, revision))
    except ArchiveDamaged as error:
        raise click.ClickException(f"revision {revision.number} of {stack}: {error}") from None
