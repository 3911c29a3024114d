"""What is learned from filing and suggested: one's own alone, answered once, and never done by itself."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents import habits, jobs, tasks
from documents.actions import learning
from documents.actions.errors import NameTaken
from documents.actions.suggestions import accept_suggestions, dismiss_suggestions, suggest_again, suggestions_for
from documents.actions.topics import delete_topic, make_topic, tag_documents
from documents.models import (
    Document,
    DocumentTopic,
    FilingHabit,
    FilingSuggestion,
    FilingWord,
    Folder,
    JobRun,
    SuggestionState,
    Topic,
)
from documents.tests.library import write
from documents.tests.making import folders
from documents.tests.test_rules import place_of, read_and_filed, topics_of
from docuvault.lib.classifier import Classifier
from sharing import access
from sharing.access import NotVisible
from sharing.models import AuditEvent, Share, ShareLevel

pytestmark = pytest.mark.django_db
Learn = Callable[[User], int]
COMMON = [
    "dear", "sir", "madam", "please", "find", "below", "our", "letter", "of", "today", "with", "kind",
    "regards", "yours", "customer", "number", "page", "date",
]  # fmt: skip
KINDS = {
    "Energy": ["electricity", "meter", "kilowatt", "reading", "tariff", "consumption", "grid", "supplier"],
    "Health": ["doctor", "patient", "treatment", "diagnosis", "clinic", "prescription", "insurance", "therapy"],
    "Travel": ["flight", "hotel", "booking", "passenger", "departure", "luggage", "boarding", "itinerary"],
    "School": ["pupil", "teacher", "class", "homework", "term", "parents", "timetable", "exam"],
}


def letter(kind: str, number: int) -> str:
    """A short letter of its kind: some of the kind's words among common ones, and a few of its own."""
    chance = random.Random(f"{kind} {number}")
    words = (
        chance.sample(KINDS[kind], 5) + chance.sample(COMMON, 12) + [f"x{chance.randrange(10_000)}" for _ in range(4)]
    )
    chance.shuffle(words)
    return " ".join(words)


@pytest.fixture
def library(alice_actor: Actor) -> dict[str, Topic | Folder]:
    """Eight letters of each kind, three of the kinds under topics and one in a folder."""
    places: dict[str, Topic | Folder] = {}
    for kind in KINDS:
        rows = [write(f"{kind} {n}.pdf", letter(kind, n), by=alice_actor) for n in range(8)]
        if kind == "School":
            places[kind] = folders("School", alice_actor)
            Document.objects.filter(pk__in=[row.pk for row in rows]).update(folder=places[kind])
        else:
            topic = make_topic(kind, "red", by=alice_actor)
            tag_documents(rows, topic, by=alice_actor)
            places[kind] = topic
    return places


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    """One for all of these: starting it takes longer than what they ask."""
    with Classifier() as started:
        yield started


@pytest.fixture
def learn(classifier: Classifier) -> Learn:
    return lambda user: learning.learn(user, classifier)


def suggested(document: Document, by: Actor) -> list[str]:
    rows = suggestions_for([document], by=by).get(document.pk, [])
    return [row.topic.name if row.topic else f"/{row.folder.name}" for row in rows]  # type: ignore[union-attr]


