"""A satellite of Home Assistant's over the Wyoming protocol: its pipeline answers, its announcements sound here."""
