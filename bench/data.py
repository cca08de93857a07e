"""Synthetic data of a registry's shape, written into SQLite as the product itself would have written it.

Contents go through the product's own rows (`RowWriter`), change log and projections; only the transaction is a bulk
load: indexes are dropped before and made after, references are checked once at the end.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from app.db.drivers import driver_for
from app.db.engine import create_engine, writing
from app.db.schema import migrate
from app.db.types import instant_text
from app.domain.vocabulary import Kind
from app.models.records import Change, Record
from app.reading.compiler import Compiler
from app.resources import RESOURCES
from app.settings import ROOT
from app.writing.write_schema import text_of
from app.writing.writer import Writer

SEED = 20_260_128
YEARS = range(2006, 2026)
NOW = datetime(2026, 1, 28, 9, 30, tzinfo=UTC)
FLUSH = 50_000
CHECKED = 997
"""One record in so many is held against the product's own schema."""


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(left, right) for left, _, right in (pair.partition(":") for pair in text.split())]


# The countries that meet, the most frequent first, each with the city they meet in.
CAPITALS = dict(
    _pairs(
        "CN:Beijing RU:Moscow UZ:Tashkent KZ:Astana BY:Minsk TR:Ankara AZ:Baku US:Washington IN:Delhi AE:Dubai KG:Bishkek "
        "DE:Berlin FR:Paris JP:Tokyo KR:Seoul SG:Singapore GB:London CH:Geneva TJ:Dushanbe TM:Ashgabat AM:Yerevan GE:Tbilisi "
        "IR:Tehran PK:Islamabad SA:Riyadh EG:Cairo QA:Doha IL:Jerusalem IT:Rome ES:Madrid PL:Warsaw RS:Belgrade HU:Budapest "
        "MN:Ulaanbaatar VN:Hanoi TH:Bangkok MY:Putrajaya ID:Jakarta BR:Brasilia MX:Mexico ZA:Pretoria KE:Nairobi NG:Abuja "
        "RW:Kigali SE:Stockholm FI:Helsinki NO:Oslo EE:Tallinn LV:Riga LT:Vilnius CZ:Prague AT:Vienna NL:Amsterdam BE:Brussels "
        "PT:Lisbon GR:Athens BG:Sofia RO:Bucharest MD:Chisinau UA:Kyiv"
    )
)
MINISTRIES = (
    ("Ministry of Digital Development", "Министерство цифрового развития", "mdd"),
    ("Ministry of Communications", "Министерство связи", "mc"),
    ("Ministry of Foreign Affairs", "Министерство иностранных дел", "mfa"),
    ("Ministry of Economy", "Министерство экономики", "me"),
    ("Agency for Information Security", "Агентство информационной безопасности", "ais"),
)
GIVEN = _pairs(
    "Alexander:Александр Olga:Ольга Ivan:Иван Kirill:Кирилл Pavel:Павел Li:Ли Wei:Вэй Aziz:Азиз Dilshod:Дильшод Anna:Анна "
    "Mehmet:Мехмет Leyla:Лейла Nurlan:Нурлан Aigul:Айгуль Marat:Марат John:Джон Maria:Мария Hans:Ханс Yuki:Юки Omar:Омар"
)
SURNAMES = _pairs(
    "Petrov:Петров Zhang:Чжан Karimov:Каримов Aliev:Алиев Smith:Смит Müller:Мюллер Tanaka:Танака Kim:Ким Singh:Сингх "
    "Hassan:Хасан Yılmaz:Йылмаз Novak:Новак Silva:Силва Garcia:Гарсия Rossi:Росси Kaya:Кая Omarov:Омаров Shulgan:Шульган "
    "Tkach:Ткач Wang:Ван Sato:Сато Park:Пак Martin:Мартен Berg:Берг Popescu:Попеску"
)
TYPES = (
    ("talks", "Talks", "Переговоры"),
    ("visit", "Visit", "Визит"),
    ("forum", "Forum", "Форум"),
    ("session", "Session", "Сессия"),
)
SUBJECTS = (
    ("digital trade", "цифровой торговле"),
    ("information security", "информационной безопасности"),
    ("artificial intelligence", "искусственному интеллекту"),
    ("telecommunications", "телекоммуникациям"),
    ("electronic government", "электронному правительству"),
)
ROLES = ("head_of_delegation", "delegate", "speaker", "participant", "visitor")
OFFICES = _pairs("Minister:minister Deputy_Minister:deputy_minister Head_of_department:official Expert:expert")
SUMMARY = (
    "The sides discussed {subject}, agreed to exchange experience and to prepare a joint plan of action for the years ahead."
)


