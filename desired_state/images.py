"""References to images (distribution/reference), as docker/cli checks and shortens them."""

import re
from typing import Final

_LETTERS: Final = r"[a-z0-9]+"
_PART: Final = rf"{_LETTERS}(?:(?:[._]|__|-+){_LETTERS})*"
_LABEL: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE: Final = re.compile(
    rf"(?P<domain>{_DOMAIN})/(?P<path>{_PART}(?:/{_PART})*)"
    rf"(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)
_IDENTIFIER: Final = re.compile(r"[a-f0-9]{64}", re.ASCII)
_DIGEST_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_HUB: Final = "docker.io"
_MAX_NAME: Final = 255


def shortened(reference: str) -> str:
    """The familiar form that docker's client sends: default domain dropped, `:latest` added.

    Raises ValueError where it is no reference.
    """
    if not reference:
        raise ValueError("names no image")
    if _IDENTIFIER.fullmatch(reference):
        raise ValueError(
            "is the id of an image, which Swarm refuses; write [registry/]repository[:tag]"
        )
    domain, path = _split(reference)
    if (name := path.partition(":")[0].partition("@")[0]) != name.lower():
        raise ValueError("is no image reference: the repository must be in lower case")
    match = _REFERENCE.fullmatch(f"{domain}/{path}")
    if not match or not _digest_fits(match["digest"]):
        raise ValueError("is no image reference; write [registry/]repository[:tag]")
    if len(f"{match['domain']}/{match['path']}") > _MAX_NAME:
        raise ValueError(f"is no image reference: its name is longer than {_MAX_NAME} characters")
    return _familiar(match)


def _familiar(match: re.Match[str]) -> str:
    path: str = match["path"]
    if match["domain"] == _HUB:
        short = path.removeprefix("library/")
        name = path if "/" in short else short
    else:
        name = f"{match['domain']}/{path}"
    tag, digest = match["tag"], match["digest"]
    if not tag and not digest:
        tag = "latest"
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _split(reference: str) -> tuple[str, str]:
    """The registry's domain and the rest; Docker Hub where the first part is no domain."""
    first, slash, rest = reference.partition("/")
    if not slash:
        return _HUB, f"library/{reference}"
    if first == "index.docker.io":
        first = _HUB
    if first != "localhost" and not any(c in first for c in ".:") and first == first.lower():
        return _HUB, reference
    if first == _HUB and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def _digest_fits(digest: str | None) -> bool:
    return digest is None or _is_digest(digest)


def _is_digest(text: str) -> bool:
    algorithm, colon, digits = text.partition(":")
    return bool(
        colon
        and _DIGEST_LENGTHS.get(algorithm) == len(digits)
        and re.fullmatch(r"[a-f0-9]+", digits, re.ASCII)
    )
