"""A document that loses its bytes, as its owner and an admin see it, and a round that the admin has run."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, Visitor, Watch, make_person

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]
LOSE = """
from documents.models import Document
from documents.storage import store
document = Document.objects.get(user__handle="loser")
store().delete(document.object_key)
print(document.pk)
"""
BRING_BACK = """
from documents.models import Document
from documents.storage import store
store().put(Document.objects.get(user__handle="loser").object_key, b"The deed of the house")
"""


def test_f14_lost_bytes_are_told_to_the_owner_and_to_the_admin_who_sees_them_come_back(
    browser: Browser, site: Site, watch: Watch, tmp_path: Path
) -> None:
    make_person(site, "loser")
    deed = tmp_path / "Deed of the house.txt"
    deed.write_text("The deed of the house")
    site.manage("add", str(deed), "--owner", "loser")
    document = site.python(LOSE).strip()
    ada = Visitor(browser, site, watch).sign_in("ada")
    loser = Visitor(browser, site, watch).sign_in("loser")

    loser.page.goto(f"/documents/{document}/download/")
    expect(loser.page.get_by_role("heading", name="The content is missing")).to_be_visible()
    look(loser)
    loser.page.get_by_role("link", name="Back to the document").click()
    expect(loser.page.get_by_role("alert")).to_contain_text("Ask your admin")
    look(loser)

    ada.page.goto("/admin/storage/")
    expect(ada.page.get_by_role("link", name=document)).to_be_visible()
    ada.page.get_by_text("The same as a table").click()
    look(ada)
    site.python(BRING_BACK)
    ada.page.get_by_role("button", name="Compare rows and objects").click()
    expect(ada.page.get_by_text("It is asked for and runs in the background")).to_be_visible()
    for _try in range(60):
        if not ada.page.get_by_role("link", name=document).count():
            break
        ada.page.wait_for_timeout(500)
        ada.page.reload()
    expect(ada.page.get_by_text("None. Every version has its bytes")).to_be_visible()

    loser.page.reload()
    expect(loser.page.get_by_text("Stored exactly as it came")).to_be_visible()
    expect(loser.page.get_by_text("Bytes last read and matched")).to_be_visible()
    ada.context.close()
    loser.context.close()


def look(visitor: Visitor) -> None:
    """At both sizes, for axe as well."""
    for width in (390, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.look()
