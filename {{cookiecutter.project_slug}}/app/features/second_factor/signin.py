"""The step that this feature puts between the password and the session."""

from app.accounts.authenticator import SecondFactor
from app.features.second_factor import challenges, restoring, service

second_factor = SecondFactor(
    "totp",
    "/login/second-factor",
    service.is_on,
    challenges.open_challenge,
    service.remove_for,
    restoring.save,
    restoring.restore,
)
