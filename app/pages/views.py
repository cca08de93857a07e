"""The pages of views: the ledger, commitments, counterparts."""

from collections.abc import Mapping
from typing import Any

from app.domain.vocabulary import Kind
from app.pages.drawing.timeline import timeline
from app.pages.filters import ACTORS, named_in, several
from app.pages.lists import figure_formats, formats
from app.pages.records import LAST_CHANGE, cited
from app.pages.serving import Page
from app.pages.shown import Shown
from app.pages.visit import Visit
from app.views.ledger import KINDS

_LINE_KINDS = ("meeting", "memorandum", "outcome", "membership", "position", "organization")


async def ledger(visit: Visit) -> Page:
    """`/ledger`: everything between actors (`between`), or the life of one record (`of`)."""
    pairs, named = await named_in(visit, {"between": ACTORS, "of": KINDS, "topic": (Kind.TOPIC,)})
    between, of = named["between"], named["of"]
    if len([*several(visit.values("between"))]) == 1 and not of:  # of one actor there is no "between", but a life
        pairs = [("of" if name == "between" else name, value) for name, value in pairs]
    visit.settle(pairs)
    found = changes = None
    if visit.value("between") or visit.value("of"):
        found, changes = await visit.ask_all(("/v1/ledger", pairs), *LAST_CHANGE)

    def context(_shown: Shown) -> Mapping[str, Any]:
        _ = visit.language.texts.gettext
        names = " – ".join(each.name for each in between)
        if names:
            title = _("Between %(names)s") % {"names": names}
        elif of:
            title = _("Timeline: %(name)s") % {"name": of[0].name}
        else:
            title = _("What happened between two sides?")
        return {
            "title": title,
            "found": found,
            "picture": timeline(found["data"]) if found else None,
            "between": between,
            "of": next(iter(of), None),
            "topic": named["topic"],
            "kinds": _LINE_KINDS,
            "next": found["page"]["next_cursor"] if found else None,
            "formats": formats(visit, "/v1/ledger") if found else [],
            "cited": cited(visit, title, changes) if changes else None,
        }

    return Page("ledger.html", context, json=visit.link("/v1/ledger", pairs) if found else None)


async def commitments(visit: Visit) -> Page:
    """`/commitments`: what was promised, proposed and agreed, and the last sign of life of each."""
    pairs, named = await named_in(visit, {"by": ACTORS, "to": ACTORS, "topic": (Kind.TOPIC,)})
    visit.settle(pairs)
    found, changes = await visit.ask_all(("/v1/commitments", pairs), *LAST_CHANGE)

    def context(_shown: Shown) -> Mapping[str, Any]:
        title = visit.language.texts.gettext("Promises and proposals")
        return {
            "title": title,
            "found": found,
            **named,
            "next": found["page"]["next_cursor"],
            "formats": formats(visit, "/v1/commitments"),
            "cited": cited(visit, title, changes),
        }

    return Page("commitments.html", context, json=visit.link("/v1/commitments", pairs))


async def counterparts(visit: Visit) -> Page:
    """`/counterparts`: whom an actor meets most."""
    pairs, named = await named_in(visit, {"of": ACTORS, "topic": (Kind.TOPIC,)})
    visit.settle(pairs)
    found = changes = None
    if named["of"]:
        found, changes = await visit.ask_all(("/v1/counterparts", pairs), *LAST_CHANGE)

    def context(_shown: Shown) -> Mapping[str, Any]:
        _ = visit.language.texts.gettext
        title = _("Whom %(name)s meets most") % {"name": found["of"]["name"]} if found else _("Who meets whom most?")
        return {
            "title": title,
            "found": found,
            **named,
            "formats": figure_formats(visit, "/v1/counterparts", pairs, ("CSV", "csv")) if found else [],
            "cited": cited(visit, title, changes) if changes else None,
        }

    return Page("counterparts.html", context, json=visit.link("/v1/counterparts", pairs) if found else None)
