"""Uploaded bytes never run in our origin, whichever address they leave by (A01-A05, A10-A12)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from documents.management.papers import pdf, png
from documents.models import Document
from documents.tests.making import put
from documents.uploads import store_stream
from docuvault.lib.worker_policy import WORKER_POLICY

ClientFor = Callable[[User], Client]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'><script>document.title=1</script></svg>"
HTML = b"<!doctype html><script>document.title='DOCVAULT-XSS'</script>"
ACTIVE = {
    "drawing.svg": SVG,
    "page.html": HTML,
    "page.xhtml": b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script>1</script></html>",
    "sheet.xml": b"<?xml version='1.0'?><?xml-stylesheet href='x.xsl' type='text/xsl'?><a/>",
    "refresh.html": b"<meta http-equiv=refresh content='0;url=https://collector.invalid/'>",
    "drawing.png": SVG,
    "page.png": HTML,
    "page.txt": HTML,
    "utf7.txt": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "gif.gif": b"GIF89a/*" + b"\0" * 8 + b"*/=1;document.title='DOCVAULT-XSS'",
    "late.pdf": HTML + b"\n%PDF-1.4\n",
}


def everywhere(document: Document) -> list[str]:
    """Every address that gives the bytes of a document."""
    version = document.versions.get()
    return [
        reverse("document_content", args=[document.pk]),
        reverse("download_document", args=[document.pk]),
        reverse("version_content", args=[document.pk, version.pk]),
        reverse("download_version", args=[document.pk, version.pk]),
    ]


def assert_guarded(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, address
    kind = answer["Content-Type"]
    assert answer["Content-Disposition"].startswith("attachment"), address
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert not re.search(r"html|svg|/xml|script", kind), (address, kind)
    assert not kind.startswith("text/") or kind == "text/plain; charset=utf-8", (address, kind)
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("name", ACTIVE)
def test_a01_a02_a03_active_files_leave_as_sandboxed_attachments(
    name: str, alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put(name, None, alice_actor, ACTIVE[name])
    client = client_for(alice)
    for address in everywhere(document):
        assert_guarded(client, address)


def test_a01_a02_a03_the_same_of_every_hostile_file_of_the_corpus(
    alice: User, alice_actor: Actor, client_for: ClientFor, corpus: Path
) -> None:
    client = client_for(alice)
    for path in sorted([*(corpus / "hostile/active").iterdir(), *(corpus / "hostile/lies").iterdir()]):
        document = put(path.name, None, alice_actor, path.read_bytes())
        assert_guarded(client, reverse("document_content", args=[document.pk]))
        shown = client.get(reverse("document", args=[document.pk]))
        assert shown.status_code == 200, path
        inner = shown.content.decode().partition('id="viewer"')[2].partition("document-side")[0]
        assert not re.search(r"<(script|iframe|object|embed|meta|svg onload|details)\b", inner), path
        assert not re.search(r"<[^>]+\son\w+=", inner), path
        assert not re.search(r"""(href|src)=["']?\s*(javascript|data|vbscript|file|//)""", inner, re.I), path


