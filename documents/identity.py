"""Which vault this is: one id, in a row of the database and in an object of the bucket.

Where the two differ, a database has been joined with the bucket of another vault: its papers would
be missing, and a sweep would take the other's for strays.
"""

from documents.models import VaultIdentity, Version
from documents.storage import store


class WrongBucket(Exception):
    """The bucket belongs to another vault than the database."""

    def __init__(self, database: str, bucket: str) -> None:
        super().__init__(
            f"Database and bucket are not of one vault: the database is {database}, the bucket is {bucket}. "
            "Look at DATABASE_URL and S3_BUCKET."
        )


class StrangeBucket(WrongBucket):
    """The vault keeps documents, and this bucket has never been its own."""

    def __init__(self, count: int) -> None:
        Exception.__init__(
            self,
            f"This vault keeps {count} versions of documents, and the bucket is none of its own: is S3_BUCKET right? "
            "Where the old bucket is lost, `manage.py check_start --accept-bucket` takes this one.",
        )


def identity() -> VaultIdentity:
    """The row, made at the first look."""
    return VaultIdentity.objects.get_or_create(pk=1)[0]


def check_bucket() -> None:
    """Raises WrongBucket, StoreUnavailable. A bucket that belongs to nobody yet is well."""
    ours, found = str(identity().instance), store().read_identity()
    if found and found != ours:
        raise WrongBucket(ours, found)


def mark_bucket(*, is_accepted: bool = False) -> None:
    """Write our id into a bucket that has none. Raises WrongBucket, StoreUnavailable.

    A vault with documents takes another bucket only where somebody has said so.
    """
    check_bucket()
    if not store().read_identity():
        count = Version.objects.count()
        if count and not is_accepted:
            raise StrangeBucket(count)
        store().write_identity(str(identity().instance))
