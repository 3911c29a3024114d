"""Words find documents: in any form of their language, without accents, in parts, misspelt, and in East Asian text."""

import pytest

from accounts.actors import Actor
from accounts.models import User
from documents.actions.topics import make_topic, tag_documents
from documents.actions.versions import fetch_version, note_version
from documents.models import Document, Version
from documents.search import index_document, parse
from documents.search.finding import find
from documents.search.hits import hits_of
from documents.tests.library import found, names, read, write
from documents.tests.making import put
from documents.uploads import store_stream

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(alice_actor: Actor) -> Actor:
    """Letters in several languages, and a few that share their words with none."""
    by = alice_actor
    write("a.pdf", "The insurances of our houses were paid in March.", by=by)
    write("b.pdf", "Die Kfz-Haftpflichtversicherungen für große Häuser und Straßen.", by=by, language="de")
    write("c.pdf", "Les factures de l'hôtel ont été payées à Genève.", by=by, language="fr")
    write("d.pdf", "La reunión de los años pasados fue en Málaga.", by=by, language="es")
    write("e.pdf", "東京大学の自動車保険の契約書", by=by, language="ja")
    write("f.pdf", "자동차보험은 필요합니다", by=by, language="ko")
    write("g.pdf", "中华人民共和国 劳动合同", by=by, language="zh")
    write("h.pdf", "Ungelesenes Zebra", by=by, language="")
    write("i.pdf", "Счета за квартиры оплачены", by=by, language="ru")
    write("j.pdf", "Reference RE-2024/00123, write to office@example.test or call.", by=by)
    return by


FORMS = [
        ("insurance", "a.pdf"), ("HOUSE paid", "a.pdf"), ("grosse", "b.pdf"), ("große", "b.pdf"), ("strasse", "b.pdf"),
        ("hauser", "b.pdf"), ("facture payée", "c.pdf"), ("hotel geneve", "c.pdf"), ("malaga ano", "d.pdf"),
        ("大学", "e.pdf"), ("自動車保険", "e.pdf"), ("京", "e.pdf"), ("契約", "e.pdf"), ("자동차", "f.pdf"),
        ("보험", "f.pdf"), ("共和国", "g.pdf"), ("劳动 合同", "g.pdf"), ("zebra", "h.pdf"), ("счет", "i.pdf"),
        ("RE-2024/00123", "j.pdf"), ("00123", "j.pdf"), ("office@example.test", "j.pdf"), ("example", "j.pdf"),
]  # fmt: skip


def test_a_word_is_found_in_the_form_it_was_not_written_in(library: Actor) -> None:
    assert {line: names(line, library) for line, _name in FORMS} == {line: [name] for line, name in FORMS}


NEAR = [
        ("versicherung", "b.pdf"), ("haftpflicht", "b.pdf"), ("haftpflichtv*", "b.pdf"), ("*pflicht*", "b.pdf"),
        ("insurence", "a.pdf"), ("isurance", "a.pdf"), ("insurannce", "a.pdf"), ("isnurance", "a.pdf"),
        ("zebar", "h.pdf"), ("zebru", "h.pdf"), ("factuer", "c.pdf"),
]  # fmt: skip


def test_parts_of_words_and_one_wrong_letter_are_found_where_little_else_is(library: Actor) -> None:
    assert [(line, name) for line, name in NEAR if name not in names(line, library)] == []


def test_words_that_are_nowhere_find_nothing(library: Actor) -> None:
    for line in ("xylophone", "東方", "insurance xylophone", '"house insurance"', "insurance -paid"):
        assert names(line, library) == []


def test_all_words_in_a_row_either_and_not(library: Actor) -> None:
    assert names('"insurances of our houses"', library) == ["a.pdf"]
    assert set(names("facture OR zebra", library)) == {"c.pdf", "h.pdf"}
    assert names("*versicherung* OR insurance -march", library) == ["b.pdf"]
    assert len(names("-insurance", library)) == 9


def test_a_common_word_of_one_language_does_not_hide_what_another_finds(library: Actor) -> None:
    assert names("die strassen", library) == ["b.pdf"]
    assert names("the insurances", library) == ["a.pdf"]


