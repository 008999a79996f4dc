"""The page of OVH on which a person makes a consumer key, filled in."""

from collections.abc import Iterable
from urllib.parse import quote

import ovh

OF_THE_DOCTOR = ("GET", "/auth/currentCredential")
"""So that `doctor dns` can say what is granted; nothing else asks for it."""


def create_token_url(endpoint: str, rights: Iterable[tuple[str, str]]) -> str:
    """The address that asks for these rights, each a method and a path, and for the doctor's.

    `endpoint` is a name that the client knows, as `ovh-eu`, or the URL of an API. The page lies beside
    the API's version (https://github.com/ovh/python-ovh, section 1).
    """
    api = ovh.client.ENDPOINTS.get(endpoint, endpoint).rstrip("/")
    asked = [f"{method}={quote(path, safe='/*')}" for method, path in (*rights, OF_THE_DOCTOR)]
    return f"{api.rpartition('/')[0]}/createToken/?{'&'.join(dict.fromkeys(asked))}"
