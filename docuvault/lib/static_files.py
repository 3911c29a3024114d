"""Static files under hashed names; of third-party packages a closed list of files, passed on as they are."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_SCRIPTS = "js/"
PDFJS = "vendor/pdfjs/"
# What the PDF viewer loads by a name that it puts together itself: these keep their own names.
PDFJS_DATA = PDFJS + "data/"
# Where they are served, the folder in node_modules, and which of its files (none named: all).
# Source maps, types and other people's viewers stay out.
PACKAGES: tuple[tuple[str, str, frozenset[str]], ...] = (
    (PDFJS, "pdfjs-dist/build", frozenset({"pdf.min.mjs", "pdf.worker.min.mjs"})),
    (PDFJS_DATA + "wasm/", "pdfjs-dist/wasm", frozenset({"openjpeg_nowasm_fallback.js"})),
    (PDFJS_DATA + "cmaps/", "pdfjs-dist/cmaps", frozenset()),
    (PDFJS_DATA + "standard_fonts/", "pdfjs-dist/standard_fonts", frozenset()),
    (PDFJS_DATA + "iccs/", "pdfjs-dist/iccs", frozenset()),
)


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrites imports between our own ES modules, and does not fail on a name a package forgot."""

    manifest_strict = False
    support_js_module_import_aggregation = True

    def url_converter(self, name: str, *args: Any, **kwargs: Any) -> Callable[[re.Match[str]], str]:
        if name.endswith((".js", ".mjs")) and not name.startswith(OUR_SCRIPTS):
            # Words like "import x from 'y'" in a package's comments are no imports.
            return lambda match: match.group()
        converter: Callable[[re.Match[str]], str] = super().url_converter(name, *args, **kwargs)
        return converter

    def post_process(self, paths: dict[str, Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        hashed = {name: place for name, place in paths.items() if not name.startswith(PDFJS_DATA)}
        yield from super().post_process(hashed, *args, **kwargs)


class PackageFiles(BaseFinder):
    """Finds the files of front-end packages that pages load, and no others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.root = Path(settings.NODE_MODULES)

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = [
            str(self.root / folder / name)
            for prefix, folder, names in PACKAGES
            if (name := path.removeprefix(prefix)) != path and name in (names or self._all(folder))
        ]
        return found if find_all or kwargs.get("all") else found[0] if found else []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        for prefix, folder, names in PACKAGES:
            storage = FileSystemStorage(location=self.root / folder)
            storage.prefix = prefix  # type: ignore[attr-defined]
            there = self._all(folder)
            yield from ((name, storage) for name in sorted(there & names if names else there))

    def _all(self, folder: str) -> set[str]:
        place = self.root / folder
        return {path.name for path in place.iterdir() if path.is_file()} if place.is_dir() else set()
