"""Lookups that say a list in the same words however long it is, for questions that are put into words once."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db.models import ForeignKey, Lookup, UUIDField


class OfIds(Lookup):
    """The right side is one parameter: all the ids."""

    prepare_rhs = False
    words: ClassVar[str]

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, left_parameters = self.process_lhs(compiler, connection)
        return self.words.format(left), [*left_parameters, self.rhs]


@ForeignKey.register_lookup
@UUIDField.register_lookup
class AnyOf(OfIds):
    """`pk__any_of=ids`: as `in`, but in the same words however many there are."""

    lookup_name = "any_of"
    words = "{} = ANY(%s::uuid[])"


@ArrayField.register_lookup
class SharesWith(OfIds):
    """`path__shares_with=ids`: as `overlap`, but in the same words however many there are."""

    lookup_name = "shares_with"
    words = "{} && %s::uuid[]"
