"""The Wyoming protocol, as servers of speech and Home Assistant speak it. https://github.com/OHF-Voice/wyoming"""
