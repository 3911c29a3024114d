"""`manage.py demo`: people, folders, topics and papers to look at."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.actions import add_member, make_group, make_user
from accounts.actors import Actor
from accounts.models import Group, Role, User
from accounts.quota import QuotaExceeded
from documents.actions.documents import star_document
from documents.actions.folders import ensure_folder_path
from documents.actions.topics import make_topic, tag_documents
from documents.management.papers import TOPICS, household, pdf
from documents.models import Document, Topic
from documents.names import name_key
from documents.storage import StoreError
from documents.uploads import store_stream
from sharing import access
from sharing.access import Level
from sharing.actions import share
from sharing.models import Share

CAST = {
    "alice": "Alice Archer",
    "bob": "Bob Baker",
    "dora": "Dora Diaz",
    "gina": "Gina Gray",
    "charlie": "Charlie Cole",
}
ADMIN = ("ada", "Ada Admin")
GROUP = "Family"


class Command(BaseCommand):
    help = "Fill the vault with a cast of people and their papers. Doing it again adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.fill()
        except StoreError:
            raise CommandError(_("The vault cannot reach its storage. Run the same command again later."))
        except QuotaExceeded as error:
            raise CommandError(error.message)
        except KeyboardInterrupt:
            raise CommandError(_("Stopped. Run the same command again for the rest."), returncode=130)

    def fill(self) -> None:
        people = {handle: self.person(handle, name) for handle, name in CAST.items()}
        if not User.objects.filter(role=Role.ADMIN, is_active=True).exists():
            self.person(*ADMIN, role=Role.ADMIN)
        alice, bob = Actor.command(people["alice"]), Actor.command(people["bob"])
        topics = {name: topic(name, colour, alice) for name, colour in TOPICS.items()}
        papers = household()
        for number, (folder, name, data, wanted) in enumerate(papers, 1):
            document = paper(folder, name, data, alice)
            for key in wanted:
                tag_documents([document], topics[key], by=alice)
            if "Important" in wanted:
                star_document(document, by=alice)
            if self.stdout.isatty():
                self.stdout.write(f"\r{number}/{len(papers)}", ending="")
                self.stdout.flush()
        if self.stdout.isatty():
            self.stdout.write("\r", ending="")
        paper("Letters", "Letter to the bank.pdf", pdf("Letter", ["Please close my account."]), bob)
        family = self.group(people["gina"])
        # Alice lets Bob read her car papers, Dora edit the family's, and Gina's group see the journeys.
        opened("Car", people["bob"], Level.VIEW, alice)
        opened("Family", people["dora"], Level.EDIT, alice)
        opened("Travel", family, Level.VIEW, alice)
        self.stdout.write(_("The demo is there: %(names)s.") % {"names": ", ".join(CAST)})

    def person(self, handle: str, name: str, role: str = Role.MEMBER) -> User:
        """One of the cast, made with a password that is shown this once. A real person is left alone."""
        email = f"{handle}@demo.invalid"
        user = User.objects.filter(handle=handle).first()
        if user is not None and user.email != email:
            raise CommandError(
                _("There is somebody else with the handle %(handle)s; the demo leaves real people alone.")
                % {"handle": handle}
            )
        if user is None:
            password = secrets.token_urlsafe(12)
            user = make_user(
                handle, email, by=Actor.command(), password=password, display_name=name, role=role, is_confirmed=True
            )
            self.stdout.write(f"  {handle:8} password {password}")
        return user

    def group(self, member: User) -> Group:
        found = Group.objects.filter(name_key=name_key(GROUP)).first()
        if found is None:
            found = make_group(GROUP, by=Actor.command())
            add_member(found, member, by=Actor.command())
        return found


def topic(name: str, colour: str, by: Actor) -> Topic:
    found = Topic.objects.filter(user=by.user, name_key=name_key(name)).first()
    return found or make_topic(name, colour, by=by)


def paper(folder: str, name: str, data: bytes, by: Actor) -> Document:
    """The document of this name in this folder, made if it is not there."""
    place = ensure_folder_path([part for part in folder.split("/") if part], None, by=by)
    found = access.documents_in(by, place).filter(name_key=name_key(name)).first()
    return found or store_stream(name, iter([data]), place, size_bound=len(data), by=by)


def opened(name: str, receiver: User | Group, level: Level, by: Actor) -> None:
    """The top folder of this name, shared once; what Alice changed about it since stays."""
    folder = access.folders_in(by, None).get(name_key=name_key(name))
    shares = Share.objects.filter(folder=folder)
    known = shares.filter(recipient=receiver) if isinstance(receiver, User) else shares.filter(group=receiver)
    if not known.exists():
        share(folder, receiver, level, by=by)
