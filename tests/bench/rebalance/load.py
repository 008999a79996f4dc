"""Clients that ask services for a page, so many times a second; run inside a network namespace.

Each request is one connection. `dns` looks the name up anew for each, at Docker's own resolver, and
takes the first address; `ports` takes the next of a list of addresses that a balancer would have,
which comes line by line on standard input as JSON. It ends when standard input does.
"""

import itertools
import json
import queue
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

RESOLVER: Final = ("127.0.0.11", 53)
TIMEOUT_S: Final = 2.0
"""For the look-up, and then for the page."""
_WORKERS: Final = 64
_HEADER: Final = struct.Struct(">6H")
_TYPE_A: Final = 1
_CLASS_IN: Final = 1


def main(how: str, rate: str, log: str, *names: str) -> None:
    """Ask until standard input ends; a line of JSON for each request goes to `log`."""
    targets: list[list[Any]] = [] if how == "ports" else [[name, 80] for name in names]
    ended = threading.Event()
    threading.Thread(target=_listen, args=(targets, how, ended), daemon=True).start()
    with Path(log).open("w", encoding="utf-8") as file:
        _ask_until(ended, targets, how, float(rate), _Writer(file))


class _Writer:
    """Lines from several threads."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, **fields: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(fields) + "\n")
            self._file.flush()


def _listen(targets: list[list[Any]], how: str, ended: threading.Event) -> None:
    for line in sys.stdin:
        if how == "ports":
            targets[:] = json.loads(line)
    ended.set()


def _ask_until(
    ended: threading.Event, targets: list[list[Any]], how: str, rate: float, writer: _Writer
) -> None:
    wanted: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
    workers = [
        threading.Thread(target=_work, args=(wanted, how, writer), daemon=True)
        for _ in range(_WORKERS)
    ]
    for worker in workers:
        worker.start()
    was_known = False  # whether the first list has come
    for number in _ticks(rate, ended):
        known = list(targets)
        was_known = was_known or bool(known)
        if known:
            wanted.put(known[number % len(known)])
        elif how == "ports" and was_known:
            writer.write(at=time.monotonic(), target="-", error="no address in the list")
    for _ in workers:
        wanted.put(None)
    for worker in workers:
        worker.join()


def _ticks(rate: float, ended: threading.Event) -> Iterator[int]:
    start = time.monotonic()
    for number in itertools.count():
        if ended.wait(max(0.0, start + number / rate - time.monotonic())):
            return
        yield number


def _work(wanted: "queue.SimpleQueue[list[Any] | None]", how: str, writer: _Writer) -> None:
    while (target := wanted.get()) is not None:
        at, error, address = time.monotonic(), "", str(target[0])
        try:
            if how == "dns":
                address = look_up(target[0])
            _fetch(address, int(target[1]))
        except (OSError, ValueError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        name = target[0] if how == "dns" else f"{target[0]}:{target[1]}"
        took_s = round(time.monotonic() - at, 4)
        writer.write(at=at, target=name, address=address, took_s=took_s, error=error)


def look_up(name: str) -> str:
    """The first address that Docker's resolver has for a name. Raises OSError, ValueError."""
    number = random.getrandbits(16)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    packet = _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + question
    packet += struct.pack(">2H", _TYPE_A, _CLASS_IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(TIMEOUT_S)
        link.connect(RESOLVER)
        link.send(packet)
        answer = link.recv(4096)
    return _first_address(answer, number, len(packet), name)


def _first_address(answer: bytes, number: int, at: int, name: str) -> str:
    got, flags, _, count, _, _ = _HEADER.unpack_from(answer)
    if got != number or flags & 0xF or not count:
        raise ValueError(f"{name}: no address (code {flags & 0xF}, {count} answers)")
    for _ in range(count):
        while answer[at] and answer[at] < 0xC0:  # a name: labels, or a pointer to some
            at += 1 + answer[at]
        at += 2 if answer[at] else 1
        kind, _, _, length = struct.unpack_from(">2HIH", answer, at)
        at += 10
        if kind == _TYPE_A:
            return socket.inet_ntoa(answer[at : at + length])
        at += length
    raise ValueError(f"{name}: no address")


def _fetch(address: str, port: int) -> None:
    with socket.create_connection((address, port), timeout=TIMEOUT_S) as link:
        link.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := link.recv(4096):
            answer += part
    if b" 200 " not in answer[:32]:
        raise ValueError(f"answered {answer[:32]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