def test_a_name_is_found_before_anything_was_read(alice_actor: Actor) -> None:
    put("Autoversicherung 2024.pdf", None, alice_actor)
    assert names("versich", alice_actor) == ["Autoversicherung 2024.pdf"]


def test_names_weigh_more_than_notes_and_notes_more_than_text(alice: User, alice_actor: Actor) -> None:
    write("plain.pdf", "something about a tractor", by=alice_actor)
    noted = write("noted.pdf", "something else", by=alice_actor)
    version = noted.versions.get()
    version.document = noted
    note_version(version, "the tractor of the neighbour", by=alice_actor)
    index_document(noted.pk)
    write("tractor.pdf", "nothing", by=alice_actor)
    assert names("tractor", alice_actor) == ["tractor.pdf", "noted.pdf", "plain.pdf"]


def current(document: Document, by: Actor) -> Version:
    assert document.current_version_id is not None
    return fetch_version(by, document.pk, document.current_version_id)


def test_the_note_of_the_version_one_sees_is_found_and_that_of_an_older_one_by_nobody(alice_actor: Actor) -> None:
    """Older versions and what is said of them are for those who may change the document."""
    letter = write("letter.pdf", "something", by=alice_actor)
    note_version(current(letter, alice_actor), "the zebra", by=alice_actor)
    assert names("zebra", alice_actor) == ["letter.pdf"]
    store_stream("letter.pdf", iter([b"newer"]), None, size_bound=5, by=alice_actor, replaces=letter)
    letter.refresh_from_db()
    note_version(current(letter, alice_actor), "the walrus", by=alice_actor)
    assert names("zebra", alice_actor) == []
    assert names("walrus", alice_actor) == ["letter.pdf"]


def test_a_topic_that_one_sees_is_found_with_the_words_of_the_text(alice_actor: Actor) -> None:
    letter = write("x.pdf", "wheels", by=alice_actor)
    write("y.pdf", "wheels", by=alice_actor)
    tag_documents([letter], make_topic("Garage", "green", by=alice_actor), by=alice_actor)
    assert names("garage", alice_actor) == ["x.pdf"]
    assert names("garage wheel", alice_actor) == ["x.pdf"]


def test_what_is_read_again_is_found_by_the_new_words_only(alice_actor: Actor) -> None:
    letter = write("x.pdf", "first", "elephant", by=alice_actor)
    read(letter, "second giraffe")
    assert names("elephant", alice_actor) == []
    assert names("giraffe", alice_actor) == ["x.pdf"]


def test_with_few_hits_near_words_come_along_and_it_is_said(library: Actor) -> None:
    assert not found("insurance", library).is_near
    near = found("insurannce", library)
    assert near.is_near
    assert near.count == 1


def test_a_book_of_two_million_letters_is_found_by_the_words_that_fit(alice_actor: Actor) -> None:
    pages = [f"page {n} " + " ".join(f"word{n}x{k}" for k in range(300)) for n in range(700)]
    write("book.pdf", *pages, "a phrase at the very end of it", by=alice_actor)
    assert found("word699x299", alice_actor).is_near  # itself beyond what one document's words may take
    assert names("word3x7", alice_actor) == ["book.pdf"]
    assert names('"page 17"', alice_actor) == ["book.pdf"]


def test_a_long_document_is_found_by_phrases_far_inside(alice_actor: Actor) -> None:
    pages = ["lorem ipsum dolor sit amet consetetur " * 100 for _ in range(60)]
    pages[57] += " the golden anchor of the harbour "
    write("long.pdf", *pages, by=alice_actor)
    write("short.pdf", "An anchor, not golden.", by=alice_actor)
    for sort in ("best", "name"):  # each asks in its own way
        assert names('"golden anchor"', alice_actor, sort=sort) == ["long.pdf"]
        assert names('"golden anchor" name:long', alice_actor, sort=sort) == ["long.pdf"]
        assert names('"golden anchor" -harbour', alice_actor, sort=sort) == []
        assert names('lorem -"golden anchor"', alice_actor, sort=sort) == []
        assert names('lorem -"anchor golden"', alice_actor, sort=sort) == ["long.pdf"]
        assert names('long -"golden anchor"', alice_actor, sort=sort) == []  # nor by its name
        assert names('"golden anchor" -"dolor amet"', alice_actor, sort=sort) == ["long.pdf"]
        assert names('"golden anchor" -"dolor sit"', alice_actor, sort=sort) == []
        assert names('"anchor golden"', alice_actor, sort=sort) == []


