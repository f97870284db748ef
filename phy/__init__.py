"""Signals: bits, codes, constellations, channels and links. Knows no images, files or networks."""
