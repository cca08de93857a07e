"""Every sentence of a document has its place: acts of meetings, terms, dates as printed, joint sittings, further actors.

Presidencies of countries and organizations, and sources of sources, have fields too.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

from app.db.ddl import (
    add_columns,
    check_now,
    drop_column,
    require_none,
    set_comment,
    set_constraint,
    set_nullable,
    set_table_comment,
)
from app.db.types import Exact, OneOf

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NO_START, NO_END = "0001-01-01", "9999-12-31"
WORDS = {
    ("actions", "type", "what was done"): {
        "proposed": "it was proposed",
        "discussed": "its draft was discussed",
        "negotiated": "talks towards it were held or agreed",
        "agreed": "its text was agreed, not signed",
        "signed": "it was signed",
        "adopted": "a meeting or body adopted it",
        "approved": "one party's authority approved it",
        "ratified": "it was ratified",
        "accepted": "a party accepted it",
        "acceded": "a party acceded to it",
        "succeeded": "a party succeeded to it",
        "provisionally_applied": "it was applied before its entry into force",
        "entered_into_force": "it entered into force",
        "reviewed": "its implementation was discussed",
        "carried_out": "its implementation was reported",
        "amended": "it was amended",
        "extended": "it was extended",
        "suspended": "it was suspended",
        "withdrew": "a party withdrew from it, or denounced it",
        "ended": "it ended",
        "announced": "a meeting, or a step that is to be taken, was announced",
        "postponed": "a meeting was put off",
        "moved": "a meeting got another day",
        "confirmed": "a meeting was said to stay as it was",
        "cancelled": "a meeting was called off",
    },
    ("memoranda", "status", "the furthest point stated"): {
        "proposed": "somebody proposed it",
        "draft": "a draft exists",
        "negotiation": "it is being negotiated",
        "agreed": "its text was agreed",
        "signed": "it was signed",
        "adopted": "it was adopted or approved",
        "in_force": "it is in force",
        "ended": "it has ended",
    },
    ("outcomes", "type", "what sort of result"): {
        "proposal": "put forward for others",
        "understanding": "the sides agreed on a step",
        "pledge": "one side promised or confirmed readiness",
        "statement": "a position declared",
        "decision": "something decided or appointed",
        "award": "a prize won",
        "establishment": "something came into being",
    },
    ("participants", "role", "what part they took"): {
        "chair": "chaired it",
        "vice_chair": "vice-chaired it",
        "host": "held it on its own ground",
        "organizer": "organized it",
        "initiator": "it was held at their initiative",
        "inviter": "invited the others to it",
        "head_of_delegation": "led a delegation",
        "delegation": "a side's representatives as a whole",
        "delegate": "a member of a delegation, or a side's negotiator",
        "speaker": "spoke or reported",
        "moderator": "moderated it",
        "witness": "something was done in their presence",
        "guest": "was a guest of honour",
        "visitor": "visited it",
        "observer": "observed it",
        "participant": "took part; nothing closer is stated",
    },
    ("relations", "type", "how it stands to it"): {
        "builds_on": "rests on what the other laid down",
        "implements": "carries the other out",
        "amends": "changes the other",
        "supersedes": "takes the other's place",
        "renews": "makes anew what the other laid down",
        "confirms": "says that the other stands",
    },
}
"""All words of the changed vocabularies with their explanations, by table, column and what the column says."""
NEW = {
    "actions": ("agreed", "carried_out", "announced", "postponed", "moved", "confirmed", "cancelled"),
    "memoranda": ("agreed",),
    "outcomes": ("decision",),
    "participants": ("inviter", "moderator", "witness", "guest"),
    "relations": ("renews",),
}
NOTED = ("actions", "meetings", "memoranda", "outcomes", "participants")
KINDS = (
    "the kind, which names the table that holds the rest: `country` a state; `topic` a subject; `source` a document; `organization` a body with members or acts of its own; `person` somebody who takes part; "
    "`position` {position}; `series` what recurs under one name: meetings, a forum, a summit in phases, a prize; `membership` a country or organization in an organization or series; `meeting` an occasion with a date, place or named participants of its own; `participant` who took part, in what capacity; `memorandum` an instrument; `party` between whom an instrument is, who adopted or sponsored it; `relation` from an instrument to another, to a series or an organization; `outcome` what a meeting or a party brought about short of an instrument; "
    "`action` {action}; `citation` which passage supports which record"
)
KEY = ("of_id", "type", "date", "meeting_id", "party_id")
PAGE = 1_000


SHOWN_BEST_FIRST = ("official", "short", "translation", "transliteration", "descriptive")


def upgrade() -> None:
    _make_tables()
    bind = op.get_bind()
    printed = "the date as printed, where EDTF cannot say it: a day without a year, `today`"
    for table in NOTED:
        op.add_column(table, sa.Column("date_note", sa.String(), nullable=True, comment=printed))
    _set_words([])
    _represent(
        "the larger occasion of which it is part, or on whose margins it was held", "acted or whom they represented", "person"
    )
    _widen_actions()
    _widen_memoranda()
    _widen_positions()
    op.add_column(
        "sources", sa.Column("according_to", sa.String(), nullable=True, comment="whom it names as its own source, as printed")
    )
    op.add_column(
        "sources", sa.Column("interviewee_id", Exact, nullable=True, comment="who speaks in it, if it is an interview")
    )
    _index("sources", "interviewee_id", "published_start")
    people = "FOREIGN KEY(interviewee_id) REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED"
    set_constraint(bind, "sources", "fk_sources_interviewee_id", people)
    offices = "an office that a person, or a country or organization, holds"
    acts = "what was done to an instrument, an outcome or a meeting"
    set_comment(bind, "records", "kind", KINDS.format(position=offices, action=acts))
    _choose_shown_names(short_like_own=True)


def _choose_shown_names(*, short_like_own: bool) -> None:
    """Choose again which name is shown in a language in which a record has names of several types.

    `short_like_own`: if the record's own name is a short one, short names go before official ones.
    """
    bind = op.get_bind()
    names = sa.table("names", *map(sa.column, ("record_id", "place", "language", "text", "type", "shown")))
    records = sa.table("records", *map(sa.column, ("id", "kind", "name")))
    key = (names.c.record_id, names.c.language)
    several = sa.select(*key).where(names.c.type.in_(SHOWN_BEST_FIRST)).group_by(*key)
    found = bind.execute(several.having(sa.func.count(names.c.type.distinct()) > 1)).all()
    for record_id, language in found:
        kind, own = bind.execute(sa.select(records.c.kind, records.c.name).where(records.c.id == record_id)).one()
        every = bind.execute(sa.select(names).where(names.c.record_id == record_id).order_by(names.c.place)).mappings().all()
        first = next((name["type"] for name in every if name["text"] == own), "short" if kind == "country" else "official")
        order = ["short", *SHOWN_BEST_FIRST] if short_like_own and first == "short" else list(SHOWN_BEST_FIRST)
        ours = [name for name in every if name["language"] == language and (name["text"] == own or name["type"] in order)]
        ranks = [-1 if name["text"] == own else order.index(name["type"]) for name in ours]
        best = ours[ranks.index(min(ranks))]
        if not best["shown"]:
            its = sa.and_(names.c.record_id == record_id, names.c.language == language)
            bind.execute(sa.update(names).where(its).values(shown=False))
            bind.execute(sa.update(names).where(its, names.c.place == best["place"]).values(shown=True))
    check_now(bind)


def _make_tables() -> None:
    op.create_table(
        "other_actors",
        sa.Column("record_id", Exact, nullable=False, comment="the outcome"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the further actors, from 0"),
        sa.Column("actor_id", Exact, nullable=False, comment="the actor"),
        sa.Column("actor_kind", Exact, nullable=False, comment="the kind of the record referred to"),
        sa.Column(
            "role",
            Exact,
            nullable=False,
            comment="what it has to do with the outcome: `maker` made it, too; `addressee` it was made to them, too; `carrier`"
            " carries it out for others; `giver` gave the award",
        ),
        OneOf("actor_kind", ("country", "organization", "person"), name=op.f("ck_other_actors_actor_kind")),
        OneOf("role", ("maker", "addressee", "carrier", "giver"), name=op.f("ck_other_actors_role")),
        sa.ForeignKeyConstraint(
            ["actor_id", "actor_kind"],
            ["records.id", "records.kind"],
            name=op.f("fk_other_actors_actor_id_actor_kind"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_other_actors_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_other_actors")),
        comment="the actors of outcomes besides the first maker and the first addressee",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_other_actors_actor_id_record_id"), "other_actors", ["actor_id", "record_id"])
    op.create_table(
        "joint_series",
        sa.Column("record_id", Exact, nullable=False, comment="the meeting"),
        sa.Column("place", sa.Integer(), nullable=False, comment="its place among the further series, from 0"),
        sa.Column("series_id", Exact, nullable=False, comment="the series it belongs to as well"),
        sa.Column("ordinal", sa.Integer(), nullable=True, comment="the how-manieth of that series it is"),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.id"], name=op.f("fk_joint_series_record_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_joint_series_series_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("record_id", "place", name=op.f("pk_joint_series")),
        comment="the series of meetings besides the first: joint sittings",
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_joint_series_series_id_record_id"), "joint_series", ["series_id", "record_id"])


def _set_words(without: Sequence[str]) -> None:
    for (table, column, what), words in WORDS.items():
        kept = {word: told for word, told in words.items() if table not in without or word not in NEW[table]}
        listed = ", ".join(f"'{word}'" for word in kept)
        set_constraint(op.get_bind(), table, f"ck_{table}_{column}", f'CHECK ("{column}" IN ({listed}))')
        told = "; ".join(f"`{word}` {explanation}" for word, explanation in kept.items())
        set_comment(op.get_bind(), table, column, f"{what}: {told}")


def _represent(part_of: str, acted: str, *more: str) -> None:
    """Say what `part_of` means, for whom a participant can act, and of which further kinds they may be."""
    bind = op.get_bind()
    set_comment(bind, "meetings", "part_of_id", part_of)
    told = f"for whom they {acted}, where it is not their own country or body"
    set_comment(bind, "participants", "on_behalf_of_id", told)
    kinds = ", ".join(f"'{kind}'" for kind in ("country", "organization", *more))
    words = f'CHECK ("on_behalf_of_kind" IN ({kinds}))'
    set_constraint(bind, "participants", "ck_participants_on_behalf_of_kind", words)


def _widen_actions() -> None:
    bind = op.get_bind()
    columns: list[sa.Column[str]] = []
    values: dict[str, str] = {}
    for field, when in (
        ("date_before", "before it was moved or put off"),
        ("date_after", "after that, or the day for which a step was announced"),
    ):
        columns += [
            sa.Column(field, Exact, nullable=True, comment=f"the date of the meeting {when} (EDTF)"),
            *(
                sa.Column(
                    f"{field}_{side}",
                    Exact,
                    nullable=False,
                    comment=f"the {which} day that `{field}` can mean; {none} for none",
                )
                for side, which, none in (("start", "earliest", NO_START), ("end", "latest", NO_END))
            ),
        ]
        values |= {f"{field}_start": NO_START, f"{field}_end": NO_END}
    term = sa.Column("term", Exact, nullable=True, comment="by how long an instrument was extended (ISO 8601)")
    add_columns(bind, "actions", *columns, term, values=values)
    set_constraint(bind, "actions", "ck_actions_of_kind", "CHECK (\"of_kind\" IN ('memorandum', 'outcome', 'meeting'))")
    set_comment(bind, "actions", "of_id", "the instrument, outcome or meeting")
    digest = "a digest of `of`, `type`, `date`, `meeting`, `party`, `date_before`, `date_after`, `note`"
    set_comment(bind, "actions", "natural_key", digest)
    set_table_comment(bind, "actions", "the dated life of instruments, outcomes and meetings")
    _fill_keys((*KEY, "date_before", "date_after", "note"))


def _fill_keys(columns: Sequence[str]) -> None:
    """Compute the digest of the natural key of each action, a page of rows at a time."""
    table = sa.table("actions", *map(sa.column, ("id", "natural_key", *columns)))
    page = sa.select(table.c.id, *(table.c[column] for column in columns)).order_by(table.c.id).limit(PAGE)
    update = sa.update(table).where(table.c.id == sa.bindparam("its_id")).values(natural_key=sa.bindparam("digest"))
    after = ""
    while rows := op.get_bind().execute(page.where(table.c.id > after)).all():
        op.get_bind().execute(update, [{"its_id": key, "digest": _digest(values)} for key, *values in rows])
        after = rows[-1][0]
    check_now(op.get_bind())


def _digest(key: Sequence[str | None]) -> str:
    text = json.dumps([value or None for value in key], ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=15).digest()).decode()


def _widen_memoranda() -> None:
    bind = op.get_bind()
    term = "how long it runs, where stated (ISO 8601): `P3Y` three years"
    begins = (
        "from when the term runs; empty if not stated: `signed` from its signature or adoption; `entered_into_force` from its"
    )
    op.add_column("memoranda", sa.Column("term", Exact, nullable=True, comment=term))
    op.add_column("memoranda", sa.Column("term_from", Exact, nullable=True, comment=f"{begins} entry into force"))
    words = "CHECK (\"term_from\" IN ('signed', 'entered_into_force'))"
    set_constraint(bind, "memoranda", "ck_memoranda_term_from", words)
    _index("memoranda", "term", "date_start")
    _index("memoranda", "term_from", "date_start")


def _widen_positions() -> None:
    bind = op.get_bind()
    add_columns(
        bind,
        "positions",
        sa.Column(
            "held_by_id", Exact, nullable=True, comment="the country or organization that holds it: a presidency, a seat"
        ),
        sa.Column("held_by_kind", Exact, nullable=True, comment="the kind of the record referred to"),
        sa.Column("holder_id", Exact, nullable=False, comment="who holds it, whoever it is"),
        values={"holder_id": ""},
    )
    op.execute("UPDATE positions SET holder_id = person_id")
    check_now(bind)
    set_nullable(bind, "positions", "person_id", nullable=True)
    op.drop_index("ix_positions_person_id_since_start_id", table_name="positions")
    _index("positions", "person_id", "since_start")
    set_comment(bind, "positions", "person_id", "the person who holds it")
    set_comment(bind, "positions", "natural_key", "a digest of `holder`, `title`, `organization`, `country`, `since`")
    set_table_comment(bind, "positions", "offices that people hold, and presidencies")
    set_constraint(bind, "positions", "ck_positions_held_by_kind", "CHECK (\"held_by_kind\" IN ('country', 'organization'))")
    records = "FOREIGN KEY(held_by_id, held_by_kind) REFERENCES records (id, kind) DEFERRABLE INITIALLY DEFERRED"
    set_constraint(bind, "positions", "fk_positions_held_by_id_held_by_kind", records)
    _index("positions", "held_by_id", "since_start")
    op.create_index("ix_positions_holder_id_since_start_id", "positions", ["holder_id", "since_start", "id"])


def _index(table: str, column: str, order: str) -> None:
    stated = sa.text(f"{column} IS NOT NULL")
    name = f"ix_{table}_{column}_{order}_id"
    op.create_index(name, table, [column, order, "id"], sqlite_where=stated, postgresql_where=stated)


def downgrade() -> None:
    """Go back. Refused while a record has what the schema before cannot hold."""
    bind = op.get_bind()
    for query, why in (
        ("SELECT DISTINCT record_id FROM joint_series ORDER BY 1", "takes one series of a meeting"),
        ("SELECT DISTINCT record_id FROM other_actors ORDER BY 1", "takes one maker and one addressee of an outcome"),
        (
            "SELECT id FROM actions WHERE of_kind = 'meeting' OR date_after IS NOT NULL OR term IS NOT NULL ORDER BY 1",
            "has no acts of meetings and no terms",
        ),
        ("SELECT id FROM memoranda WHERE term IS NOT NULL ORDER BY 1", "has no terms"),
        ("SELECT id FROM positions WHERE person_id IS NULL ORDER BY 1", "has no offices of countries and organizations"),
        (
            "SELECT id FROM sources WHERE according_to IS NOT NULL OR interviewee_id IS NOT NULL ORDER BY 1",
            "has no sources of sources",
        ),
        *((f"SELECT id FROM {table} WHERE date_note IS NOT NULL ORDER BY 1", "has no dates as printed") for table in NOTED),  # noqa: S608
        *(
            (f"SELECT id FROM {table} WHERE substr(date, 1, 2) = '..' ORDER BY 1", "takes no event before a day")  # noqa: S608 - our own names
            for table in NOTED
        ),
    ):
        require_none(bind, query, f"the schema before {why}")
    _choose_shown_names(short_like_own=False)
    op.execute("DELETE FROM involvements WHERE record_kind = 'membership'")
    check_now(bind)
    _set_words(list(NEW))
    _represent("the meeting of which it is part", "acted")
    set_constraint(bind, "sources", "fk_sources_interviewee_id", None)
    op.drop_index("ix_sources_interviewee_id_published_start_id", table_name="sources")
    drop_column(bind, "sources", "interviewee_id")
    drop_column(bind, "sources", "according_to")
    _narrow_positions()
    for column in ("term", "term_from"):
        op.drop_index(f"ix_memoranda_{column}_date_start_id", table_name="memoranda")
    set_constraint(bind, "memoranda", "ck_memoranda_term_from", None)
    drop_column(bind, "memoranda", "term_from")
    drop_column(bind, "memoranda", "term")
    _fill_keys((*KEY, "note"))
    set_constraint(bind, "actions", "ck_actions_of_kind", "CHECK (\"of_kind\" IN ('memorandum', 'outcome'))")
    for column in ("term", *(f"date_{which}{side}" for which in ("after", "before") for side in ("_end", "_start", ""))):
        drop_column(bind, "actions", column)
    set_comment(bind, "actions", "of_id", "the instrument or outcome")
    set_comment(bind, "actions", "natural_key", "a digest of `of`, `type`, `date`, `meeting`, `party`, `note`")
    set_table_comment(bind, "actions", "the dated life of instruments and outcomes")
    for table in NOTED:
        drop_column(bind, table, "date_note")
    op.drop_table("joint_series")
    op.drop_table("other_actors")
    acts = "what was done to an instrument or an outcome"
    set_comment(bind, "records", "kind", KINDS.format(position="an office that a person holds", action=acts))


def _narrow_positions() -> None:
    bind = op.get_bind()
    for column in ("holder_id", "held_by_id"):
        op.drop_index(f"ix_positions_{column}_since_start_id", table_name="positions")
    for constraint in ("fk_positions_held_by_id_held_by_kind", "ck_positions_held_by_kind"):
        set_constraint(bind, "positions", constraint, None)
    set_nullable(bind, "positions", "person_id", nullable=False)
    op.drop_index("ix_positions_person_id_since_start_id", table_name="positions")
    op.create_index("ix_positions_person_id_since_start_id", "positions", ["person_id", "since_start", "id"])
    set_comment(bind, "positions", "person_id", "who holds it")
    set_comment(bind, "positions", "natural_key", "a digest of `person`, `title`, `organization`, `country`, `since`")
    set_table_comment(bind, "positions", "offices that people hold")
    for column in ("holder_id", "held_by_kind", "held_by_id"):
        drop_column(bind, "positions", column)
