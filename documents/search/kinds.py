"""The words for kinds of file (`type:pdf`), and the content types each stands for."""

# Content types; one that ends in "/" stands for all that begin so and are in no other kind.
KINDS: dict[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",),
    "word": (
        "application/rtf",
        "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text",
        "application/epub+zip",
    ),
    "sheet": (
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.spreadsheet",
        "text/csv",
        "text/tab-separated-values",
    ),
    "slides": (
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
    ),
    "mail": ("message/rfc822", "application/vnd.ms-outlook"),
    "image": ("image/",),
    "archive": ("application/zip", "application/gzip", "application/x-tar", "application/x-7z-compressed"),
    "code": ("application/json", "text/html", "multipart/related", "text/xml"),
    "text": ("text/",),
    "file": (),
}
SAME_KIND = {
    "doc": "word", "docx": "word", "odt": "word", "rtf": "word", "epub": "word", "book": "word",
    "xls": "sheet", "xlsx": "sheet", "ods": "sheet", "csv": "sheet", "tsv": "sheet", "table": "sheet",
    "ppt": "slides", "pptx": "slides", "odp": "slides", "odg": "slides",
    "eml": "mail", "msg": "mail", "email": "mail",
    "jpg": "image", "jpeg": "image", "png": "image", "tiff": "image", "tif": "image", "heic": "image",
    "webp": "image", "gif": "image", "svg": "image", "photo": "image", "picture": "image",
    "zip": "archive", "tar": "archive", "gz": "archive", "7z": "archive",
    "json": "code", "html": "code", "xml": "code",
    "txt": "text", "md": "text", "other": "file",
}  # fmt: skip
EXACT = {content_type: kind for kind, types in KINDS.items() for content_type in types if content_type[-1] != "/"}


def kind_word(content_type: str) -> str:
    """The kind that a content type belongs to."""
    if content_type in EXACT:
        return EXACT[content_type]
    if content_type.startswith("image/"):
        return "image"
    return "text" if content_type.startswith("text/") else "file"
