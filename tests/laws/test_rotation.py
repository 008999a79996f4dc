"""Rotation and collection: new content is a new object, and nothing that is named is ever removed."""

from hypothesis import given
from hypothesis import strategies as st

from swarm_operator.observed.json import dig
from swarm_operator.observed.swarm import Config, Network, Secret, Swarm
from swarm_operator.plan.actions import Create, Kind, Remove, StackPlan
from swarm_operator.plan.ownership import INSTALLATION_LABEL
from swarm_operator.plan.stack import plan_removal, plan_stack
from tests.laws.loop import PASSES, apply, converged, raw_plan, shown
from tests.laws.worlds import OWNER, STACK, Document, deployed_by_docker, documents, specs_of
from tests.simulated_swarm import SimulatedSwarm

_CONTENTS = st.sampled_from(["one", "two", "three"])


def _user(config: str, password: str, *, uses: bool = True) -> Document:
    service: Document = {"image": "nginx"}
    if uses:
        service |= {"configs": ["settings"], "secrets": ["password"]}
    return {
        "services": {"web": service},
        "configs": {"settings": {"content": config}},
        "secrets": {"password": {"content": password}},
    }


@given(
    st.booleans(), st.booleans(), st.lists(st.tuples(_CONTENTS, _CONTENTS), min_size=2, max_size=5)
)
def test_services_get_the_contents_of_the_document(
    adopted: bool, used_at_first: bool, versions: list[tuple[str, str]]
) -> None:
    """However often a config or a secret changes, and whoever made the first: the content in use is
    the document's, never that of an older version."""
    config, password = versions[0]
    first = specs_of(_user(config, password, uses=used_at_first))
    swarm = SimulatedSwarm()
    if adopted:
        deployed_by_docker(swarm, first)
    converged(swarm, first)
    for config, password in versions[1:]:
        converged(swarm, specs_of(_user(config, password)))
        service = shown(swarm)[f"{STACK}_web"]
        assert isinstance(service, dict)
        assert service["files"] == {"settings": config.encode(), "password": password.encode()}


@given(st.lists(st.tuples(_CONTENTS, _CONTENTS), min_size=1, max_size=8))
def test_rotation_and_collection_terminate(versions: list[tuple[str, str]]) -> None:
    """Each change comes to rest, and leaves at most the version in use and that of `PreviousSpec`."""
    swarm = SimulatedSwarm()
    for config, password in versions:
        seen = converged(swarm, specs_of(_user(config, password))).snapshot
        assert len(seen.configs) <= 2
        assert len(seen.secrets) <= 2


def _named(swarm: Swarm) -> set[str]:
    """Ids that a spec, a `PreviousSpec` or a live task names, found without the planner's help."""
    named: set[str] = set()
    for service in swarm.services:
        for spec in (service.spec, service.previous_spec):
            container = dig(spec, "TaskTemplate", "ContainerSpec") or {}
            named |= {item["ConfigID"] for item in container.get("Configs") or []}
            named |= {item["SecretID"] for item in container.get("Secrets") or []}
            named |= {item["Target"] for item in dig(spec, "TaskTemplate", "Networks") or []}
    for task in swarm.tasks:
        if task.is_live:
            named |= task.config_ids | task.secret_ids | task.network_ids
    return named


@given(documents(), documents(), documents())
def test_what_is_named_is_never_collected(
    first: Document, second: Document, third: Document
) -> None:
    """What a spec, a `PreviousSpec` or a live task names stays, at every single step."""
    swarm = SimulatedSwarm()
    for document in (first, second, third):
        specs = specs_of(document)
        for _ in range(PASSES):
            seen = swarm.snapshot
            plan = raw_plan(specs, seen)
            going = {
                a.object_id
                for a in plan.actions
                if isinstance(a, Remove) and a.kind is Kind.SERVICE
            }
            staying = _staying(seen, going)
            for action in plan.actions:
                if isinstance(action, Remove) and action.kind is not Kind.SERVICE:
                    assert action.object_id not in _named(staying), action
            if not plan.actions:
                break
            apply(swarm, plan)
            swarm.advance(1)  # tasks of the old specs are still there


def _staying(swarm: Swarm, going: set[str]) -> Swarm:
    return Swarm(
        swarm.cluster_id,
        services=tuple(service for service in swarm.services if service.id not in going),
        tasks=tuple(task for task in swarm.tasks if task.service_id not in going),
    )


@given(documents(), st.booleans())
def test_what_was_adopted_is_never_collected(document: Document, removed: bool) -> None:
    """Objects that `docker stack deploy` made stay, even when the whole stack goes."""
    specs = specs_of(document)
    swarm = deployed_by_docker(SimulatedSwarm(), specs)
    adopted = _object_ids(swarm.snapshot)
    converged(swarm, specs)
    if removed:
        _remove(swarm)
    else:
        converged(swarm, specs_of({"services": {"other": {"image": "x"}}}))
    assert adopted <= _object_ids(swarm.snapshot)


def _object_ids(swarm: Swarm) -> set[str]:
    objects: tuple[Network | Config | Secret, ...] = (
        *swarm.networks,
        *swarm.configs,
        *swarm.secrets,
    )
    return {item.id for item in objects}


@given(documents(), documents())
def test_a_removed_stack_leaves_nothing_of_ours(before: Document, after: Document) -> None:
    """Services first, then what they used, until no label of ours is left."""
    swarm = converged(converged(SimulatedSwarm(), specs_of(before)), specs_of(after))
    _remove(swarm)
    left = [item for item in swarm.snapshot.labelled if INSTALLATION_LABEL in item.labels]
    assert [item.name for item in left] == []


def _remove(swarm: SimulatedSwarm) -> None:
    plan: StackPlan
    for _ in range(PASSES):
        plan = plan_removal(STACK, swarm.snapshot, OWNER, "removed")
        if not plan.actions:
            return
        apply(swarm, plan)
        swarm.settle()
    raise AssertionError("the removal never ends")


def test_an_adopted_secret_of_a_lost_key_is_kept() -> None:
    """After the KV and with it the digests' key was lost, contents count as equal once more."""
    document = _user("one", "one")
    swarm = converged(SimulatedSwarm(), specs_of(document))
    lost = type(OWNER)(OWNER.installation, b"another key")
    plan = plan_stack(specs_of(document), swarm.snapshot, lost)
    assert not any(isinstance(action, Create) for action in plan.actions)
