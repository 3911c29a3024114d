"""One rule for names, by every door."""

import json
from pathlib import Path

import pytest

from documents.names import LIMIT_BYTES, InvalidName, clean_name, free_name, name_key, shown_name


def test_the_names_of_the_corpus_are_treated_as_their_rule_says(corpus: Path) -> None:
    cases = json.loads((corpus / "hostile" / "names.json").read_text())
    assert len(cases) == 68
    for case in cases:
        name, rule = case["name"], case["rule"]
        if rule == "refuse":
            with pytest.raises(InvalidName):
                clean_name(name)
        elif rule == "normalise":
            assert clean_name(name) == case["to"]
        else:
            assert clean_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u3000",
        "\u200b",
        ".",
        "..",
        "...",
        " . ",
        "a/b",
        "/",
        "a\x00",
        "a\nb",
        "a\r",
        "\ud800",
        "x" * 256,
        "x" * 100_000,
        "a\u2029b",
        "\u3164",
        "\u2800\u2800",
        "\ufe0f",
        "\u200d.",
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InvalidName) as refused:
        clean_name(name)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    "raw", ["a. .", " .a. . ", "a .. . .", "\u3000b.\u3000", "C:\\x\\y. ", "e\u0301. ", "..a..", " \u0301a"]
)
def test_what_has_been_cleaned_once_stays_as_it_is(raw: str) -> None:
    once = clean_name(raw)
    assert clean_name(once) == once
    assert not once.endswith((".", " "))


def test_no_key_is_longer_than_its_column() -> None:
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            character = chr(code)
            assert len(name_key(character)) <= len(character.encode()), hex(code)


def test_the_limit_counts_bytes() -> None:
    assert clean_name("é" * 127) == "é" * 127
    with pytest.raises(InvalidName):
        clean_name("é" * 128)


@pytest.mark.parametrize(
    ("one", "other"), [("café", "cafe\u0301"), ("README", "readme"), ("ß", "SS"), ("İ", "i\u0307")]
)
def test_names_that_a_person_would_take_for_the_same_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_a_free_name_counts_on_and_keeps_its_suffix_and_limit() -> None:
    assert free_name("a.pdf", set()) == "a.pdf"
    assert free_name("a.pdf", {"a.pdf"}) == "a (2).pdf"
    assert free_name("A.pdf", {"a.pdf", "a (2).pdf"}) == "A (3).pdf"
    assert free_name("a (2).pdf", {"a (2).pdf"}) == "a (3).pdf"
    assert free_name("b.tar.gz", {"b.tar.gz"}) == "b (2).tar.gz"
    assert free_name(".hidden", {".hidden"}) == ".hidden (2)"
    long = "長" * 83 + ".txt"
    numbered = free_name(long, {name_key(long)})
    assert len(numbered.encode()) <= LIMIT_BYTES
    assert numbered.endswith(" (2).txt")


def test_characters_that_reorder_a_name_are_shown() -> None:
    assert shown_name("invoice\u202efdp.exe") == "invoice⟨U+202E⟩fdp.exe"
    assert shown_name("👩\u200d👧.txt") == "👩\u200d👧.txt"
    assert shown_name("می\u200cخواهم.pdf") == "می\u200cخواهم.pdf"
    assert shown_name("pay\u200dpal") == "pay⟨U+200D⟩pal"
    assert shown_name("a\u2044b\u3164") == "a⟨U+2044⟩b⟨U+3164⟩"
    assert shown_name("ab\u00adc") == "ab⟨U+00AD⟩c"
