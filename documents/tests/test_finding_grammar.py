"""The line of a search: read without ever failing, written again the same, and one with the form."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.search.form import fields_of, query_of
from documents.search.grammar import Clause, Filter, Term, moment_of, parse, period_of, size_of

PIECES = st.sampled_from(
    [
        "topic:tax", "-", '"', "OR", " ", "*", "a", "type:pdf", "x:", 'in:"Car/Ins"', "size:>5mb", "\\", "before:2024",
        ":", "is:shared", "-is:mine", "no:text", "é", "東", "\x00", "foo:bar", "topci:", "year:2024", "after:7d", "re:",
        '-"a b"', '\\"', '"OR"', "-OR", "*a", "a*b", "\u202e", "name:", "lang:de", "AND", "(", ")",
    ]
)  # fmt: skip
LINES = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map(" ".join)
)


@settings(max_examples=1500, deadline=None)
@given(LINES)
def test_whatever_is_typed_can_be_read_and_reads_the_same_when_written_again(line: str) -> None:
    query = parse(line)
    again = parse(query.line)
    assert again == query
    assert again.line == query.line


@settings(max_examples=700, deadline=None)
@given(LINES)
def test_the_form_and_the_line_are_one(line: str) -> None:
    query = parse(line)
    fields = fields_of(query)
    again = parse(query_of({**fields.one, "words": fields.words, "rest": fields.rest}, fields.many))
    assert again.clauses == query.clauses
    assert set(again.filters) == set(query.filters)


def test_words_phrases_either_and_not_are_told_apart() -> None:
    query = parse('car "no claims" -draft tax OR duty versich*')
    assert query.clauses == (
        Clause((Term("car"),)),
        Clause((Term("no claims", True),)),
        Clause((Term("draft"),), True),
        Clause((Term("tax"), Term("duty"))),
        Clause((Term("versich*"),)),
    )
    assert not query.problems


def test_filters_come_in_one_form_however_they_were_typed() -> None:
    line = 'TYPE:.DOCX in:" Car / Insurance " size:">5 MB" lang:DE -topic:"A B" after:2023-05'
    assert parse(line).line == 'type:word in:Car/Insurance size:>5mb lang:de -topic:"A B" after:2023-05'


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("type:banana", "type:banana"), ("before:yesteryear", "before:yesteryear"), ("size:big", "size:big"),
        ("is:mine is:purple", "is:purple"), ("topci:tax", "topci:tax"), ("topic:", "topic:"), ("OR a", "OR"),
        ("a OR", "OR"), ('"open', '"'), ("-size:>5mb", "-size:>5mb"), ("a OR -b", "-b"), ("a OR is:mine", "is:mine"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named_with_a_reason(line: str, part: str) -> None:
    problems = parse(line).problems
    assert [problem.part for problem in problems] == [part]
    assert problems[0].message


def test_colons_of_plain_text_are_no_filters() -> None:
    query = parse("10:30 https://example.test/a re:invoice")
    assert not query.filters
    assert not query.problems
    assert [clause.terms[0].text for clause in query.clauses] == ["10:30", "https://example.test/a", "re:invoice"]


def test_ten_thousand_characters_are_read_up_to_a_limit_and_it_is_said() -> None:
    query = parse("word " * 2000)
    assert len(query.clauses) == 1
    assert "1000" in query.problems[0].message
    many = parse(" ".join(f"w{n}" for n in range(200)))
    assert len(many.wanted) == 32
    assert many.problems


def test_a_filter_is_put_in_and_taken_out_again() -> None:
    query = parse("car year:2023")
    assert query.toggled(Filter("year", "2024")).line == "car year:2024"
    assert query.toggled(Filter("year", "2023")).line == "car"
    assert query.toggled(Filter("type", "pdf")).line == "car year:2023 type:pdf"


def test_moments_and_sizes_mean_what_they_say() -> None:
    today = date(2024, 5, 17)
    assert moment_of("2023", today) == date(2023, 1, 1)
    assert moment_of("2023-5", today) == date(2023, 5, 1)
    assert moment_of("7d", today) == date(2024, 5, 10)
    assert moment_of("yesterday", today) == date(2024, 5, 16)
    assert moment_of("2023-13", today) is None
    assert moment_of("9999y", today) is None
    assert size_of(">1.5kb") == (">", 1536)


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("2019", (date(2019, 1, 1), date(2020, 1, 1))),
        ("2019-12", (date(2019, 12, 1), date(2020, 1, 1))),
        ("2020-2", (date(2020, 2, 1), date(2020, 3, 1))),
        ("2020-02-29", (date(2020, 2, 29), date(2020, 3, 1))),
        ("9998", (date(9998, 1, 1), date(9999, 1, 1))),
    ],
)
def test_a_period_has_a_first_day_and_one_after_its_last(said: str, period: tuple[date, date]) -> None:
    assert period_of(said) == period


@pytest.mark.parametrize("said", ["", "9999", "2019-13", "2019-02-30", "7d", "yesterday", "0000", "19", "2019-12-31-1"])
def test_what_is_no_period_is_said(said: str) -> None:
    assert period_of(said) is None
    assert parse(f"written:{said}").problems
