"""Names the project's own app: pages that belong to no room, and the stack's tests."""

from django.apps import AppConfig


class DocuVaultConfig(AppConfig):
    name = "docuvault"
    verbose_name = "DocuVault"
