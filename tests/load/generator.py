"""A bounded load of HTTP requests, one line of JSON for each: a program of its own.

    python -m tests.load.generator --connect 10.0.0.1:80 --host app.lab [--method POST --path …]
    python -m tests.load.generator --names shop_web shop_api --anew
    python -m tests.load.generator --listed --anew

Whom it asks: one address; or names, the next one each time, looked up anew at Docker's resolver; or
the next of a list of addresses that a balancer would have, which comes line by line on the standard
input as JSON.

Open loop: a request begins every 1/rate seconds whatever became of the others, until the standard
input ends; at most `--at-once` are under way, those beyond wait for their turn. Connections are
kept and used again as browsers do, or made `--anew` for each request. A request is given up after
`--timeout` seconds, a look-up too. Lines:

    {"at": monotonic seconds, "took": seconds, "said": 200 or "ConnectionError …", "by": "host 1",
     "target": "shop_web", "address": "10.0.1.5:80"}
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import defaultdict

from tests.load import docker_names

_Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main() -> None:
    parser = argparse.ArgumentParser()
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--connect", metavar="ADDRESS:PORT")
    whom.add_argument("--names", nargs="+")
    whom.add_argument("--listed", action="store_true")
    parser.add_argument("--host", help="by default, whom it asks")
    parser.add_argument("--path", default="/")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--body", type=int, default=16)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--count", type=int, default=-1)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--anew", action="store_true")
    asyncio.run(_run(parser.parse_args()))


class _Input:
    """The standard input: its lines, and its end."""

    def __init__(self, targets: list[str]) -> None:
        self.targets = targets
        """Whom to ask now."""
        self.ended = asyncio.Event()
        self._rest = b""
        asyncio.get_running_loop().add_reader(sys.stdin, self._read)

    def _read(self) -> None:
        part = os.read(sys.stdin.fileno(), 65536)
        if not part:
            self.ended.set()
            asyncio.get_running_loop().remove_reader(sys.stdin)
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            self.targets = json.loads(line)


class _Client:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._turns = asyncio.Semaphore(options.at_once)
        self._idle: defaultdict[str, list[_Link]] = defaultdict(list)

    async def ask(self, target: str) -> None:
        async with self._turns:
            at = time.monotonic()
            said: int | str
            by = address = ""
            try:
                address = await self._address_of(target)
                said, by = await asyncio.wait_for(
                    self._answer(target, address), self._options.timeout
                )
            except TimeoutError:
                said = "TimeoutError"
            except (OSError, ValueError, EOFError) as error:
                said = f"{type(error).__name__} {error}"
            _tell(at, said, by=by, target=target, address=address)

    async def _address_of(self, target: str) -> str:
        if not self._options.names:
            return target
        return f"{await asyncio.wait_for(docker_names.look_up(target), self._options.timeout)}:80"

    async def _answer(self, target: str, address: str) -> tuple[int, str]:
        idle = self._idle[address]
        host, _, port = address.rpartition(":")
        reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
        kept = False
        try:
            writer.write(self._request(target))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            lengths = [
                line.split(":")[1]
                for line in head.split("\r\n")
                if line.startswith("content-length:")
            ]
            body = (await reader.readexactly(int(lengths[0]))).decode("latin-1") if lengths else ""
            kept = bool(lengths) and "\r\nconnection: close" not in head and not self._options.anew
            return status, body.strip() if status < 300 else ""
        finally:
            if kept:
                idle.append((reader, writer))
            else:
                writer.close()

    def _request(self, target: str) -> bytes:
        options = self._options
        body = b"x" * options.body if options.method == "POST" else b""
        lines = [f"{options.method} {options.path} HTTP/1.1", f"Host: {options.host or target}"]
        lines += [f"Content-Length: {len(body)}", *(["Connection: close"] if options.anew else [])]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


def _tell(at: float, said: int | str, *, by: str = "", target: str, address: str = "") -> None:
    took = round(time.monotonic() - at, 4)
    line = {"at": at, "took": took, "said": said, "by": by, "target": target, "address": address}
    print(json.dumps(line), flush=True)


async def _run(options: argparse.Namespace) -> None:
    client = _Client(options)
    given = _Input(options.names or ([options.connect] if options.connect else []))
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()
    begun = loop.time()
    was_known = False  # whether the first list has come
    number = 0
    while not given.ended.is_set() and number != options.count:
        targets = given.targets
        was_known = was_known or bool(targets)
        if targets:
            task = loop.create_task(client.ask(targets[number % len(targets)]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        elif was_known:
            _tell(time.monotonic(), "no address in the list", target="-")
        number += 1
        pause = begun + number / options.rate - loop.time()
        await asyncio.sleep(max(0, pause))
    if under_way:
        await asyncio.wait(under_way)


if __name__ == "__main__":
    main()
