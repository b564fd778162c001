"""API keys as bearer tokens: `Authorization: Bearer app_…`."""

from app.accounts.authenticator import BearerScheme
from app.features.api_keys import service
from app.features.api_keys.tokens import START

scheme = BearerScheme(START, service.find_caller, service.revoke_all)
