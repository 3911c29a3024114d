"""Who asks: a signed-in person, the holder of a link, a job, the command line or the system."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.models import User


class ActorKind(StrEnum):
    ANONYMOUS = "anonymous"
    USER = "user"
    LINK = "link"
    TOKEN = "token"  # noqa: S105 (a kind, not a secret)
    SYSTEM = "system"
    JOB = "job"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who acts, and from where. `user` decides what he may; `kind` says how he came."""

    kind: ActorKind
    user: User | None = None
    on_behalf_of: User | None = None
    request_id: str = ""
    address: str | None = None
    session_hash: str = ""
    # The link (or request for files) whose holder this is, and what its maker calls it. No person's rights are his.
    link_id: UUID | None = None
    link_name: str = ""

    @classmethod
    def anonymous(cls, *, request_id: str = "", address: str | None = None) -> Actor:
        return cls(ActorKind.ANONYMOUS, request_id=request_id, address=address)

    @classmethod
    def for_user(cls, user: User, *, request_id: str = "", address: str | None = None, session_hash: str = "") -> Actor:
        return cls(ActorKind.USER, user=user, request_id=request_id, address=address, session_hash=session_hash)

    @classmethod
    def for_link(
        cls, link_id: UUID, name: str, maker: User, *, request_id: str = "", address: str | None = None, visit: str = ""
    ) -> Actor:
        """Whoever holds a link, on its maker's behalf. `visit` tells one holder from another."""
        return cls(
            ActorKind.LINK,
            on_behalf_of=maker,
            request_id=request_id,
            address=address,
            session_hash=visit,
            link_id=link_id,
            link_name=name,
        )

    @classmethod
    def job(cls, user: User | None = None) -> Actor:
        """A background job, acting with the rights of the person who asked for it."""
        return cls(ActorKind.JOB, user=user)

    @classmethod
    def command(cls, user: User | None = None) -> Actor:
        """Somebody at the server's command line, acting for a person."""
        return cls(ActorKind.COMMAND, user=user)

    @classmethod
    def system(cls) -> Actor:
        return cls(ActorKind.SYSTEM)

    @property
    def active_user(self) -> User | None:
        """The person whose rights count; nobody once the account is disabled."""
        return self.user if self.user is not None and self.user.is_active else None

    @property
    def is_admin(self) -> bool:
        return self.user is not None and self.user.is_admin

    @property
    def name(self) -> str:
        return self.user.handle if self.user is not None else self.link_name

    @property
    def pk(self) -> UUID | None:
        """What the trail knows him by."""
        return self.user.pk if self.user is not None else self.link_id
