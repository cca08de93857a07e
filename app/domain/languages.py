"""Language tags (BCP 47), which select the language in which the names of records are shown."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

MAX_LANGUAGES = 8
MAX_LANGUAGE = 35
"""Maximum number of characters of a tag. RFC 5646 (section 4.4.1) recommends room for at least 35."""
_REGION = re.compile(r"[A-Z]{2}|\d{3}", re.ASCII)
LANG_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def looked_for(tags: Iterable[str]) -> list[str]:
    """Return the languages in which a name is looked for: each tag, with more general tags after it.

    After `pt-BR` comes `pt`. After `zh-TW` come `zh-Hant`, the script that is usual there, and `zh`.
    """
    found = dict.fromkeys(each for tag in tags for each in _more_and_more_general(tag))
    return list(found)[:MAX_LANGUAGES]


@lru_cache(1_024)
def _more_and_more_general(tag: str) -> list[str]:
    parts = canonical(tag).split("-")
    several = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    if len(parts) > 1 and _REGION.fullmatch(parts[1]):
        import langcodes  # noqa: PLC0415 - as in `canonical`

        if script := langcodes.Language.get(several[-2]).maximize().script:
            several.insert(-1, f"{parts[0]}-{script}")
    return several


@lru_cache(1_024)
def canonical(tag: str) -> str:
    """Return the tag as BCP 47 recommends.

    The language has its shortest code, the script is in title case, and the region in upper case. A text that is no tag is
    returned unchanged.
    """
    import langcodes  # noqa: PLC0415 - it takes 30 ms, and many requests name no language

    try:
        return langcodes.standardize_tag(tag, macro=True)
    except ValueError:
        return tag


def general(tags: Sequence[str]) -> list[str]:
    """Return, for several tags, the tag for whose readers each is meant.

    The first of those with the same language, such as `zh-Hans` and `zh-Hant`, stands for the language as such (`zh`), unless
    that is among the tags itself.
    """
    canonical_tags = [canonical(tag) for tag in tags]
    taken = set(canonical_tags)
    found = []
    for tag in canonical_tags:
        language = tag.partition("-")[0]
        found.append(tag if language in taken else language)
        taken.add(language)
    return found
