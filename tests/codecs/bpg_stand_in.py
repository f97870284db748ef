"""What bpgenc and bpgdec are called with and leave behind, around another coding: JPEG under BPG's magic.

Run as `bpg_stand_in.py bpgenc|bpgdec ARGUMENTS`.
"""

import io
import sys

from PIL import Image

MAGIC = b"BPG\xfb"
SETTINGS = ["-m", "9", "-f", "444", "-c", "ycbcr", "-b", "8", "-e", "x265", "-q"]


def encode(arguments: list[str]) -> None:
    *settings, qp, _, out, source = arguments
    if settings != SETTINGS or not qp.isdigit():
        sys.exit(f"unknown settings {settings} {qp}")
    made = io.BytesIO()
    Image.open(source).save(made, "JPEG", quality=100 - 96 * int(qp) // 51, subsampling=0)
    with open(out, "wb") as file:
        file.write(MAGIC + made.getvalue())


def decode(arguments: list[str]) -> None:
    _, out, source = arguments
    with open(source, "rb") as file:
        content = file.read()
    if not content.startswith(MAGIC):
        sys.exit("no BPG file")
    Image.open(io.BytesIO(content[len(MAGIC) :])).save(out, "PNG")


if __name__ == "__main__":
    {"bpgenc": encode, "bpgdec": decode}[sys.argv[1]](sys.argv[2:])
