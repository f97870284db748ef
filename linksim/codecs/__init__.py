"""Every codec by its kind. Importing this is light: networks and their runtime are loaded when first used."""

from linksim.codecs.hda import Analog, HdaDeepsc

CODECS = {"hda_deepsc": HdaDeepsc, "analog": Analog}
