"""Every codec by its kind. Importing this is light: networks and their runtime are loaded when first used."""

from linksim.codecs.analog import Analog
from linksim.codecs.bpg import Bpg
from linksim.codecs.dct_hda import DctHda
from linksim.codecs.deepjscc import DeepJscc
from linksim.codecs.hda import HdaDeepsc
from linksim.codecs.hevc import Hevc
from linksim.codecs.hsc import Hsc
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.codecs.jxl import JpegXl
from linksim.codecs.pillow_files import Avif, Jpeg, Webp
from linksim.codecs.png import Png
from linksim.codecs.softcast import Softcast

CODECS = {
    "hda_deepsc": HdaDeepsc,
    "analog": Analog,
    "jpeg2000": Jpeg2000,
    "hevc": Hevc,
    "bpg": Bpg,
    "avif": Avif,
    "jxl": JpegXl,
    "webp": Webp,
    "jpeg": Jpeg,
    "png": Png,
    "hsc": Hsc,
    "softcast": Softcast,
    "dct_hda": DctHda,
    "deepjscc": DeepJscc,
}
