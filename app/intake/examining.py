"""Examines proposed records: what each would change, which faults it has, and which statements its documents do not support.

Nothing is written. All records of a proposal are compared with the stored records in one batch, because the proposal will also
be applied as one batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from app.domain import edtf
from app.domain.vocabulary import Confidence, Kind, Role, Verdict
from app.errors import Problem
from app.faults import MOST_FAULTS, Fault, Faults
from app.intake.mentions import HAN
from app.text.analyzer import is_han
from app.text.dates import RELATIVE, Date, dates_in
from app.text.lexicon import Lexicon
from app.text.passages import folded
from app.text.quotes import standing
from app.writing import json_patch
from app.writing.batch import Batch, Content, Mode, Wanted
from app.writing.deriving import SURNAME_FIRST, Known
from app.writing.write_schema import names_in
from app.writing.writer import Writer

DATES = ("date", "date_before", "date_after", "since", "until")
"""The fields whose dates should be printed in a cited paragraph."""
ACTORS = ("party", "member", "made_by", "made_to", "held_by")
"""The fields whose country or organization should be named in a cited paragraph. A person should be, in any field."""
LONGEST = 10_000
"""Maximum number of characters of a paragraph in which names and dates are searched. They are the ones around the quote."""
LOOKED_AT = 200_000
"""Maximum total number of characters in which names and dates are searched for one proposal."""
MOST_NAMED = 5
"""Maximum number of records of the same name that a warning names."""
NEED_NO_CITATION = frozenset({"kind", "id", "language", "sort_name", "names", "identifiers"})
_CITATIONS = "/citations"


class Quoted(NamedTuple):
    """A quote by which a proposed record is cited."""

    source: str
    paragraph: int
    quote: str
    is_proved: bool
    """Whether a kept document of the source has it in that paragraph. It is false, too, if no document is kept."""


class Examined(NamedTuple):
    """What is found out about a proposed record."""

    place: int
    kind: Kind | None
    id: str | None
    verdict: Verdict
    version: int
    """The version of the stored record that it means; 0 if there is none."""
    content: Content | None
    """The record as it would be; None if it would be deleted, or is too faulty to say."""
    difference: list[dict[str, Any]]
    """What would change in the stored record, as a JSON Patch."""
    faults: list[Fault]
    warnings: list[Fault]
    resembles: list[str]
    """The ids of stored records with the same address, digest, or series and ordinal.

    A reviewer can accept the record only with `similar=allow`.
    """
    unknown: dict[str, tuple[str, tuple[Kind, ...]]]
    """Each reference to a record that does not exist: its value and the allowed kinds, by its JSON Pointer."""
    uncited: list[str]
    """The fields that no citation supports."""
    quotes: list[Quoted]


def _adds_a_text(wanted: Wanted) -> bool:
    """Whether the record adds a text to a stored source."""
    known = (wanted.old or {}).get("texts", ())
    is_source = wanted.resource.kind is Kind.SOURCE and wanted.old is not None
    return is_source and any(each not in known for each in wanted.content.get("texts", ()))


class _About(NamedTuple):
    """A batch that was compared with the stored records, and what was found out about it."""

    batch: Batch
    known: Known
    cited: Mapping[str, Sequence[Wanted]]
    """By record: its citations in the batch."""
    faults: Mapping[str, list[Fault]]
    warnings: Mapping[str, list[Fault]]


class Examiner:
    """Examines proposed records on a connection that reads."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def examine(self, connection: Connection, lines: Mapping[int, Content], *, looks: bool = True) -> list[Examined]:
        """Examine records in the exchange format, by their places. They merge, as in an import.

        `looks`: whether to warn of what their documents do not support. This takes most of the time.
        """
        batch = Batch(faults=Faults(alike=MOST_FAULTS), conflicts=Faults(alike=MOST_FAULTS), warnings=Faults(alike=MOST_FAULTS))
        for place, line in lines.items():
            if fault := _refused(line):
                batch.faults.add(fault._replace(line=str(place)))
            else:
                self._writer.intake.item(batch, deepcopy(line), Mode.MERGE, line=str(place))
        by_line: defaultdict[str | None, list[Wanted]] = defaultdict(list)
        for wanted in batch.wanted.values():
            by_line[wanted.line].append(wanted)
        try:
            self._writer.settle(connection, batch)
        except Problem:
            if not batch.faults and not batch.conflicts:
                raise
        known = self._writer.deriver.known(connection, batch)
        told = _by_line([*batch.faults.told(), *batch.conflicts.told()])
        warned = _by_line(batch.warnings.told())
        cited: defaultdict[str, list[Wanted]] = defaultdict(list)
        for wanted in batch.wanted.values():
            if wanted.resource.kind is Kind.CITATION and not wanted.deleted:
                cited[str(wanted.content.get("record"))].append(wanted)
        for where, fault in self._unsupported(known, cited, by_line) if looks else ():
            warned[where].append(fault)
        about = _About(batch, known, cited, told, warned)
        return _without_doubles([self._examined(place, line, by_line[str(place)], about) for place, line in lines.items()])

    def _examined(self, place: int, line: Content, own: Sequence[Wanted], about: "_About") -> Examined:
        faults, warnings = about.faults[str(place)], about.warnings[str(place)]
        wanted = next((each for each in own if not each.pointer), None)
        if wanted is None:
            kind = next((each for each in Kind if each == line.get("kind")), None)
            unknown = self._unknown(kind, line, faults) if kind is not None else {}
            if not faults:
                warnings = [*warnings, Fault("says the same as another record of this proposal")]
            verdict = Verdict.FAULTY if faults else Verdict.SAME
            return Examined(place, kind, None, verdict, 0, None, [], faults, warnings, [], unknown, [], [])
        cited = [each for each in own if each.pointer.startswith(_CITATIONS)]
        if _adds_a_text(wanted):
            warnings = [*warnings, Fault("a source that is there gets another text, which proves quotes", pointer="/texts")]
        before, after = wanted.old, None if wanted.deleted else wanted.content
        resembles = about.batch.resembling.get(wanted.id, [])
        if faults:
            verdict = Verdict.FAULTY
        elif wanted.manner.deletes:
            verdict = Verdict.CHANGES if wanted.deleted else Verdict.SAME
        elif before is None:
            verdict = Verdict.SIMILAR if resembles else Verdict.NEW
        else:
            is_same = before == after and not any(each.changes for each in cited)
            verdict = Verdict.SAME if is_same else Verdict.CHANGES
        return Examined(
            place,
            wanted.resource.kind,
            wanted.id,
            verdict,
            wanted.version - 1 if before is not None else 0,
            after,
            json_patch.difference(before, after or {}) if before is not None and before != after else [],
            faults,
            warnings,
            resembles,
            self._unknown(wanted.resource.kind, line, faults),
            _uncited(wanted, about.cited[wanted.id]),
            [_quoted(each, about.known) for each in cited or [wanted] if each.resource.kind is Kind.CITATION],
        )

    def _unknown(self, kind: Kind, line: Content, faults: Sequence[Fault]) -> dict[str, tuple[str, tuple[Kind, ...]]]:
        allowed = {field.name: field.allowed for field in self._writer.schemas[kind].references}
        found = {}
        for fault in faults:
            name, *rest = (fault.pointer or "").removeprefix("/").split("/")
            value: Any = line.get(name)
            for step in rest:
                value = _member(value, step)
            if name in allowed and isinstance(value, str):
                found[fault.pointer or ""] = value, allowed[name]
        return found

    # -- what the documents support --------------------------------------------------------------------------------------

    def _unsupported(
        self, known: Known, cited: Mapping[str, Sequence[Wanted]], by_line: Mapping[str | None, Sequence[Wanted]]
    ) -> Iterator[tuple[str, Fault]]:
        """Yield (line, warning) for what the cited paragraphs of a record do not say.

        That is its date, a person to whom it refers, or an actor; and for each citation, whether its paragraph has anything
        of it at all.
        """
        looking = _Looking(known)
        several: list[tuple[str, Wanted, list[Wanted], dict[str, Kind]]] = []
        for line, own in by_line.items():
            for wanted in own:
                if line is not None and wanted.resource.kind is not Kind.CITATION and not wanted.deleted:
                    stated = (each for each in cited.get(wanted.id, ()) if each.content.get("confidence") == Confidence.STATED)
                    if citations := [each for each in stated if looking.paragraph(each.content)]:
                        several.append((line, wanted, citations, self._about(wanted, looking)))
        for line, wanted, citations, about in several:
            yield from ((line, fault) for fault in self._of_one(wanted, citations, about, looking))

    def _about(self, wanted: Wanted, looking: "_Looking") -> dict[str, Kind]:
        """Return the ids and kinds of a record and of those to which it refers. Their names are looked for from now on."""
        found = {wanted.id: wanted.resource.kind}
        for field in self._writer.schemas[wanted.resource.kind].references:
            for target in field.ids(wanted.content):
                if (kind := looking.kind_of(target, field.allowed)) is not None:
                    found[target] = kind
        for target, kind in found.items():
            looking.look_for(target, kind)
        return found

    def _of_one(
        self, wanted: Wanted, citations: Sequence[Wanted], about: Mapping[str, Kind], looking: "_Looking"
    ) -> Iterator[Fault]:
        content = wanted.content
        dates = {name: content[name] for name in DATES if isinstance(content.get(name), str)}
        printed: set[str] = set()
        mentioned: set[str] = set()
        for citation in citations:
            if not looking.may_look(citation.content):
                yield Fault("its paragraphs were not looked at, because the proposal cites too long ones")
                return
            found = looking.mentioned(citation.content) & about.keys()
            says = {name for name, value in dates.items() if looking.prints(citation.content, value)}
            of = citation.content.get("field")
            printed |= says if of is None else says & {of}
            mentioned |= found
            if not found and not says:
                number = citation.content["paragraph"]
                where = citation.at("") if citation.line == wanted.line else ""
                yield Fault(f"paragraph {number} has neither its date nor a name that it is about", pointer=where)
        general = [each for each in citations if each.content.get("field") is None]
        for name, value in dates.items():
            if name not in printed and (general or any(each.content.get("field") == name for each in citations)):
                yield Fault(f"no cited paragraph prints {value}", pointer=f"/{name}")
        for field in self._writer.schemas[wanted.resource.kind].references if general else ():
            for target in field.ids(content):
                if (about.get(target) is Kind.PERSON or field.name in ACTORS) and target not in mentioned:
                    yield Fault(f"no cited paragraph names {target!r}", pointer=f"/{field.name}")


