"""Mails about shares: one to each, never two, never a delay; and the way in for whoever has no account yet."""

from smtplib import SMTPException

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from accounts.actions import accept_invitation
from accounts.actors import Actor
from accounts.models import Group, Invitation, Membership, User
from documents.models import Document, JobRun
from documents.tests.making import put
from sharing import access
from sharing.access import Level
from sharing.actions import share, withdraw_share
from sharing.mails import MailWaits
from sharing.models import AuditEvent, Share, ShareReception, SharingPolicy
from sharing.tasks import tell_of_share


@pytest.fixture
def paper(alice_actor: Actor) -> Document:
    return put("paper.txt", None, alice_actor)


def test_the_mail_is_a_job_and_goes_once(paper: Document, alice_actor: Actor, bob: User) -> None:
    made = share(paper, bob, Level.COMMENT, by=alice_actor, message="please read")
    assert JobRun.objects.get(task="sharing.tasks.tell_of_share").arguments == [str(made.pk)]
    assert not mail.outbox
    for _ in range(3):
        tell_of_share(str(made.pk))
    (letter,) = mail.outbox
    assert letter.to == [bob.email]
    assert "Alice shares the document “paper.txt” with you" in letter.body
    assert "please read" in letter.body
    assert f"/documents/{paper.pk}/" in letter.body
    share(paper, bob, Level.EDIT, by=alice_actor)
    assert JobRun.objects.filter(task="sharing.tasks.tell_of_share").count() == 1


def test_each_member_of_a_group_hears_but_not_the_sharer(
    paper: Document, alice: User, alice_actor: Actor, bob: User, gina: User
) -> None:
    family = Group.objects.get(name="Family")
    for person in (alice, bob):
        Membership.objects.create(group=family, user=person)
    tell_of_share(str(share(paper, family, Level.VIEW, by=alice_actor).pk))
    assert sorted(letter.to[0] for letter in mail.outbox) == [bob.email, gina.email]


def test_f43_a_mail_that_failed_is_tried_again_and_the_others_are_not(
    paper: Document, alice_actor: Actor, bob: User, gina: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Group.objects.get(name="Family")
    Membership.objects.create(group=family, user=bob)
    made = share(paper, family, Level.VIEW, by=alice_actor)
    real = EmailMessage.send

    def refuse(self: EmailMessage, fail_silently: bool = False) -> int:
        if self.to == [bob.email]:
            raise SMTPException("away")
        return real(self, fail_silently)

    with monkeypatch.context() as broken:
        broken.setattr(EmailMessage, "send", refuse)
        with pytest.raises(MailWaits):
            tell_of_share(str(made.pk))
    assert ShareReception.objects.get(user=bob).told_at is None
    tell_of_share(str(made.pk))
    assert [letter.to[0] for letter in mail.outbox] == [gina.email, bob.email]


def test_what_was_withdrawn_before_the_mail_is_told_to_nobody(paper: Document, alice_actor: Actor, bob: User) -> None:
    made = share(paper, bob, Level.VIEW, by=alice_actor)
    withdraw_share(made, by=alice_actor)
    tell_of_share(str(made.pk))
    assert not mail.outbox


def test_an_unknown_address_is_invited_only_by_those_who_may(paper: Document, alice: User, alice_actor: Actor) -> None:
    asked = share(paper, "new@else.test", Level.EDIT, by=alice_actor, is_inviting=True)
    tell_of_share(str(asked.pk))
    assert not mail.outbox
    withdraw_share(asked, by=alice_actor)
    SharingPolicy.objects.create(members_invite=True)
    asked = share(paper, "New@Else.test", Level.EDIT, by=alice_actor, is_inviting=True)
    for _ in range(2):
        tell_of_share(str(asked.pk))
    (letter,) = mail.outbox
    token = letter.body.split("/join/")[1].split("/")[0]
    come = accept_invitation(token, "newcomer", "a long pass phrase 42", by=Actor.anonymous())
    assert access.level_on_document(Actor.for_user(come), paper) == Level.EDIT
    assert AuditEvent.objects.filter(action="share_arrived").count() == 1


def test_who_may_no_longer_invite_when_the_job_runs_invites_nobody(paper: Document, alice_actor: Actor) -> None:
    SharingPolicy.objects.create(members_invite=True)
    asked = share(paper, "new@else.test", Level.VIEW, by=alice_actor, is_inviting=True)
    SharingPolicy.objects.update(members_invite=False)
    tell_of_share(str(asked.pk))
    assert not mail.outbox
    assert not Invitation.objects.exists()


def test_a67_a_handle_that_somebody_takes_later_opens_nothing(
    paper: Document, alice_actor: Actor, admin_actor: Actor
) -> None:
    from accounts.actions import invite

    share(paper, "eve", Level.MANAGE, by=alice_actor)
    _invitation, link = invite("eve@else.test", by=admin_actor)
    eve = accept_invitation(link.split("/join/")[1].strip("/"), "eve", "a long pass phrase 42", by=Actor.anonymous())
    assert access.level_on_document(Actor.for_user(eve), paper) is None
    assert Share.objects.get().recipient is None
