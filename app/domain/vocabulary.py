"""The closed vocabularies. They are enums in the OpenAPI document and CHECKs in the database. Each word has an explanation."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class Vocabulary(StrEnum):
    """A closed list of words, each with its explanation."""

    explanation: str

    def __new__(cls, word: str, explanation: str = "", *_: object) -> Self:
        """Create a member: the word as a string, with its explanation as an attribute."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.explanation = explanation
        return member

    @classmethod
    def described(cls) -> str:
        """Return all words with their explanations, as Markdown for the documentation."""
        return "; ".join(f"`{word.value}` {word.explanation}" for word in cls)


class Role(StrEnum):
    """The role of a kind of record. Searches and mixed lists treat all kinds that have the same role in the same way."""

    ENTITY = "entity"
    """An entity, such as a country, is named in many other records; users mostly search for it by its name."""
    EVENT = "event"
    """An event, such as a meeting, happened once or was published once, and has its own name."""
    LINK = "link"
    """A link record, such as a participant, connects two other records. A search for one of those does not list it."""
    ACT = "act"
    """An act, such as a signing, is a link record that happened on a day. A search for what happened on a day lists it."""


class Kind(Vocabulary):
    """The kinds of record, in the order in which an export writes them.

    Usually, a kind comes after the kinds to which its records refer.
    """

    role: Role

    def __init__(self, word: str, _explanation: str = "", role: Role | None = None) -> None:
        if role is None:
            raise TypeError(f"the kind {word!r} has no role: add Role.ENTITY, Role.EVENT, Role.LINK or Role.ACT to its line")
        self.role = role

    @property
    def with_article(self) -> str:
        """The word with its indefinite article, such as `an outcome`."""
        return f"{'an' if self[0] in 'aeiou' else 'a'} {self}"

    COUNTRY = "country", "a state", Role.ENTITY
    TOPIC = "topic", "a subject", Role.ENTITY
    SOURCE = "source", "a document", Role.EVENT
    ORGANIZATION = "organization", "a body with members or acts of its own", Role.ENTITY
    PERSON = "person", "somebody who takes part", Role.ENTITY
    POSITION = "position", "an office that a person, or a country or organization, holds", Role.LINK
    SERIES = "series", "what recurs under one name: meetings, a forum, a summit in phases, a prize", Role.ENTITY
    MEMBERSHIP = "membership", "a country or organization in an organization or series", Role.LINK
    MEETING = "meeting", "an occasion with a date, place or named participants of its own", Role.EVENT
    PARTICIPANT = "participant", "who took part, in what capacity", Role.LINK
    MEMORANDUM = "memorandum", "an instrument", Role.EVENT
    PARTY = "party", "between whom an instrument is, who adopted or sponsored it", Role.LINK
    RELATION = "relation", "from an instrument to another, to a series or an organization", Role.LINK
    OUTCOME = "outcome", "what a meeting or a party brought about short of an instrument", Role.EVENT
    ACTION = "action", "what was done to an instrument, an outcome or a meeting", Role.ACT
    CITATION = "citation", "which passage supports which record", Role.LINK


class NameType(Vocabulary):
    """The relation between a name and the record that has the name."""

    OFFICIAL = "official", "the bearer's own full name"
    SHORT = "short", "a shorter form in common use"
    ACRONYM = "acronym", "made of initials"
    ALIAS = "alias", "another printed form"
    FORMER = "former", "no longer in use"
    TRANSLATION = "translation", "translated by the registry"
    TRANSLITERATION = "transliteration", "transliterated by the registry"
    AS_PRINTED = "as_printed", "a misprint, kept so that it can be found"
    DESCRIPTIVE = "descriptive", "given by the registry, since the source gives no title"
    ADJECTIVE = "adjective", "the adjective of a country: Belarusian, белорусский"


class OrganizationType(Vocabulary):
    """What an organization is, for example a ministry, a company or an intergovernmental organization."""

    INTERGOVERNMENTAL = "intergovernmental", "states are its members"
    BODY = "body", "an organ of an intergovernmental organization"
    MINISTRY = "ministry", "a ministry"
    AGENCY = "agency", "another state authority"
    MISSION = "mission", "a diplomatic mission"
    COMPANY = "company", "a company"
    ASSOCIATION = "association", "a non-governmental association"
    ACADEMIC = "academic", "a university or research body"
    MEDIA = "media", "a news agency, paper or portal"
    PROGRAMME = "programme", "a project or joint system of several partners"


