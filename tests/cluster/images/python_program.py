"""A Python for small programs in containers: the one of the base image, without its sources.

The compiled modules lie where Python looks for modules that have no source, so that a container
starts as fast as one with busybox alone, and the layer stays small.
"""

import re
import tarfile
from functools import cache

from tests.cluster.images import base_image

_FOLDER = "/usr/bin/dynamic"  # what lies below /usr/bin is executable
_LIBRARIES = re.compile(
    r"\./usr/lib/[^/]+/(ld-linux-[^/]+\.so\.\d|lib(c|m|z|expat)\.so\.\d[0-9.]*)$"
)
_MODULES = re.compile(r"\./usr/(lib/python3\.\d+)/(.*?)(?:__pycache__/)?([^/]+)\.cpython-\d+\.pyc$")
_LEFT_OUT = ("test/", "unittest/", "idlelib/", "ensurepip/", "pydoc_data/", "email/", "xml/")


@cache
def files() -> dict[str, str | bytes]:
    """Return the files of an image that make `python FILE` work in it."""
    made: dict[str, str | bytes] = {}
    links: dict[str, str] = {}
    with tarfile.open(base_image.archive()) as tar:
        for member in tar:
            if library := _LIBRARIES.match(member.name):
                if member.issym():
                    links[library[1]] = member.linkname
                else:
                    made[f"{_FOLDER}/{library[1]}"] = _content(tar, member)
            elif module := _MODULES.match(member.name):
                if not module[2].startswith(_LEFT_OUT) and ".opt-" not in member.name:
                    made[f"/usr/{module[1]}/{module[2]}{module[3]}.pyc"] = _content(tar, member)
            elif re.fullmatch(r"\./usr/bin/python3\.\d+", member.name) and member.isfile():
                made[f"{_FOLDER}/python"] = _content(tar, member)
    for name, target in links.items():
        made[f"{_FOLDER}/{name}"] = made[f"{_FOLDER}/{target}"]
    loader = next(path for path in made if "/ld-linux-" in path)
    made["/bin/python"] = (
        "#!/bin/sh\n"
        f"PYTHONHOME=/usr exec {loader} --library-path {_FOLDER} --argv0 python "
        f'{_FOLDER}/python -S "$@"\n'
    )
    return made


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    assert opened is not None, member.name
    return opened.read()
