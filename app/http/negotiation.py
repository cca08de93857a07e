"""Content negotiation: finds the representation and the languages that a request's headers prefer (RFC 9110, section 12)."""

import re

from app.caching import cached
from app.declaration.validation import quoted
from app.domain.languages import MAX_LANGUAGE, MAX_LANGUAGES, looked_for
from app.errors import NotAcceptable
from app.http.representations.representation import Representation

MAX_RANGE = 60
"""The maximum number of characters of one language range with its weight, such as `de-AT;q=0.5`. A longer one is ignored."""
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)


@cached(256_000)
def negotiated(accept: str, *offered: Representation) -> Representation:
    """Return the offered representation that the Accept header prefers.

    Raises NotAcceptable if the header accepts none of them.
    """
    if not accept or accept == "*/*":
        return offered[0]
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        media, *options = (piece.strip().lower() for piece in part.split(";"))
        wanted[media] = next((_quality(option) for option in options if option.startswith("q=")), 1.0)

    def quality(representation: Representation) -> float:
        """Return the quality (`q`) of the most specific media range that matches the representation; 0 if no range matches."""
        media = representation.media_type
        ranges = (media, f"{media.split('/')[0]}/*", "*/*")
        return next((wanted[each] for each in ranges if each in wanted), 0.0)

    best = max(offered, key=quality)
    if quality(best) <= 0:
        media_types = ", ".join(each.media_type for each in offered)
        raise NotAcceptable(f"this address answers with {media_types}; Accept asks for {quoted(accept)}")
    return best


def _quality(option: str) -> float:
    try:
        return float(option.removeprefix("q="))
    except ValueError:
        return 0.0


def requested_languages(lang: str | None, accept_language: str) -> list[str]:
    """Return the languages in which names are shown, the preferred one first.

    If `lang` is given, the header Accept-Language is ignored.
    """
    return looked_for([lang] if lang else _ranges(accept_language))


def _ranges(accept_language: str) -> list[str]:
    """Return the language ranges of an Accept-Language header, the preferred one first. Ignore malformed ranges and `*`."""
    found = []
    for place, part in enumerate(accept_language.split(",")[:MAX_LANGUAGES]):
        match = _RANGE.fullmatch(part) if len(part) <= MAX_RANGE else None
        if match and match[1] != "*" and len(match[1]) <= MAX_LANGUAGE and float(match[2] or 1) > 0:
            found.append((-float(match[2] or 1), place, match[1]))
    return [tag for _, _, tag in sorted(found)]
