"""Sign up, prove an address, choose a forgotten password anew, over HTTP."""

from fastapi import APIRouter

router = APIRouter(prefix="/auth", tags=["auth"])
