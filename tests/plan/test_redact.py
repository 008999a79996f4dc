"""What an engine says never gives a secret away, however it spells it."""

import json

import pytest

from desired_state.secret_texts import HIDDEN
from swarm_operator.plan.redact import Redaction


@pytest.mark.parametrize(
    "secret",
    ["plainsecret", 'with"quotes', "back\\slash", "two lines\nof a secret", "tab\tsecret", "müß-1"],
)
def test_a_quoted_secret_is_hidden(secret: str) -> None:
    """runc repeats a command that it cannot start in Go's %q."""
    redaction = Redaction(frozenset({secret}))
    quoted = json.dumps(secret, ensure_ascii=False)
    for text in (f"exec: {quoted}: not found", f"exec: {secret}: not found"):
        shown = redaction.scrub(text)
        assert HIDDEN in shown
        assert secret not in shown
        assert quoted[1:-1] not in shown


def test_other_texts_stay() -> None:
    assert Redaction(frozenset({"plainsecret"})).scrub("No such image") == "No such image"
