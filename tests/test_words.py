"""Every sentence that a person sees goes through gettext: a made-up language that wraps each one finds what escaped."""

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now

from accounts.actions import invite, send_reset
from accounts.actors import Actor
from accounts.models import Group, Membership, User
from documents.actions.filing import begin_run
from documents.actions.folders import make_folder
from documents.actions.rules import Deed, make_rule
from documents.actions.topics import make_topic, tag_documents
from documents.actions.trash import trash_document
from documents.models import FilingRun, FilingSuggestion
from documents.uploads import store_stream
from sharing.access import Level
from sharing.actions import Terms, make_link, pause_link, share, write_comment
from sharing.audit import Verb
from sharing.models import LinkLevel
from sharing.tests.linking import Holder

ClientFor = Callable[[User], Client]
OPEN, CLOSE = "\u27e6", "\u27e7"
# Names of people and things, as they are made below; and what is the same in every language.
OURS = re.compile(r"DocuVault|SHA-256|[\w.]+@[\w.]+|Zz\w*|zz\w*|localhost[:\d]*|http\S+")
PLAIN = re.compile(r"[\W\d_]*")
SAID_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt"}
SILENT_TAGS = {"script", "style", "template", "code", "time", "kbd"}
# Units of size and time that Django itself translates come wrapped in part; months and zones are data.
# A mark in the middle of a word parts no word.
MARKS = re.compile(r"</?mark>")
ZONES = re.compile(r"<option[^>]*>.*?</option>", re.DOTALL)


class Said(HTMLParser):
    """Collects what a page says: text, and attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.silent = 0
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in SILENT_TAGS
        self.said += [value for name, value in attrs if name in SAID_ATTRIBUTES and value and tag != "time"]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT_TAGS

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)


def escaped(text: str) -> list[str]:
    """The pieces of a text that lie outside of the marks and are words all the same."""
    depth, outside = 0, []
    for piece in re.split(f"([{OPEN}{CLOSE}])", text):
        if piece == OPEN:
            depth += 1
        elif piece == CLOSE:
            depth -= 1
        elif depth == 0:
            outside.append(piece)
    return [piece.strip() for piece in outside if not PLAIN.fullmatch(OURS.sub("", piece))]


def unwrapped(page: str) -> list[str]:
    parser = Said()
    parser.feed(MARKS.sub("", ZONES.sub("", page)))
    return [piece for said in parser.said for piece in escaped(said)]


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Every translation comes back between marks; nothing that is kept of a page says it without, or with."""
    settings.CACHES = {
        **settings.CACHES,
        "template_fragments": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }

    def wrap(text: str) -> str:
        return f"{OPEN}{text}{CLOSE}" if text and text.strip() else text

    real = translation._trans  # type: ignore[attr-defined]
    plain, context = real.gettext, real.pgettext
    number, number_context = real.ngettext, real.npgettext
    monkeypatch.setattr(real, "gettext", lambda text: wrap(plain(text)))
    monkeypatch.setattr(real, "pgettext", lambda about, text: wrap(context(about, text)))
    monkeypatch.setattr(real, "ngettext", lambda one, many, n: wrap(number(one, many, n)))
    monkeypatch.setattr(real, "npgettext", lambda about, one, many, n: wrap(number_context(about, one, many, n)))


@pytest.fixture
def zoe(db: None) -> User:
    from accounts.actions import make_user

    return make_user("zzoe", "zzoe@vault.test", by=Actor.system(), password="x", display_name="Zzoe", is_confirmed=True)


def put(name: str, by: Actor, folder: Any = None) -> Any:
    return store_stream(name, iter([b"zzpap"]), folder, size_bound=5, by=by)


def test_the_marks_find_a_sentence_that_escaped() -> None:
    assert unwrapped(f"<p>{OPEN}fine{CLOSE} Zzname 12</p><p title='oops'>raw words</p>") == ["oops", "raw words"]


