"""Registers two-factor authentication as a step of signing in; discovered by name."""

from app.accounts.credentials.authenticator import SecondFactor
from app.features.second_factor import challenges, restoring, service

second_factor = SecondFactor(
    "totp",
    "/login/second-factor",
    service.is_enabled,
    challenges.create_challenge,
    service.disable_for_user,
    restoring.save,
    restoring.restore,
)
