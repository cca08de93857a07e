"""What writing is made of: ids in any script, merge patches, JSON bodies with limits, what a client takes a record for."""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any
from uuid import RFC_4122, UUID, uuid5

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.declaration.model import ID_PATTERN
from app.domain.vocabulary import Kind
from app.errors import Invalid
from app.http.bodies import guard_of
from app.http.responses import tag_of
from app.reading.shapes import field_plans
from app.resources import RESOURCES
from app.writing.identity import MAX_SLUG, MIN_SLUG, namesakes, slug, uuid7
from app.writing.operations import Guard, merged
from app.writing.write_schema import MAX_DEPTH, SECOND_NAMESPACE, ContentSchema, read_json

Json = Any

many = settings(derandomize=True, deadline=None, max_examples=100)
letters = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
words = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30), max_size=30).map(" ".join)
names = letters | words | st.text("ab -'", max_size=100)
kinds = st.sampled_from([kind.value for kind in Kind])


# -- slugs --------------------------------------------------------------------------------------------------------------


@many
@given(names, kinds)
@example("", "topic")
@example("\x00\ud800", "topic")
@example("---", "topic")
def test_a_slug_is_an_id_whatever_the_name(name: str, kind: str) -> None:
    assert re.fullmatch(ID_PATTERN, slug(name, kind))
    assert slug(name, kind) == slug(name, kind).lower()


@many
@given(names, kinds)
@example("a" * 500, "topic")
@example("a " * 500, "topic")
@example("Заседание " * 100, "meeting")
def test_a_slug_is_neither_too_short_nor_too_long(name: str, kind: str) -> None:
    assert MIN_SLUG <= len(slug(name, kind)) <= MAX_SLUG


@many
@given(names, kinds)
def test_the_slug_of_a_slug_is_itself(name: str, kind: str) -> None:
    assert slug(slug(name, kind), kind) == slug(name, kind)


@many
@given(words, kinds)
def test_case_makes_no_other_slug_of_a_plain_name(name: str, kind: str) -> None:
    plain = name.encode("ascii", "ignore").decode()
    assert slug(plain.upper(), kind) == slug(plain.lower(), kind)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Павел Ткач", "pavel-tkach"),
        ("Министерство связи и информатизации", "ministerstvo-svyazi-i-informatizatsii"),
        ("Міністэрства сувязі і інфарматызацыі", "ministerstva-suvyazi-i-infarmatyzatsyi"),
        ("Ўзбекистон Республикаси", "uzbekiston-respublikasi"),
        ("O'zbekiston Respublikasi", "ozbekiston-respublikasi"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}zbekiston Respublikasi", "ozbekiston-respublikasi"),
        ("O\N{MODIFIER LETTER TURNED COMMA}zbekiston Respublikasi", "ozbekiston-respublikasi"),
        ("Қазақстан Республикасы", "qazaqstan-respublikasy"),
        ("上海合作组织", "shanghaihezuozuzhi"),
        ("Türk Devletleri Teşkilatı", "turk-devletleri-teskilati"),
        ("İstanbul", "istanbul"),
        ("２０２５ forum", "2025-forum"),
        ("A/RES/70/125", "a-res-70-125"),
    ],
)
def test_a_name_in_any_script_becomes_a_readable_slug(name: str, made: str) -> None:
    assert slug(name, "topic") == made


@pytest.mark.parametrize("name", ["", " ", "…—!?", "\N{ZERO WIDTH SPACE}", "«»", "\n\t"])
def test_a_name_without_letters_goes_by_its_kind(name: str) -> None:
    assert slug(name, "meeting") == "meeting"


@pytest.mark.parametrize("name", ["🎉", "🤝🌍", "🇧🇾"])
def test_a_name_of_signs_alone_still_makes_an_id(name: str) -> None:
    assert re.fullmatch(ID_PATTERN, slug(name, "meeting"))


@pytest.mark.parametrize(("name", "made"), [("SCO", "organization-sco"), ("BY", "organization-by"), ("Ü", "organization-u")])
def test_a_short_name_leaves_its_acronym_to_somebody_who_chooses_it(name: str, made: str) -> None:
    assert slug(name, "organization") == made


def test_a_long_name_ends_with_a_whole_word() -> None:
    made = slug("abcdefghi " * 20, "topic")
    assert made == "-".join(["abcdefghi"] * 6)


