"""What a worker process of `Workshop` runs: it receives jobs, runs one after another, and sends their results.

It imports nothing but the modules of the jobs. Python's own process pools would also import the program's main module.
"""

import os
import pickle
import signal
import sys
import threading
import traceback
from queue import SimpleQueue
from typing import Any, BinaryIO

LENGTH = 8
"""The number of bytes before each result that say how long it is."""


def main() -> None:
    """Run the jobs that arrive on standard input until it ends, which it does with the parent process.

    The first object that arrives is the parent's `sys.path`; each further one is a job, (function, arguments). What jobs print
    goes to standard error. Ctrl-C is left to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        sys.path[:] = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent process sends it
        jobs: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(target=_receive, args=(jobs,), daemon=True).start()
        while True:
            _send(results, _outcome(*jobs.get()))


def _receive(jobs: SimpleQueue[Any]) -> None:
    """Receive jobs. End the process at once if the parent has ended, even in the middle of a job."""
    try:
        while True:
            jobs.put(pickle.load(sys.stdin.buffer))  # noqa: S301
    finally:
        os._exit(1)


def _outcome(job: Any, arguments: tuple[Any, ...]) -> bytes:
    """Return the pickled outcome of a job: (whether it succeeded, its result or its error)."""
    try:
        return pickle.dumps((True, job(*arguments)))
    except Exception as error:  # noqa: BLE001 - the parent raises it again
        error.add_note(f"In the worker process:\n{traceback.format_exc()}")
        try:
            return pickle.dumps((False, error))
        except Exception:  # noqa: BLE001 - some errors hold what cannot be pickled
            return pickle.dumps((False, RuntimeError(repr(error))))


def _send(results: BinaryIO, outcome: bytes) -> None:
    results.write(len(outcome).to_bytes(LENGTH, "big") + outcome)
    results.flush()


if __name__ == "__main__":
    main()
