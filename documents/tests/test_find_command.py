"""What a person finds can be asked at the command line; what documents are found by can be written anew."""

import io
import json
import os
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from accounts.models import User
from documents.management.commands import reindex
from documents.models import Document, SearchEntry, SearchPiece, SearchWord
from documents.tests.library import names, write
from sharing.access import Level
from sharing.models import Share

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def book(alice_actor: Actor) -> Document:
    return write("book\u202e.pdf", "nothing", "here is the <b>walrus</b>", by=alice_actor)


def test_hits_are_printed_with_page_and_line_and_cannot_steer_the_terminal(book: Document, alice: User) -> None:
    printed = run("find", "walruses", "--as", "ALICE")
    assert "[page 2]" in printed
    assert str(book.pk) in printed
    assert "here is the <b>walrus</b>" in printed
    assert "\\u202e" in printed
    assert "\u202e" not in printed


def test_machines_get_json_with_what_was_not_understood(book: Document, alice: User) -> None:
    answer: dict[str, Any] = json.loads(run("find", "walrus type:banana", "--as", "alice", "--json"))
    assert answer["query"] == "walrus"
    assert answer["problems"][0][0] == "type:banana"
    [hit] = answer["hits"]
    assert (hit["document"], hit["page"], hit["line"]) == (str(book.pk), 2, "here is the <b>walrus</b>")


def test_the_rule_is_the_persons_own(book: Document, alice: User, bob: User) -> None:
    assert "Nothing found" in run("find", "walrus", "--as", "bob")
    Share.objects.create(document=book, recipient=bob, shared_by=alice, level=Level.VIEW)
    assert str(book.pk) in run("find", "walrus", "--as", "bob")
    bob.is_active = False
    bob.save()
    for arguments in (("walrus", "--as", "bob"), ("walrus", "--as", "nobody"), (". .", "--as", "alice")):
        with pytest.raises(CommandError):
            run("find", *arguments)


def test_words_are_written_down_anew_and_those_of_documents_that_are_gone_forgotten(
    book: Document, alice: User, alice_actor: Actor
) -> None:
    SearchWord.objects.create(user=alice, word="gonewithit")
    SearchEntry.objects.all().delete()
    SearchPiece.objects.all().delete()
    assert names("walrus", alice_actor) == []
    assert "1 documents" in run("reindex", "--stale")
    assert names("walrus", alice_actor) == [book.name]
    assert "0 documents" in run("reindex", "--stale")
    assert SearchWord.objects.filter(word="gonewithit").exists()
    assert "1 documents" in run("reindex", "--owner", "alice")
    assert not SearchWord.objects.filter(word="gonewithit").exists()
    assert SearchWord.objects.filter(word="walrus").exists()
    assert names("walrus", alice_actor) == [book.name]
    with pytest.raises(CommandError):
        run("reindex", "--owner", "nobody")


@pytest.mark.django_db(transaction=True)
def test_many_documents_are_written_down_by_several_connections_at_once(
    alice: User, alice_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [write(f"{n}.pdf", f"walrus seal number{n}x", "the same words", by=alice_actor) for n in range(9)]
    SearchEntry.objects.all().delete()
    monkeypatch.setattr(reindex, "BATCH", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert "9 documents" in run("reindex", "--owner", "alice")
    assert set(names("walrus", alice_actor)) == {row.name for row in made}
    assert SearchWord.objects.filter(word__startswith="number").count() == 9
    asked: list[object] = []

    def write_none(batch: object) -> None:
        asked.append(batch)
        raise RuntimeError("struck")

    monkeypatch.setattr(reindex, "index_documents", write_none)
    with pytest.raises(RuntimeError, match="struck"):
        run("reindex", "--owner", "alice")
    assert asked