@many
@given(names, kinds, st.integers(1, 400))
def test_namesakes_are_ids_of_their_own_and_the_plain_slug_comes_first(name: str, kind: str, several: int) -> None:
    made = slug(name, kind)
    found: list[str] = []
    for batch in namesakes(made):
        found += batch
        if len(found) >= several:
            break
    assert found == [made, *(f"{made}-{number}" for number in range(2, len(found) + 1))]
    assert all(re.fullmatch(ID_PATTERN, candidate) and len(candidate) <= 100 for candidate in found)


def test_namesakes_are_tried_a_few_at_first_and_never_run_out() -> None:
    sizes = [len(batch) for batch in islice(namesakes("forum"), 5)]
    assert sizes == sorted(sizes)
    assert sizes[:2] == [1, 10], "most slugs are free, and what is looked up is asked of the database"
    assert sizes[-1] > 1_000


# -- UUIDs --------------------------------------------------------------------------------------------------------------


def made_at(patch: pytest.MonkeyPatch, milliseconds: int, rest: int) -> str:
    """A UUID made in that millisecond with those random bits."""
    patch.setattr("app.writing.identity.time.time_ns", lambda: milliseconds * 1_000_000 + 999_999)
    digits = f"{rest >> 62:04x}{rest & (1 << 62) - 1:016x}"
    patch.setattr("app.writing.identity.secrets.token_hex", lambda count: digits[: 2 * count])
    return uuid7()


PARTICIPANTS = next(
    ContentSchema(resource, field_plans(resource), {each.table.name: each.kind for each in RESOURCES})
    for resource in RESOURCES
    if resource.kind is Kind.PARTICIPANT
)


@many
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(PARTICIPANTS.resource.natural_key, letters)))
def test_an_id_derived_from_a_natural_key_is_the_uuid_of_version_5(content: dict[str, str]) -> None:
    key = ["participant", *(content.get(field) for field in PARTICIPANTS.resource.natural_key)]
    assert PARTICIPANTS.derived_id(content) == str(uuid5(SECOND_NAMESPACE, json.dumps(key, ensure_ascii=False)))


def test_a_uuid_is_put_together_as_the_rfc_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 9562, appendix A.6: the time 0x017F22E279B0, then 0xCC3 and 0x18C4DC0C0C07398F.
    made = made_at(monkeypatch, 0x017F22E279B0, 0xCC3 << 62 | 0x18C4DC0C0C07398F)
    assert made == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@many
@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
@example(0, 0)
@example(2**48 - 1, 2**74 - 1)
def test_a_uuid_says_its_version_its_variant_and_its_time(milliseconds: int, rest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        text = made_at(patch, milliseconds, rest)
    made = UUID(text)
    assert text == str(made)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == milliseconds
    assert re.fullmatch(ID_PATTERN, text)


@many
@given(st.integers(0, 2**48 - 2), st.integers(1, 10**6), st.integers(0, 2**74 - 1), st.integers(0, 2**74 - 1))
@example(0, 1, 2**74 - 1, 0)
def test_a_uuid_sorts_behind_one_of_an_earlier_millisecond(milliseconds: int, later: int, rest: int, other: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        first = made_at(patch, milliseconds, rest)
        second = made_at(patch, min(milliseconds + later, 2**48 - 1), other)
    assert first < second


def test_no_two_uuids_are_the_same() -> None:
    assert len({uuid7() for _ in range(5_000)}) == 5_000


# -- merge patches ------------------------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
keys = st.sampled_from("abcd")
anything: st.SearchStrategy[Json] = st.recursive(
    plain, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3), max_leaves=8
)
objects = st.dictionaries(keys, anything, max_size=4)
without_nulls: st.SearchStrategy[Json] = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(keys, without_nulls, max_size=4)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # The objects of RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        # Those that replace the whole document, one level down: here it is always an object.
        ({"it": ["a", "b"]}, {"it": ["c", "d"]}, {"it": ["c", "d"]}),
        ({"it": {"a": "b"}}, {"it": ["c"]}, {"it": ["c"]}),
        ({"it": {"a": "foo"}}, {"it": None}, {}),
        ({"it": {"a": "foo"}}, {"it": "bar"}, {"it": "bar"}),
        ({"it": [1, 2]}, {"it": {"a": "b", "c": None}}, {"it": {"a": "b"}}),
    ],
)
def test_the_examples_of_the_rfc_merge_as_it_says(target: Json, patch: Json, result: Json) -> None:
    assert merged(target, patch) == result


