"""Prints each change of a registry as soon as it is committed, a line of JSON each, until ended.

Usage: python stream.py http://127.0.0.1:8000 [POSITION]. It begins after the position, or with what changes from now on. It
needs Python 3.9 and nothing else.
"""

import json
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SILENCE = 60.0
"""Seconds after which a registry that says nothing, not even a comment, is asked again."""


def changes(registry: str, position: str = "") -> Iterator[Any]:
    """Yield each change once and in order, however often the registry restarts meanwhile."""
    while True:
        asked = Request(f"{registry}/v1/changes?format=events", headers={"Last-Event-ID": position} if position else {})
        event: dict[str, str] = {}
        try:
            with urlopen(asked, timeout=SILENCE) as stream:
                for line in stream:
                    name, _, value = line.decode(errors="replace").partition(": ")
                    if name != "\n":
                        event[name] = value.rstrip("\n")
                        continue
                    if "data" in event:
                        yield json.loads(event["data"])
                    position, event = event.get("id", position), {}  # of whole events only: a line may be broken off
        except HTTPError as error:
            if error.code not in (429, 503):
                raise  # 410: the registry was restored, so what is known of it has to be read anew
        except (OSError, HTTPException) as error:
            print(f"{error}; trying again", file=sys.stderr)
        time.sleep(1)


if __name__ == "__main__":
    for change in changes(*sys.argv[1:]):
        print(json.dumps(change, ensure_ascii=False), flush=True)
