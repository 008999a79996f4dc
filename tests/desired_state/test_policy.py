"""The policy document."""

import pytest

from desired_state.policy import Policy
from desired_state.problems import DocumentRefused


def test_off_is_a_word_and_an_empty_policy_the_default() -> None:
    assert Policy.parse_yaml(b"prune_stacks: off\ngrace: 2h").grace_s == 7200
    assert Policy.parse_yaml(b"") == Policy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"prune_stacks: maybe", "desired/policy:1:1: prune_stacks: must be 'off' or 'auto'"),
        (b"\ngrace: soon", "desired/policy:2:1: grace: is not a duration"),
        (b"grce: 1h", 'not acted on by this version; did you mean "grace"?'),
        (b"[]", "a policy is a mapping, not a list"),
        (b"a: [", "desired/policy:2:1"),
    ],
)
def test_a_wrong_policy_is_told_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        Policy.parse_yaml(text)
    assert said in str(refused.value)
