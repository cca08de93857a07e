"""Reads the lines of a large import in several worker processes, before the transaction begins."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from app.domain.vocabulary import Kind
from app.errors import Problem
from app.writing.batch import PLAIN, Batch, Content, Line, Manner, Mode, Wanted
from app.writing.frames import Framed
from app.writing.writer import Writer

AT_ONCE = 500
"""The number of lines that one job parses."""


class Read(NamedTuple):
    """The records of lines without faults, in a form that a worker can pickle and send."""

    records: list[tuple[Kind, Content, str | None, str, bool, Manner]]
    """(kind, content, line, pointer within the line, whether the id was given, what the line asks for)."""
    cited: dict[str, list[str]]
    """By record id: the ids of the citations that were sent with the record."""
    cut: set[str]
    repeated: int
    framed: list[tuple[str | None, Framed]]


def read(writer: Writer, lines: Sequence[Line], *, mode: Mode = Mode.REPLACE, progress: Callable[[int], None]) -> Batch:
    """Read all lines into a batch. The batch and its faults are the same as if one process had read all lines."""
    batch = Batch.of_many()
    pieces = [lines[start : start + AT_ONCE] for start in range(0, len(lines), AT_ONCE)]
    with writer.run_jobs([partial(_read, writer, piece, mode) for piece in pieces]) as found:
        for piece, ready in zip(pieces, found, strict=True):
            if ready is None:
                writer.intake.lines(piece, batch, mode=mode)
            else:
                _take(writer, batch, ready)
            progress(len(piece))
    return batch


def _read(writer: Writer, piece: Sequence[Line], mode: Mode) -> Read | None:
    """Parse lines in a worker. Returns None if a line has a fault.

    If it returns None, the main process parses all these lines again to collect the faults.
    """
    try:
        batch = writer.intake.lines(piece, mode=mode)
    except Problem:
        return None
    if batch.faults:
        return None
    return Read(
        [
            (each.resource.kind, each.content, each.line, each.pointer, each.named, each.manner)
            for each in batch.wanted.values()
        ],
        {record_id: [each.id for each in several] for record_id, several in batch.cited.items()},
        batch.cut,
        batch.repeated,
        batch.framed,
    )


def _take(writer: Writer, batch: Batch, ready: Read) -> None:
    batch.repeated += ready.repeated
    for kind, content, line, pointer, named, manner in ready.records:
        same = PLAIN if manner == PLAIN else manner  # after unpickling, it is another object
        batch.add(Wanted(writer.resources[kind], content, line, pointer, named=named, manner=same))
    for record_id, several in ready.cited.items():
        batch.cited[record_id] = [batch.wanted[each] for each in several]
    batch.cut |= ready.cut
    batch.framed += ready.framed
    batch.is_open = batch.is_open or bool(ready.framed)
