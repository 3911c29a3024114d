"""What a letter says: every text that is there to read, once, in order; and never more work than letters need."""

from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP

import pytest

from docuvault.lib.letters import body_of, bytes_of, enclosures, header_text, letter_from

MOST = 10_000


def said(data: bytes) -> tuple[str, bool]:
    return body_of(letter_from(data), lambda html: html.replace("<p>", "").replace("</p>", ""), most_bytes=MOST)


def several(subtype: str, *parts: MIMEText | MIMEMultipart) -> MIMEMultipart:
    letter = MIMEMultipart(subtype)
    for part in parts:
        letter.attach(part)
    return letter


def text(words: str, subtype: str = "plain") -> MIMEText:
    return MIMEText(words, subtype, "utf-8")


def test_of_what_says_the_same_twice_the_plain_text_is_read() -> None:
    letter = several("alternative", text("plain"), text("<p>html</p>", "html"))
    assert said(letter.as_bytes()) == ("plain", False)


def test_an_empty_plain_text_does_not_hide_the_html() -> None:
    letter = several("alternative", text(" \n"), text("<p>html</p>", "html"))
    assert said(letter.as_bytes()) == ("html", True)


def test_the_footer_of_a_mailing_list_does_not_hide_the_letter() -> None:
    letter = several("mixed", text("<p>The letter</p>", "html"), text("To leave the list …"))
    assert said(letter.as_bytes()) == ("The letter\n\nTo leave the list …", True)


def test_texts_around_a_picture_are_all_read() -> None:
    picture = EmailMessage(policy=SMTP)
    picture.set_content(b"x", "image", "png", disposition="inline", filename="a.png")
    letter = MIMEMultipart("mixed")
    for part in (text("before"), picture, text("after")):
        letter.attach(part)
    assert said(letter.as_bytes()) == ("before\n\nafter", False)
    assert [name for _number, name, _part in enclosures(letter_from(letter.as_bytes()))] == ["a.png"]


def test_html_with_its_pictures_is_one_way_of_saying_it() -> None:
    related = several("related", text("<p>html</p>", "html"))
    assert said(several("alternative", text("plain"), related).as_bytes()) == ("plain", False)
    assert said(several("alternative", text(""), related).as_bytes()) == ("html", True)


def test_a_text_that_is_attached_is_a_file() -> None:
    attached = text("in the file")
    attached.add_header("Content-Disposition", "attachment", filename="Größe.txt")
    letter = letter_from(several("mixed", text("in the letter"), attached).as_bytes())
    assert body_of(letter, str, most_bytes=MOST) == ("in the letter", False)
    [(number, name, part)] = enclosures(letter)
    assert (number, name, bytes_of(part).decode()) == (1, "Größe.txt", "in the file")


def test_letters_within_letters_and_parts_without_end_are_bounded() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(90))
    assert said(deep + b"\nwords") == ("", False)
    wide = several("mixed", *[text(str(n)) for n in range(1000)])
    assert len(said(wide.as_bytes())[0].split()) == 200
    assert said(text("word " * MOST).as_bytes())[0].count("word") <= MOST // 5


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"=?utf-8?q?Gr=C3=B6=C3=9Fe?= der =?iso-8859-1?b?RuTobmU=?=", "Größe der Fäène"),
        (b"=?utf-8?b?R3LDtg==?=\n =?utf-8?b?w59l?=", "Größe"),
        ("Größe".encode("cp1252"), "Größe"),
        (b"=?unknown?q?a_b?=", "a b"),
        (b"plain\n  and  folded", "plain and folded"),
    ],
    ids=["encoded", "adjacent", "raw", "unknown", "folded"],
)
def test_a_head_is_read_in_whatever_it_is_written(raw: bytes, words: str) -> None:
    assert header_text(letter_from(b"Subject: " + raw + b"\n\n"), "subject") == words


def test_a_head_that_is_broken_shows_what_is_whole() -> None:
    assert header_text(letter_from(b"Subject: =?utf-8?b?%%%?= rest\n\n"), "Subject").endswith("rest")
