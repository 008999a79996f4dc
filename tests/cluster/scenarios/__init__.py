"""What the scenarios on a real swarm share: the operator between counting proxies, documents."""

from tests.cluster.scenarios.documents import document, service
from tests.cluster.scenarios.stage import ROOT, Stage

__all__ = ["ROOT", "Stage", "document", "service"]