class MembershipStatus(Vocabulary):
    """The status of a member in an organization or a series."""

    FULL = "full", "a full member"
    ASSOCIATE = "associate", "an associate member"
    OBSERVER = "observer", "an observer"
    PARTNER = "partner", "a partner, dialogue partners too"
    PARTICIPANT = "participant", "takes part; membership is not stated"


class MeetingType(Vocabulary):
    """What a meeting is, for example a summit, a visit or an exhibition."""

    SUMMIT = "summit", "of heads of state or government, or so named"
    MINISTERIAL = "ministerial", "of ministers"
    SESSION = "session", "a regular sitting of a body"
    TALKS = "talks", "two sides meet or negotiate"
    VISIT = "visit", "one side travels to the other"
    FORUM = "forum", "a forum"
    CONFERENCE = "conference", "a conference"
    EXHIBITION = "exhibition", "an exhibition or fair"
    REVIEW = "review", "a review that is no single sitting"


class MeetingFormat(Vocabulary):
    """The way in which the participants of a meeting met."""

    IN_PERSON = "in_person", "in one place"
    ONLINE = "online", "by remote connection alone"
    HYBRID = "hybrid", "in one place and by remote connection"


class MeetingStatus(Vocabulary):
    """The status of a meeting as its source states it. The status is never computed from today's date."""

    PLANNED = "planned", "announced"
    HELD = "held", "took place"
    POSTPONED = "postponed", "put off"
    CANCELLED = "cancelled", "called off"


class Qualifier(Vocabulary):
    """How exact a number is."""

    EXACT = "exact", "just so many"
    ABOUT = "about", "roughly so many"
    MORE_THAN = "more_than", "more than so many"
    FEWER_THAN = "fewer_than", "fewer than so many"


class ParticipantRole(Vocabulary):
    """The role of a participant in a meeting. A participant with two roles has two records."""

    CHAIR = "chair", "chaired it"
    VICE_CHAIR = "vice_chair", "vice-chaired it"
    HOST = "host", "held it on its own ground"
    ORGANIZER = "organizer", "organized it"
    INITIATOR = "initiator", "it was held at their initiative"
    INVITER = "inviter", "invited the others to it"
    HEAD_OF_DELEGATION = "head_of_delegation", "led a delegation"
    DELEGATION = "delegation", "a side's representatives as a whole"
    DELEGATE = "delegate", "a member of a delegation, or a side's negotiator"
    SPEAKER = "speaker", "spoke or reported"
    MODERATOR = "moderator", "moderated it"
    WITNESS = "witness", "something was done in their presence"
    GUEST = "guest", "was a guest of honour"
    VISITOR = "visitor", "visited it"
    OBSERVER = "observer", "observed it"
    PARTICIPANT = "participant", "took part; nothing closer is stated"


class Rank(Vocabulary):
    """The rank of an office, from the highest down."""

    HEAD_OF_STATE = "head_of_state", "head of state"
    HEAD_OF_GOVERNMENT = "head_of_government", "head of government"
    DEPUTY_HEAD_OF_GOVERNMENT = "deputy_head_of_government", "deputy head of government"
    HEAD_OF_ORGANIZATION = "head_of_organization", "chief officer of an intergovernmental organization"
    MINISTER = "minister", "minister"
    DEPUTY_MINISTER = "deputy_minister", "deputy minister, first deputies too"
    AMBASSADOR = "ambassador", "ambassador"
    HEAD_OF_AGENCY = "head_of_agency", "head of another authority"
    OFFICIAL = "official", "another official"
    EXPERT = "expert", "an expert"


class Presence(Vocabulary):
    """The way in which a participant was present at a meeting, or was not present."""

    IN_PERSON = "in_person", "was there"
    REMOTE = "remote", "took part by remote connection"
    REPRESENTED = "represented", "was represented by somebody else"
    INVITED = "invited", "was invited; coming is not stated"
    EXPECTED = "expected", "was announced; coming is not stated"
    ABSENT = "absent", "did not come"


class Coverage(Vocabulary):
    """Whether the records that link a record, such as the members of an organization, are all there are."""

    COMPLETE = "complete", "a source says that these are all"
    PARTIAL = "partial", "a source says that there are more"


class TextForm(Vocabulary):
    """What a digest of a source was made of."""

    RETRIEVED = "retrieved", "the file as it was retrieved"
    TEXT = "text", "a plain text made of it"


class DocumentForm(Vocabulary):
    """The form in which a document was sent."""

    PLAIN = "plain", "plain text"
    MARKDOWN = "markdown", "Markdown"
    HTML = "html", "a page in HTML"


