"""Shows documents: with their paragraphs, with the records and dates found in them, and with the source they belong to."""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from app.db.driver import Driver
from app.intake.documents import Documents, Stored, texts_of
from app.intake.mentions import MOST_CANDIDATES, Mentions
from app.intake.models import DateShown, DocumentListed, DocumentShown, MentionShown, SourceFound
from app.text.dates import dates_in

Result = TypeVar("Result")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
MOST_TITLE = 300
"""Maximum number of characters of a first paragraph that becomes the title of a proposed source."""
DATED_PARAGRAPHS = 3
"""Number of paragraphs in which the day of publication is looked for."""
FEW_BYTES = 30_000
"""Maximum size of a small document, in bytes. Small ones have a thread of their own, so that large ones do not delay them."""


class Reader:
    """Reads documents and what is found in them, on threads of its own."""

    def __init__(self, driver: Driver) -> None:
        self.documents = Documents(driver)
        self.mentions = Mentions(driver)
        self._small = ThreadPoolExecutor(1, thread_name_prefix="document")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large-document")

    def close(self) -> None:
        """Release the threads."""
        for threads in (self._small, self._large):
            threads.shutdown(cancel_futures=True)

    async def on_thread(self, size: int, function: Callable[[], Result]) -> Result:
        """Run a function on a thread. `size`: the number of bytes of the document that it works on."""
        threads = self._small if size <= FEW_BYTES else self._large
        return await asyncio.get_running_loop().run_in_executor(threads, function)

    async def shown(self, document: Stored, languages: Sequence[str]) -> bytes:
        """Return a document as JSON, with all that was found in it."""
        paragraphs = document.paragraphs
        dates = await self.on_thread(len(document.text or ""), lambda: _dates(paragraphs))
        named = await self.mentions.of(paragraphs, document.language)
        ids = {record for each in named for record in each.mention.records[:MOST_CANDIDATES]}
        candidates = await self.mentions.described(ids, languages)
        source = await self.documents.source_of(document.sha256, document.text_sha256, document.url)
        proposed = None if source else _proposed(document, dates, await self.documents.publisher_at(document.url))
        found = [
            MentionShown(
                paragraph=each.paragraph,
                start=each.mention.start,
                end=each.mention.end,
                text=paragraphs[each.paragraph - 1][each.mention.start : each.mention.end],
                candidates=[candidates[record] for record in each.mention.records[:MOST_CANDIDATES] if record in candidates],
            )
            for each in named
        ]
        model = DocumentShown(
            **listed(document, is_kept=True).model_dump(),
            title=document.title,
            paragraphs=paragraphs,
            source=SourceFound(id=source.id, title=source.title, by=source.by) if source else None,
            proposed_source=proposed,
            mentions=found,
            dates=dates,
        )
        body: bytes = await self.on_thread(len(document.text or ""), lambda: model.model_dump_json().encode())
        return body


def listed(document: Stored, *, is_kept: bool) -> DocumentListed:
    """Return what is shown of a document without its text. `is_kept`: whether its text is kept."""
    names = ("id", "sha256", "text_sha256", "form", "rule", "url", "retrieved", "language")
    return DocumentListed(**{name: getattr(document, name) for name in names}, created_at=document.at, kept=is_kept)


def _proposed(document: Stored, dates: Sequence[DateShown], publisher: str | None) -> dict[str, Any]:
    """Return a source for a document that has none: what the document itself says, and who published others of its host."""
    first = document.title or document.paragraphs[0][:MOST_TITLE]
    stated = {each.edtf for each in dates if each.edtf and _DAY.fullmatch(each.edtf) and each.paragraph <= DATED_PARAGRAPHS}
    proposed = {
        "kind": "source",
        "title": first,
        "publisher": publisher,
        "url": document.url,
        "language": document.language,
        "published": next(iter(stated)) if len(stated) == 1 else None,
        "retrieved": document.retrieved,
        "texts": texts_of(document.sha256, document.text_sha256, document.rule),
    }
    return {name: value for name, value in proposed.items() if value is not None}


def _dates(paragraphs: Sequence[str]) -> list[DateShown]:
    return [
        DateShown(
            paragraph=number,
            start=each.start,
            end=each.end,
            text=each.text,
            edtf=each.edtf,
            question=each.question,
            partial=each.partial,
        )
        for number, paragraph in enumerate(paragraphs, 1)
        for each in dates_in(paragraph)
    ]
