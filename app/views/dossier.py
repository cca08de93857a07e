"""The dossier: all that the registry has about one record, as a table of each kind, with the evidence."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlencode

from pydantic_core import to_json

from app.db.driver import Driver, Row, Statement
from app.declaration.resource import CITED, Resource
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.faults import Fault
from app.files.tables import TableColumn, column_names
from app.reading.compiler import IDS, LINK_PREFIX, Compiler
from app.reading.extra_columns import CITATION, ExtraColumn
from app.reading.names import language_parameters
from app.reading.paging import PagedRead
from app.reading.shapes import Shape

MOST_RECORDS = 50_000
"""The most records of a dossier, in all its tables together."""
_AT_ONCE = 100
"""The number of ids that are looked for at once, as the values of a filter."""
_ARRAYS = ("topics", "countries")
"""The arrays that tables have, where their kind has them."""
SUBJECT = "subject"
"""The name of the first table, which has the record itself."""


class Read(NamedTuple):
    """Records that belong to a table: those that a filter of their kind finds."""

    filter: str
    """The name of the filter, or IDS: the records with these ids."""
    tables: tuple[str, ...] | None = ()
    """The values of the filter are the ids in these tables of the dossier. None: in all tables before this one. Empty: the
    value is the id of the record that the dossier is about."""
    column: str = "id"
    """The column of these tables that has the ids."""


class Table(NamedTuple):
    """A table of a dossier. A record that several of its reads find is there once."""

    kind: Kind
    reads: tuple[Read, ...]
    name: str = ""
    """The name of the table, if it is not that of the collection."""


class Asked(NamedTuple):
    """A dossier that is asked for."""

    record_id: str
    kind: Kind
    window: Mapping[str, str]
    """The values of `date_from` and `date_to`, as far as they are given. They narrow the tables of what has dates."""
    languages: Sequence[str]
    base_url: str
    """What stands before the paths of addresses."""


_EVIDENCE = (
    Table(Kind.CITATION, (Read("record", None),)),
    Table(Kind.SOURCE, (Read(IDS, ("citations",), "source.id"),)),
)
"""The tables at the end of each dossier: the citations of its records, and the sources that they cite."""
_DONE = ("meetings", "memoranda", "outcomes")


def _of_instruments(*more: Read) -> tuple[Table, ...]:
    """Return the tables of what follows from instruments, meetings and outcomes. `more`: further reads of the actions."""
    return (
        Table(Kind.PARTY, (Read("memorandum", ("memoranda",)),)),
        Table(Kind.RELATION, (Read("memorandum", ("memoranda",)),)),
        Table(Kind.ACTION, (*more, Read("of", _DONE))),
    )


_ABOUT_TOPICS = (
    Kind.MEETING,
    Kind.MEMORANDUM,
    Kind.OUTCOME,
    Kind.PARTY,
    Kind.RELATION,
    Kind.ACTION,
    Kind.PARTICIPANT,
    Kind.MEMBERSHIP,
    Kind.POSITION,
    Kind.ORGANIZATION,
    Kind.SERIES,
    Kind.PERSON,
)


def _of_an_actor(*more: Table, is_party: bool = True, has_series: bool = False) -> tuple[Table, ...]:
    """Return the tables of a country, an organization or a person: what it takes part in, then `more`.

    `is_party`: it may be a party, which acts for itself. `has_series`: it may hold series, whose meetings are its own.
    """
    of_series = [Read("series", ("series",))] if has_series else []
    of_meetings = [Read("meeting", ("meetings",))] if has_series else []
    return (
        *([Table(Kind.SERIES, (Read("organization"),))] if has_series else []),
        Table(Kind.MEETING, (Read("participant"), *of_series)),
        Table(Kind.MEMORANDUM, (Read("party"), *of_series)),
        Table(Kind.OUTCOME, (Read("participant"), *of_meetings)),
        *_of_instruments(*([Read("party")] if is_party else []), Read("meeting", ("meetings",))),
        *more,
    )


TABLES: Mapping[Kind, tuple[Table, ...]] = {
    Kind.COUNTRY: _of_an_actor(
        Table(Kind.PARTICIPANT, (Read("country"),)),
        Table(Kind.MEMBERSHIP, (Read("member"),)),
        Table(Kind.POSITION, (Read("country"), Read("held_by"))),
        Table(Kind.ORGANIZATION, (Read("country"),)),
        Table(Kind.SERIES, (Read("country"),)),
        Table(Kind.PERSON, (Read("country"),)),
    ),
    Kind.ORGANIZATION: _of_an_actor(
        Table(Kind.PARTICIPANT, (Read("organization"),)),
        Table(Kind.MEMBERSHIP, (Read("member"),)),
        Table(Kind.MEMBERSHIP, (Read("of"),), "members"),
        Table(Kind.POSITION, (Read("organization"), Read("held_by"))),
        Table(Kind.ORGANIZATION, (Read("parent"),)),
        Table(Kind.PERSON, (Read("organization"),)),
        has_series=True,
    ),
    Kind.PERSON: _of_an_actor(
        Table(Kind.PARTICIPANT, (Read("person"),)),
        Table(Kind.POSITION, (Read("person"),)),
        Table(Kind.SOURCE, (Read("interviewee"),), "interviews"),
        is_party=False,
    ),
    Kind.TOPIC: (
        *(Table(kind, (Read("topic"),)) for kind in _ABOUT_TOPICS),
        Table(Kind.TOPIC, (Read("broader"),)),
        Table(Kind.SOURCE, (Read("topic"),), "publications"),
    ),
    Kind.SERIES: (
        Table(Kind.MEETING, (Read("series"),)),
        Table(Kind.MEMORANDUM, (Read("series"),)),
        Table(Kind.OUTCOME, (Read("meeting", ("meetings",)),)),
        *_of_instruments(Read("meeting", ("meetings",))),
        Table(Kind.PARTICIPANT, (Read("series"),)),
        Table(Kind.MEMBERSHIP, (Read("of"),)),
        Table(Kind.SERIES, (Read("parent"),)),
    ),
    Kind.MEETING: (
        Table(Kind.PARTICIPANT, (Read("meeting"),)),
        Table(Kind.MEMORANDUM, (Read("meeting"),)),
        Table(Kind.OUTCOME, (Read("meeting"),)),
        Table(Kind.PARTY, (Read("memorandum", ("memoranda",)),)),
        Table(Kind.RELATION, (Read("memorandum", ("memoranda",)),)),
        Table(Kind.ACTION, (Read("meeting"), Read("of"), Read("of", ("memoranda", "outcomes")))),
        Table(Kind.MEETING, (Read("part_of"),)),
    ),
    Kind.MEMORANDUM: (
        Table(Kind.PARTY, (Read("memorandum"),)),
        Table(Kind.ACTION, (Read("of"),)),
        Table(Kind.RELATION, (Read("memorandum"), Read("related"))),
        Table(Kind.MEETING, (Read("memorandum"),)),
        Table(Kind.OUTCOME, (Read("subject"),)),
    ),
}
"""By kind of the record, the tables of a dossier between that of the record itself and those of the evidence."""


class Dossiers:
    """Reads dossiers."""

    def __init__(
        self, resources: Iterable[Resource], compiler: Compiler, statement: Callable[[Shape], Statement], driver: Driver
    ) -> None:
        """`statement` compiles a shape, or returns the statement that it compiled before."""
        self._resources = {each.kind: each for each in resources}
        self._compiler = compiler
        self._statement = statement
        self._driver = driver

    async def lines(self, asked: Asked) -> AsyncGenerator[str]:
        """Yield the lines of a dossier, some at a time: an object for each table, and after it an array of cells for each row.

        The object has the members `table`, `columns` (each as a list of the values of a `TableColumn`), `collection_url`, and
        `found_by`: the addresses of the lists whose records they are, or words about them. Raises Invalid if the dossier has
        too many records.
        """
        values: dict[str, dict[str, list[str]]] = {}
        total = 0
        for table in (Table(asked.kind, (Read(IDS),), SUBJECT), *TABLES[asked.kind], *_EVIDENCE):
            resource = self._resources[table.kind]
            name, columns = table.name or resource.plural, self._columns(resource, len(asked.languages))
            names = column_names(columns)
            kept = {column: names.index(column) for column in ("id", "source.id") if column in names}
            values[name] = {column: [] for column in kept}
            yield _head(name, columns, resource, asked, self._found_by(table, asked))
            seen: set[str] = set()
            for read in table.reads:
                for several in _batches(_values(read, name, asked, values)):
                    async with aclosing(self._pages(resource, read, several, asked)) as pages:
                        async for rows in pages:
                            fresh = [row for row in rows if row[0] not in seen]
                            seen.update(row[0] for row in fresh)
                            total += len(fresh)
                            if total > MOST_RECORDS:
                                raise _too_long()
                            for column, place in kept.items():
                                values[name][column] += [row[place] for row in fresh]
                            yield "".join(f"{to_json(row).decode()}\n" for row in fresh)

    def _columns(self, resource: Resource, languages: int) -> list[TableColumn]:
        shape = _shape(resource, (), languages)
        return self._compiler.table(shape, [ExtraColumn(CITATION, "")] if shape.columns else [])

    def _found_by(self, table: Table, asked: Asked) -> list[str]:
        """Return the addresses of the lists that a table is made of, or words about those that have no address."""
        resource = self._resources[table.kind]
        found = []
        for read in table.reads:
            if read.tables is None or read.tables:
                whose = "all sheets before" if read.tables is None else f"the sheets {', '.join(read.tables)}"
                found.append(f"what belongs to {whose}")
            elif read.filter == IDS:
                found.append(f"{asked.base_url}{resource.path}/{asked.record_id}")
            else:
                query = {read.filter: asked.record_id, **_window(resource, asked)}
                found.append(f"{asked.base_url}{resource.path}?{urlencode(query)}")
        return found

    def _pages(self, resource: Resource, read: Read, several: Sequence[str], asked: Asked) -> AsyncGenerator[list[Row]]:
        """Read the records of a kind that a filter finds for these values."""
        encode = self._driver.encode
        shapes, parameters = [], {**language_parameters(asked.languages, encode), LINK_PREFIX: ""}
        if read.filter == IDS:
            given: dict[str, list[str]] = {}
            shapes.append((IDS, 1))
            parameters[IDS] = encode(several)
        else:
            given = {read.filter: list(several), **{name: [value] for name, value in _window(resource, asked).items()}}
        for name, each in given.items():
            shapes.append((name, resource.filters[name].shape(each)))
            parameters |= resource.filters[name].parameters(name, each, encode)
        shape = _shape(resource, shapes, len(asked.languages))

        def statement(*, after: bool) -> Statement:
            return self._statement(replace(shape, after=after))

        return PagedRead(statement, parameters, len(shape.sort) + 1).pages(self._driver)


def _shape(resource: Resource, filters: Sequence[tuple[str, int]], languages: int) -> Shape:
    return Shape(
        resource.kind,
        include=tuple(name for name in _ARRAYS if name in resource.parts),
        filters=tuple(filters),
        sort=(resource.default_sort,),
        columns=(CITATION,) if CITED in resource.includes else (),
        languages=min(languages, 2),
        purpose="table",
    )


def _window(resource: Resource, asked: Asked) -> dict[str, str]:
    """Return the days that narrow the records of a kind; none if its records have no dates."""
    return {name: value for name, value in asked.window.items() if name in resource.filters}


def _values(read: Read, name: str, asked: Asked, values: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """Return the values of the filter of a read. `values`: by table and column, what stands there. `name`: the table's own."""
    if read.tables == ():
        return [asked.record_id]
    tables = [each for each in values if each != name] if read.tables is None else read.tables
    return list(dict.fromkeys(value for each in tables for value in values.get(each, {}).get(read.column, ())))


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for place in range(0, len(values), _AT_ONCE):
        yield values[place : place + _AT_ONCE]


def _head(name: str, columns: Sequence[TableColumn], resource: Resource, asked: Asked, found_by: Sequence[str]) -> str:
    head = {
        "table": name,
        "columns": [list(column) for column in columns],
        "collection_url": f"{asked.base_url}{resource.path}",
        "found_by": found_by,
    }
    return f"{to_json(head).decode()}\n"


def _too_long() -> Invalid:
    told = f"the dossier has more than {MOST_RECORDS} records; narrow it with date_from and date_to, or ask for single lists"
    return Invalid(f"of: {told}", faults=[Fault(told, parameter="of")])
