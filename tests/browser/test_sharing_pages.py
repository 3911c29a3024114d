"""Every page by which people share, as its owner and as those without an account see it: on a phone, light and dark."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, Visitor, Watch
from tests.browser.test_sharing import Visit, visit

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LONG = "The garage in the very long street of the town with the unbelievably long name"
__all__ = ["visit"]
WORLD = """
import json
from datetime import timedelta
from django.utils.timezone import now
from accounts.actors import Actor
from accounts.models import User
from documents.actions.rules import Deed, make_rule
from documents.actions.saved_views import save_view
from documents.actions.topics import make_topic
from documents.tests.making import folders, put
from sharing.access import Level
from sharing.actions import Terms, make_link, share, share_view, write_comment
from sharing.actions.emergency import name_contact
from sharing.actions.handing import offer
from sharing.actions.requests import Terms as Asked
from sharing.actions.requests import make_request
from sharing.gate import Kind, reveal_token
from sharing.models import LinkLevel

by, other = (Actor.for_user(User.objects.get(handle=handle)) for handle in (%(owner)r, %(other)r))
car = folders("Car/Insurance", by).parent
paper = put("Insurance policy with a name that goes on for very long and then some more.txt", car, by)
share(paper, other.user, Level.COMMENT, by=by, message="Please have a look", until=now() + timedelta(days=9))
share(car, "somebody.with.a.long.address@an-office-in-another-town.example", Level.MANAGE, by=by)
write_comment(paper, "Is this the one that covers hail?", by=other)
links = {
    "looking": make_link(paper, Terms("Landlord", LinkLevel.VIEW), by=by),
    "taking": make_link(paper, Terms(%(long)r, LinkLevel.DOWNLOAD, until=now() + timedelta(days=9)), by=by),
    "adding": make_link(car, Terms("School", LinkLevel.UPLOAD, message="The photos, please"), by=by),
    "all": make_link(car, Terms("Bank", LinkLevel.EDIT, password="Xk4-hhh2-qqq9-zzz!"), by=by),
}
found = {name: "/l/%%s/" %% reveal_token(Kind.LINK, link.pk, link.token_sealed) for name, link in links.items()}
asked, token = make_request(car, Asked("Bills of last year", "All of them", max_files=9, kinds=["pdf"]), by=by)
locked, key = make_request(car, Asked("Locked", password="secret-words-44"), by=by)
contact = name_contact(%(other)r, [car], 7, by=by)
offer(put("mine.txt", None, other), %(owner)r, by=other, message="This is more yours than mine.")
share(folders("Letters", other), by.user, Level.EDIT, by=other, message="The letters")
rule = make_rule("Insurance", Deed("insurance", [make_topic("Insurance", "green", by=by)], car), by=by)
view = save_view("What is due before the end of this year", "due type:pdf in:Car", "", by=by)
share_view(view, "somebody.with.a.long.address@an-office-in-another-town.example", by=by)
share_view(save_view("Letters to answer", "answer", "", by=other), %(owner)r, by=other)
print(json.dumps({
    **found, "send": f"/send/{token}/", "locked": f"/send/{key}/", "paper": str(paper.pk), "car": str(car.pk),
    "request": str(asked.pk), "contact": str(contact.pk), "rule": str(rule.pk), "view": str(view.pk),
}))
"""


def test_the_pages_of_the_one_who_shares(visit: Visit, site: Site, browser: Browser, watch: Watch) -> None:
    owner, _other = visit("mona", **PHONE), visit("otto", **PHONE)
    world = json.loads(site.python(WORLD % {"owner": "mona", "other": "otto", "long": LONG}))
    paper, car = f"/documents/{world['paper']}", f"/folders/{world['car']}"
    for address in (
        "/shared/", "/shared/by-me/", "/shared/links/", f"{paper}/", f"{paper}/share/", f"{paper}/hand-over/",
        f"{car}/request/", f"/requests/{world['request']}/change/", f"/emergency/{world['contact']}/change/",
        "/find/", f"/find/views/{world['view']}/share/",
        "/groups/", "/activity/", f"/filing/rules/{world['rule']}/", f"/filing/rules/{world['rule']}/change/",
    ):  # fmt: skip
        answer = owner.page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        if address.startswith(("/shared/", "/groups/")):
            expect(owner.page.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
        owner.look()

    guest = Visitor(browser, site, watch, **PHONE)
    for name, heading in (
        ("looking", "Insurance policy"), ("taking", "Insurance policy"), ("adding", "Send files to Mona"),
        ("all", "Something was shared with you"), ("send", "Bills of last year"), ("locked", "Password"),
    ):  # fmt: skip
        guest.page.goto(world[name])
        expect(guest.page.locator("main")).to_contain_text(heading)
        guest.look()
    guest.page.get_by_label("Password").fill("not this one")
    guest.page.get_by_role("button", name="Go on").click()
    expect(guest.page.get_by_text("This is not the password.")).to_be_visible()
    guest.look()
    guest.context.close()
