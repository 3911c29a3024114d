"""Which language a text is in: guessed from the text itself, among those of the search and a few beside."""

import fcntl
import mmap
import os
from functools import cache
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

# ISO 639-1 of what is guessed among, so that a short German letter is not taken for Luxembourgish.
KNOWN = (
    "ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "ga", "he", "hi", "hr", "hu",
    "hy", "id", "is", "it", "ja", "ko", "lt", "lv", "nb", "ne", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv",
    "ta", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
# What the language data of OCR is called, for those that have a short name.
BY_DATA = {
    "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "dan": "da", "deu": "de", "ell": "el", "eng": "en",
    "spa": "es", "est": "et", "fas": "fa", "fin": "fi", "fra": "fr", "heb": "he", "hin": "hi", "hrv": "hr",
    "hun": "hu", "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "lit": "lt", "lav": "lv", "nor": "nb",
    "nld": "nl", "pol": "pl", "por": "pt", "ron": "ro", "rus": "ru", "slk": "sk", "slv": "sl", "srp": "sr",
    "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi", "chi_sim": "zh", "chi_tra": "zh",
}  # fmt: skip
SAMPLE = 2000
LEAST_LETTERS = 24


@cache
def _identifier() -> LanguageIdentifier:
    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = set(found.labels)
    found.set_languages([code for code in (*KNOWN, "no") if code in known])
    table = np.ascontiguousarray(found.nb_ptc)
    found.nb_ptc = np.frombuffer(_unforked(table), table.dtype).reshape(table.shape)
    found.tk_nextmove = _unforked(found.tk_nextmove).cast(found.tk_nextmove.typecode)
    found._rowbase = _unforked(np.asarray(found._rowbase, np.int64)).cast("q")
    found.tk_output = _unforked(np.asarray(found.tk_output, np.int64)).cast("q")
    # The tables of the languages left out, which it keeps for a change of mind: some thirty megabytes.
    found._full_model = (found.nb_ptc, found.nb_pc, found.nb_classes)
    return found


def _unforked(table: Any) -> memoryview:
    """A copy that a fork costs nothing: pages of a file in memory, which nobody can write any more.

    Fifty megabytes of a process's own would be looked through page by page for each document.
    """
    data = memoryview(table).cast("B")
    if not hasattr(os, "memfd_create"):
        return data
    handle = os.memfd_create("languages", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = data
        while left:
            left = left[os.write(handle, left) :]
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        return memoryview(mmap.mmap(handle, len(data), mmap.MAP_PRIVATE, mmap.PROT_READ))
    finally:
        os.close(handle)


def warm_up() -> None:
    """Load the model, which is unpacked into a file for the while: a child could not."""
    _identifier().classify("warm")


def guess(text: str, among: tuple[str, ...] = ()) -> str:
    """ISO 639-1 (among these, if any are given), or nothing where there is too little to tell by."""
    sample = text[:SAMPLE]
    letters = "".join(filter(str.isalpha, sample))
    if len(letters) < (6 if max(letters, default="") > "\u2e80" else LEAST_LETTERS):
        return ""
    ranked = [({"no": "nb", "nn": "nb"}.get(code, code), sureness) for code, sureness in _identifier().rank(sample)]
    if among:
        ranked = [(code, sureness) for code, sureness in ranked if code in among]
    if not ranked or (not among and ranked[0][1] <= 0.5):
        return ""
    return str(ranked[0][0])