def test_a_topic_and_a_phrase_find_a_long_document_by_both(alice_actor: Actor) -> None:
    pages = ["lorem ipsum dolor sit amet consetetur " * 100 for _ in range(60)]
    pages[57] += " the golden anchor of the harbour "
    sea, land = (write(name, *pages, by=alice_actor) for name in ("sea.pdf", "land.pdf"))
    tag_documents([sea], make_topic("Voyage", "blue", by=alice_actor), by=alice_actor)
    tag_documents([land], make_topic("Acres", "green", by=alice_actor), by=alice_actor)
    for sort in ("best", "name"):
        assert names('Voyage "golden anchor"', alice_actor, sort=sort) == ["sea.pdf"]
        assert names('Voyage "anchor golden"', alice_actor, sort=sort) == []
        assert names('Voyage lorem -"golden anchor"', alice_actor, sort=sort) == []
        assert names('Voyage lorem -"anchor golden"', alice_actor, sort=sort) == ["sea.pdf"]


def test_a_phrase_in_a_long_document_is_one_of_its_own_language(alice_actor: Actor) -> None:
    """ "Die hard" is one word in German, where "die" is none; and no page is looked through as if it were German."""
    pages = ["lorem ipsum dolor sit amet consetetur " * 100 for _ in range(60)]
    write("english.pdf", *pages, "a hard frost", by=alice_actor, language="en")
    write("german.pdf", *pages, "der hard drive", by=alice_actor, language="de")
    for sort in ("best", "name"):
        assert names('"die hard"', alice_actor, sort=sort) == ["german.pdf"]
        assert names('lorem -"die hard"', alice_actor, sort=sort) == ["english.pdf"]


def test_a_phrase_in_the_note_of_a_long_document_is_found(alice_actor: Actor) -> None:
    pages = ["lorem ipsum dolor sit amet consetetur " * 100 for _ in range(60)]
    document = write("long.pdf", *pages, "by the quiet harbour", by=alice_actor)
    note_version(current(document, alice_actor), "golden anchor", by=alice_actor)
    for sort in ("best", "name"):
        assert names('"golden anchor"', alice_actor, sort=sort) == ["long.pdf"]
        assert names('"golden anchor" "quiet harbour"', alice_actor, sort=sort) == ["long.pdf"]
        assert names('lorem -"golden anchor"', alice_actor, sort=sort) == []


def test_a_minus_before_a_phrase_leaves_its_words_apart_in(alice_actor: Actor) -> None:
    write("apart.pdf", "An anchor, painted, which was golden once.", by=alice_actor)
    write("together.pdf", "A golden anchor.", by=alice_actor)
    for sort in ("best", "name"):
        assert names('anchor -"golden anchor"', alice_actor, sort=sort) == ["apart.pdf"]
        assert names('"which was golden" -"golden anchor"', alice_actor, sort=sort) == ["apart.pdf"]


def test_a_word_parted_at_the_end_of_a_line_is_found_and_shown_as_one(alice_actor: Actor) -> None:
    write(
        "a.pdf", "first page", "Wir bitten um Rück-\nzahlung bis Freitag, Haus 12-\n13", by=alice_actor, language="de"
    )
    query = parse("rückzahlungen")
    result = find(query, alice_actor)
    [hit] = hits_of(result, query, list(Document.objects.filter(pk__in=result.ids)))
    assert (str(hit.line), hit.page) == ("Wir bitten um <mark>Rückzahlung</mark> bis Freitag, Haus 12- 13", 2)