class Loader:
    """Takes contents and writes all the rows that they mean."""

    def __init__(self, connection: sqlite3.Connection, writer: Writer) -> None:
        self.connection = connection
        self.writer = writer
        self.kinds: dict[str, Kind] = {}
        self._order = {kind: ("kind", "id", *(plan.name for plan in schema.plans)) for kind, schema in writer.schemas.items()}
        self._rows: dict[sa.Table, list[dict[str, Any]]] = {}
        self._now = instant_text(NOW)

    def add(self, kind: Kind, **given: Any) -> str:
        """Take a record and return its id; link records get theirs from what they link."""
        schema, rows = self.writer.schemas[kind], self.writer.rows[kind]
        said = {"kind": kind.value, **{name: value for name, value in given.items() if value}}
        if "id" not in said:
            said["id"] = schema.derived_id(said)
        content = {name: said[name] for name in self._order[kind] if name in said}
        record_id = str(content["id"])
        self.kinds[record_id] = kind
        if len(self.kinds) % CHECKED == 0 and schema.check(content) != (content, []):
            raise ValueError(f"the product would not take {content}: {schema.check(content)[1]}")
        row = rows.row(content, self.kinds, version=1, created=NOW, now=NOW)
        self._put(rows.resource.table, row | {"created_at": self._now, "updated_at": self._now})
        self._put(Record.__table__, {"id": record_id, "kind": kind.value, "name": rows.resource.label(content)})
        for table, several in rows.part_rows(content, self.kinds).items():
            self._rows.setdefault(table, []).extend(several)
        change = {"record_id": record_id, "kind": kind.value, "operation": "create", "version": 1, "at": self._now}
        by = {"author": "bench", "transaction": str(SEED), "digest": f"{len(self.kinds):08x}"}
        self._put(Change.__table__, change | by | {"state": text_of(content)})
        if len(self.kinds) % FLUSH == 0:
            self.flush()
        return record_id

    def _put(self, table: sa.Table, row: dict[str, Any]) -> None:
        self._rows.setdefault(table, []).append(row)

    def flush(self) -> None:
        """Write what was taken since the last time."""
        for table, rows in self._rows.items():
            names = list(rows[0])
            columns = ", ".join(f'"{name}"' for name in names)
            values = ", ".join(f":{name}" for name in names)
            self.connection.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({values})", rows)
        self._rows.clear()


