"""Addresses of the sharing room."""

from django.urls import URLPattern, URLResolver, path

from sharing.views import activity

urlpatterns: list[URLPattern | URLResolver] = [path("activity/", activity.my_activity, name="my_activity")]