class _Looking:
    """Searches the cited paragraphs for names and dates. Each paragraph is searched only once."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._lexicon = Lexicon()
        self._looked_for: set[str] = set()
        self._left = LOOKED_AT
        self._printed: dict[str, list[Date]] = {}
        self._named: dict[tuple[str, str], set[str]] = {}
        self._kinds: dict[str, Kind | None] = {}
        self._texts: dict[tuple[str, int, str], str] = {}

    def look_for(self, target: str, kind: Kind) -> None:
        """Add the names of a record to those that are searched for."""
        if target not in self._looked_for:
            self._looked_for.add(target)
            for name, language in _names_of(self._known.state(kind, target), kind):
                self._lexicon.add(target, kind, name, language)

    def paragraph(self, citation: Content) -> str:
        """Return the paragraph that a citation quotes, if its quote stands there in a kept document; else an empty text.

        Of a long paragraph, it is the part around the quote.
        """
        key = str(citation.get("source")), int(citation.get("paragraph", 0)), str(citation.get("quote"))
        if key not in self._texts:
            self._texts[key] = self._around(*key)
        return self._texts[key]

    def _around(self, source: str, number: int, quote: str) -> str:
        for paragraphs in self._known.paragraphs(source):
            if 0 < number <= len(paragraphs) and standing([paragraphs[number - 1]], quote):
                text = paragraphs[number - 1]
                start = 0 if len(text) <= LONGEST else max(text.find(folded(quote)) - LONGEST // 2, 0)
                return text[start : start + LONGEST]
        return ""

    def may_look(self, citation: Content) -> bool:
        """Whether the paragraph of a citation may be searched. It may not if `LOOKED_AT` is used up."""
        text = self.paragraph(citation)
        if text not in self._printed:
            self._left -= len(text) * (HAN if is_han(text) else 1)
            if self._left < 0:
                return False
            self._printed[text] = list(dates_in(text))
        return True

    def kind_of(self, target: str, allowed: Sequence[Kind]) -> Kind | None:
        """Return the kind of a record to which another refers; None if there is none of these kinds."""
        if target not in self._kinds:
            self._kinds[target] = next((kind for kind in allowed if self._known.state(kind, target)), None)
        return self._kinds[target]

    def mentioned(self, citation: Content) -> set[str]:
        """Return which of the records that are looked for the paragraph names. Of a person, the surname is enough."""
        language = str(self._known.state(Kind.SOURCE, citation["source"]).get("language") or "")
        key = self.paragraph(citation), language
        if key not in self._named:
            self._named[key] = self._lexicon.named(key[0], language or None)
        return self._named[key]

    def prints(self, citation: Content, value: str) -> bool:
        """Whether the cited paragraph contains the date, or a more precise one. "Today" means the day of publication."""
        bare = value.replace("~", "").removeprefix("../").removesuffix("/..")
        published = self._known.state(Kind.SOURCE, citation["source"]).get("published")
        return any(
            (each.edtf is not None and _is_within(each.edtf, bare))
            or (each.partial is not None and bare.endswith(each.partial.split("/")[0].lstrip("-")))
            or (each.question == RELATIVE and bare == published)
            for each in self._printed[self.paragraph(citation)]
        )


def _is_within(stated: str, value: str) -> bool:
    """Whether a printed date says a recorded one: it is as precise, or more precise."""
    if stated == value:
        return True
    try:
        one, other = edtf.event(stated.replace("~", "").removeprefix("../").removesuffix("/..")), edtf.event(value)
    except ValueError:
        return False
    return other.start <= one.start and one.end <= other.end


def _names_of(content: Content, kind: Kind) -> Iterator[tuple[str, str | None]]:
    """Yield (name, language) for each name of a record, and the surnames of a person."""
    if isinstance(acronym := content.get("acronym"), str):
        yield acronym, None
    for name, of in names_in(content):
        yield name, of
        words = name.split()
        if kind is Kind.PERSON and len(words) > 1:
            yield words[0 if (of or "").partition("-")[0] in SURNAME_FIRST else -1], of
    if kind is Kind.PERSON and isinstance(sort_name := content.get("sort_name"), str):
        yield sort_name.partition(",")[0], content.get("language")


def _refused(line: Content) -> Fault | None:
    """Return the fault of a line that an import accepts, but a proposal does not; None if there is none."""
    if "frame" in line:
        return Fault("a frame is no record: it is expanded when it is proposed", pointer="/frame")
    if line.get("links"):
        return Fault("a proposal deletes what it names: propose the deletion of the links, too", pointer="/links")
    return None


def _by_line(faults: Sequence[Fault]) -> defaultdict[str, list[Fault]]:
    found: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        found[fault.line or ""].append(fault._replace(line=None))
    return found


def _member(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[int(step)] if isinstance(value, list) and step.isdecimal() and int(step) < len(value) else None


def _uncited(wanted: Wanted, citations: Sequence[Wanted]) -> list[str]:
    """Return the fields that a record gets, and that none of these citations supports."""
    if wanted.resource.kind in (Kind.CITATION, Kind.SOURCE) or wanted.deleted:
        return []
    fields = {each.content.get("field") for each in citations}
    if None in fields:
        return []
    old = wanted.old or {}
    return [
        name
        for name, value in wanted.content.items()
        if name not in NEED_NO_CITATION and name not in fields and old.get(name) != value
    ]


def _quoted(wanted: Wanted, known: Known) -> Quoted:
    content = wanted.content
    source, paragraph, quote = str(content.get("source")), content.get("paragraph", 0), str(content.get("quote"))
    documents = [each for each in known.paragraphs(source) if 0 < paragraph <= len(each)]
    is_proved = any(standing([each[paragraph - 1]], quote) for each in documents)
    return Quoted(source, paragraph, quote, is_proved)


def _without_doubles(found: list[Examined]) -> list[Examined]:
    """Add a warning to each new record that has the same name as another new record of the proposal."""
    bearers: defaultdict[tuple[Kind, str], list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        name = next((text for text, _ in names_in(each.content or {})), None)
        if each.kind is not None and each.kind.role in (Role.ENTITY, Role.EVENT) and each.version == 0 and name:
            bearers[each.kind, " ".join(name.split()).casefold()].append(number)
    for several in bearers.values():
        for number in several if len(several) > 1 else ():
            each = found[number]
            near = [found[other].place for other in several[: MOST_NAMED + 1] if other != number][:MOST_NAMED]
            others = ", ".join(map(str, near))
            fault = Fault(f"the record {others} of this proposal has the same name", pointer="/name")
            verdict = each.verdict if each.verdict is Verdict.FAULTY else Verdict.SIMILAR
            found[number] = each._replace(verdict=verdict, warnings=[*each.warnings, fault])
    return found
