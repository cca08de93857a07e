"""Language tags (BCP 47), which select the language in which the names of records are shown."""

from collections.abc import Iterable

MAX_LANGUAGES = 8
MAX_LANGUAGE = 35
"""Maximum number of characters of a tag. RFC 5646 (section 4.4.1) recommends room for at least 35."""
LANG_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def looked_for(tags: Iterable[str]) -> list[str]:
    """Normalize the case of the tags, and add the more general tags after each tag (`pt` after `pt-BR`)."""
    found: dict[str, None] = {}
    for tag in tags:
        parts = canonical(tag).split("-")
        for length in range(len(parts), 0, -1):
            found.setdefault("-".join(parts[:length]))
    return list(found)[:MAX_LANGUAGES]


def canonical(tag: str) -> str:
    """Return the tag as BCP 47 writes it: the language in lower case, the script in title case, the region in upper case."""
    first, *rest = tag.split("-")
    cased = [part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])
