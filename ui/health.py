"""Whether the server can advise: GET /readyz, and GET /metrics beside it."""

from __future__ import annotations

import logging
import threading

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from bot.consultant import Consultant
from bot.errors import ConsultantError
from knowledge.errors import KnowledgeError
from ui.metrics import Metrics

log = logging.getLogger(__name__)
LOADING = "The index and the model are being loaded. Ask again in a few seconds."
FAULT = "The index cannot be used. Find out why, on the server, with: consultant doctor"


class Readiness:
    """Loads what the first question would wait for, and tells whether that is done."""

    def __init__(self, consultant: Consultant) -> None:
        self._consultant = consultant
        self._thread: threading.Thread | None = None
        self._loaded = False

    def begin(self) -> None:
        """Load in the background, unless that is under way or done."""
        if not self._loaded and not (self._thread and self._thread.is_alive()):
            self._thread = threading.Thread(target=self._load, daemon=True)
            self._thread.start()

    def missing(self) -> str:
        """Why the server is not ready, as a sentence with the next step; empty when it is. What failed is retried."""
        if self._loaded:
            try:
                self._consultant.retriever.generation()
            except KnowledgeError:
                return FAULT
            return ""
        loading = self._thread is not None and self._thread.is_alive()
        self.begin()
        return LOADING if loading else FAULT

    def _load(self) -> None:
        try:
            self._consultant.ask("What is prompt engineering?")
            self._loaded = True
        except (ConsultantError, KnowledgeError) as error:
            log.error("%s", error)


def routes(readiness: Readiness, metrics: Metrics) -> APIRouter:
    """The two routes that a balancer and a monitor ask."""
    router = APIRouter(include_in_schema=False)

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        missing = readiness.missing()
        return (
            JSONResponse({"status": "not ready", "error": missing}, 503)
            if missing
            else JSONResponse({"status": "ok"})
        )

    @router.get("/metrics", name="metrics")
    def told() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