def test_a_well_kept_library_suggests_the_same_for_others_like_it(
    alice: User, alice_actor: Actor, library: dict[str, Topic | Folder]
) -> None:
    waiting = JobRun.objects.filter(task="documents.tasks.learn_filing", arguments=[str(alice.pk)])
    assert waiting.count() == 1, "asked for once, however much is filed meanwhile"
    new = {
        kind: [write(f"new {kind} {n}.pdf", letter(kind, 100 + n), by=alice_actor) for n in range(5)] for kind in KINDS
    }
    strange = [write(f"s{n}.pdf", " ".join(COMMON) + " garden roses tulips", by=alice_actor) for n in range(5)]
    jobs.run(str(waiting.get().pk))
    waiting.get().refresh_from_db()
    assert waiting.get().state == "done", waiting.get().last_error
    assert FilingHabit.objects.filter(user=alice).count() == 4
    assert FilingWord.objects.count() <= 4 * habits.WORDS_OF_HABIT
    right = wrong = 0
    for kind, documents in new.items():
        for document in documents:
            found = suggested(document, alice_actor)
            right += (kind if kind != "School" else "/School") in found
            wrong += len([name for name in found if name.lstrip("/") != kind])
    assert (right, wrong) == (20, 0)
    assert [suggested(document, alice_actor) for document in strange] == [[]] * 5
    assert not DocumentTopic.objects.filter(document__in=[row for rows in new.values() for row in rows]).exists()
    said = FilingSuggestion.objects.filter(topic=library["Energy"].pk).first()
    assert said is not None
    assert set(said.because.split(", ")) & set(KINDS["Energy"]), "in whole words, not in stems"

    # What is read later is looked at with what has been learned.
    later = write("later.pdf", letter("Travel", 500), by=alice_actor)
    read_and_filed(later)
    assert suggested(later, alice_actor) == ["Travel"]


def test_accepting_files_dismissing_is_for_good_and_both_are_told(
    alice: User, alice_actor: Actor, library: dict[str, Topic | Folder], learn: Learn
) -> None:
    energy, school = (write(f"new{k}.pdf", letter(k, 50), by=alice_actor) for k in ("Energy", "School"))
    travel = write("newt.pdf", letter("Travel", 50), by=alice_actor)
    learn(alice)
    [row] = accept_suggestions(energy, by=alice_actor)
    link = DocumentTopic.objects.get(document=energy)
    assert (link.topic, link.reason, row.topic) == (library["Energy"], "suggestion", library["Energy"])
    assert accept_suggestions(energy, by=alice_actor) == [], "twice is once"
    accept_suggestions(school, by=alice_actor)
    assert place_of(school) == "School"
    [gone] = dismiss_suggestions(travel, by=alice_actor)
    learn(alice)
    assert suggested(travel, alice_actor) == []
    assert topics_of(travel) == set()
    assert suggest_again(travel, [gone.pk], by=alice_actor) == 1
    assert suggested(travel, alice_actor) == ["Travel"]
    dismiss_suggestions(travel, [gone.pk], by=alice_actor)
    told = list(AuditEvent.objects.filter(target_id=str(travel.pk)).order_by("id").values_list("action", flat=True))
    assert told[1:] == ["suggestion_dismissed", "suggestion_reopened", "suggestion_dismissed"]
    # Off again by hand: accepted once, it is not suggested a second time either.
    DocumentTopic.objects.filter(document=energy).delete()
    learn(alice)
    assert suggested(energy, alice_actor) == []


def test_what_cannot_be_moved_is_refused_and_nothing_is_half_done(
    alice: User, alice_actor: Actor, library: dict[str, Topic | Folder], learn: Learn
) -> None:
    document = write("School 1.pdf", letter("School", 70), by=alice_actor)
    learn(alice)
    FilingSuggestion.objects.create(user=alice, document=document, topic=library["Energy"])  # type: ignore[misc]
    assert "/School" in suggested(document, alice_actor)
    with pytest.raises(NameTaken):
        accept_suggestions(document, by=alice_actor)
    assert (topics_of(document), place_of(document)) == (set(), "")
    assert not FilingSuggestion.objects.filter(state=SuggestionState.ACCEPTED).exists()


