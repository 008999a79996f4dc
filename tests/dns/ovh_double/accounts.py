"""Who may call what: signed requests of consumer keys, and tokens of service accounts."""

import base64
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.dns.ovh_double.zone import Refusal

TOLERANCE_S = 30.0


@dataclass(frozen=True)
class Rule:
    """A method and a path, in which * stands for anything."""

    method: str
    path: str

    def allows(self, method: str, path: str) -> bool:
        pattern = ".*".join(re.escape(part) for part in self.path.split("*"))
        return method == self.method and re.fullmatch(pattern, path) is not None


def rules_for(zone: str, *methods: str) -> tuple[Rule, ...]:
    """The least rights of a policy: `methods` beside GET, on records; and refresh."""
    records = f"/domain/zone/{zone}/record"
    found = [Rule("GET", records), Rule("GET", f"{records}/*")]
    found += [Rule("PUT", f"{records}/*")] * ("PUT" in methods)
    found += [Rule("POST", records)] * ("POST" in methods)
    found += [Rule("DELETE", f"{records}/*")] * ("DELETE" in methods)
    found += [Rule("POST", f"/domain/zone/{zone}/refresh")] * ("refresh" in methods)
    return tuple(found)


@dataclass
class ConsumerKeyOf:
    """A consumer key of the one application."""

    key: str = field(default_factory=lambda: secrets.token_hex(16))
    status: str = "validated"
    rules: tuple[Rule, ...] = ()


@dataclass
class Accounts:
    """One application, its consumer keys, one service account, and the server's clock."""

    application_key: str = field(default_factory=lambda: secrets.token_hex(8))
    application_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    consumer_keys: dict[str, ConsumerKeyOf] = field(default_factory=dict)
    client_id: str = field(default_factory=lambda: secrets.token_hex(8))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    tokens: dict[str, float] = field(default_factory=dict)
    """Until when each holds, by the server's clock."""
    token_rules: tuple[Rule, ...] = ()
    token_lives_s: float = 3600.0
    clock_ahead_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        return time.time() + self.clock_ahead_s

    def new_consumer_key(self, rules: Iterable[Rule]) -> ConsumerKeyOf:
        made = ConsumerKeyOf(rules=tuple(rules))
        self.consumer_keys[made.key] = made
        return made

    def check(
        self, method: str, url: str, path: str, headers: Mapping[str, str], body: str
    ) -> tuple[Rule, ...]:
        """The rules of who asks. Raises Refusal."""
        bearer = headers.get("Authorization", "")
        if bearer.startswith("Bearer "):
            rules = self._rules_of_token(bearer.removeprefix("Bearer "))
        else:
            rules = self._rules_of_signature(method, url, headers, body)
        if path != "/auth/currentCredential" and not any(one.allows(method, path) for one in rules):
            raise Refusal(403, "This call has not been granted", "Client::Forbidden")
        return rules

    def token(self, headers: Mapping[str, str], body: str) -> dict[str, object]:
        """The answer of the token endpoint (client credentials, in the body or as Basic)."""
        given = {key: values[0] for key, values in parse_qs(body).items()}
        basic = headers.get("Authorization", "")
        if basic.startswith("Basic "):
            user, _, word = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
            given.update(client_id=user, client_secret=word)
        if (given.get("client_id"), given.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            raise Refusal(401, "invalid_client")
        token = secrets.token_hex(16)
        with self._lock:
            self.tokens[token] = self.now() + self.token_lives_s
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "all"}

    def _rules_of_token(self, token: str) -> tuple[Rule, ...]:
        if self.tokens.get(token, 0.0) <= self.now():
            raise Refusal(401, "Invalid token", "Client::Unauthorized")
        return self.token_rules

    def _rules_of_signature(
        self, method: str, url: str, headers: Mapping[str, str], body: str
    ) -> tuple[Rule, ...]:
        if headers.get("X-Ovh-Application") != self.application_key:
            raise Refusal(403, "This application key is invalid", "Client::Forbidden")
        consumer = self.consumer_keys.get(headers.get("X-Ovh-Consumer", ""))
        if consumer is None:
            raise Refusal(403, "This credential does not exist", "Client::Forbidden")
        stamp = headers.get("X-Ovh-Timestamp", "")
        if not stamp.isdigit() or abs(int(stamp) - self.now()) > TOLERANCE_S:
            raise Refusal(400, "Query out of time")
        signed = f"{self.application_secret}+{consumer.key}+{method}+{url}+{body}+{stamp}"
        if headers.get("X-Ovh-Signature") != "$1$" + hashlib.sha1(signed.encode()).hexdigest():
            raise Refusal(400, "Invalid signature")
        if consumer.status != "validated":
            raise Refusal(403, "This credential is not valid", "Client::Forbidden")
        return consumer.rules
