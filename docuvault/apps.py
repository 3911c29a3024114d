"""Names the project's own app: pages that belong to no room, and the stack's tests."""

from importlib import import_module

from django.apps import AppConfig


class DocuVaultConfig(AppConfig):
    name = "docuvault"
    verbose_name = "DocuVault"

    def ready(self) -> None:
        import_module("docuvault.lib.lookups")
