"""Which languages are stemmed, and what a text search configuration of ours is called."""

from django.utils.translation import get_language_info

STEMMED = (
    "ar", "ca", "da", "de", "el", "en", "es", "eu", "fi", "fr", "ga", "hi", "hu", "hy", "id", "it", "lt", "ne", "nl",
    "no", "pt", "ro", "ru", "sr", "sv", "ta", "tr", "yi",
)  # fmt: skip
# Written Norwegian is one of two; both are stemmed alike.
SAME_AS = {"nb": "no", "nn": "no"}


def stemmed_as(language: str) -> str:
    """The language whose stemmer is used; "" where there is none."""
    code = SAME_AS.get(language, language)
    return code if code in STEMMED else ""


def marker(language: str) -> str:
    """The lexeme that says in an entry how it was stemmed. No text can hold it: "=" parts words."""
    return f"={language}"


def language_name(code: str) -> str:
    """In words of whoever looks; the code where there are none."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code