def test_a04_nothing_in_an_address_makes_bytes_inline(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("page.html", None, alice_actor, HTML)
    client = client_for(alice)
    asked = ["inline=1", "disposition=inline", "response-content-type=text/html", "as=html"]
    for query in [*asked, "response-content-disposition=inline"]:
        for address in everywhere(document):
            assert_guarded(client, f"{address}?{query}")


def test_a05_the_claimed_type_of_a_real_picture_is_not_believed(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    data = png(8, 8, 1)
    document = store_stream(
        "a.png", iter([data]), None, size_bound=len(data), by=alice_actor, declared_type="text/html"
    )
    answer = client_for(alice).get(reverse("document_content", args=[document.pk]))
    assert answer["Content-Type"] == "image/png"


def test_a10_the_viewer_takes_an_id_and_no_address(alice: User, alice_actor: Actor, client_for: ClientFor) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Letter", ["Dear"]))
    client = client_for(alice)
    for value in ("https://evil.example/x.pdf", "//evil.example/x.pdf", "data:application/pdf,evil", "blob:evil"):
        asked = dict.fromkeys(("file", "url", "src", "content", "data-content", "pdf"), value)
        shown = client.get(reverse("document", args=[document.pk]), asked).content.decode()
        viewer = shown.partition('id="viewer"')[2].partition(">")[0]
        assert f'data-content="/documents/{document.pk}/content/"' in viewer
        assert "evil" not in viewer
        assert not re.search(r'(?:href|src|action|data-[\w-]+)="[^"?]*evil', shown)


def test_a11_words_in_mails_tables_and_names_are_escaped(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    canary = "<img src=x onerror=alert(1)>"
    files = {
        f"{canary}.eml": f"Subject: {canary}\nFrom: {canary}\n\n{canary}\n".encode(),
        f"{canary}.csv": f'{canary},"{canary}"\n{canary},2\n'.encode(),
        f"{canary}.json": f'{{"{canary}": "{canary}"}}'.encode(),
        f"{canary}.md": f"{canary}\n\n`{canary}`".encode(),
        f"{canary}.txt": canary.encode(),
        f"{canary}.bin": bytes(range(256)),
    }
    client = client_for(alice)
    for name, data in files.items():
        document = put(name.replace("/", ""), None, alice_actor, data)
        for query in ("", "?q=img", "?q=" + canary.replace(" ", "%20"), "?as=text"):
            shown = client.get(reverse("document", args=[document.pk]) + query).content.decode()
            assert "<img src=x" not in shown, (name, query)


def test_a12_refusals_of_the_viewers_bytes_are_json_and_say_nothing_back(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Letter", ["Dear"]))
    document.versions.update(flaw="missing")
    answer = client_for(alice).get(reverse("document_content", args=[document.pk]) + "?x=<script>")
    assert (answer.status_code, answer["Content-Type"]) == (410, "application/json")
    assert b"<script>" not in answer.content


# --- The page's own policy, and the PDF reader that is shipped -----------------------------------------------


def test_the_page_of_a_document_allows_no_inline_and_no_made_code(
    alice: User, alice_actor: Actor, client_for: ClientFor
) -> None:
    document = put("a.pdf", None, alice_actor, pdf("Letter", ["Dear"]))
    answer = client_for(alice).get(reverse("document", args=[document.pk]))
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert {"script-src 'self'", "style-src 'self'", "connect-src 'self'", "object-src 'none'"} <= {
        piece.strip() for piece in policy.split(";")
    }
    shown = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", shown)


def test_a09_the_reader_is_shipped_whole_and_newer_than_its_known_holes() -> None:
    folder = settings.NODE_MODULES / "pdfjs-dist" / "build"
    for name in ("pdf.min.mjs", "pdf.worker.min.mjs"):
        text = (folder / name).read_text()
        found = re.search(r"pdfjsVersion = (\d+)\.(\d+)\.(\d+)", text)
        assert found is not None, name
        assert tuple(map(int, found.groups())) >= (4, 2, 67), name


def test_a09_the_reader_is_told_to_make_no_code_and_to_run_none() -> None:
    script = (settings.BASE_DIR / "static/js/viewer/pdf.js").read_text()
    options = script.partition("getDocument({")[2].partition("});")[0]
    assert {"isEvalSupported: false", "enableXfa: false", "useWasm: false"} <= {
        line.strip().rstrip(",") for line in options.splitlines()
    }
    scripts = "".join(path.read_text() for path in (settings.BASE_DIR / "static/js/viewer").glob("*.js"))
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "AnnotationLayer"):
        assert word not in scripts, word


def test_a09_the_worker_that_reads_foreign_bytes_has_a_policy_of_its_own() -> None:
    from docuvault.lib.worker_policy import add_headers

    headers: dict[str, str] = {}
    add_headers(headers, "/x", "/static/vendor/pdfjs/pdf.worker.min.0123456789ab.mjs")  # type: ignore[arg-type]
    assert headers == {"Content-Security-Policy": WORKER_POLICY}
    assert "unsafe" not in WORKER_POLICY
    assert "'none'" in WORKER_POLICY
    add_headers(headers := {}, "/x", "/static/css/base.css")  # type: ignore[arg-type]
    assert headers == {}


def test_of_the_package_only_what_the_viewer_loads_is_served() -> None:
    from docuvault.lib.static_files import PackageFiles

    finder = PackageFiles()
    assert finder.find("vendor/pdfjs/pdf.min.mjs")
    assert finder.find("vendor/pdfjs/data/cmaps/78-H.bcmap")
    others = ("pdf.sandbox.min.mjs", "pdf.mjs.map", "../package.json", "data/cmaps/../../package.json")
    for name in (*others, "data/wasm/jbig2.wasm", ""):
        assert not finder.find(f"vendor/pdfjs/{name}"), name
    names = {f"{storage.prefix}{name}" for name, storage in finder.list([])}  # type: ignore[attr-defined]
    assert "vendor/pdfjs/pdf.worker.min.mjs" in names
    assert not {name for name in names if name.endswith((".map", ".wasm", ".html"))}
