"""Settings of vaults that tests start as processes of their own: as everywhere, but passwords are hashed in no time."""

from docuvault.settings import *  # noqa: F403
from tests.ground import QUICK_HASHERS

PASSWORD_HASHERS = QUICK_HASHERS
