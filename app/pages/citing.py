"""Citations of a record, a list or a view: as plain text, BibTeX and CSL-JSON (the format of Zotero and its relatives)."""

import json
import re
from datetime import date
from typing import NamedTuple

from app.pages.dates import day_in_words
from app.pages.language import Language

_SPECIAL = str.maketrans(
    {each: f"\\{each}" for each in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)
_KEY = re.compile(r"[^A-Za-z0-9]+")
REGISTRY = "Rapporteur"


class Cited(NamedTuple):
    """What is cited: a page of the registry as it was at a position of the change log."""

    title: str
    address: str
    position: str
    changed: date
    """The day of the newest change of the registry, UTC. What the page says cannot be newer."""

    def plain(self, language: Language) -> str:
        """Return the citation as a sentence."""
        _ = language.texts.gettext
        return _("%(title)s. %(registry)s, state of the registry: %(position)s (%(day)s). %(address)s") % {
            "title": self.title.rstrip("."),
            "registry": REGISTRY,
            "position": self.position,
            "day": day_in_words(self.changed.isoformat(), language),
            "address": self.address,
        }

    def bibtex(self) -> str:
        """Return the citation as an entry of BibTeX."""
        key = _KEY.sub("-", self.address.partition("://")[2].partition("/")[2]).strip("-").lower()[:60] or "start"
        fields = {
            "title": f"{{{self.title.translate(_SPECIAL)}}}",
            "howpublished": f"{REGISTRY}, state {self.position.translate(_SPECIAL)}",
            "year": str(self.changed.year),
            "url": self.address,
        }
        lines = [f"@misc{{rapporteur-{key}", *(f"  {name} = {{{value}}}" for name, value in fields.items())]
        return ",\n".join(lines) + "\n}"

    def csl(self) -> str:
        """Return the citation as an array of CSL-JSON with one item."""
        item = {
            "id": f"rapporteur:{self.address}",
            "type": "webpage",
            "title": self.title,
            "container-title": REGISTRY,
            "URL": self.address,
            "version": self.position,
            "issued": {"date-parts": [[self.changed.year, self.changed.month, self.changed.day]]},
        }
        return json.dumps([item], ensure_ascii=False, indent=1)
