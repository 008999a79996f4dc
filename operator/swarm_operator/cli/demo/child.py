"""`python -m swarm_operator.cli.demo.child VERB…`: the command line as a child that ends with its
parent: when standard input closes, however the parent came to its end."""

import os
import signal
import threading

from swarm_operator.cli.main import main


def _end_with_parent() -> None:
    # Not by sys.stdin: a thread in it would hold a lock that the interpreter's end wants.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    main()
