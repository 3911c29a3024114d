"""Static files under hashed names; third-party folders keep theirs."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Rewrites imports between our own ES modules, and does not fail on a name a package forgot."""

    manifest_strict = False
    support_js_module_import_aggregation = True
