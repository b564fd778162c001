"""`/metrics`, for Prometheus."""

import asyncio
import hmac

from fastapi import APIRouter, Request
from fastapi.security.utils import get_authorization_scheme_param
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from app.accounts.api.dependencies import InvalidToken
from app.api.dependencies import DatabaseDep
from app.operations.metrics.job_queue import encode_job_queue
from app.operations.metrics.sharing import encode_metrics
from app.settings.config import Settings

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def read_metrics(request: Request, database: DatabaseDep) -> Response:
    """Return the metrics of this server. The bearer token is METRICS_TOKEN."""
    settings: Settings = request.state.settings
    token = settings.metrics.token
    scheme, sent = get_authorization_scheme_param(request.headers.get("authorization"))
    is_valid = token and hmac.compare_digest(sent.encode(), token.get_secret_value().encode())
    if scheme.lower() != "bearer" or not is_valid:
        raise InvalidToken
    text = await asyncio.to_thread(encode_metrics) + await encode_job_queue(database)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