@pytest.mark.usefixtures("pseudo")
def test_no_sentence_of_a_page_escapes_translation(zoe: User, admin_person: User, client_for: ClientFor) -> None:
    User.objects.filter(pk=admin_person.pk).update(display_name="Zzada", handle="zzada")
    admin_person.refresh_from_db()
    by = Actor.for_user(zoe)
    folder = make_folder("Zzfolder", None, by=by)
    document = put("zzpaper.zzz", by, folder)
    topic = make_topic("Zztopic", "green", by=by)
    tag_documents([document], topic, by=by)
    rule = make_rule("Zzrule", Deed("zzpaper", [topic], folder, "suggest"), by=by)
    loose = put("zzloose.zzz", by)
    FilingSuggestion.objects.create(user=zoe, document=loose, topic=topic, rule=rule)
    FilingSuggestion.objects.create(user=zoe, document=loose, folder=folder, because="zzword")
    begin_run(rule, by=by)
    run = FilingRun.objects.create(user=zoe, rule=rule, rule_name="Zzrule", state="done", changed=2, left=1)
    entry = trash_document(put("zzold.zzz", by), by=by)
    version = document.versions.get()
    twin = put("zztwin.zzz", by, folder)
    comment = write_comment(document, "zzsaid", by=by)
    share(document, "zznobody", Level.MANAGE, by=by, message="zzhello", until=now() + timedelta(days=2))
    group = Group.objects.create(name="Zzgroup", name_key="zzgroup")
    Membership.objects.create(group=group, user=zoe, role="manager")
    given = put("zzgiven.zzz", Actor.for_user(admin_person))
    share(given, zoe, Level.EDIT, by=Actor.for_user(admin_person), message="zzhello")
    link = make_link(folder, Terms("Zzlink", LinkLevel.EDIT, message="zzhello", max_opens=3), by=by)
    pause_link(make_link(document, Terms("Zzpaused", LinkLevel.VIEW, password="Zz-horse-77"), by=by), by=by)
    client = client_for(zoe)
    addresses = [
        *(reverse(name, args=[document.pk]) for name in ("make_document_link", "reach_document")),
        *(reverse(name, args=[folder.pk]) for name in ("make_folder_link", "reach_folder")),
        reverse("change_link", args=[link.pk]),
        reverse("shared_by_link"),
        *(reverse(name) for name in ("to_file", "rules", "make_rule")),
        reverse("to_file") + "?all=1",
        *(reverse(name, args=[rule.pk]) for name in ("rule", "change_rule", "delete_rule")),
        *(reverse(name, args=[run.pk]) for name in ("run", "undo_run")),
        reverse("document", args=[loose.pk]),
        *(reverse(name, args=[document.pk, version.pk]) for name in ("note_version", "delete_version")),
        reverse("twins") + f"?document={twin.pk}",
        reverse("twins"),
        reverse("add_files") + f"?document={document.pk}",
        *(reverse(name, args=[document.pk]) for name in ("share_document", "write_comment")),
        *(reverse(name, args=[document.pk, comment.pk]) for name in ("change_comment", "delete_comment")),
        reverse("share_folder", args=[folder.pk]),
        *(reverse(name) for name in ("shared_with_me", "shared_by_me", "groups")),
        *(reverse(name, args=[group.pk]) for name in ("group", "delete_group")),
        reverse("reach_document", args=[document.pk]),
        reverse("shared_with_me") + "?hidden=1",
        reverse("received_document", args=[given.pk]),
        reverse("document", args=[given.pk]),
        reverse("files"),
        reverse("files") + "?view=tiles",
        reverse("folder", args=[folder.pk]),
        reverse("document", args=[document.pk]),
        *(
            reverse(name, args=[document.pk])
            for name in ("rename_document", "move_document", "document_topics", "trash_document")
        ),
        *(reverse(name, args=[folder.pk]) for name in ("rename_folder", "move_folder", "trash_folder")),
        *(
            reverse(name)
            for name in ("recent", "starred", "topics", "make_topic", "make_folder", "trash", "empty_trash")
        ),
        *(
            reverse(name)
            for name in ("space", "export_everything", "import_export", "my_activity", "find", "add_files")
        ),
        *(reverse(name) for name in ("profile", "account_email")),
        *(
            reverse(name)
            for name in ("account_change_password", "mfa_index", "account_logout", "account_reauthenticate")
        ),
        reverse("find") + "?q=zz",
        reverse("find") + "?q=zznothing",
        reverse("topic", args=[topic.pk]),
        reverse("change_topic", args=[topic.pk]),
        reverse("delete_topic", args=[topic.pk]),
        reverse("purge", args=[entry.pk]),
        "/no/such/page",
    ]
    wrong = {}
    for address in addresses:
        if found := unwrapped(client.get(address).content.decode()):
            wrong[address] = found
    asked = {"files": '[["zzfolder/zzpaper.zzz", 5], ["zznew/zza.zzz", 999999999999]]'}
    wrong |= (
        {"foresee": found}
        if (found := unwrapped(client.post(reverse("foresee_uploads"), asked).content.decode()))
        else {}
    )
    assert wrong == {}


