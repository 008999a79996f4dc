"""A folder becomes a stack: files, options, revision, secrets, several documents."""

from datetime import UTC, datetime

import pytest

from desired_state import (
    DocumentRefused,
    Drift,
    Ignorable,
    Prune,
    StackFolder,
    Sync,
    load_stack,
)
from tests.desired_state.stacks import folder, loaded, refusals, warnings

SMALL = "services: {web: {image: nginx}}\n"


def test_options_have_defaults_and_are_read() -> None:
    plain = loaded(SMALL)
    assert plain.options.sync.mode is Sync.AUTO
    assert plain.options.prune is Prune.AUTO
    assert plain.document.services["web"].options.drift is Drift.CORRECT
    assert plain.document.services["web"].options.progress_deadline_s == 600
    document = """
x-operator:
  project_directory: /srv/shop
  prune: off
  sync: {paused: {until: 2030-01-31T18:00:00+01:00, reason: moving house}}
services:
  web:
    image: nginx
    x-operator: {protect: true, drift: report, ignore: [replicas, env], progress_deadline: 2m}
"""
    stack = loaded(document)
    assert stack.options.sync.mode is Sync.PAUSED
    assert stack.options.sync.paused is not None
    assert stack.options.sync.paused.until == datetime(2030, 1, 31, 17, tzinfo=UTC)
    assert stack.options.prune is Prune.OFF
    options = stack.document.services["web"].options
    assert (options.protect, options.drift) == (True, Drift.REPORT)
    assert options.ignore == (Ignorable.REPLICAS, Ignorable.ENV)
    assert options.progress_deadline_s == 120


@pytest.mark.parametrize(
    "sync",
    [
        "never",
        "{paused: {}}",
        "{paused: {reason: ''}}",
        "{paused: {reason: x, until: soon}}",
        "true",
    ],
)
def test_a_wrong_sync_is_refused(sync: str) -> None:
    assert refusals(f"x-operator: {{sync: {sync}}}\n{SMALL}")


def test_further_documents_are_merged_in_their_order() -> None:
    files = {
        "compose.yaml": b"x-operator: {files: [b.yaml, c.yaml]}\n" + SMALL.encode(),
        "b.yaml": b"services: {web: {image: 'nginx:2', dns: [1.1.1.1]}}\n",
        "c.yaml": b"services: {web: {dns: [2.2.2.2], tty: false}, db: {image: pg}}\n",
        "unused.txt": b"x",
    }
    stack = load_stack(StackFolder("s", files))
    web = stack.document.services["web"]
    assert (web.image, web.dns) == ("nginx:2", ("1.1.1.1", "2.2.2.2"))
    assert set(stack.document.services) == {"web", "db"}
    assert stack.document_files == ("compose.yaml", "b.yaml", "c.yaml")
    assert dict(stack.files) == {}


def test_what_cannot_override_is_said() -> None:
    files = {
        "a.yaml": b"services: {web: {image: a, read_only: true}}\n",
        "b.yaml": b"services: {web: {read_only: false}}\n",
    }
    stack = load_stack(StackFolder("s", files), documents=["a.yaml", "b.yaml"])
    assert stack.document.services["web"].read_only is True
    assert [str(w) for w in stack.warnings] == [
        "b.yaml:1:18: services.web.read_only: "
        "an empty or false value cannot override one that is set"
    ]


def test_a_missing_document_and_every_other_problem_come_together() -> None:
    files = {"compose.yaml": b"x-operator: {files: [nope.yaml, b.yaml]}\n", "b.yaml": b"foo: 1\n"}
    with pytest.raises(DocumentRefused) as refused:
        load_stack(StackFolder("s", files))
    assert [str(p).partition(": ")[0] for p in refused.value.problems] == [
        "b.yaml:1:1",
        "compose.yaml:1:22",
    ]


def test_files_are_relative_to_the_first_document() -> None:
    files = {
        "prod/compose.yaml": b"services: {web: {image: a}}\nconfigs: {c: {file: ./c.txt}}\n",
        "prod/c.txt": b"hello",
    }
    stack = load_stack(StackFolder("s", files), documents=["prod/compose.yaml"])
    assert dict(stack.files) == {"prod/c.txt": b"hello"}


def test_the_revision_is_of_what_the_stack_is_made_of_and_of_nothing_else() -> None:
    document = SMALL + "configs: {c: {file: c.txt}}\n"
    base = loaded(document, c__txt="1", __env="A=1", other__txt="1").revision
    assert loaded(document, other__txt="2", __env="A=1", c__txt="1").revision == base
    changed = [
        loaded(document, c__txt="2", __env="A=1").revision,
        loaded(document, c__txt="1", __env="A=2").revision,
        loaded(document + "\n", c__txt="1", __env="A=1").revision,
    ]
    assert len({base, *changed}) == 4


def test_secret_values_are_those_of_env_environments_and_secrets() -> None:
    document = """
services:
  web: {image: a, env_file: x.env, environment: {P: direct-5, Q: }}
secrets:
  s: {file: s.txt}
  inline: {content: "open secret"}
  ours: {external: true}
configs: {c: {file: c.txt}}
"""
    files = {
        "x__env": "F=from-file",
        "s__txt": "tophat-9\n",
        "c__txt": "public",
        "__env": "Q=dot-7\nE=",
    }
    stack = loaded(document, **files)
    assert stack.secret_values == {
        "from-file",
        "direct-5",
        "dot-7",
        "tophat-9\n",
        "tophat-9",
        "open secret",
    }
    assert stack.secret_files == {"s.txt"}
    assert not any(value in repr(stack) for value in stack.secret_values)


def test_another_name_in_the_document_is_a_warning() -> None:
    assert warnings(f"name: shop\n{SMALL}") == []
    assert "the stack is named shop by its folder" in warnings(f"name: other\n{SMALL}")[0]


def test_given_variables_take_the_place_of_the_file() -> None:
    stack = load_stack(
        folder("services: {web: {image: 'a:${T}'}}", __env="T=1"), environment={"T": "2"}
    )
    assert stack.document.services["web"].image == "a:2"


def test_models_are_frozen() -> None:
    service = loaded(SMALL).document.services["web"]
    with pytest.raises(ValueError, match="frozen"):
        service.image = "other"  # type: ignore[misc]
