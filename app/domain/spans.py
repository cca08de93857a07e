"""Computes from dated actions when an instrument is in force, and when a country or organization is a party to it.

Dates may be imprecise, so each act has the earliest and the latest day on which it can have been done. Between the two, what
the act begins or ends is possible; after the latest day, what it begins is certain.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date as calendar_day
from datetime import timedelta
from typing import NamedTuple

from app.domain import durations, edtf
from app.domain.edtf import NO_END, NO_START, Bounds
from app.domain.vocabulary import ActionType, MemorandumStatus, MemorandumType, PartyRole, TermFrom

ADOPTED_DOCUMENTS = (MemorandumType.DECLARATION, MemorandumType.RESOLUTION, MemorandumType.PLAN, MemorandumType.STRATEGY)
"""Instruments that hold from their adoption. Other instruments hold from their entry into force."""
NOT_YET = (MemorandumStatus.PROPOSED, MemorandumStatus.DRAFT, MemorandumStatus.NEGOTIATION, MemorandumStatus.AGREED)
OF_THE_WHOLE = (ActionType.ADOPTED, ActionType.APPROVED, ActionType.PROPOSED)
"""Acts that concern the whole instrument also if one party does them. Any other act of one party concerns that party alone."""
CONCLUDING = (ActionType.SIGNED, ActionType.ADOPTED)
JOINING = (
    ActionType.RATIFIED,
    ActionType.ACCEPTED,
    ActionType.ACCEDED,
    ActionType.SUCCEEDED,
    ActionType.ENTERED_INTO_FORCE,
)
LEAVING = (ActionType.WITHDREW, ActionType.ENDED)


class Act(NamedTuple):
    """Something that was done to an instrument. `bounds` is edtf.NONE if no source says when."""

    type: ActionType
    bounds: Bounds
    party: str | None = None
    term: str | None = None
    """By how long it extended the instrument, if a source says it (ISO 8601)."""


class Lasting(NamedTuple):
    """For how long an instrument was made: for a period, or for a term that begins with an act."""

    period: tuple[Bounds, Bounds] | None = None
    """The bounds of the period with and without `~`, `?`, `%`."""
    term: str | None = None
    """An ISO 8601 duration."""
    term_from: str | None = None
    """A word of `TermFrom`; None if no source says from when the term runs."""


def lasting(period: str | None, term: str | None, term_from: str | None) -> Lasting:
    """Return for how long an instrument was made, by its own fields."""
    return Lasting((edtf.bounds(period), edtf.surely(period)) if period else None, term, term_from)


class Gap(NamedTuple):
    """A time within a span in which nothing held: from the day that `left` means until the day that `back` means."""

    left: Bounds
    back: Bounds


@dataclass(frozen=True)
class Span:
    """The time in which something held: possibly from and until two days, and certainly from and until two others."""

    possible_from: str = NO_START
    certain_from: str = NO_END
    certain_until: str = NO_START
    possible_until: str = NO_END
    gaps: tuple[Gap, ...] = ()


NEVER = Span(possible_from=NO_END, possible_until=NO_START)


def of_tenure(since: str | None, until: str | None, attested: Iterable[str], *, holds_on: bool) -> Span:
    """Return when an office or a membership was held. `attested`: days on which a source shows it.

    It certainly existed from the first of these days, or from `since`. `holds_on`: without `until`, it holds on. Otherwise it
    is certain up to the last day on which a source shows it.
    """
    begun, ended = (edtf.bounds(date) if date else None for date in (since, until))
    shown = [edtf.bounds(day) for day in attested]
    first = min((each.end for each in (*shown, *((begun,) if begun else ()))), default=NO_END)
    last = max((each.start for each in (*shown, *(each for each in (begun, ended) if each))), default=NO_START)
    return Span(
        begun.start if begun else NO_START,
        first,
        NO_END if holds_on and ended is None else last,
        ended.end if ended else NO_END,
    )


def of_instrument(status: str | None, type_: str | None, date: Bounds, lasts: Lasting, acts: Iterable[Act]) -> Span:
    """Return when an instrument holds. `date`: the bounds of its own date."""
    period = lasts.period
    whole = [act for act in acts if act.party is None or act.type in OF_THE_WHOLE]
    concluded = [act for act in whole if act.type in (*CONCLUDING, ActionType.ENTERED_INTO_FORCE)]
    if status in NOT_YET and not concluded:
        return NEVER
    origin = _earliest(act for act in whole if act.type in CONCLUDING) or date
    entries = [act for act in whole if act.type is ActionType.ENTERED_INTO_FORCE]
    resumed = [act for act in whole if act.type in (ActionType.ENTERED_INTO_FORCE, ActionType.EXTENDED)]
    ended = [act for act in whole if act.type in (ActionType.ENDED, ActionType.SUSPENDED)]
    if entry := _earliest(entries):
        start = entry
    elif period is not None:
        start = Bounds(period[0].start, period[1].start)
    elif type_ in ADOPTED_DOCUMENTS and origin != edtf.NONE:
        start = origin
    else:
        start = Bounds(origin.start, NO_END)
    tried = _earliest(act for act in whole if act.type is ActionType.PROVISIONALLY_APPLIED)
    possible_from = min(start.start, tried.start) if tried else start.start
    end, gaps = _ends(start, _dated(ended), _dated(resumed))
    waits = type_ not in ADOPTED_DOCUMENTS
    if end is None and (made_for := period or _of_term(lasts, origin, _earliest(entries), waits=waits)):
        end = _end_of(made_for, whole)
    elif end is None and (len(_dated(ended)) < len(ended) or status == MemorandumStatus.ENDED):
        end = Bounds(max((act.bounds.start for act in _dated(whole)), default=origin.start), NO_END)
    certain_until, possible_until = (end.start, end.end) if end is not None else (NO_END, NO_END)
    return Span(possible_from, start.end, certain_until, possible_until, gaps)


def of_party(role: str, party: str, instrument: Span, acts: Iterable[Act]) -> Span:
    """Return when a party is party to an instrument: from its own acts, within the time in which the instrument holds.

    Without an act of its own, it is possibly a party as long as the instrument holds.
    """
    if role != PartyRole.PARTY or instrument == NEVER:
        return NEVER
    own = _dated(act for act in acts if act.party == party)
    bound = [_with_doubt(act, own) for act in own if act.type in (*JOINING, ActionType.PROVISIONALLY_APPLIED)]
    start = _earliest(bound)
    if start is None:
        return Span(instrument.possible_from, NO_END, NO_START, instrument.possible_until, instrument.gaps)
    end, gaps = _ends(start, [act for act in own if act.type in LEAVING], _dated(bound))
    end = end or Bounds(NO_END, NO_END)
    is_in_force = instrument.certain_from != NO_END
    return Span(
        max(start.start, instrument.possible_from),
        max(start.end, instrument.certain_from) if is_in_force else start.end,
        min(end.start, instrument.certain_until) if is_in_force else min(end.start, instrument.possible_until),
        min(end.end, instrument.possible_until),
        (*gaps, *instrument.gaps),
    )


def _with_doubt(act: Act, own: Sequence[Act]) -> Act:
    """Provisional application makes a party possible from its day on, until the party joins for certain or leaves.

    Returns such an act with bounds from its first day to the day from which nothing is in doubt. Other acts are unchanged.
    """
    if act.type is not ActionType.PROVISIONALLY_APPLIED:
        return act
    later = [other for other in own if other.bounds.start > act.bounds.start]
    joined = [other.bounds.end for other in later if other.type in JOINING]
    left = [_day_after(other.bounds.end) for other in later if other.type in LEAVING]
    return act._replace(bounds=Bounds(act.bounds.start, min((*joined, *left), default=NO_END)))


def _day_after(day: str) -> str:
    return day if day == NO_END else (calendar_day.fromisoformat(day) + timedelta(1)).isoformat()


def _dated(acts: Iterable[Act]) -> list[Act]:
    return sorted((act for act in acts if act.bounds != edtf.NONE), key=lambda act: act.bounds)


def _earliest(acts: Iterable[Act]) -> Bounds | None:
    """The bounds of the earliest dated act; None if there is none."""
    return next((act.bounds for act in _dated(acts)), None)


def _ends(start: Bounds, left: Sequence[Act], back: Sequence[Act]) -> tuple[Bounds | None, tuple[Gap, ...]]:
    """Follow what begins with `start` through the acts that end it and those that let it begin again.

    Returns the bounds of its last end (None if it did not end), and the gaps before it.
    """
    gaps: list[Gap] = []
    since = start
    for end in (act.bounds for act in left):
        if end.end <= since.start:
            continue  # it ended something before
        again = next((act.bounds for act in back if act.bounds.start > max(end.start, since.start)), None)
        if again is None:
            return end, tuple(gaps)
        gaps.append(Gap(end, again))
        since = again
    return None, tuple(gaps)


def _of_term(lasts: Lasting, origin: Bounds, entry: Bounds | None, *, waits: bool) -> tuple[Bounds, Bounds] | None:
    """The period that a term makes, in the form of `Lasting.period`; None without a term, or if its first day is not known.

    The anniversary itself is in doubt: some sources count it, others do not. If no source says from when the term runs, it may
    run from the conclusion or from the entry into force. `waits`: whether the instrument enters into force only after its
    conclusion; then, if it is not known when it did, the last day is not known either.
    """
    if lasts.term is None:
        return None
    begins: dict[str | None, list[Bounds | None]] = {
        TermFrom.SIGNED: [origin],
        TermFrom.ENTERED_INTO_FORCE: [entry],
        None: [origin, entry],
    }
    known = [each for each in begins[lasts.term_from] if each is not None and each != edtf.NONE]
    if not known:
        return None
    is_open = lasts.term_from is None and entry is None and waits
    last = NO_END if is_open else durations.after(max(each.end for each in known), lasts.term)
    sure = edtf.shifted(durations.after(min(each.start for each in known), lasts.term), days=-1)
    return Bounds(NO_START, last), Bounds(NO_START, sure)


def _end_of(period: tuple[Bounds, Bounds], acts: Iterable[Act]) -> Bounds | None:
    """The end that a period gives to an instrument; an open end if a later act shows that the instrument lives on.

    An extension by a stated term moves the end by that term.
    """
    end = Bounds(period[1].end, period[0].end)
    extended = sorted((act for act in acts if act.type is ActionType.EXTENDED), key=lambda act: act.bounds)
    for act in extended:
        if act.term is not None:
            end = Bounds(*(day if day == NO_END else durations.after(day, act.term) for day in end))
    alive = [act.bounds.start for act in _dated(acts) if (act in extended and act.term is None) or act.bounds.start > end.end]
    if alive and end.end != NO_END:
        return Bounds(max(end.start, *alive), NO_END)
    return end
