"""The sections of where the device stands: its room, and Home Assistant."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from agent.config.values import Name, Percent, Section

Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def _on_the_wall(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError('has to be what the clock on the wall shows, such as "22:00", without a time zone')
    return moment


Clock = Annotated[time, AfterValidator(_on_the_wall), Field(description="local time")]


class Room(Section):
    """The room in which the device stands."""

    area: Name | None = Field(None, description='suggested to Home Assistant as the area, "Kitchen"')
    group: Slug | None = Field(
        None, description="devices of one group that hear the same wake word agree who answers; not set: each answers"
    )
    quiet_from: Clock | None = Field(None, description='quiet hours: "22:00"; then the night volume counts')
    quiet_to: Clock | None = Field(None, description='end of the quiet hours: "07:00"')
    night_volume_percent: Percent = Field(30, description="volume at most, in quiet hours")

    @model_validator(mode="after")
    def _both(self) -> Room:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError("quiet hours need both quiet_from and quiet_to")
        if self.quiet_from is not None and self.quiet_from == self.quiet_to:
            raise ValueError(
                "quiet_from and quiet_to are the same time: leave both out for no quiet hours, or set them a minute "
                "apart for nearly the whole day"
            )
        return self


class HomeAssistant(Section):
    """How Home Assistant finds this device over MQTT."""

    discovery: bool = Field(True, description="announce the device and its entities")
    prefix: Annotated[str, Field(pattern=r"^[^#+\x00]{1,100}$")] = Field(
        "homeassistant", description="the discovery prefix of Home Assistant's MQTT integration"
    )
