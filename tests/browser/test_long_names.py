"""Names as long as they may be, without a blank in them: every page stays as wide as its screen."""

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site, Visitor, Watch
from tests.browser.hands import DESKTOP, WIDTHS, Visit

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]
MADE = """
from accounts.actors import Actor
from accounts.models import User
from documents.actions.folders import ensure_folder_path
from documents.actions.topics import make_topic, tag_documents
from documents.actions.saved_views import save_view
from documents.models import Topic
from documents.tests.making import put
from sharing.access import Level
from sharing.actions import share
from sharing.actions.comments import write_comment
mine, other = (User.objects.get(handle=handle) for handle in ({handle!r}, "ada"))
User.objects.filter(pk=mine.pk).update(display_name="Bernhardine" * 10)
by = Actor.for_user(mine)
inner = ensure_folder_path(["Versicherungen" * 8 + str(n) for n in range(6)], None, by=by)
rows = [put(f"{{n}}{{'Bescheinigung' * 15}}.txt", inner, by, b"words " * 40 + b"x" * n + b"y" * 3000) for n in range(3)]
put("Top" * 60 + ".txt", None, by, b"words at the top")
for n in range(9):
    topic = make_topic(f"{{n}}{{'Haushaltsangelegenheiten' * 4}}", "blue", by=by)
    tag_documents(rows, topic, by=by)
write_comment(rows[0], "Kommentar" * 60, by=by)
share(rows[0], other, Level.EDIT, by=by)
share(inner, other, Level.VIEW, by=by, message="Nachricht" * 30)
save_view("Gespeichert" * 8, "words type:text name:bescheinigung", "", by=by)
print(rows[0].pk, inner.pk, topic.pk)
"""
PAGES = [
    "/files/", "/files/?view=tiles", "/files/{folder}/", "/files/{folder}/?view=tiles", "/folders/{folder}/rename/",
    "/documents/{document}/", "/documents/{document}/move/", "/documents/{document}/share/",
    "/documents/{document}/topics/", "/documents/{document}/reach/", "/recent/", "/starred/", "/topics/",
    "/topics/{topic}/", "/find/", "/find/?q=words", "/find/?q=type:text", "/filing/", "/shared/by-me/", "/activity/",
    "/trash/", "/space/",
]  # fmt: skip
OTHERS_PAGES = ["/shared/", "/documents/{document}/", "/files/{folder}/", "/find/?q=words", "/activity/"]


def test_names_of_any_length_fit_on_every_page(visit: Visit, browser: Browser, site: Site, watch: Watch) -> None:
    visitor = visit(**DESKTOP)
    document, folder, topic = site.python(MADE.format(handle=visitor.handle)).split()
    ada = Visitor(browser, site, watch, **DESKTOP).sign_in("ada")
    wider = []
    for who, addresses in ((visitor, PAGES), (ada, OTHERS_PAGES)):
        for address in addresses:
            answer = who.page.goto(address.format(document=document, folder=folder, topic=topic))
            assert answer is not None
            assert answer.status == 200, address
            who.page.wait_for_load_state("networkidle")
            for width in WIDTHS:
                who.page.set_viewport_size({"width": width, "height": 900})
                over = who.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if over > 0:
                    wider.append((who.handle, address, width, over))
    ada.context.close()
    assert not wider, wider
