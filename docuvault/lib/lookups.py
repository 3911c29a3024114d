"""Lookups that say a list in the same words however long it is, for questions that are put into words once."""

from django.contrib.postgres.fields import ArrayField
from django.db.models import ForeignKey, Lookup, UUIDField


@ForeignKey.register_lookup
@UUIDField.register_lookup
class AnyOf(Lookup):
    """`pk__any_of=ids`: as `in`, but in the same words however many there are."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, left_parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s::uuid[])", [*left_parameters, self.rhs]


@ArrayField.register_lookup
class SharesWith(Lookup):
    """`path__shares_with=ids`: as `overlap`, but in the same words however many there are."""

    lookup_name = "shares_with"
    prepare_rhs = False

    def as_sql(self, compiler, connection):  # type: ignore[no-untyped-def]
        left, left_parameters = self.process_lhs(compiler, connection)
        return f"{left} && %s::uuid[]", [*left_parameters, self.rhs]
