"""What the tests of accounts share: reading the trail, signing in by the form, the codes of an app."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from conftest import PASSWORD
from sharing.models import AuditEvent

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def trail(*actions: str) -> list[AuditEvent]:
    """The rows of these kinds, oldest first."""
    return list(AuditEvent.objects.filter(action__in=actions).order_by("id"))


def sign_in(client: Client, login: str, password: str = PASSWORD, **extra: Any) -> HttpResponse:
    """Through the form, as a person does."""
    answer: Any = client.post(reverse("account_login"), {"login": login, "password": password}, **extra)
    return answer  # type: ignore[no-any-return]


def is_signed_in(client: Client) -> bool:
    return bool(client.get(reverse("profile")).status_code == 200)


def code(steps: int = 0) -> str:
    """What the app shows now, or so many steps from now."""
    return str(format_hotp_value(hotp_value(SEED, int(time.time()) // 30 + steps)))


@pytest.fixture
def with_second_step() -> Callable[[User], User]:
    """Turn the second step on for a person, without the pages."""

    def turn_on(user: User) -> User:
        TOTP.activate(user, SEED)
        assert Authenticator.objects.filter(user=user).count() == 1
        return user

    return turn_on


@pytest.fixture
def stranger() -> Client:
    """Nobody, with an empty jar of cookies."""
    return Client()