class World:
    """Who there is and how they meet; every choice follows from the seed."""

    def __init__(self, loader: Loader, meetings: int) -> None:
        self.add = loader.add
        self.size = meetings
        self.random = Random(SEED)
        self.codes = list(CAPITALS)
        self.weights = [1 / (rank + 4) for rank in range(len(self.codes))]
        self.names: dict[str, tuple[str, str]] = {}
        self.topics: list[str] = []
        self.ministries: dict[str, list[str]] = {}
        self.people: dict[str, list[tuple[str, str]]] = {}
        self.series: list[str] = []
        self.sources: list[str] = []

    def fill(self) -> None:
        """Everything, what is referred to first."""
        self._countries_and_topics()
        self._organizations()
        self._people()
        self._series_and_sources()
        self._meetings()

    def _countries_and_topics(self) -> None:
        for content in _seed("countries"):
            names = {name["language"]: name["text"] for name in content["names"]}
            self.names[content["id"]] = (content["name"], names["ru"])
            self.add(Kind.COUNTRY, **_without_kind(content))
        for content in _seed("topics"):
            self.topics.append(self.add(Kind.TOPIC, **_without_kind(content)))

    def _organizations(self) -> None:
        for country, city in CAPITALS.items():
            for english, russian, short in MINISTRIES:
                name = f"{english} of {self.names[country][0]}"
                organization = self.add(
                    Kind.ORGANIZATION,
                    id=f"{country.lower()}-{short}",
                    name=name,
                    type="agency" if short == "ais" else "ministry",
                    country=country,
                    seat=city,
                    seat_country=country,
                    names=_names(name, f"{russian}, {self.names[country][1]}"),
                )
                self.ministries.setdefault(country, []).append(organization)

    def _people(self) -> None:
        for number, country in enumerate([*self.codes, *self._countries(self.size // 10)]):
            given, surname = self.random.choice(GIVEN), self.random.choice(SURNAMES)
            name = f"{given[0]} {surname[0]}"
            person = self.add(
                Kind.PERSON,
                id=f"person-{number:05}",
                name=name,
                sort_name=f"{surname[0]}, {given[0]}",
                names=_names(name, f"{given[1]} {surname[1]}"),
            )
            self.people.setdefault(country, []).append((person, self.random.choice(self.ministries[country])))

    def _series_and_sources(self) -> None:
        for number, country in enumerate(self._countries(max(self.size // 500, 10))):
            subject = self.random.choice(SUBJECTS)
            name = f"Forum on {subject[0]} in {CAPITALS[country]}, {number}"
            names = _names(name, f"Форум по {subject[1]}, {self.names[country][1]}, {number}")
            self.series.append(self.add(Kind.SERIES, id=f"series-{number:04}", name=name, country=country, names=names))
        for number in range(max(self.size // 20, 10)):
            self.sources.append(
                self.add(
                    Kind.SOURCE,
                    id=f"source-{number:05}",
                    title=f"The sides discussed cooperation, report {number}",
                    publisher="UzA",
                    url=f"https://news.example/{number}",
                    language="en",
                    published=self._day()[:10],
                )
            )

    def _meetings(self) -> None:
        done: list[str] = []
        for number, country in enumerate(self._countries(self.size)):
            meeting = self._meeting(number, country, part_of=self.random.choice(done) if done and self._often(0.05) else None)
            done.append(meeting)
            actors = self._participants(meeting, country)
            if self._often(0.4):
                self._cite(meeting, times=self.random.choice((1, 1, 2)))
            if number % 10 == 0:
                self._memorandum(number, meeting, actors)

    def _meeting(self, number: int, country: str, *, part_of: str | None) -> str:
        word, english, russian = self.random.choice(TYPES)
        subject = self.random.choice(SUBJECTS)
        day = self._day()
        name = f"{english} on {subject[0]} in {CAPITALS[country]}, {number}"
        series = self.random.choice(self.series) if self._often(0.3) else None
        return self.add(
            Kind.MEETING,
            id=f"{country.lower()}-{word}-{day[:4]}-{number:06}",
            name=name,
            type=word,
            series=series,
            ordinal=self.random.randrange(1, 30) if series else None,
            part_of=part_of,
            date=day,
            city=CAPITALS[country] if self._often(0.8) else None,
            country=country,
            venue="Palace of Congresses" if self._often(0.2) else None,
            format="in_person" if self._often(0.6) else None,
            status="held",
            summary=SUMMARY.format(subject=subject[0]) if self._often(0.5) else None,
            names=_names(name, f"{russian} по {subject[1]}, {number}") if self._often(0.3) else None,
            identifiers=[{"scheme": "wikidata", "identifier": f"Q{number + 1}"}] if self._often(0.03) else None,
            topics=self.random.sample(self.topics, self.random.choice((1, 1, 2))) if self._often(0.6) else None,
        )

    def _participants(self, meeting: str, host: str) -> list[str]:
        """One to six, two on average, the first from the host country."""
        found = []
        seen = set()
        many = self.random.choices((1, 2, 3, 4, 6), (40, 35, 15, 7, 3))[0]
        for country in (host, *self._countries(many - 1)):
            person, body = self.random.choice(self.people[country])
            alone = self._often(0.2)
            if (body if alone else person) in seen:
                continue
            seen |= {person, body}
            capacity, rank = self.random.choice(OFFICES)
            who = {} if alone else {"person": person, "capacity": capacity.replace("_", " "), "rank": rank}
            participant = self.add(
                Kind.PARTICIPANT, meeting=meeting, organization=body, country=country, role=self.random.choice(ROLES), **who
            )
            found.append(body)
            if self._often(0.05):
                self._cite(participant, times=1)
        return found

    def _cite(self, record: str, *, times: int) -> None:
        for place in range(times):
            self.add(
                Kind.CITATION,
                record=record,
                source=self.random.choice(self.sources),
                paragraph=place + 1,
                quote="the sides discussed practical matters of cooperation",
                confidence="stated",
                review="unreviewed",
            )

    def _memorandum(self, number: int, meeting: str, actors: Sequence[str]) -> None:
        subject = self.random.choice(SUBJECTS)
        name = f"Memorandum of Understanding on {subject[0]}, {number}"
        day = self._day()
        memorandum = self.add(
            Kind.MEMORANDUM,
            id=f"mou-{number:06}",
            name=name,
            type="memorandum",
            status="signed",
            date=day,
            names=_names(name, f"Меморандум по {subject[1]}, {number}"),
        )
        other = self.random.choice(self.ministries[self.random.choice(self.codes)])
        for party in {actors[0]: None, other: None}:
            self.add(Kind.PARTY, memorandum=memorandum, party=party, role="party")
        self.add(Kind.ACTION, of=memorandum, type="signed", date=day, meeting=meeting)

    def _countries(self, many: int) -> list[str]:
        return self.random.choices(self.codes, self.weights, k=many)

    def _often(self, share: float) -> bool:
        return self.random.random() < share

    def _day(self) -> str:
        """A day, sometimes a span of days or a month."""
        first = date(self.random.choice(YEARS), 1, 1) + timedelta(days=self.random.randrange(362))
        if self._often(0.08):
            return f"{first}/{first + timedelta(days=2)}"
        return str(first) if self._often(0.97) else str(first)[:7]


def _names(english: str, russian: str) -> list[dict[str, str]]:
    return [
        {"language": "en", "text": english, "type": "official"},
        {"language": "ru", "text": russian, "type": "translation"},
    ]


def _seed(plural: str) -> Iterator[dict[str, Any]]:
    for line in (ROOT / "seed" / f"{plural}.ndjson").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _without_kind(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in ("kind", "citations")}


def database(folder: Path, meetings: int) -> Path:
    """The file with so many meetings, made unless it is there already."""
    made_of = [Path(__file__), *sorted((ROOT / "migrations" / "versions").glob("*.py"))]
    made_of += [ROOT / "seed" / "countries.ndjson", ROOT / "seed" / "topics.ndjson"]
    digest = sha256(b"\0".join(path.read_bytes() for path in made_of)).hexdigest()[:12]
    path = folder / f"meetings-{meetings}-{digest}.db"
    if not path.exists():
        began = perf_counter()
        unfinished = path.with_suffix(".part")
        for rest in folder.glob(f"{unfinished.name}*"):
            rest.unlink()
        _make(unfinished, meetings)
        for outdated in folder.glob(f"meetings-{meetings}-*.db*"):
            outdated.unlink()
        unfinished.rename(path)
        print(f"made {path.name}: {path.stat().st_size / 1e6:.0f} MB in {perf_counter() - began:.0f} s")
    return path


def _make(path: Path, meetings: int) -> None:
    url = f"sqlite:///{path}"
    migrate(url)
    driver = driver_for(url, deadline=1, connections=1)
    writer = Writer(RESOURCES, Compiler(RESOURCES, driver.dialect), driver.encode)
    engine = create_engine(url)
    # One connection does it all, so that what is set on it here holds for the projections too.
    with closing(engine.raw_connection()) as pooled:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "cache_size = -2097152"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        connection.execute("BEGIN")
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        loader = Loader(connection, writer)
        World(loader, meetings).fill()
        loader.flush()
        connection.execute("COMMIT")
    with closing(engine.raw_connection()) as pooled:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        for _, sql in indexes:
            connection.execute(sql)
    with writing(engine) as working:  # with the indexes, because it looks up the acts of each instrument
        writer.projections.rebuild(working)
    with closing(engine.raw_connection()) as pooled:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        broken = connection.execute("PRAGMA foreign_key_check").fetchmany(5)
        if broken:
            raise ValueError(f"references lead nowhere: {broken}")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode = WAL")
    engine.dispose()
    os.sync()  # else the system writes it out while servers are being measured
