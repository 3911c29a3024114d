"""The page of hits: why each was found, in order and by pages, and calm whatever is typed."""

import re
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from django.utils.timezone import now

from accounts.actors import Actor
from accounts.models import User
from documents.actions.topics import make_topic, tag_documents
from documents.management.papers import pdf
from documents.models import Document, ReadingState
from documents.tests.library import found, names, write
from documents.tests.making import folders
from sharing import access
from sharing.access import own

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def page(client: Client, line: str, **more: str) -> str:
    response = client.get(f"{reverse('find')}?{urlencode({'q': line, **more})}")
    assert response.status_code == 200
    return response.content.decode()


def test_a_hit_says_on_which_page_it_is_and_leads_there(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    pages = ("nothing", "still nothing", "here is the walrus")
    document = write("book.pdf", *pages, by=alice_actor, data=pdf("Book", ["x"]))
    html = page(client_for(alice), "walruses")
    assert "<mark>walrus</mark>" in html
    assert f"{reverse('document', args=[document.pk])}?page=3&amp;q=walrus&amp;in=find&amp;for=walruses" in html
    assert "page 3" in html
    # What stands there as it was typed is marked as typed, phrases included.
    assert "page=3&amp;q=%22the+walrus%22&amp;in" in page(client_for(alice), '"the walrus" type:pdf')


def test_a_hit_in_text_without_pages_leads_to_the_part_that_has_the_words(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    text = "one walrus\n" + "plain\n" * 1500 + "a walrus and a carpenter\n" + "plain\n" * 1500
    document = write("long.txt", text, by=alice_actor, data=text.encode())
    client = client_for(alice)
    html = page(client, "walrus carpenter", sort="newest")
    address = f"{reverse('document', args=[document.pk])}?q=walrus+carpenter&in=find.newest&for=walrus+carpenter"
    assert f'href="{escape(address)}"' in html
    assert ">page 1<" not in html
    shown = client.get(address).content.decode()
    assert "<mark>carpenter</mark>" in shown
    assert "Part 2 of 4" in shown
    assert "Part 1 of 4" in client.get(f"{address}&part=1").content.decode()
    assert "Part 2 of 4" in client.get(f"{address}&page=1").content.decode()


def test_a112_a_snippet_is_escaped_before_its_marks_are_added(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    write(
        "x.txt", "<script>alert(1)</script> <mark>walrus</mark> & <img src=x onerror=alert(2)> walrus", by=alice_actor
    )
    write('"><b>walrus.txt', "else", by=alice_actor)
    html = page(client_for(alice), "walrus")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;mark&gt;<mark>walrus</mark>&lt;/mark&gt;" in html
    assert "&quot;&gt;&lt;b&gt;<mark>walrus</mark>.txt" in html


def test_more_topics_than_a_few_are_shown_and_found_in_the_same_way(
    alice: User, alice_actor: Actor, bob_actor: Actor, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = write("letter.pdf", "nothing of it", by=alice_actor, data=pdf("Letter", ["x"]))
    write("walrus.pdf", "the walrus tax", by=alice_actor, data=pdf("Walrus", ["x"]))
    for name in ("Walrus tax", "A walrus", "Houses"):
        tag_documents([document], make_topic(name, "green", by=alice_actor), by=alice_actor)
    make_topic("Walrus of Bob", "red", by=bob_actor)
    # So long ago that no page says another number of seconds than the page before.
    Document.objects.update(created_at=now() - timedelta(days=3), updated_at=now() - timedelta(days=3))
    client = client_for(alice)

    def answers() -> list[list[str]]:
        shown = []
        for address in (f"{reverse('find')}?q=walrus", f"{reverse('find')}?q=walrus+tax", reverse("files")):
            html = re.sub(r'(nonce|csrfmiddlewaretoken" value)="[^"]*"', "", client.get(address).content.decode())
            shown.append([line for line in html.splitlines() if "csrf" not in line.casefold()])
        return shown

    few = answers()
    assert all(any("letter.pdf" in line for line in page) for page in few)
    assert not any("Bob" in line for page in few for line in page)
    monkeypatch.setattr(own, "FEW_TOPICS", 1)
    assert access.few_topics(alice_actor) is None
    assert answers() == few


LONG = "(a+)+$ " * 1500
STRANGE = [
    "'", '"', "%", "_", "\\", "*", "**", "a" * 5000, LONG, "((((", "]]]", "the of and", "the", "\u202eevil\u202c",
    "' OR 1=1 --", "'; DROP TABLE documents; --", "a' & b | !c:*", "<->", "a <-> b", "!!", "&|!", ":*", "=en", "'=en'",
    "$1", "{a}", "%(ids)s", "%s", "topic:' type:pdf", 'in:"/"', "size:>999999999999gb", "before:0000", "after:9999y",
    "year:1900", "x" * 300 + " " + "y" * 300, "a OR b OR c OR " * 100, "-", "--", "-a", '-"a b"', "\ud83d\ude00",
    "東" * 900, "name:%", "name:_", "\u0000", "a\u0000b", "ﬁ", "é́́́́",
]  # fmt: skip


def test_a111_whatever_is_typed_gets_an_answer_and_its_echo_is_escaped(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    write("x.txt", "the plain text of a letter", by=alice_actor)
    client = client_for(alice)
    for line in STRANGE:
        line = line.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        begun = monotonic()
        response = client.get(f"{reverse('find')}?{urlencode({'q': line, 'near': '1'})}")
        assert response.status_code == 200, line[:40]
        for address in (
            f"{reverse('find_facets')}?{urlencode({'q': line})}",
            f"{reverse('find')}?{urlencode({'words': line})}",
        ):
            assert client.get(address).status_code in {200, 302}, line[:40]
        box = client.get(reverse("find"), {"q": line, "box": "1"}, headers={"HX-Request": "true"})
        assert box.status_code == 200
        assert monotonic() - begun < 60
    assert escape('"><script>x()</script>') in page(client, '"><script>x()</script>')
    assert "<script>x()" not in page(client, '"><script>x()</script>')


def test_a109_unknown_parameters_change_nothing(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    write("x.txt", "walrus", by=alice_actor)
    client = client_for(alice)
    odd = {
        "owner__password__startswith": "a", "user__is_superuser": "1", "_connector": "OR 1=1",
        "order_by": "user__password", "shares__recipient": "x", "trash__isnull": "False",
    }  # fmt: skip
    plain = page(client, "walrus").count('class="hit"')
    assert plain == 1
    for name, value in odd.items():
        assert page(client, "walrus", **{name: value}).count('class="hit"') == plain


def test_a56_a110_sorts_and_cursors_that_are_not_ours(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    write("x.txt", "walrus", by=alice_actor)
    client = client_for(alice)
    for sort in ("user__password", "name_key;--", "", "-best", "per=1000000"):
        assert page(client, "walrus", sort=sort).count('class="hit"') == 1
    for after in ("x", "e30", "W10", "WyJcdTAwMDAiLCJhIl0", "A" * 5000, "1000000000"):
        for sort in ("best", "newest", "name", "size"):
            address = f"{reverse('find')}?{urlencode({'q': 'walrus', 'sort': sort, 'after': after})}"
            assert client.get(address).status_code == 400
    assert page(client, "walrus", per="1000000").count('class="hit"') == 1


@pytest.mark.parametrize("sort", ["best", "newest", "oldest", "name", "size"])
def test_page_by_page_every_hit_comes_once(sort: str, alice_actor: Actor) -> None:
    for n in range(13):
        write(f"n{n:02}.txt", "walrus " * (n % 3 + 1), by=alice_actor)
    seen, after = [], ""
    for _n in range(10):
        part = found("walrus", alice_actor, sort=sort, size=5, after=after)
        seen += part.ids
        after = part.after
        if not after:
            break
    assert len(seen) == len(set(seen)) == 13
    assert seen == found("walrus", alice_actor, sort=sort, size=50).ids


def test_filters_narrow_hits(alice_actor: Actor) -> None:
    place = folders("Car/Insurance", alice_actor)
    write("a.txt", "walrus", by=alice_actor, folder=place)
    write("b.txt", "walrus", by=alice_actor, language="de")
    write("c.txt", by=alice_actor, language="", state=ReadingState.FAILED)
    assert names('walrus in:"Car/Insurance"', alice_actor) == names("in:/car", alice_actor) == ["a.txt"]
    assert names("-in:Car walrus", alice_actor) == names("lang:de", alice_actor) == ["b.txt"]
    assert names("no:text", alice_actor) == names("state:failed", alice_actor) == ["c.txt"]
    assert names("name:c. is:mine type:text", alice_actor) == ["c.txt"]
    assert len(names("type:text size:<1kb after:2020 before:2999 no:topic", alice_actor)) == 3
    assert (
        names("is:starred", alice_actor) == names("size:>1kb", alice_actor) == names("before:2020", alice_actor) == []
    )
    assert set(names("lang:de OR lang:en", alice_actor)) == {"a.txt", "b.txt"}


def test_a_filter_that_names_nothing_is_said_and_finds_nothing(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    write("a.txt", "walrus", by=alice_actor)
    html = page(client_for(alice), "walrus topic:nowhere type:banana")
    assert "There is no topic of this name that you can see." in html
    assert "type:banana" in html
    assert 'class="hit"' not in html


def test_unread_documents_are_told_of_with_a_way_to_them(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    for n, state in enumerate((ReadingState.WAITING, ReadingState.READING, ReadingState.FAILED)):
        write(f"u{n}.txt", by=alice_actor, state=state)
    html = client_for(alice).get(reverse("find_facets") + "?q=walrus").content.decode()
    assert "2 documents are still being read" in html
    assert "1 document could not be read" in html
    assert "q=state:waiting+state:reading" in html
    assert set(names("state:waiting state:reading", alice_actor)) == {"u0.txt", "u1.txt"}


def test_the_form_leads_to_the_address_of_its_line(alice: User, client_for: ClientFor) -> None:
    response = client_for(alice).get(
        reverse("find"), {"words": "car -draft", "type": "pdf", "in": "A B", "is": ["mine", "starred"], "lang": ""}
    )
    assert response.status_code == 302
    query = urlencode({"q": 'car -draft type:pdf in:"A B" is:mine is:starred'})
    assert response["Location"] == f"{reverse('find')}?{query}"


def test_more_like_this_shows_what_shares_telling_words(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    one = write("one.txt", "walrus tusk glacier arctic expedition", by=alice_actor)
    write("two.txt", "walrus tusk arctic voyage", by=alice_actor)
    write("three.txt", "tomato soup recipe", by=alice_actor)
    html = client_for(alice).get(reverse("similar_documents", args=[one.pk])).content.decode()
    assert "two.txt" in html
    assert "three.txt" not in html
