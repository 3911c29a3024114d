"""Twenty at once where one may: openings and downloads are counted by the database."""

import pytest

from accounts.actors import Actor
from documents.tests.making import at_once, put
from sharing.actions import LinkClosed, download_by_link, enter_by_link
from sharing.models import AuditEvent, ShareLink
from sharing.tests.linking import holder_of, link_to

pytestmark = pytest.mark.django_db(transaction=True)


def test_a77_a_link_that_opens_once_is_opened_once_by_twenty_at_once(alice_actor: Actor) -> None:
    paper = put("paper.txt", None, alice_actor)
    link = link_to(paper, by=alice_actor, max_opens=1, max_downloads=3)
    visitors = [holder_of(link, f"visit {number}") for number in range(20)]

    entered = at_once([lambda who=who: enter_by_link(by=who) for who in visitors])  # type: ignore[misc]
    assert sum(isinstance(answer, ShareLink) for answer in entered) == 1
    assert sum(isinstance(answer, LinkClosed) for answer in entered) == 19
    version = paper.versions.get()
    taken = at_once([lambda who=who: download_by_link(version, by=who) for who in visitors])  # type: ignore[misc]
    assert sum(answer is None for answer in taken) == 3
    assert sum(isinstance(answer, LinkClosed) for answer in taken) == 17
    link.refresh_from_db()
    assert (link.opens, link.downloads) == (1, 3)
    assert AuditEvent.objects.filter(action="link_opened").count() == 1
