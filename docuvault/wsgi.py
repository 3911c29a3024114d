"""The WSGI application that granian serves."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from docuvault.lib.slow_senders import ending_slow_senders

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docuvault.settings")

application = ending_slow_senders(get_wsgi_application(), settings.SLOW_SENDER_SECONDS)

import_module(settings.ROOT_URLCONF)  # and with it every page

# What is loaded by now stays: looking through it again and again would take a tenth of each small request.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
