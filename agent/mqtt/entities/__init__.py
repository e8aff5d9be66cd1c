"""The entities of the device in Home Assistant, one file for each thing that people do with them."""