def by_the_rfc(target: Json, patch: Json) -> Json:
    """Section 2 of RFC 7396, word by word."""
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            if name in target:
                target = {key: said for key, said in target.items() if key != name}
        else:
            target = {**target, name: by_the_rfc(target.get(name), value)}
    return target


@many
@given(objects, objects)
def test_a_merge_is_what_the_rfc_computes(target: Json, patch: Json) -> None:
    assert merged(target, patch) == by_the_rfc(target, patch)


@many
@given(objects, objects)
def test_a_patch_applied_again_changes_nothing_more(target: Json, patch: Json) -> None:
    once = merged(target, patch)
    assert merged(once, patch) == once


@many
@given(objects, objects)
def test_what_a_patch_leaves_out_stays_and_what_it_clears_is_gone(target: Json, patch: Json) -> None:
    after = merged(target, patch)
    assert {name: value for name, value in after.items() if name not in patch} == {
        name: value for name, value in target.items() if name not in patch
    }
    assert not [name for name, value in patch.items() if value is None and name in after]


@many
@given(objects, objects)
def test_a_merge_leaves_both_that_it_was_given_as_they_were(target: Json, patch: Json) -> None:
    before = json.dumps([target, patch])
    merged(target, patch)
    assert json.dumps([target, patch]) == before


def difference(now: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    """The patch that makes the one of the other."""
    patch: dict[str, Json] = {name: None for name in now if name not in wanted}
    for name, value in wanted.items():
        said = now.get(name)
        if isinstance(value, dict) and isinstance(said, dict):
            patch[name] = difference(said, value)
        elif name not in now or json.dumps(said) != json.dumps(value):
            patch[name] = value
    return patch


@many
@given(records, records)
def test_there_is_a_patch_from_any_record_to_any_other(now: Json, wanted: Json) -> None:
    assert merged(now, difference(now, wanted)) == wanted


# -- JSON bodies --------------------------------------------------------------------------------------------------------

said_in_json: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | letters,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(letters, below, max_size=4),
    max_leaves=10,
)


def nested(levels: int, *, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


@many
@given(said_in_json, st.booleans())
def test_what_json_says_is_read_as_it_is(value: Json, escaped: bool) -> None:  # noqa: FBT001 - drawn, not passed by hand
    text = json.dumps(value, ensure_ascii=escaped)
    assert read_json(text) == value
    assert read_json(text.encode()) == value


@many
@given(st.binary(max_size=50) | letters | said_in_json.map(json.dumps).flatmap(lambda text: st.just(text[:-1])))
@example(b"")
@example("")
@example(b"\xff")
@example(b"\xef\xbb\xbf{}")
@example(b'"\xed\xa0\x80"')
@example("1" * 5_000)
@example("[" * 200_000)
@example('{"a":' * 200_000)
def test_whatever_is_sent_is_read_or_refused_with_a_reason(sent: str | bytes) -> None:
    reason = "none"
    try:
        read_json(sent)
    except ValueError as error:
        reason = str(error)
    assert reason


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_json_is_read_down_to_a_depth_and_no_deeper(opening: str, closing: str) -> None:
    levels = MAX_DEPTH // (2 if len(closing) == 2 else 1)
    deepest = nested(levels, opening=opening, closing=closing).replace(":}", ":1}")
    assert read_json(deepest) is not None
    for several in (1, 2, 10_000, 200_000):
        deeper = nested(levels + several, opening=opening, closing=closing).replace(":}", ":1}")
        with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels deep"):
            read_json(deeper)


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":{"a":null,"c":0,"a":null}}', '[{"x":[{"y":1,"y":2}]}]']
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a key stands twice"):
        read_json(text)


@many
@given(st.lists(st.tuples(keys, st.integers()), min_size=1, max_size=6))
def test_an_object_is_read_only_if_each_key_stands_once(pairs: list[tuple[str, int]]) -> None:
    text = "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
    if len(dict(pairs)) == len(pairs):
        assert read_json(text) == dict(pairs)
    else:
        with pytest.raises(ValueError, match="a key stands twice"):
            read_json(text)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_know_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=f"{word} is no JSON value"):
        read_json(f'{{"a":[{word}]}}')


