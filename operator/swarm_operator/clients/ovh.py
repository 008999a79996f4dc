"""Zones at OVH, by its official client (implements `DnsProvider`).

Requests go through the client's `raw_call`: it signs them, and gives the answer as it came. Nothing
is tried again here but what certainly was not done: a request whose signature or token was refused.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import idna
import ovh
import ovh.client
import requests
from ovh.oauth2 import BackendApplicationClient, RefreshOAuth2Session

from desired_state.dns_forms import APEX
from swarm_operator.clients import ovh_answers
from swarm_operator.clients.timing import CallTimer, DurationMetric, NoMetrics
from swarm_operator.observed.dns import (
    ANY,
    Capabilities,
    Create,
    Delete,
    Record,
    RecordOperation,
    RrsetChange,
    Update,
    canonical,
)
from swarm_operator.observed.dns_errors import NotAuthorised
from swarm_operator.observed.errors import LeaseLost, Unavailable

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 10.0
_MOST_RECORDS: Final = 100


@dataclass(frozen=True, slots=True)
class ConsumerKey:
    """Files of an application and of the consumer key that was granted to it."""

    application_key: Path
    application_secret: Path
    consumer_key: Path


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Files of an OAuth2 service account."""

    client_id: Path
    client_secret: Path


@dataclass(frozen=True, slots=True)
class OvhAccount:
    """Where the API is, and who we are there."""

    endpoint: str
    """A name that the client knows, as `ovh-eu`, or the URL of an API."""
    credentials: ConsumerKey | ServiceAccount
    token_url: str | None = None
    """Where a service account gets its tokens; None: as the client knows it for the endpoint."""