class ProposalStatus(Vocabulary):
    """What became of a proposal."""

    OPEN = "open", "it waits for decisions"
    APPLIED = "applied", "what was accepted of it is written"
    REJECTED = "rejected", "nothing of it was accepted"
    WITHDRAWN = "withdrawn", "who made it took it back"


class Verdict(Vocabulary):
    """What a proposed record would do to the registry."""

    NEW = "new", "it is not there yet"
    SAME = "same", "it is there, and says the same"
    CHANGES = "changes", "it is there, and would change"
    SIMILAR = "similar", "it is new, and resembles a record that is there, or another of the proposal"
    FAULTY = "faulty", "it cannot be written as it is"


class Decision(Vocabulary):
    """What was decided on a proposed record."""

    PENDING = "pending", "nothing yet"
    ACCEPTED = "accepted", "it is to be written as it was proposed"
    CORRECTED = "corrected", "it is to be written as it was corrected"
    REJECTED = "rejected", "it is not to be written"


class MemorandumType(Vocabulary):
    """What an instrument is, for example an agreement, a declaration or a plan."""

    MEMORANDUM = "memorandum", "a memorandum"
    AGREEMENT = "agreement", "an agreement, treaty or convention"
    DECLARATION = "declaration", "a declaration, a commitment too"
    PLAN = "plan", "a plan, an agenda too"
    RESOLUTION = "resolution", "a resolution"
    STRATEGY = "strategy", "a strategy"
    OTHER = "other", "another instrument"


class MemorandumStatus(Vocabulary):
    """The latest stage that an instrument has reached, as far as a source states it."""

    PROPOSED = "proposed", "somebody proposed it"
    DRAFT = "draft", "a draft exists"
    NEGOTIATION = "negotiation", "it is being negotiated"
    AGREED = "agreed", "its text was agreed"
    SIGNED = "signed", "it was signed"
    ADOPTED = "adopted", "it was adopted or approved"
    IN_FORCE = "in_force", "it is in force"
    ENDED = "ended", "it has ended"


class TermFrom(Vocabulary):
    """The act from which the term of an instrument runs."""

    SIGNED = "signed", "from its signature or adoption"
    ENTERED_INTO_FORCE = "entered_into_force", "from its entry into force"


class PartyRole(Vocabulary):
    """The role of a party in relation to an instrument."""

    PARTY = "party", "it is between them"
    SIGNATORY = "signatory", "they signed it and are not, or not yet, a party"
    ADOPTER = "adopter", "they adopted it"
    SPONSOR = "sponsor", "they sponsored it"
    DEPOSITARY = "depositary", "they keep it"


class ActionType(Vocabulary):
    """The type of an action: what was done to an instrument, an outcome or a meeting."""

    PROPOSED = "proposed", "it was proposed"
    DISCUSSED = "discussed", "its draft was discussed"
    NEGOTIATED = "negotiated", "talks towards it were held or agreed"
    AGREED = "agreed", "its text was agreed, not signed"
    SIGNED = "signed", "it was signed"
    ADOPTED = "adopted", "a meeting or body adopted it"
    APPROVED = "approved", "one party's authority approved it"
    RATIFIED = "ratified", "it was ratified"
    ACCEPTED = "accepted", "a party accepted it"
    ACCEDED = "acceded", "a party acceded to it"
    SUCCEEDED = "succeeded", "a party succeeded to it"
    PROVISIONALLY_APPLIED = "provisionally_applied", "it was applied before its entry into force"
    ENTERED_INTO_FORCE = "entered_into_force", "it entered into force"
    REVIEWED = "reviewed", "its implementation was discussed"
    CARRIED_OUT = "carried_out", "its implementation was reported"
    AMENDED = "amended", "it was amended"
    EXTENDED = "extended", "it was extended"
    SUSPENDED = "suspended", "it was suspended"
    WITHDREW = "withdrew", "a party withdrew from it, or denounced it"
    ENDED = "ended", "it ended"
    ANNOUNCED = "announced", "a meeting, or a step that is to be taken, was announced"
    POSTPONED = "postponed", "a meeting was put off"
    MOVED = "moved", "a meeting got another day"
    CONFIRMED = "confirmed", "a meeting was said to stay as it was"
    CANCELLED = "cancelled", "a meeting was called off"


class RelationType(Vocabulary):
    """The relation of an instrument to another instrument, to a series or to an organization."""

    BUILDS_ON = "builds_on", "rests on what the other laid down"
    IMPLEMENTS = "implements", "carries the other out"
    AMENDS = "amends", "changes the other"
    SUPERSEDES = "supersedes", "takes the other's place"
    RENEWS = "renews", "makes anew what the other laid down"
    CONFIRMS = "confirms", "says that the other stands"