@pytest.mark.usefixtures("pseudo")
def test_no_sentence_of_a_links_pages_escapes_translation(zoe: User) -> None:
    by = Actor.for_user(zoe)
    folder = make_folder("Zzfolder", None, by=by)
    document = put("zzpaper.zzz", by, folder)
    wrong = {}
    for level in LinkLevel:
        for password in ("", "Zz-horse-77"):
            link = make_link(folder, Terms("Zz", level, now() + timedelta(days=3), password, message="zzhi"), by=by)
            holder = Holder(link)
            answers = [holder.get(), holder.come("wrong"), holder.come("Zz-horse-77"), holder.get()]
            answers += [holder.get("link_document", document.pk), holder.get("link_download", document.pk)]
            for answer in answers:
                if not answer.streaming and (found := unwrapped(answer.content.decode())):
                    wrong[f"{level} {answer.status_code}"] = found
            pause_link(link, by=by)
            wrong |= {"closed": found} if (found := unwrapped(holder.get().content.decode())) else {}
    assert wrong == {}


@pytest.mark.usefixtures("pseudo")
def test_no_sentence_outside_or_at_the_desk_escapes(admin_person: User, client_for: ClientFor) -> None:
    User.objects.filter(pk=admin_person.pk).update(display_name="Zzada", handle="zzada", email="zz@vault.test")
    wrong = {}
    stranger, desk = Client(), client_for(User.objects.get(pk=admin_person.pk))
    outside = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
    for client, names in ((stranger, outside), (desk, ["people", "outbox"])):
        for name in names:
            if found := unwrapped(client.get(reverse(name)).content.decode()):
                wrong[name] = found
    if found := unwrapped(stranger.get(reverse("join", args=["unknown"])).content.decode()):
        wrong["join"] = found
    assert wrong == {}


@pytest.mark.usefixtures("pseudo")
def test_refusals_and_messages_are_translated(zoe: User, client_for: ClientFor) -> None:
    by = Actor.for_user(zoe)
    client = client_for(zoe)
    make_folder("Zzfolder", None, by=by)
    document = put("zzpaper.zzz", by)
    posts = [
        (reverse("make_folder"), {"name": "zzFOLDER"}),
        (reverse("make_folder"), {"name": ".."}),
        (reverse("make_folder"), {"name": "Zznew"}),
        (reverse("rename_document", args=[document.pk]), {"name": "zza/b"}),
        (reverse("rename_document", args=[document.pk]), {"name": "zzother"}),
        (reverse("make_topic"), {"name": "", "colour": "zz"}),
        (reverse("selection"), {"action": "move"}),
        (reverse("selection"), {"action": "trash", "document": str(document.pk)}),
    ]
    for address, fields in posts:
        assert unwrapped(client.post(address, fields, follow=True).content.decode()) == [], (address, fields)


@pytest.mark.usefixtures("pseudo")
def test_mails_are_translated(
    zoe: User, admin_person: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    by = Actor.for_user(admin_person)
    with django_capture_on_commit_callbacks(execute=True):
        invite("zznew@vault.test", "member", by=by)
        send_reset(zoe, by=by)
    assert mail.outbox
    for message in mail.outbox:
        assert escaped(str(message.subject)) == [], message.subject
        words = [line for line in message.body.splitlines() if escaped(line)]
        assert words == [], message.body


def test_every_wording_of_the_trail_is_lazy_and_translated() -> None:
    for verb in Verb:
        assert not isinstance(verb._label_, str), verb


STRING = re.compile(
    r"""(?:textContent|placeholder|title|innerText|message)\s*[:=]\s*["'`]([A-Za-z][^"'`]*\s[^"'`]*)["'`]"""
)


def test_scripts_say_nothing_that_is_not_translated() -> None:
    scripts = Path(__file__).resolve().parents[1] / "static" / "js"
    wrong = []
    for path in scripts.glob("*.js"):
        text = path.read_text()
        wrong += [(path.name, found) for found in STRING.findall(text)]
        for call in re.finditer(r"\b(?:toast|announce)\(\s*[\"'`]", text):
            wrong.append((path.name, text[call.start() : call.start() + 60]))
    assert wrong == []
