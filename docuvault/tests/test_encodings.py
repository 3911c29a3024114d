"""Texts as they are found on old disks: each in its language's encodings, short and long, is read letter by letter."""

from pathlib import Path

import pytest

from docuvault.lib.encodings import codec_of, encoding_of

# For each language a table, whose lines end with a bar here, and a sentence or two.
WRITTEN = {
    language: (table.replace("|", "\n"), letter)
    for language, table, letter in (
        line.split("\t")
        for line in Path(__file__).with_name("written.tsv").read_text(encoding="utf-8").splitlines()[1:]
    )
}
ENCODINGS = {
    "cp1252": "fr de es pt it nl sv da", "iso8859-15": "fr de es", "cp850": "fr de es pt sv da", "cp437": "de",
    "mac_roman": "fr de it pt", "cp1250": "pl cs hr ro hu", "iso8859-2": "pl cs", "cp852": "pl cs", "cp1254": "tr",
    "cp1251": "ru uk", "koi8-r": "ru", "koi8-u": "uk", "cp866": "ru", "iso8859-5": "ru", "cp1253": "el",
    "iso8859-7": "el", "cp1255": "he", "cp1256": "ar", "iso8859-6": "ar", "tis-620": "th", "cp1257": "lt",
    "gb18030": "zh", "big5": "zh-tw", "shift_jis": "ja", "euc_jp": "ja", "iso2022_jp": "ja", "euc_kr": "ko",
    "utf-8": "fr ru zh", "utf-8-sig": "de", "utf-16": "fr ja", "utf-32": "el", "utf-16-le": "de", "utf-16-be": "fr",
    "cp500": "en", "cp037": "en",
}  # fmt: skip
CASES = [(encoding, language) for encoding, languages in ENCODINGS.items() for language in languages.split()]


def read(data: bytes) -> str:
    encoding, mark = encoding_of(data)
    return data[mark:].decode(encoding, "replace")


@pytest.mark.parametrize(("encoding", "language"), CASES, ids=["-".join(case) for case in CASES])
def test_a_text_is_read_as_it_was_written(encoding: str, language: str) -> None:
    for text in WRITTEN[language]:
        # What the old encoding lacks cannot have been written in it.
        data = text.encode(encoding, "ignore")
        assert read(data).replace("\x85", "\n") == data.decode(encoding).removeprefix("\ufeff")


def test_a_text_cut_within_a_letter_or_with_a_few_bad_bytes_is_still_utf_8() -> None:
    assert read("fünf Äpfel €".encode()[:-1]) == "fünf Äpfel \ufffd"
    assert read("Grüße ".encode() * 1000 + b"\xff\xfe" + "Äpfel".encode()).endswith("\ufffd\ufffdÄpfel")


def test_short_and_odd_bytes_are_something() -> None:
    for data in (b"", b"\x00", b"\xff", b"\x80\x81", b"\xe9", bytes(range(256)), b"\x1b$", b"\x1b$B0l\x1b(B"):
        assert isinstance(read(data), str)
    assert read(b"caf\xe9") == "café"


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("ISO-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("GB2312", "gb18030"),
        ("KS_C_5601-1987", "cp949"),
        ("utf8", "utf-8"),
    ],
)
def test_what_is_said_of_an_encoding_is_taken_as_it_is_meant(label: str, codec: str) -> None:
    assert codec_of(label) == codec


@pytest.mark.parametrize("label", ["no-such", "base64", "zip", "rot13", "hex", ""])
def test_what_is_no_encoding_of_text_is_none(label: str) -> None:
    with pytest.raises(LookupError):
        codec_of(label)
