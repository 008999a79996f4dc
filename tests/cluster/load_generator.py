"""A bounded load of HTTP requests, one line of JSON for each: this file is a program of its own.

    python load_generator.py --connect 10.0.0.1:80 --host app.lab --rate 50 [--method POST --path …]

Open loop: a request begins every 1/rate seconds whatever became of the others, until the standard
input ends; at most `--at-once` are under way, those beyond wait for their turn. Connections are
kept and used again as browsers do. A request is given up after `--timeout` seconds. Lines:

    {"at": monotonic seconds, "took": seconds, "said": 200 or "ConnectionError …", "by": "host 1"}
"""

import argparse
import asyncio
import json
import sys
import time

_Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Client:
    def __init__(self, options: argparse.Namespace) -> None:
        self._address, _, port = options.connect.rpartition(":")
        self._port = int(port)
        body = b"x" * options.body if options.method == "POST" else b""
        head = (
            f"{options.method} {options.path} HTTP/1.1\r\nHost: {options.host}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body
        self._timeout = options.timeout
        self._turns = asyncio.Semaphore(options.at_once)
        self._idle: list[_Link] = []

    async def ask(self) -> None:
        async with self._turns:
            at = time.monotonic()
            said: int | str
            try:
                said, by = await asyncio.wait_for(self._answer(), self._timeout)
            except TimeoutError:
                said, by = "TimeoutError", ""
            except (OSError, ValueError, EOFError) as error:
                said, by = f"{type(error).__name__} {error}", ""
            took = round(time.monotonic() - at, 4)
            print(json.dumps({"at": at, "took": took, "said": said, "by": by}), flush=True)

    async def _answer(self) -> tuple[int, str]:
        link = self._idle.pop() if self._idle else None
        reader, writer = link or await asyncio.open_connection(self._address, self._port)
        kept = False
        try:
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            lengths = [
                line.split(":")[1]
                for line in head.split("\r\n")
                if line.startswith("content-length:")
            ]
            body = (await reader.readexactly(int(lengths[0]))).decode("latin-1") if lengths else ""
            kept = bool(lengths) and "\r\nconnection: close" not in head
            return status, body.strip() if status < 300 else ""
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()


async def _run(options: argparse.Namespace) -> None:
    client = _Client(options)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    under_way: set[asyncio.Task[None]] = set()
    begun = loop.time()
    number = 0
    while not ended.is_set() and number != options.count:
        task = loop.create_task(client.ask())
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
        pause = begun + number / options.rate - loop.time()
        await asyncio.sleep(max(0, pause))
    if under_way:
        await asyncio.wait(under_way)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connect", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--body", type=int, default=16)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--count", type=int, default=-1)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--timeout", type=float, default=30)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