class OvhZones:
    """The zones of one account. For one thread. Credentials are read anew whenever they changed."""

    capabilities: Final = Capabilities(needs_publish=True, calls_for_a_change=4)

    def __init__(
        self,
        account: OvhAccount,
        *,
        metrics: DurationMetric | None = None,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> None:
        """Nothing is read or sent before the first call."""
        self._account = account
        self._timer = CallTimer("ovh", metrics or NoMetrics())
        self._timeouts_s = timeouts_s
        self._client: Any = None
        self._words: Mapping[str, str] = {}
        self._sent = 0

    def read(self, zone: str, name: str, types: Collection[str]) -> tuple[Record, ...]:
        """Filters of the API are patterns and do not see case: every record is looked at itself."""
        return tuple(
            record
            for type_ in types
            for id_ in self._ids(zone, name, type_)
            for record in self._record(zone, id_)
            if record.name == name and type_ in {ANY, record.type}
        )

    def apply(self, change: RrsetChange, may_go_on: Callable[[], bool]) -> None:
        """One request for each operation."""
        for operation in change.operations:
            if not may_go_on():
                raise LeaseLost(f"{change.key.fqdn}: the lease is not ours any more")
            self._send(change, operation)

    def publish(self, zone: str) -> None:
        """OVH calls it refresh: until then the name servers serve what they served before."""
        self._call("POST", f"{_path(zone)}/refresh")

    def sent(self) -> int:
        """Since it was asked last; the API's clock is asked without counting."""
        sent, self._sent = self._sent, 0
        return sent

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        if self._client is not None:
            _close(self._client)
            self._client = None

    def granted(self) -> Mapping[str, Any]:
        """The API's own words about the credential in use (`GET /auth/currentCredential`)."""
        answer = self._call("GET", "/auth/currentCredential")
        return answer if isinstance(answer, dict) else {}

    def _ids(self, zone: str, name: str, type_: str) -> list[int]:
        found: set[int] = set()
        of_type = "" if type_ == ANY else f"fieldType={type_}&"
        for form in _forms(name):
            path = f"{_path(zone)}/record?{of_type}subDomain={quote(form, safe='')}"
            answer = self._call("GET", path)
            if not isinstance(answer, list) or len(answer) > _MOST_RECORDS:
                raise Unavailable(f"OVH: GET {path}: no list of records that can be meant")
            found.update(answer)
        return sorted(found)

    def _record(self, zone: str, id_: int) -> Iterator[Record]:
        raw = self._call("GET", f"{_path(zone)}/record/{id_}")
        if not isinstance(raw, dict):
            raise Unavailable(f"OVH: record {id_} of {zone} is no record")
        type_ = str(raw.get("fieldType") or "")
        yield Record(
            id=str(id_),
            name=_in_punycode(str(raw.get("subDomain") or APEX)),
            type=type_,
            value=canonical(type_, str(raw.get("target") or ""), zone),
            ttl=int(raw.get("ttl") or 0),
        )

    def _send(self, change: RrsetChange, operation: RecordOperation) -> None:
        key = change.key
        sub_domain = "" if key.name == APEX else key.name
        path = f"{_path(key.zone)}/record"
        match operation:
            case Update(record, value, ttl):
                body = {"subDomain": sub_domain, "target": _target(key.type, value), "ttl": ttl}
                self._call("PUT", f"{path}/{record.id}", body)
            case Create(value, ttl):
                body = {"subDomain": sub_domain, "target": _target(key.type, value), "ttl": ttl}
                self._call("POST", path, {"fieldType": key.type, **body})
            case Delete(record):
                self._call("DELETE", f"{path}/{record.id}")

    def _call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        response = self._answer(method, path, data)
        if ovh_answers.is_clock_doubt(response) or (
            response.status_code == 401 and self._is_by_token
        ):
            self.close()
            response = self._answer(method, path, data)
        if not 200 <= response.status_code < 300:
            raise ovh_answers.failure(response, method, path, self._secrets())
        try:
            return response.json() if response.content else None
        except ValueError:
            raise Unavailable(f"OVH: {method} {path}: what came is no JSON") from None

    def _secrets(self) -> list[str]:
        """Also the token that was got for a service account: it is sent with each request."""
        token = getattr(getattr(self._client, "_oauth2", None), "_token", None) or {}
        return [
            *self._words.values(),
            *([token["access_token"]] if "access_token" in token else []),
        ]

    def _answer(self, method: str, path: str, data: Mapping[str, Any] | None) -> requests.Response:
        client = self._connected()
        self._sent += 1
        with self._timer.timed(method) as call:
            try:
                _require_token(client, self._timeouts_s)
                response: requests.Response = client.raw_call(method, path, data)
            except requests.Timeout:
                raise Unavailable(f"OVH: {method} {path}: no answer in time") from None
            except requests.RequestException:
                raise Unavailable(f"OVH: {method} {path}: the connection failed") from None
            except ovh.exceptions.OAuth2FailureError as error:
                raise _token_failure(error) from None
            call.code = str(response.status_code)
        return response

    @property
    def _is_by_token(self) -> bool:
        return isinstance(self._account.credentials, ServiceAccount)

    def _connected(self) -> Any:
        """The client for the credentials as they are now, its clock set by the server's."""
        words = self._read_credentials()
        if words != self._words:
            self.close()
        if self._client is None:
            self._words = words
            self._client = _client(self._account, words, self._timeouts_s)
        if not self._is_by_token:
            _set_clock(self._client)
        return self._client

    def _read_credentials(self) -> dict[str, str]:
        credentials = self._account.credentials
        files = {name: getattr(credentials, name) for name in credentials.__dataclass_fields__}
        words: dict[str, str] = {}
        for name, file in files.items():
            try:
                words[name] = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise NotAuthorised(f"OVH: {file} cannot be read ({name})", "key") from None
            if not words[name]:
                raise NotAuthorised(f"OVH: {file} is empty ({name})", "key")
            if not words[name].isascii() or not words[name].isprintable() or " " in words[name]:
                raise NotAuthorised(f"OVH: {file} holds more than one plain word ({name})", "key")
        return words


def _client(account: OvhAccount, words: Mapping[str, str], timeouts_s: tuple[float, float]) -> Any:
    """The client knows endpoints by names only, in tables of its module, and looks under the same name
    in files called `ovh.conf` wherever it runs: so ours has a name that nobody else would use."""
    known = ovh.client.ENDPOINTS.get(account.endpoint, account.endpoint)
    tokens = account.token_url or ovh.client.OAUTH2_TOKEN_URLS.get(account.endpoint)
    name = f"swarm-operator at {known}"
    ovh.client.ENDPOINTS[name] = known.removesuffix("/")
    if tokens is not None:
        ovh.client.OAUTH2_TOKEN_URLS[name] = tokens
    try:
        return ovh.Client(endpoint=name, timeout=timeouts_s, **words)
    except ovh.exceptions.APIError as error:
        # Its texts may quote what it was given.
        why = f"{type(error).__name__}; are there variables OVH_… in its environment?"
        raise NotAuthorised(f"OVH: the client does not take this account: {why}", "key") from None


def _close(client: Any) -> None:
    """The client has no such call of its own."""
    for session in (client._session, getattr(client._oauth2, "_session", None)):  # noqa: SLF001
        if session is not None:
            session.close()


def _require_token(client: Any, timeouts_s: tuple[float, float]) -> None:
    """The client itself would ask for one, and for those that follow, without a timeout."""
    account = client._oauth2  # noqa: SLF001
    if account is None or account._token is not None:  # noqa: SLF001
        return
    service = BackendApplicationClient(client_id=account.client_id, scope=["all"])
    with RefreshOAuth2Session(token_url=account.token_url, client=service) as session:
        token = session.fetch_token(
            token_url=account.token_url,
            client_id=account.client_id,
            client_secret=account.client_secret,
            timeout=timeouts_s,
        )
    account.token_updater(token)
    account.session.auto_refresh_kwargs["timeout"] = timeouts_s


def _set_clock(client: Any) -> None:
    try:
        client.time_delta  # noqa: B018 - asks the server, once for each client
    except (ovh.exceptions.APIError, AttributeError, TypeError):
        raise Unavailable("OVH: GET /auth/time: the server's clock cannot be read") from None


def _token_failure(error: Exception) -> Exception:
    """Its text quotes the answer, so it is looked at, but only its class is shown."""
    if "status_code=5" in str(error) or "status_code=4" not in str(error):
        why = type(error).__name__
        return Unavailable(f"OVH: no token could be got for the service account ({why})")
    return NotAuthorised("OVH: the service account gets no token", "credential")


def _forms(name: str) -> tuple[str, ...]:
    """As which the API may hold a name: one beyond ASCII is taken in punycode and in Unicode, and the
    API's description does not say in which it is kept."""
    if name == APEX:
        return ("",)
    if "xn--" not in name:
        return (name,)
    try:
        return name, idna.decode(name)
    except idna.IDNAError:  # what people made of it by hand
        return (name,)


def _in_punycode(name: str) -> str:
    """As names are compared."""
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


def _path(zone: str) -> str:
    return f"/domain/zone/{quote(zone, safe='')}"


def _target(type_: str, value: str) -> str:
    """A name without a final dot would be relative to the zone."""
    return f"{value}." if type_ == "CNAME" else value
