"""Filing with help: a rule made of a search is looked at, run and undone; suggestions are answered by key and thumb."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.hands import DESKTOP, PHONE, WIDTHS, Visit, toast_says

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
# A vault with papers, as if they had been read; three and more filed alike, so that there is something to learn.
FILL = """
from accounts.actors import Actor
from accounts.models import User
from documents.actions import learning
from documents.actions.topics import make_topic, tag_documents
from documents.models import Page, Reading
from documents.search import index_document
from documents.tests.making import folders, put
from docuvault.lib.classifier import Classifier
user = User.objects.get(handle=%(handle)r)
by = Actor.for_user(user)
def paper(name, text, folder=None):
    document = put(name, folder, by, text.encode())
    Reading.objects.filter(pk=document.current_version_id).update(state="ready", language="en", page_count=1)
    Page.objects.filter(reading=document.current_version_id).delete()
    Page.objects.create(reading_id=document.current_version_id, number=1, text=text)
    index_document(document.pk)
    return document
energy = make_topic("Energy", "amber", by=by)
folders("Bills", by)
kept = [paper(f"power {n}.txt", f"electricity meter kilowatt tariff grid {n}", folders("Old", by)) for n in range(5)]
for n in range(5):
    paper(f"doctor {n}.txt", f"patient clinic treatment therapy diagnosis {n}", folders("Health", by))
tag_documents(kept, energy, by=by)
for n in range(3):
    paper(f"new power {n}.txt", f"the electricity meter and its tariff, kilowatt, {n}")
paper("invoice ACME.txt", "an invoice of ACME for chairs")
with Classifier() as classifier:
    learning.learn(user, classifier)
"""


def test_a_rule_is_made_looked_at_run_and_undone_and_suggestions_are_answered(visit: Visit, site: Site) -> None:
    visitor = visit(**DESKTOP)
    page = visitor.page
    page.goto("/filing/")
    expect(page.get_by_text("Nothing is suggested")).to_be_visible()
    visitor.look("filing-empty", WIDTHS)
    site.python(FILL % {"handle": visitor.handle})

    page.goto("/filing/")
    expect(page.locator(".filing-row")).to_have_count(3)
    visitor.look("filing", WIDTHS)
    page.keyboard.press("j")
    page.keyboard.press("a")
    toast_says(page, "Filed “new power")
    expect(page.locator(".filing-row")).to_have_count(2)
    expect(page.locator(".filing-name").first).to_be_focused()
    page.keyboard.press("1")
    toast_says(page, ": Energy.")
    expect(page.locator(".filing-row").first.locator(".filing-chip")).to_have_count(1)
    page.keyboard.press("1")
    expect(page.locator(".filing-row")).to_have_count(1)
    page.keyboard.press("d")
    expect(page.get_by_text("Nothing is suggested")).to_be_visible()
    page.locator(".toast", has_text="they do not come back").get_by_role("button", name="Undo").click()
    expect(page.locator(".filing-row")).to_have_count(1)
    page.get_by_label("Do not suggest Energy").click()
    expect(page.locator(".filing-chip")).to_have_count(1)
    page.get_by_label("Do not suggest Old").click()
    expect(page.get_by_text("Nothing is suggested")).to_be_visible()

    page.goto("/find/?q=invoice+acme")
    page.get_by_role("link", name="Make a rule of it").click()
    page.get_by_label("Name").fill("ACME")
    page.get_by_role("button", name="Save and look ahead").click()
    expect(page.get_by_text("a rule has to do something")).to_be_visible()
    page.get_by_label("Goes to the folder").select_option(label="Bills")
    page.get_by_label("Energy").check()
    visitor.look("rule-form", WIDTHS)
    page.get_by_role("button", name="Save and look ahead").click()
    expect(page.get_by_text("It is about 1 document.")).to_be_visible()
    visitor.look("rule", WIDTHS)
    page.get_by_role("button", name="File 1 document now").click()
    expect(page.locator(".filing-run .badge", has_text="Done")).to_be_visible()
    page.reload()
    expect(page.get_by_text("of which 1 is so already")).to_be_visible()
    page.get_by_role("link", name="invoice ACME.txt").click()
    expect(page.locator("[id^=why-]")).to_contain_text("by the rule ACME")
    expect(page.locator(".crumbs")).to_contain_text("Bills")
    page.get_by_role("main").get_by_role("link", name="ACME", exact=True).click()
    page.get_by_role("link", name="Undo").click()
    page.locator("#dialog").get_by_role("button", name="Take back 1 document").click()
    expect(page.locator(".filing-run .badge", has_text="Undone")).to_be_visible()
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Rules").click()
    expect(page.get_by_role("link", name="ACME", exact=True)).to_be_visible()
    visitor.look("rules", WIDTHS)


def test_on_a_phone_a_thumb_files_it_on_the_list_and_on_the_document(visit: Visit, site: Site) -> None:
    visitor = visit(**PHONE)
    page = visitor.page
    site.python(FILL % {"handle": visitor.handle})
    page.goto("/filing/")
    expect(page.locator(".filing-row")).to_have_count(3)
    visitor.check_access()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.get_by_label("File it as suggested: new power 2.txt").tap()
    toast_says(page, "Filed “new power 2.txt”: Energy, Old.")
    page.get_by_role("link", name="new power 1.txt", exact=True).tap()
    page.wait_for_url("**/documents/**")
    page.get_by_label("Put Energy on it").tap()
    expect(page.get_by_text("accepted suggestion")).to_be_visible()
    visitor.check_access()
