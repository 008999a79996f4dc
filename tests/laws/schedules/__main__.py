"""`python -m tests.laws.schedules [file]`: play a schedule's script, from a file or pasted.

Says what happens at each step, what the operators do and say, and how it ends.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from swarm_operator.simulation.api.message import ApiRequest
from tests.laws.schedules import vocabulary
from tests.laws.schedules.lab import Lab
from tests.laws.schedules.monitor import Monitor
from tests.laws.schedules.monitors.journeys import label_of
from tests.laws.schedules.process import Process
from tests.laws.schedules.schedule import LawBroken, Schedule


class Narrator(Monitor):
    """Prints what is going on."""

    def before_write(self, process: Process, request: ApiRequest) -> None:
        body = request.body if isinstance(request.body, dict) else {}
        what = f"{request.method} {request.path} {body.get('Name', '')}"
        intent = label_of(body)
        if intent:
            known = json.loads(intent)
            what += f" ({known['step']} from {known['from'][:6]} to {known['to'][:6]})"
        print(f"{self.lab.now:9.3f} {process.name:8} {what}")

    def by_hand_done(self, name: str) -> None:
        print(f"{self.lab.now:9.3f} a hand  changed {name}")

    def said(self, level: str, event: str, fields: dict[str, object]) -> None:
        print(f"{self.lab.now:9.3f} log     {level}: {event} {fields}")


def main() -> int:
    """Exit code: 1 where a law is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.laws.schedules", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="standard input where there is none")
    options = parser.parse_args()
    text = options.file.read_text() if options.file else sys.stdin.read()
    try:
        played = play(text)
    except LawBroken as broken:
        print(str(broken).partition("\n\nTo play it again")[0])
        return 1
    if not played:
        print("nothing was played: the text has no `Schedule(…).play()`", file=sys.stderr)
        return 2
    print("every law holds")
    return 0


def play(text: str) -> int:
    """Run a script as `Schedule.script` prints it, aloud, or as pytest shows that; returns how many
    schedules were played. Raises LawBroken."""
    words = {name: getattr(vocabulary, name) for name in vocabulary.__all__}

    played = 0

    class Aloud(Schedule):
        def play(self) -> Lab:
            nonlocal played
            played += 1
            return super().play()

    def aloud(**fields: object) -> Schedule:
        return Aloud(**fields, also=(Narrator,))  # type: ignore[arg-type]

    shown = (re.sub(r"^E\s+", "", line) for line in text.splitlines())
    lines = [line for line in shown if not line.startswith("from tests.laws.")]
    exec(compile("\n".join(lines), "<schedule>", "exec"), {**words, "Schedule": aloud})
    return played


if __name__ == "__main__":
    sys.exit(main())