@pytest.mark.parametrize("text", ["", " ", "{", "{}{}", "{'a':1}", '{"a":1,}', "[1 2]", "undefined", '"a', "01", "+1", "{1:2}"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1", "cp1251"])
def test_what_is_not_in_utf_8_is_refused(encoding: str) -> None:
    name = "Genève" if encoding == "latin-1" else "Минск"
    with pytest.raises(ValueError, match=r"."):
        read_json(json.dumps({"name": name}, ensure_ascii=False).encode(encoding))


# -- preconditions ------------------------------------------------------------------------------------------------------

raw_headers = st.lists(
    st.tuples(
        st.sampled_from([b"if-match", b"if-none-match", b"accept", b"if-modified-since"]),
        st.binary(max_size=40)
        | st.text('*",W/ 0123456789.abcdef-gzip', max_size=30).map(str.encode)
        | st.sampled_from([b"*", b'"1.0a"', b'W/"1.0a"', b'"1", "2"', b"1", b'""', b"*,*", b" * ", b""]),
    ),
    max_size=3,
)


@settings(many, max_examples=300)
@given(raw_headers, st.booleans())
@example([(b"if-match", b'"' + b"9" * 5_000 + b'"')], False)
@example([(b"if-match", " \xa0".encode("latin-1") * 5_000 + b'"1')], False)
@example([(b"if-match", "\xb2".encode("latin-1"))], True)
def test_any_precondition_is_understood_or_refused(headers: list[tuple[bytes, bytes]], upsert: bool) -> None:  # noqa: FBT001 - drawn, not passed by hand
    sent = {name.decode() for name, _ in headers}
    guard, blamed = Guard(upsert=upsert), set[str]()
    try:
        guard = guard_of({"headers": headers}, upsert=upsert)
    except Invalid as problem:
        blamed = {str(fault.header).lower() for fault in problem.faults}
        assert blamed
    assert blamed <= sent & {"if-match", "if-none-match"}
    assert guard.upsert is upsert
    assert guard.versions is None or not guard.any
    assert "if-match" in sent or (guard.versions, guard.any) == (None, False)
    assert "if-none-match" in sent or not guard.new


@many
@given(st.lists(st.tuples(st.integers(1, 999_999_999), st.binary(), st.sampled_from(["", "-gzip"])), min_size=1, max_size=5))
def test_a_tag_that_was_given_out_names_the_version_from_any_view(seen: list[tuple[int, bytes, str]]) -> None:
    tags = [tag_of(body, version, encoding=encoding) for version, body, encoding in seen]
    versions = frozenset(version for version, _, _ in seen)
    assert guard_of({"headers": [(b"if-match", ", ".join(tags).encode())]}) == Guard(versions)
    assert guard_of({"headers": [(b"if-match", tag.encode()) for tag in tags]}) == Guard(versions)


@pytest.mark.parametrize(
    ("name", "value", "guard"),
    [
        ("if-match", "*", Guard(any=True)),
        ("if-match", " * ", Guard(any=True)),
        ("if-none-match", "*", Guard(new=True)),
        ("if-match", '"12"', Guard(frozenset({12}))),
        ("if-match", 'W/"12.00ff"', Guard(frozenset({12}))),
        ("if-match", 'W/"12.00ff", "3.00ff"', Guard(frozenset({12, 3}))),
        ("if-match", '"12.00ff;gzip", "3.00ff-br"', Guard(frozenset({12, 3}))),
        ("if-match", '"somebody-elses"', Guard(frozenset(), foreign='"somebody-elses"')),
        ("if-match", '"3.00ff", "somebody-elses"', Guard(frozenset({3}), foreign='"somebody-elses"')),
        ("if-match", '""', Guard(frozenset(), foreign='""')),
    ],
)
def test_a_precondition_is_read(name: str, value: str, guard: Guard) -> None:
    assert guard_of({"headers": [(name.encode(), value.encode())]}) == guard


@pytest.mark.parametrize(
    ("name", "value", "header"),
    [
        ("if-match", "12", "If-Match"),
        ("if-match", '"1', "If-Match"),
        ("if-match", '*, "1.0a"', "If-Match"),
        ("if-none-match", '"1.0a"', "If-None-Match"),
    ],
)
def test_a_precondition_that_cannot_be_meant_is_refused(name: str, value: str, header: str) -> None:
    with pytest.raises(Invalid) as caught:
        guard_of({"headers": [(name.encode(), value.encode())]})
    assert [fault.header for fault in caught.value.faults] == [header]
