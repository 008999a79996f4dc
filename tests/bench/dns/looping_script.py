"""What the field report did: every minute `docker service ps`, and the record changed where it differs.

It has a zone of its own, for a refresh publishes whatever else was changed in the zone.
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from swarm_operator.clients.ovh import OvhZones
from swarm_operator.observed.dns import Create, RrsetChange, RrsetKey, Update
from swarm_operator.observed.errors import OutsideError
from tests.cluster.dns_lab import OTHER_ZONE, DnsLab, public_address
from tests.cluster.harness import Lab

EVERY_S: Final = 60.0
NAME: Final = "loop"
_KEY: Final = RrsetKey(OTHER_ZONE, NAME, "A")


@dataclass
class LoopingScript:
    """One thread."""

    dns: DnsLab
    lab: Lab
    service: str

    @classmethod
    @contextmanager
    def running(cls, dns: DnsLab, lab: Lab, service: str) -> Iterator["LoopingScript"]:
        """Until the end of the block."""
        made, stopping = cls(dns, lab, service), threading.Event()
        thread = threading.Thread(target=made._loop, args=[stopping], name="looping script")
        thread.start()
        try:
            yield made
        finally:
            stopping.set()
            thread.join()

    def serves(self) -> list[str]:
        """What the name server says of its name."""
        return self.dns.named.look_up(f"{NAME}.{OTHER_ZONE}")

    def _loop(self, stopping: threading.Event) -> None:
        zones = self.dns.world.zones()
        try:
            while True:
                with contextlib.suppress(OutsideError, subprocess.CalledProcessError, IndexError):
                    self._turn(zones)
                if stopping.wait(EVERY_S):
                    return
        finally:
            zones.close()

    def _turn(self, zones: OvhZones) -> None:
        listed = ["--filter", "desired-state=running", "--format", "{{.Node}}"]
        told = self.lab.docker_cli(1, "service", "ps", *listed, self.service).stdout
        address = public_address(int(told.splitlines()[0].removeprefix("node")))
        found = zones.read(OTHER_ZONE, NAME, ["A"])
        if [record.value for record in found] == [address]:
            return
        operation = Update(found[0], address, 60) if found else Create(address, 60)
        change = RrsetChange(_KEY, (operation,), before=found, after=(address,), ttl=60)
        zones.apply(change, lambda: True)
        zones.publish(OTHER_ZONE)
