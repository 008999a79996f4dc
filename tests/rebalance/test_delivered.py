"""The policy and the database of `deploy/`: what the one would move, the other forbids."""

import shutil
from pathlib import Path

import pytest

from desired_state import keys
from swarm_operator.observed.kv import Put
from swarm_operator.plan.desired import read_stack
from swarm_operator.plan.rebalance.mobility import How
from swarm_operator.plan.rebalance.wishes import Mobilities
from swarm_operator.runtime.planner import read_world
from tests.cli.at_home import AtHome
from tests.rebalance.home import Home

DEPLOY = Path(__file__).parents[2] / "deploy"
NEVER = "  x-operator: {rebalance: never}\n"


def _pushed(folder: Path) -> Home:
    """Three nodes of the database, under the policy that is delivered."""
    environment = folder / ".env"
    text = environment.read_text(encoding="utf-8")
    assert "NODES=0" in text
    environment.write_text(text.replace("NODES=0", "NODES=3"), encoding="utf-8")
    home = Home()
    policy = (DEPLOY / "policy.yaml").read_bytes()
    home.people.commit([Put(keys.DESIRED + keys.POLICY, policy)])
    pushed = AtHome(home)("push", str(folder))
    assert pushed.exit_code == 0, pushed.stderr
    home.live()
    return home


def _how(home: Home) -> dict[str, How]:
    """Where nobody can see what the image declares, as on managers that do not have it."""
    world = read_world(home.people, home.hands, mode="act", utc=home.timeline.utc())
    stacks = [read_stack(folder).specs for folder in world.desired.folders.values()]
    default = world.desired.policy.rebalance.default
    specs = [found for found in stacks if found is not None]
    known = Mobilities(lambda _image: None).of(world.swarm, world.owner, specs, default)
    return {world.swarm.services_by_id[each].name: found.how for each, found in known.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEPLOY / "galera", tmp_path / "galera"))


def test_the_database_is_never_moved(folder: Path) -> None:
    home = _pushed(folder)
    assert len(home.tasks("galera_node")) == 3
    assert _how(home) == {"galera_node": How.FIXED, "galera_seed": How.FIXED}


def test_without_its_word_it_would_be(folder: Path) -> None:
    """The control: the policy of `deploy/` moves what declares no data."""
    compose = folder / "compose.yaml"
    text = compose.read_text(encoding="utf-8")
    assert text.count(NEVER) == 1
    compose.write_text(text.replace(NEVER, ""), encoding="utf-8")
    assert _how(_pushed(folder))["galera_node"] is How.DIRECTED
