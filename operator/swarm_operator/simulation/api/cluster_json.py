"""The swarm itself, as `GET /swarm` and `GET /info` show it."""

import base64
from typing import Final

from swarm_operator.observed.json import JsonObject
from swarm_operator.simulation.api.timestamps import NEVER, rfc3339
from swarm_operator.simulation.timeline import Timeline

_SECOND_NS = 10**9

TLS_INFO: Final[JsonObject] = {
    "TrustRoot": "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n",
    "CertIssuerSubject": base64.b64encode(b"swarm-ca").decode(),
    "CertIssuerPublicKey": base64.b64encode(b"simulated").decode(),
}
"""Equal on all nodes and in the swarm, so that the command line calls every node's TLS ready."""

_SPEC: Final[JsonObject] = {
    "Name": "default",
    "Labels": {},
    "Orchestration": {"TaskHistoryRetentionLimit": 5},
    "Raft": {
        "SnapshotInterval": 10000,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "ElectionTick": 10,
        "HeartbeatTick": 1,
    },
    "Dispatcher": {"HeartbeatPeriod": 5 * _SECOND_NS},
    "CAConfig": {"NodeCertExpiry": 90 * 24 * 3600 * _SECOND_NS},
    "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}
"""What `docker swarm init` makes without any option."""

UNKNOWN: Final[JsonObject] = {
    "ID": "",
    "Version": {},
    "CreatedAt": NEVER,
    "UpdatedAt": NEVER,
    "Spec": {
        "Labels": None,
        "Orchestration": {},
        "Raft": {"ElectionTick": 0, "HeartbeatTick": 0},
        "Dispatcher": {},
        "CAConfig": {},
        "TaskDefaults": {},
        "EncryptionConfig": {"AutoLockManagers": False},
    },
    "TLSInfo": {},
    "RootRotationInProgress": False,
    "DefaultAddrPool": None,
    "SubnetSize": 0,
    "DataPathPort": 0,
}
"""What a manager shows that cannot ask the leader."""


def cluster(timeline: Timeline, cluster_id: str) -> JsonObject:
    made_at = rfc3339(timeline, 0.0)
    return {
        "ID": cluster_id,
        "Version": {"Index": 10},
        "CreatedAt": made_at,
        "UpdatedAt": made_at,
        "Spec": _SPEC,
        "TLSInfo": TLS_INFO,
        "RootRotationInProgress": False,
        "DefaultAddrPool": ["10.0.0.0/8"],
        "SubnetSize": 24,
        "DataPathPort": 4789,
    }
