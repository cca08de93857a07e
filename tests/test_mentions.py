"""A name is found in a text in any case, with any blanks, composed or decomposed, and never inside other words."""

import json
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.mentions import matcher, may_contain

WORD = st.text("abcdefghijklmnopqrstuvwxyzäöüéñčžабвгдежзиклмнопрстуфхцчшщыэюя", min_size=2, max_size=12)
NAME = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
WRITTEN = st.sampled_from([str, str.lower, str.upper, str.title])
BLANK = st.sampled_from([" ", "  ", "\n", "\t", "\u00a0"])


@given(
    NAME,
    st.lists(WRITTEN, min_size=4, max_size=4),
    BLANK,
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from(["", "(", "„", "_"]),
)
def test_a_name_is_found_as_it_may_be_written(name: str, ways: list[type[str]], blank: str, form: Any, before: str) -> None:
    words = [way(word) for way, word in zip(ways, name.split(" "), strict=False)]
    text = normalize(form, f"Said by {before}{blank.join(words)}, then.")
    assert matcher([name])(text)
    assert may_contain([name])(json.dumps({"summary": text}, ensure_ascii=False)), "the quick look finds it, too"


@given(NAME, st.sampled_from("xя9"))
def test_a_name_is_not_found_inside_other_words(name: str, letter: str) -> None:
    assert not matcher([name])(f"{letter}{name}")
    assert not matcher([name])(f"{name}{letter}")


@pytest.mark.parametrize(("name", "text"), [("王毅", "外交部长王毅出席"), ("สมชาย", "นายสมชายพูด"), ("あい", "「あい」さん")])
def test_a_name_in_a_script_without_blanks_is_found_anywhere(name: str, text: str) -> None:
    assert matcher([name])(text)


def test_without_names_nothing_is_found() -> None:
    assert not matcher([])("anything")
