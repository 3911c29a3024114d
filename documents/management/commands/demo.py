"""`manage.py demo`: people, folders, topics and papers to look at."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.actions import make_user
from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.actions.documents import star_document
from documents.actions.folders import ensure_folder_path
from documents.actions.topics import make_topic, tag_documents
from documents.management.papers import TOPICS, household, pdf
from documents.models import Document, Folder, Topic
from documents.names import name_key
from documents.uploads import store_stream
from sharing.access import Level
from sharing.models import Share

CAST = {
    "alice": "Alice Archer",
    "bob": "Bob Baker",
    "dora": "Dora Diaz",
    "gina": "Gina Gray",
    "charlie": "Charlie Cole",
}


class Command(BaseCommand):
    help = "Fill the vault with a cast of people and their papers. Doing it again adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        people = {handle: self.person(handle, name) for handle, name in CAST.items()}
        alice = Actor.command(people["alice"])
        topics = {name: topic(name, colour, alice) for name, colour in TOPICS.items()}
        papers = household()
        for number, (folder, name, data, wanted) in enumerate(papers, 1):
            document = paper(folder, name, data, alice)
            for key in wanted:
                tag_documents([document], topics[key], by=alice)
            if "Important" in wanted:
                star_document(document, by=alice)
            self.stdout.write(f"\r{number} of {len(papers)} papers", ending="")
            self.stdout.flush()
        self.stdout.write("")
        paper(
            "Letters",
            "Letter to the bank.pdf",
            pdf("Letter", ["Please close my account."]),
            Actor.command(people["bob"]),
        )
        self.share(people)
        self.stdout.write("The demo is there: alice, bob, dora, gina and charlie.")

    def person(self, handle: str, name: str) -> User:
        user = User.objects.filter(handle=handle).first()
        if user is not None:
            return user
        password = secrets.token_urlsafe(12)
        user = make_user(
            handle,
            f"{handle}@demo.invalid",
            by=Actor.command(),
            password=password,
            display_name=name,
            is_confirmed=True,
        )
        self.stdout.write(f"  {handle}  password {password}")
        return user

    @transaction.atomic
    def share(self, people: dict[str, User]) -> None:
        """Alice lets Bob read her car papers, Dora edit the family's, and Gina's group see the journeys."""
        group, is_new = Group.objects.get_or_create(name_key="family", defaults={"name": "Family"})
        if is_new:
            Membership.objects.create(group=group, user=people["gina"])
        alice = people["alice"]
        for name, receiver, level in (
            ("Car", {"recipient": people["bob"]}, Level.VIEW),
            ("Family", {"recipient": people["dora"]}, Level.EDIT),
            ("Travel", {"group": group}, Level.VIEW),
        ):
            folder = Folder.objects.live().get(user=alice, parent=None, name_key=name_key(name))
            Share.objects.get_or_create(folder=folder, **receiver, defaults={"shared_by": alice, "level": level})


def topic(name: str, colour: str, actor: Actor) -> Topic:
    found = Topic.objects.filter(user=actor.user, name_key=name_key(name)).first()
    return found or make_topic(name, colour, by=actor)


def paper(folder: str, name: str, data: bytes, actor: Actor) -> Document:
    """The document of this name in this folder, made if it is not there."""
    assert actor.user is not None
    place = ensure_folder_path([part for part in folder.split("/") if part], None, by=actor)
    rows = Document.objects.live().owned_by(actor.user.pk).in_folder(place)
    found = rows.filter(name_key=name_key(name)).first()
    return found or store_stream(name, iter([data]), place, size_bound=len(data), by=actor)
