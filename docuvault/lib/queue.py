"""The queue's way to the database: bears that it goes away for a while.

Django-Q's own broker keeps a dead connection for the cluster's heartbeat, and its pusher answers an
outage with ten seconds of sleep and a new process.
"""

import logging
import time
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections
from django_q.brokers.orm import ORM

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 0.5


class SteadyBroker(ORM):  # type: ignore[misc]
    """Django-Q's broker on our tables, with its connection looked after."""

    def dequeue(self) -> Any:
        try:
            return super().dequeue()
        except (OperationalError, InterfaceError) as error:
            logger.warning("the queue cannot reach the database: %s", str(error).partition("\n")[0])
            close_old_connections()
            time.sleep(PAUSE_SECONDS)
            return None

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        close_old_connections()
        super().set_stat(key, value, timeout)
