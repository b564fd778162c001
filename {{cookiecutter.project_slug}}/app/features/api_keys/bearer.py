"""API keys as bearer tokens: `Authorization: Bearer app_…`."""

from app.accounts.credentials.authenticator import BearerScheme
from app.features.api_keys import service
from app.features.api_keys.key_format import TOKEN_PREFIX

scheme = BearerScheme(TOKEN_PREFIX, service.authenticate, service.revoke_all, service.find_callers)
