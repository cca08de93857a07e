"""Very many lines read before anybody waits for the database."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from app.domain.vocabulary import Kind
from app.errors import Problem
from app.writing.batch import Batch, Content, Line, Wanted
from app.writing.writer import Writer

AT_ONCE = 500
"""Lines that a process reads at once."""


class Read(NamedTuple):
    """What lines without a fault say, as it passes from one process to another."""

    records: list[tuple[Kind, Content, str | None, str, bool]]
    """Kind, content, the line and where in it, whether it came with its id."""
    cited: dict[str, list[str]]
    """For records that came with citations: the ids of these."""
    cut: set[str]


def read(writer: Writer, lines: Sequence[Line], *, progress: Callable[[int], None]) -> Batch:
    """A batch of all lines, the same as one process makes; what is wrong with them is in the batch."""
    batch = Batch.of_many()
    pieces = [lines[start : start + AT_ONCE] for start in range(0, len(lines), AT_ONCE)]
    with writer.share([partial(_read, writer, piece) for piece in pieces]) as found:
        for piece, ready in zip(pieces, found, strict=True):
            if ready is None:
                writer.intake.lines(piece, batch)
            else:
                _take(writer, batch, ready)
            progress(len(piece))
    return batch


def _read(writer: Writer, piece: Sequence[Line]) -> Read | None:
    """None where a line is at fault: that is read again where faults are told."""
    try:
        batch = writer.intake.lines(piece)
    except Problem:
        return None
    if batch.faults:
        return None
    return Read(
        [(each.resource.kind, each.content, each.line, each.pointer, each.named) for each in batch.wanted.values()],
        {record_id: [each.id for each in several] for record_id, several in batch.cited.items()},
        batch.cut,
    )


def _take(writer: Writer, batch: Batch, ready: Read) -> None:
    for kind, content, line, pointer, named in ready.records:
        batch.add(Wanted(writer.resources[kind], content, line, pointer, named=named))
    for record_id, several in ready.cited.items():
        batch.cited[record_id] = [batch.wanted[each] for each in several]
    batch.cut |= ready.cut
