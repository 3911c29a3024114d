"""Bytes become text that can be put before a person: any encoding, bounded parts, marks that are escaped."""

from pathlib import Path

import pytest

from documents.viewing.decoding import presentable
from documents.viewing.marks import marked, terms_of
from documents.viewing.parts import CHARACTERS, LINE_LENGTH, LINES, indented, lines_of, part_of
from documents.viewing.tables import COLUMNS, table_of
from docuvault.lib.encodings import decoded

SAMPLE = "Grüße aus Köln, und dann noch ein ganzer Satz mit Ärger über Öl."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-16-le", "cp1252"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    text = SAMPLE * 4
    assert decoded(text.encode(encoding)) == text


def test_bytes_that_end_within_a_character_lose_that_one_only() -> None:
    assert decoded("fünf Äpfel €".encode()[:-1]) == "fünf Äpfel "


@pytest.mark.parametrize("charset", ["no-such", "base64", "zip", "rot13", ""])
def test_a_charset_that_is_none_is_not_asked(charset: str) -> None:
    assert decoded(b"plain", charset) == "plain"


@pytest.mark.parametrize("name", ["russian-cp866.txt", "ebcdic-cp500.txt", "utf16be.csv", "utf32-bom.txt"])
def test_texts_of_the_corpus_are_read_without_a_nul(corpus: Path, name: str) -> None:
    text = presentable(decoded((corpus / "text" / name).read_bytes()))
    assert "\x00" not in text
    assert sum(character.isalpha() for character in text) > len(text) // 3


def test_what_hides_or_reorders_is_made_visible(corpus: Path) -> None:
    assert presentable("a\x00b\x1b[31m\r\nc\u202ed") == "a\u2400b\u241b[31m\nc\u27e8U+202E\u27e9d"
    trojan = (corpus / "hostile/active/bidi-trojan.txt").read_bytes()
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069") & set(presentable(decoded(trojan)))


def test_marks_are_the_only_markup_of_a_marked_text() -> None:
    assert marked("<b>Grüße</b> & GRUSSE", terms_of("grüsse <b")) == (
        "<mark>&lt;b</mark>&gt;<mark>Grüße</mark>&lt;/b&gt; &amp; <mark>GRUSSE</mark>"
    )


def test_words_of_a_search_are_told_from_its_grammar() -> None:
    assert terms_of('invoice "two words" -secret -"not this" OR type:pdf topic:tax été') == [
        "invoice",
        "two words",
        "ete",
    ]
    assert terms_of("* . - \x00") == []
    assert len(terms_of(" ".join(f"w{n}" for n in range(99)))) == 10


def test_very_short_words_are_marked_at_the_beginning_of_words() -> None:
    assert marked("an banana", terms_of("an")) == "<mark>an</mark> banana"
    assert marked("学校と大学", terms_of("学")) == "<mark>学</mark>校と大<mark>学</mark>"


def test_a_long_text_comes_in_parts_with_the_numbers_of_its_lines() -> None:
    lines = lines_of("\n".join(f"line {n}" for n in range(1, 2501)))
    part = part_of(lines, [], 3, say=lambda line: line.text)
    assert (part.number, part.count, part.after, part.before) == (3, 3, None, 2)
    assert part.rows[0].number == 2 * LINES + 1
    assert part_of(lines, [], 99, say=lambda line: line.text).number == 3


def test_one_endless_line_is_cut_and_no_part_is_too_long() -> None:
    lines = lines_of("x" * 3_000_000)
    assert max(len(line.text) for line in lines) == LINE_LENGTH
    assert [line.number for line in lines[:2]] == [1, None]
    part = part_of(lines, [], 1, say=lambda line: line.text)
    assert sum(len(line.text) for line in part.rows) <= CHARACTERS + LINE_LENGTH


def test_a_search_opens_at_the_first_part_that_has_the_words() -> None:
    lines = lines_of("\n" * 1500 + "needle\n" + "\n" * 1500 + "needle")
    part = part_of(lines, ["needle"], None, say=lambda line: line.text)
    assert (part.number, part.hits, part.parts_with_hits, part.hit_after, part.hit_before) == (2, 2, [2, 4], 4, None)


def test_json_is_spread_over_lines_and_nothing_else_of_it_changes() -> None:
    text = '{"a":[1e400,0.10,{"b":"x, {y}: \\"z\\""}],"a":12345678901234567890}'
    spread = indented(text)
    assert "".join(spread.split()) == "".join(text.split())
    assert spread.splitlines()[1] == '  "a": ['
    assert indented("[" * 100_000).count("[") == 100_000


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_guessed(separator: str) -> None:
    rows = [["Name", "Amount", "Note"], ["Ann", "1,5", "a"], ["Bob", "2,5", "b; c"]]
    text = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    table = table_of(text, [], None)
    assert table.head == rows[0]
    assert [row.cells for row in table.part.rows] == rows[1:]


def test_a_table_without_a_head_and_with_uneven_rows_is_shown_as_it_is() -> None:
    table = table_of("1,2\n3\n4,5,6\n", [], None)
    assert table.head == []
    assert [(row.number, row.cells) for row in table.part.rows] == [(1, ["1", "2"]), (2, ["3"]), (3, ["4", "5", "6"])]


def test_a_table_of_many_columns_says_how_many_are_left_out() -> None:
    table = table_of(",".join("123456789" for _ in range(5000)) + "\n1,2\n", [], None)
    assert len(table.part.rows[0].cells) == COLUMNS
    assert table.part.rows[0].left_out == 5000 - COLUMNS


def test_what_csv_cannot_read_ends_the_table_and_nothing_else() -> None:
    assert [row.cells for row in table_of('a,b\n1,2\n"' + "x" * 200_000, [], None).part.rows] == [["1", "2"]]
    assert table_of("", [], None).part.rows == []