def test_a117_suggestions_come_from_ones_own_filing_and_hold_nothing_of_others(
    alice: User,
    alice_actor: Actor,
    bob: User,
    bob_actor: Actor,
    admin_actor: Actor,
    library: dict[str, Topic | Folder],
    learn: Learn,
) -> None:
    learn(alice)
    mine = write("bobs.pdf", letter("Energy", 60), by=bob_actor)
    assert learn(bob) == 0
    assert suggested(mine, bob_actor) == []
    assert not FilingSuggestion.objects.filter(user=bob).exists()

    # Bob files what Alice shares under a topic of his own: his habit, of which she learns nothing.
    shared = folders("Shared", alice_actor)
    rows = [write(f"sh{n}.pdf", letter("Energy", 200 + n), by=alice_actor, folder=shared) for n in range(6)]
    [write(f"n{n}.pdf", letter("Health", 300 + n), by=bob_actor, folder=folders("Own", bob_actor)) for n in range(6)]
    share = Share.objects.create(folder=shared, recipient=bob, shared_by=alice, level=ShareLevel.VIEW)
    power = make_topic("Power", "blue", by=bob_actor)
    everybodys = make_topic("Everybody's", "blue", by=admin_actor, is_system=True)
    tag_documents(rows[:5], power, by=bob_actor)
    tag_documents([mine], everybodys, by=bob_actor)
    assert learn(bob) >= 1
    assert suggested(rows[5], bob_actor) == ["Power"]
    assert "Power" not in suggested(rows[5], alice_actor)
    learn(alice)
    assert not FilingHabit.objects.filter(user=alice, topic=power).exists()
    # Not shared any more: gone from what is suggested, and from what is learned.
    [open_row] = suggestions_for([rows[5]], by=bob_actor)[rows[5].pk]
    share.delete()
    assert suggestions_for([rows[5]], by=bob_actor) == {}
    with pytest.raises(NotVisible):
        accept_suggestions(rows[5], [open_row.pk], by=bob_actor)
    assert learn(bob) <= 1
    assert not FilingHabit.objects.filter(user=bob, topic=power).exists()
    assert not access.own_suggestions(bob_actor).filter(document__user=alice).exists()


def test_nobody_answers_for_another(alice: User, alice_actor: Actor, bob: User, bob_actor: Actor) -> None:
    topic = make_topic("Tax", "red", by=alice_actor)
    document = write("a.pdf", "x", by=alice_actor)
    row = FilingSuggestion.objects.create(user=alice, document=document, topic=topic)
    with pytest.raises(NotVisible):
        dismiss_suggestions(document, [row.pk], by=bob_actor)
    Share.objects.create(document=document, recipient=bob, shared_by=alice, level=ShareLevel.MANAGE)
    assert accept_suggestions(document, [row.pk], by=bob_actor) == []
    assert dismiss_suggestions(document, [row.pk], by=bob_actor) == []
    assert suggest_again(document, [row.pk], by=bob_actor) == 0
    row.refresh_from_db()
    assert row.state == "open"
    delete_topic(topic, by=alice_actor)
    assert not FilingSuggestion.objects.exists()


def test_too_little_or_too_much_alike_teaches_nothing(alice: User, alice_actor: Actor, learn: Learn) -> None:
    topic = make_topic("All", "red", by=alice_actor)
    rows = [write(f"{n}.pdf", letter("Energy", n), by=alice_actor) for n in range(6)]
    tag_documents(rows[:2], topic, by=alice_actor)
    assert learn(alice) == 0, "two are no habit"
    tag_documents(rows, topic, by=alice_actor)
    assert learn(alice) == 0, "without any other there is nothing to tell them apart from"
    half = make_topic("Half", "red", by=alice_actor)
    same = [write(f"same{n}.pdf", "the very same words again", by=alice_actor) for n in range(8)]
    tag_documents(same[:4], half, by=alice_actor)
    tag_documents(same[4:], topic, by=alice_actor)
    learn(alice)
    assert not FilingHabit.objects.filter(topic=half).exists(), "what cannot be told apart is not learned"


def test_by_night_it_goes_on_in_the_next_job_where_time_is_up(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[User] = []
    monkeypatch.setattr(learning, "learn", lambda user, _classifier: seen.append(user))
    monkeypatch.setattr(tasks, "_half_time", lambda: now() - timedelta(seconds=1))
    jobs.enqueue("documents.tasks.learn_all_filing")
    while row := JobRun.objects.filter(task="documents.tasks.learn_all_filing", state="waiting").first():
        jobs.run(str(row.pk))
    assert seen == list(User.objects.filter(is_active=True).order_by("pk"))
    assert {alice, bob} <= set(seen)
    assert JobRun.objects.filter(task="documents.tasks.learn_all_filing", state="done").count() == len(seen) + 1