class OutcomeType(Vocabulary):
    """What an outcome is, for example a proposal, a pledge or an award."""

    PROPOSAL = "proposal", "put forward for others"
    UNDERSTANDING = "understanding", "the sides agreed on a step"
    PLEDGE = "pledge", "one side promised or confirmed readiness"
    STATEMENT = "statement", "a position declared"
    DECISION = "decision", "something decided or appointed"
    AWARD = "award", "a prize won"
    ESTABLISHMENT = "establishment", "something came into being"


class OtherRole(Vocabulary):
    """What a further actor of an outcome has to do with it."""

    MAKER = "maker", "made it, too"
    ADDRESSEE = "addressee", "it was made to them, too"
    CARRIER = "carrier", "carries it out for others"
    GIVER = "giver", "gave the award"


class OutcomeStatus(Vocabulary):
    """The status of an outcome, as far as a source reports it."""

    OPEN = "open", "nothing is known to have come of it"
    UNDER_WAY = "under_way", "being carried out"
    REALIZED = "realized", "done"
    DECLINED = "declined", "turned down"


class Confidence(Vocabulary):
    """How directly the passage of a citation states the fact that it supports."""

    STATED = "stated", "the passage says so"
    INFERRED = "inferred", "one step away from what the passage says"
    DOUBTFUL = "doubtful", "the passage can be read otherwise"


class Review(Vocabulary):
    """Whether a second reader has compared a citation with its source."""

    UNREVIEWED = "unreviewed", "nobody has yet"
    CONFIRMED = "confirmed", "a reader confirmed it"
    DISPUTED = "disputed", "a reader disputed it"


class Held(Vocabulary):
    """How certain it is that something was valid on the requested day."""

    CERTAIN = "certain", "the sources leave no other reading"
    POSSIBLE = "possible", "the sources leave it open"


CALLED: Mapping[tuple[Kind, str], tuple[tuple[str, str], ...]] = {
    (Kind.MEMORANDUM, MemorandumType.MEMORANDUM): (
        ("en", "memorandum"),
        ("en", "MoU"),
        ("en", "memorandum of understanding"),
        ("ru", "меморандум"),
        ("ru", "меморандум о взаимопонимании"),
    ),
    (Kind.MEMORANDUM, MemorandumType.AGREEMENT): (("en", "agreement"), ("ru", "соглашение"), ("ru", "договор")),
    (Kind.MEMORANDUM, MemorandumType.DECLARATION): (("en", "declaration"), ("ru", "декларация")),
    (Kind.MEMORANDUM, MemorandumType.PLAN): (("en", "plan"), ("ru", "план")),
    (Kind.MEMORANDUM, MemorandumType.RESOLUTION): (("en", "resolution"), ("ru", "резолюция")),
    (Kind.MEMORANDUM, MemorandumType.STRATEGY): (("en", "strategy"), ("ru", "стратегия")),
    (Kind.MEETING, MeetingType.SUMMIT): (("en", "summit"), ("ru", "саммит")),
    (Kind.MEETING, MeetingType.MINISTERIAL): (("en", "meeting of ministers"), ("ru", "совещание министров")),
    (Kind.MEETING, MeetingType.SESSION): (("en", "session"), ("ru", "заседание"), ("ru", "сессия")),
    (Kind.MEETING, MeetingType.TALKS): (("en", "talks"), ("en", "negotiations"), ("ru", "переговоры")),
    (Kind.MEETING, MeetingType.VISIT): (("en", "visit"), ("ru", "визит")),
    (Kind.MEETING, MeetingType.FORUM): (("en", "forum"), ("ru", "форум")),
    (Kind.MEETING, MeetingType.CONFERENCE): (("en", "conference"), ("ru", "конференция")),
    (Kind.MEETING, MeetingType.EXHIBITION): (("en", "exhibition"), ("ru", "выставка")),
    (Kind.ORGANIZATION, OrganizationType.MINISTRY): (("en", "ministry"), ("ru", "министерство")),
    (Kind.ORGANIZATION, OrganizationType.MISSION): (("en", "embassy"), ("ru", "посольство")),
    (Kind.OUTCOME, OutcomeType.PROPOSAL): (("en", "proposal"), ("ru", "предложение")),
    (Kind.OUTCOME, OutcomeType.DECISION): (("en", "decision"), ("ru", "решение")),
    (Kind.OUTCOME, OutcomeType.AWARD): (("en", "award"), ("ru", "награда"), ("ru", "премия")),
}
"""For each kind and type, the words with which people search for records of this type, each with its language."""
