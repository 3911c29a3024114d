"""The roof: every address of the vault, room by room."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from docuvault import views

urlpatterns = [
    path("health", views.health, name="health"),
    path("icons.svg", views.icons, name="icons"),
    path("jsi18n/", login_not_required(JavaScriptCatalog.as_view(packages=["docuvault"])), name="jsi18n"),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("documents.urls")),
    path("", include("sharing.urls")),
]

handler500 = "docuvault.views.server_error"
