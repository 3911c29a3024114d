"""Markdown and e-mail in the page: words, and nothing that acts, loads or leads astray."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from documents.viewing.letters import enclosure_of, letter_of
from documents.viewing.markdown import markdown_html

HOSTILE = """
# Title <script>document.title='DOCVAULT-XSS'</script>
[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html;base64,PHNjcmlwdD4=) [d](vbscript:x)
[up](/trash/empty/) [rel](../../account/logout/) [proto](//collector.invalid/x) <https://fine.example/a>
[fine](https://fine.example/path "a title") [mail](mailto:a@b.example) ![pic](https://collector.invalid/p.png)
<img src=x onerror="document.title='DOCVAULT-XSS'"> <a href="javascript:alert(1)">raw</a>
<details open ontoggle=alert(1)> &lt;script&gt;

| a | b |
|---|---|
| <b>x</b> | `<i>` |

    <script>indented</script>
"""


def test_a06_markdown_has_no_raw_html_and_only_plain_links() -> None:
    made = markdown_html(HOSTILE, [])
    for piece in ("<script", "<img", "<details", 'href="/', 'href="..', 'href="data'):
        assert piece not in made.lower(), piece
    links = [tag.partition(">")[0] for tag in made.split("<a")[1:]]
    targets = sorted(part for link in links for part in link.split('"') if ":" in part)
    assert targets == ["https://fine.example/a", "https://fine.example/path", "mailto:a@b.example"]
    with_target = [link for link in links if "href" in link]
    assert all('rel="noopener noreferrer nofollow"' in link and 'target="_blank"' in link for link in with_target)


def test_a06_a_link_whose_words_hide_where_it_leads_says_so() -> None:
    assert '<span class="leads-to">evil.example</span>' in markdown_html("[bank.example](https://evil.example/x)", [])
    assert "leads-to" not in markdown_html("<https://fine.example/a>", [])


def test_a06_the_markdown_of_the_corpus_does_nothing(corpus: Path) -> None:
    made = markdown_html((corpus / "hostile/active/markdown.md").read_text(), [])
    assert "<img" not in made
    assert "<details" not in made
    assert "href" not in made


def test_a_picture_in_markdown_is_named_and_not_loaded() -> None:
    made = markdown_html("![the plan](https://collector.invalid/p.png)", [])
    assert "the plan" in made
    assert "<img" not in made
    assert "collector.invalid" not in made


def test_words_looked_for_are_marked_in_markdown() -> None:
    assert "<mark>Fox</mark>" in markdown_html("The *quick* Fox", ["fox"])


def test_markdown_made_to_be_slow_is_bounded_by_its_length() -> None:
    from documents.viewing.ways import MARKDOWN_LIMIT

    for text in ("[" * 20_000, "*a _" * 10_000, "> " * 20_000, "`" * 20_000):
        assert markdown_html(text[:MARKDOWN_LIMIT], [])


def test_a07_a_mail_in_html_is_its_words(corpus: Path) -> None:
    letter = letter_of((corpus / "hostile/active/mail-html-script.eml").read_bytes())
    assert letter.is_from_html
    for piece in ("<", "document.title", "onerror"):
        assert piece not in letter.body, letter.body


@pytest.mark.parametrize(
    ("name", "header", "words"),
    [
        ("encoded-subject.eml", "subject", ""),
        ("korean-ks_c_5601.eml", "subject", ""),
        ("utf8-headers.eml", "subject", ""),
        ("invalid-date.eml", "Date", ""),
    ],
)
def test_mails_of_the_corpus_are_read(corpus: Path, name: str, header: str, words: str) -> None:
    letter = letter_of((corpus / "mail" / name).read_bytes())
    said = letter.subject if header == "subject" else dict(letter.headers)[header]
    assert said
    assert "=?" not in said
    assert "\ufffd" not in said


def test_attachments_are_listed_and_come_out_whole() -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Ihre Rechnung für März", "Jörg <j@example.org>"
    mail.set_content("Guten Tag")
    mail.add_attachment(b"%PDF-1.4 x", maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    data = bytes(mail)
    letter = letter_of(data)
    assert (letter.subject, dict(letter.headers)["From"]) == ("Ihre Rechnung für März", "Jörg <j@example.org>")
    assert [(one.name, one.type) for one in letter.enclosures] == [("Rechnung März.pdf", "application/pdf")]
    assert enclosure_of(data, letter.enclosures[0].number) == ("Rechnung März.pdf", b"%PDF-1.4 x")
    assert enclosure_of(data, 0) is None
    assert enclosure_of(data, 99) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe" * 100,
        b"Subject: =?no-such?B?!!!!?=\n\nx",
        b"Subject: =?utf-8?B?4pyT" + b"A" * 5000 + b"?=\n\nx",
        b"Content-Type: text/plain; charset=no-such\n\n\xe4",
        b"Content-Type: text/plain; charset=zip\n\nx",
        b"Content-Type: multipart/mixed\n\nx",
        b"Content-Disposition: attachment; filename*=no'x'%ff%fe\n\nx",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1500)),
    ],
)
def test_a_broken_mail_is_shown_as_far_as_it_goes(data: bytes) -> None:
    letter_of(data)
