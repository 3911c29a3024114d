"""Static files under hashed names; third-party scripts are passed on as they are."""

import re
from collections.abc import Callable
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_SCRIPTS = "js/"


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
