"""What one visitor asked for: the language, the address, and the answers of the API of which the page is made."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.types import Scope

from app.declaration.validation import quoted
from app.domain.languages import LANG_PATTERN, MAX_LANGUAGE
from app.errors import Invalid
from app.faults import Fault
from app.http.negotiation import requested_languages
from app.http.parameters import query_pairs
from app.http.responses import base_url, shown_path
from app.pages.api import Api
from app.pages.language import Language, language, tag_for

Pairs = Iterable[tuple[str, str]]
LANG = "lang"
_WITHOUT_NAMES = ("/v1/changes", "/v1/export")
"""The addresses of the API that take no language, because their answers show records as they are stored."""
_OF_ANSWERS = frozenset(
    ("format", "fields", "include", "columns", "bom", "csv_safe", "count", "limit", "facets", "project", "wait", "whole")
)
"""Parameters of the API that say how an answer is written, which a page decides for itself."""
_QUESTIONS = {"/matrix": frozenset({"columns"})}
"""By the address of a page, those of these parameters that are part of what is asked."""

_WAS = "was"
"""The parameter by which a form says what it was filled with: the name of a field, the ids of records, and the text shown for
them. A name may be that of several records, so a field that nobody changed keeps its records."""


class Elsewhere(Exception):
    """The page is at another address of this server."""

    def __init__(self, address: str, status: int = 303) -> None:
        super().__init__(address)
        self.address = address
        self.status = status


class Visit:
    """A request for a page. `pairs` are the parameters of its address that the page passes to the API.

    Fields of forms that were left empty are not there, and neither is how an answer of the API would be written. Raises Invalid
    if the language is no language tag.
    """

    def __init__(self, api: Api, scope: Scope) -> None:
        self.scope = scope
        self.path: str = scope["path"]
        pairs = [(name, value.strip()) for name, value in query_pairs(scope["query_string"])]
        dropped = {LANG, _WAS, *_OF_ANSWERS} - _QUESTIONS.get(self.path, frozenset())
        was = _filled_with(value for name, value in pairs if name == _WAS)
        self.pairs = [
            (name, meant)
            for name, value in pairs
            if value and name not in dropped
            for meant in was.get((name, value), (value,))
        ]
        self._all = pairs
        self.lang = next((value for name, value in pairs if name == LANG and value), None)
        if self.lang is not None and (len(self.lang) > MAX_LANGUAGE or not re.fullmatch(LANG_PATTERN, self.lang)):
            fault = Fault(f"{quoted(self.lang)} is no language tag (BCP 47), such as ru or zh-Hant", parameter=LANG)
            raise Invalid(str(fault), faults=[fault])
        accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"").decode("latin-1")
        self.language: Language = language(tag_for(requested_languages(self.lang, accepted)))
        self.tags: list[bytes] = []
        self._api = api

    def values(self, name: str) -> list[str]:
        """Return the values of a parameter."""
        return [value for each, value in self.pairs if each == name]

    def value(self, name: str) -> str | None:
        """Return the first value of a parameter; None if there is none."""
        return next(iter(self.values(name)), None)

    def settle(self, pairs: list[tuple[str, str]]) -> None:
        """Raise Elsewhere unless the address of this page has just these parameters.

        So a page has one address, whatever was typed into a form: names have become ids, and empty fields are gone.
        """
        if [pair for pair in self._all if pair[0] != LANG] != pairs:
            raise Elsewhere(self.link(self.path, pairs))

    async def ask(self, path: str, pairs: Pairs = ()) -> Any:
        """Return what the API answers to `GET path`, in the visitor's language. Raises Refused if it does not answer."""
        answer = await self._api.get(self.scope, path, self._with_language(path, pairs))
        self.tags.append(answer.tag)
        return answer.json

    async def ask_all(self, *asked: tuple[str, Pairs]) -> list[Any]:
        """Return the answers to several requests that are made at once. If several are refused, the first one tells why."""
        answers = await asyncio.gather(*(self.ask(path, pairs) for path, pairs in asked), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    def _with_language(self, path: str, pairs: Pairs) -> list[tuple[str, str]]:
        return [*pairs, *([(LANG, self.lang)] if self.lang and path not in _WITHOUT_NAMES else [])]

    def link(self, path: str, pairs: Pairs = ()) -> str:
        """Return the address of a page or of an answer of the API, in the language that this page was asked for."""
        query = urlencode(self._with_language(path, pairs), safe=",:")
        return shown_path(self.scope, quote(path, safe="/")) + (f"?{query}" if query else "")

    def file(self, path: str) -> str:
        """Return the address of what has no language."""
        return shown_path(self.scope, path)

    def here(self, changes: Mapping[str, str | None], *, lang: str | None = None) -> str:
        """Return the address of this page with other parameters. None removes one.

        `lang`: in this language, without the cursor, because a cursor belongs to the language of its list.
        """
        if lang:
            changes = {**changes, "cursor": None}
        pairs = [(name, value) for name, value in self.pairs if name not in changes]
        pairs += [(name, value) for name, value in changes.items() if value is not None]
        if lang:
            return shown_path(self.scope, quote(self.path, safe="/")) + "?" + urlencode([*pairs, (LANG, lang)], safe=",:")
        return self.link(self.path, pairs)

    @property
    def address(self) -> str:
        """The address of this page with its host, without the language."""
        query = urlencode(self.pairs, safe=",:")
        return base_url(self.scope) + quote(self.path, safe="/") + (f"?{query}" if query else "")


def _filled_with(several: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the ids for the texts with which a form was filled, by (name of the field, text)."""
    parts = (each.split(" ", 2) for each in several)
    return {(name, text): ids.split(",") for name, ids, text in (each for each in parts if len(each) == 3)}
