"""Cities with their airports, and what can be imported."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fastapi import Request

from app.admin.base.dashboard import Chart, Panel, count_per_day
from app.admin.base.default_view import DefaultView
from app.admin.base.inlines import InlineView

atlas: Any = import_module("app.features.atlas.models")


class AirportInline(InlineView):
    """Inline airports in the form of a city."""

    model = atlas.Airport
    fields = ("code", "runways")


class CapitalView(DefaultView):
    """Cities with airports and imports."""

    model = atlas.City
    key = "capital"
    menu_label = "Capitals"
    related_models = (atlas.Country, atlas.City, atlas.River)
    inlines = (AirportInline,)
    importers = ("csv",)

    async def panels(self, request: Request) -> Sequence[Panel]:
        """Show the number of new cities."""
        return [Chart("New cities", await count_per_day(request.state.session, atlas.City, atlas.City.founded_at))]


class StateView(DefaultView):
    """Countries with imports."""

    model = atlas.Country
    key = "state"
    menu_label = "States"
    importers = ("csv",)


class CountView(DefaultView):
    """Censuses with imports."""

    model = atlas.Census
    key = "count"
    menu_label = "Counts"
    importers = ("csv",)


views = [CapitalView, StateView, CountView]
