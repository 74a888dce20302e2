"""What Prometheus asks for: jobs by status, how long they took, requests by path and status."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import func, select

from synclips.server.services import Services
from synclips.server.tables import Job
from synclips.version import __version__

STATUSES: Final = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "REJECTED")


class Measurements:
    """The registry of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "synclips_requests", "Requests by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "synclips_request_seconds", "Time until a request was answered.", ("route",), registry=self.registry
        )
        self.jobs = Gauge("synclips_jobs", "Jobs in the database by status.", ("status",), registry=self.registry)
        self.oldest = Gauge("synclips_oldest_pending_seconds", "Age of the oldest waiting job.", registry=self.registry)
        self.version = Gauge("synclips_info", "The version that runs.", ("version",), registry=self.registry)
        self.version.labels(__version__).set(1)

    def refresh(self, own: Services) -> CollectorRegistry:
        """Count the jobs anew."""
        counts = own.queue.counts()
        for status in STATUSES:
            self.jobs.labels(status).set(counts.get(status, 0))
        with own.database.reading() as session:
            first = session.execute(select(func.min(Job.created)).where(Job.status == "PENDING")).scalar()
        self.oldest.set(time.time() - first if first else 0)
        return self.registry
