"""The counts of the benchmark hold on every machine. Times are for `make bench-check`."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import needs
from tests.bench import operator_passes
from tests.bench.bench import Results, by_docker, by_operator
from tests.bench.cost import Cost, Counts
from tests.bench.docker_deploy import CLIENT as DOCKER
from tests.bench.docker_deploy import DockerDeploy
from tests.bench.operator_passes import CLIENT as OPERATOR
from tests.bench.report import Bar, bars
from tests.bench.world import SERVICES
from tests.cluster.harness import Lab
from tests.cluster.scenarios import Stage

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module", params=needs.ENGINES, ids=needs.ENGINE_IDS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab.start(3, 1, needs.engine(request.param)) as made:
        made.consul.start()
        yield made


@pytest.fixture(scope="module")
def by_command_line(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> list[Cost]:
    """A hundred services by the docker command line; gone again when it is measured."""
    return by_docker(DockerDeploy(lab, tmp_path_factory.mktemp("docker")), SERVICES)


@pytest.fixture(scope="module")
def stage(lab: Lab, by_command_line: list[Cost]) -> Iterator[Stage]:
    assert by_command_line
    with Stage.of(lab) as made:
        yield made


@pytest.fixture(scope="module")
def results(
    stage: Stage, by_command_line: list[Cost], tmp_path_factory: pytest.TempPathFactory
) -> Results:
    """The same services by the command line and by the operator."""
    facts = {"services": str(SERVICES)}
    by_us = by_operator(stage, SERVICES, tmp_path_factory.mktemp("operator"))
    return Results(facts, [*by_command_line, *by_us])


def test_every_promise_about_counts_is_kept(results: Results) -> None:
    found = [bar for bar in bars(results) if bar.is_count]
    assert len(found) == 6
    assert [bar for bar in found if not bar.is_met] == []
    assert [cost.note for cost in results.costs if cost.note] == []


def test_the_proxy_counts_what_docker_stack_deploy_writes(results: Results) -> None:
    """The control: what finds no write of ours finds all of its."""
    for case in ("create", "unchanged", "one changed"):
        counts = results.cost(case, DOCKER).counts
        assert counts is not None
        assert counts.service_writes == SERVICES, case


def test_a_pass_looks_at_everything_once(results: Results) -> None:
    """A pass that looks at nothing would write nothing either. An eighth read may fall into it: now and
    then the thread of routes looks at the services, whether one wishes a route."""
    counts = results.cost("unchanged", OPERATOR).counts
    assert counts is not None
    assert counts.docker_reads in {7, 8}
    assert replace(counts, docker_reads=7) == Counts(
        docker_reads=7, docker_writes=0, service_writes=0, kv_reads=1, kv_writes=0
    )


def test_further_passes_are_like_the_first(results: Results, stage: Stage) -> None:
    assert results
    for number in range(1, 4):
        counts = operator_passes.unchanged(stage, number)
        assert (counts.docker_writes, counts.kv_writes) == (0, 0)
        assert counts.docker_reads <= 8
        assert counts.kv_reads <= 1


def test_a_missed_promise_is_seen() -> None:
    assert not Bar("writes", 1, 0, is_count=True).is_met
    assert not Bar("writes", 99, 100, is_count=True, exactly=True).is_met
    assert Bar("reads", 6, 7, is_count=True).is_met
