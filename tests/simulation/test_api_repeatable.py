"""The same seed gives the same world, byte by byte, whatever Python's hashes are."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, random
from swarm_operator.observed.errors import OutsideError
from swarm_operator.simulation import docker_transport
from swarm_operator.simulation.docker_faults import ByChance, FaultyWire
from swarm_operator.simulation.docker_wire import DirectWire
from tests.simulation.api_desk import Desk, spec

desk = Desk(managers=3)
wire = FaultyWire(DirectWire(desk.api, desk.engine), desk.engine.timeline)
wire.choosers.append(ByChance(random.Random(1), 0.2))
swarm = docker_transport.over(wire, desk.engine.timeline)
for number in range(30):
    try:
        swarm.create_network({"Name": f"n{number}", "Driver": "overlay"})
        swarm.create_service(spec(f"s{number}", replicas=4, Labels={"a": "b", "c": "d"}))
        swarm.read()
    except OutsideError as error:
        print(error)
    desk.engine.advance(1)
desk.engine.kill_node("node2")
desk.engine.advance(60)
for path in ("/info", "/services", "/tasks", "/networks", "/nodes"):
    print(json.dumps(desk.get(path)))
print(wire.happened)
"""


def test_two_worlds_of_one_seed_are_one() -> None:
    root = Path(__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 50_000
