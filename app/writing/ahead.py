"""Very many lines read by several processes at once, before anybody waits for the database."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import NamedTuple

from app.models.vocabulary import Kind
from app.search.index import Said
from app.writing.batch import Batch, Content, Line, Wanted
from app.writing.unit import Writer

MANY = 5_000
"""Lines from which on other processes are worth their start."""
AT_ONCE = 500
"""Lines that a process reads at once."""


class Read(NamedTuple):
    """What lines without a fault say, as it passes from one process to another."""

    records: list[tuple[Kind, Content, str | None, str, bool, Said | None]]
    """Kind, content, the line and where in it, whether it came with its id, its own words."""
    cited: dict[str, list[str]]
    """For records that came with citations: the ids of these."""
    cut: set[str]


def read(writer: Writer, lines: Sequence[Line], *, progress: Callable[[int], None], many: int = MANY) -> Batch:
    """A batch of all lines, the same as one process makes; what is wrong with them is in the batch."""
    batch = Batch()
    pieces = [lines[start : start + AT_ONCE] for start in range(0, len(lines), AT_ONCE)]
    with _reading(writer, pieces if len(lines) >= many else []) as found:
        for piece in pieces:
            ready = next(found, None)
            if ready is None:
                writer.intake.lines(piece, batch)
            else:
                _take(writer, batch, ready)
            progress(len(piece))
    return batch


@contextmanager
def _reading(writer: Writer, pieces: Sequence[Sequence[Line]]) -> Iterator[Iterator[Read | None]]:
    """What other processes read of each piece, None where a line is at fault: that is read here, where faults are told.

    The processes are copies of this one, which has to have neither threads nor connections; where the system makes no such
    copies safely, there are none.
    """
    if not pieces or sys.platform != "linux":
        yield iter(())
        return
    many = min(len(os.sched_getaffinity(0)), len(pieces))
    with ProcessPoolExecutor(many, get_context("fork"), _begin, (writer,)) as pool:
        yield pool.map(_read, pieces)


_writer: Writer


def _begin(writer: Writer) -> None:
    global _writer  # noqa: PLW0603 - a process of the pool has nowhere else to keep it
    _writer = writer


def _read(piece: Sequence[Line]) -> Read | None:
    batch = _writer.intake.lines(piece)
    if batch.faults:
        return None
    said = _writer.documents.said(batch.wanted.values())
    return Read(
        [
            (each.resource.kind, each.content, each.line, each.pointer, each.named, said.get(each.id))
            for each in batch.wanted.values()
        ],
        {record_id: [each.id for each in several] for record_id, several in batch.cited.items()},
        batch.cut,
    )


def _take(writer: Writer, batch: Batch, ready: Read) -> None:
    for kind, content, line, pointer, named, said in ready.records:
        batch.add(Wanted(writer.resources[kind], content, line, pointer, named=named, said=said))
    for record_id, several in ready.cited.items():
        batch.cited[record_id] = [batch.wanted[each] for each in several]
    batch.cut |= ready.cut
