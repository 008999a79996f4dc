"""Variables in a document: what is replaced, and what is refused rather than lost."""

import pytest

from desired_state.interpolation import BadTemplate, substitute
from tests.desired_state.stacks import loaded, refusals

VARIABLES = {"A": "apple", "EMPTY": "", "N": "12"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A ${A} $$A $$$$", "apple apple $A $$"),
        ("${NO:-d} ${NO-d} ${EMPTY:-d} ${EMPTY-d}", "d d d "),
        ("${A:-d}${A-d}${A:?m}${A?m}${EMPTY?m}", "apple" * 4),
        ("[${A:+y}${EMPTY:+y}${EMPTY+y}${NO+y}]", "[yy]"),
        ("${NO:-} ${NO:-a b:c}", " a b:c"),
        ("$A.b:80", "apple.b:80"),
    ],
)
def test_variables_are_replaced(text: str, result: str) -> None:
    assert substitute(text, VARIABLES) == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$NO", "the variable NO is not set"),
        ("${NO}", "the variable NO is not set"),
        ("${NO:?say why}", "has no value: say why"),
        ("${EMPTY:?}", "has no value"),
        ("$A-web", 'takes the "-"'),
        ("$A:-web", 'takes the ":-"'),
        ("$A?web", 'takes the "?"'),
        ("${A:?must-be set}", 'holds "-"'),
        ("${A-b:-c}", 'holds ":-"'),
        ("${A:-${N}}", "replaces no variable there"),
        ("${A:-$N}", "replaces no variable there"),
        *((text, "$") for text in ("$5", "a$", "${", "${}", "${1A}", "${A.b}", "${A }", "{$}")),
    ],
)
def test_what_docker_reads_otherwise_or_not_at_all_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        substitute(text, VARIABLES)
    assert reason in refused.value.message or "$" in refused.value.message
    assert reason in f"{refused.value.message} {refused.value.hint}"


def test_the_variables_come_from_the_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAG", "from the process")
    document = "services: {web: {image: 'nginx:${TAG}'}}"
    assert "the variable TAG is not set" in refusals(document)[0]
    assert loaded(document, __env="TAG=1.27").document.services["web"].image == "nginx:1.27"


def test_a_replaced_text_is_cast_where_a_number_or_a_truth_value_is_wanted() -> None:
    document = (
        "services: {web: {image: a, tty: '${T}', deploy: {replicas: '${N}'},"
        " ports: [{target: '${N}'}]}}"
    )
    service = loaded(document, __env="T=yes\nN=3").document.services["web"]
    assert service.deploy is not None
    assert (service.tty, service.deploy.replicas) == (True, 3)


def test_a_literal_text_is_not_cast() -> None:
    (problem,) = refusals("services: {web: {image: a, deploy: {replicas: '3'}}}")
    assert "must be a whole number, not text; remove the quotes" in problem


def test_one_defect_is_one_problem() -> None:
    (problem,) = refusals("services: {web: {image: a, deploy: {replicas: '${N}'}}}", __env="N=many")
    assert "once its variables are replaced" in problem
    assert "many" not in problem


def test_keys_are_left_alone_and_extensions_are_not() -> None:
    assert refusals("services: {web: {image: a, labels: {$A: b}}}") == []
    assert "x-note" in refusals("x-note: '${'\nservices: {web: {image: a}}")[0]
