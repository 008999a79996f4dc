"""Configs and secrets: create, relabel, remove (SwarmKit controlapi/config.go and secret.go)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from swarm_operator.observed.json import JsonObject, dig
from swarm_operator.simulation.engine import normalise, validation
from swarm_operator.simulation.engine.component import Kit
from swarm_operator.simulation.engine.errors import Code, out_of_sequence, refused
from swarm_operator.simulation.engine.records import ConfigRecord, SecretRecord
from swarm_operator.simulation.engine.references import References
from swarm_operator.simulation.engine.resolve import Resolver


class ObjectControl:
    """Their content never changes: a new content is a new object."""

    def __init__(self, kit: Kit, references: References, resolver: Resolver) -> None:
        self._kit = kit
        self._references = references
        self._resolver = resolver

    def create_config(self, body: Any) -> str:
        spec = normalise.config_spec(body)
        validation.check_config(spec)
        if self._references.ids_named(ConfigRecord, spec["Name"]):
            raise refused(Code.ALREADY_EXISTS, f"config {spec['Name']} already exists")
        return self._kit.store.configs.put(ConfigRecord(self._kit.new_id(), spec)).id

    def update_config(self, ref: str, version: int, body: Any) -> None:
        config = self._resolver.config(ref)
        spec = normalise.config_spec(body)
        _check_only_labels(config.spec, spec)
        if version != config.meta.version:
            raise out_of_sequence()
        self._kit.store.configs.put(replace(config, spec=_relabelled(config.spec, spec["Labels"])))

    def remove_config(self, ref: str) -> None:
        config = self._resolver.config(ref)
        self._check_unused("config", config)
        self._kit.store.configs.remove(config.id)

    def create_secret(self, body: Any) -> str:
        spec = normalise.secret_spec(body)
        validation.check_secret(spec)
        if driver := dig(spec, "Driver", "Name"):
            raise refused(Code.UNKNOWN, f'plugin "{driver}" not found')
        if self._references.ids_named(SecretRecord, spec["Name"]):
            raise refused(Code.ALREADY_EXISTS, f"secret {spec['Name']} already exists")
        return self._kit.store.secrets.put(SecretRecord(self._kit.new_id(), spec)).id

    def update_secret(self, ref: str, version: int, body: Any) -> None:
        secret = self._resolver.secret(ref)
        spec = normalise.secret_spec(body)
        _check_only_labels(secret.spec, spec)
        if version != secret.meta.version:
            raise out_of_sequence()
        self._kit.store.secrets.put(replace(secret, spec=_relabelled(secret.spec, spec["Labels"])))

    def remove_secret(self, ref: str) -> None:
        secret = self._resolver.secret(ref)
        self._check_unused("secret", secret)
        self._kit.store.secrets.remove(secret.id)

    def _check_unused(self, kind: str, record: ConfigRecord | SecretRecord) -> None:
        users = self._references.services_using(record.id)
        if not users:
            return
        word = "service" if len(users) == 1 else "services"
        names = ", ".join(self._kit.store.services[user].name for user in users)
        text = f"{kind} '{record.name}' is in use by the following {word}: {names}"
        raise refused(Code.INVALID_ARGUMENT, text)


def _check_only_labels(before: JsonObject, after: JsonObject) -> None:
    """Data that is not given, or empty, counts as not changed."""
    data = validation.data_of(after)
    changed = bool(data) and data != validation.data_of(before)
    if changed or after.get("Name", "") != before["Name"]:
        raise refused(Code.INVALID_ARGUMENT, "only updates to Labels are allowed")


def _relabelled(spec: JsonObject, labels: Mapping[str, str]) -> JsonObject:
    return {**spec, "Labels": labels}
