"""What can go wrong with the object store, in words of our own."""


class StoreError(Exception):
    """Something about the object store."""


class StoreUnavailable(StoreError):
    """The store does not answer, or not as it should. What was asked may be tried again."""


class StoreFull(StoreUnavailable):
    """The store has no room left. What was asked may be tried again once there is."""


class UploadForgotten(StoreUnavailable):
    """The store knows nothing of this multipart upload; some forget them when they restart."""


class ObjectMissing(StoreError):
    """There is no such object."""
