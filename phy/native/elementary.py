"""exp, log, sine and cosine of float32 vectors, to about one unit in the last place, the same on every CPU.

Polynomials after the usual reductions; their coefficients are minimax fits of this project's own on the
ranges named, in powers of the variable from the lowest, rounded to float32.
"""

from phy.native.compiling import shared
from phy.native.vectors import (
    bits_of,
    float_of_bits,
    float_of_signed,
    higher,
    splat_f32,
    splat_u32,
)


@shared
def log(x):
    """Natural logarithm of normal numbers above 0.

    x = 2^e m with m in [sqrt(1/2), sqrt(2)), f = m - 1; fitted: (log(1 + f) - f + f^2 / 2) / f^3.
    """
    shifted = bits_of(x) + (0x3F800000 - 0x3F3504F3)
    e = float_of_signed((shifted >> 23) - splat_u32(127))
    f = float_of_bits((shifted & 0x7FFFFF) + 0x3F3504F3) - 1.0
    p = f * 0.073325552 - 0.116600491
    p = p * f + 0.116347052
    p = p * f - 0.123966865
    p = p * f + 0.142511502
    p = p * f - 0.166691512
    p = p * f + 0.200006887
    p = p * f - 0.249999806
    p = p * f + 0.333333313
    square = f * f
    tail = p * f * square - square * 0.5
    return (tail + e * -2.12194440e-4) + f + e * 0.693359375


@shared
def exp(x):
    """e^x for x from -87 (what is below counts as -87) to 88.

    x = n log 2 + r, |r| <= log(2) / 2; fitted: (e^r - 1 - r) / r^2.
    """
    x = higher(x, splat_f32(-87.0))
    shifted = x * 1.44269504 + 12582912.0  # 1.5 2^23: the sum's last bits are the nearest integer
    n = shifted - 12582912.0
    r = (x - n * 0.693359375) - n * -2.12194440e-4
    p = r * 0.000199076181 + 0.00139336765
    p = p * r + 0.00833328627
    p = p * r + 0.041666463
    p = p * r + 0.166666672
    p = p * r + 0.5
    mantissa = p * (r * r) + r + 1.0
    return float_of_bits(bits_of(mantissa) + (bits_of(shifted) << 23))


@shared
def direction(turns):
    """cos and sin of 2 pi turns / 2^32, turns uint32.

    To the nearest quarter turn and x, |x| <= pi / 4; fitted: (sin(x) / x - 1) / x^2 and
    (cos(x) - 1 + x^2 / 2) / x^4, in powers of x^2.
    """
    quarter = (turns + 0x20000000) >> 30
    x = float_of_signed(turns - (quarter << 30)) * 1.46291807927e-9  # pi / 2^31
    z = x * x
    s = z * -0.000195879838 + 0.0083327489
    s = (s * z - 0.166666642) * (z * x) + x
    c = z * 2.45480151e-05 - 0.00138883037
    c = (c * z + 0.0416666642) * (z * z) - z * 0.5 + 1.0
    odd = splat_u32(0) - (quarter & 1)  # all ones in odd quarters, which swap the two
    s, c = bits_of(s), bits_of(c)
    swap = (s ^ c) & odd
    cosine, sine = c ^ swap, s ^ swap
    return (
        float_of_bits(cosine ^ (((quarter + 1) & 2) << 30)),
        float_of_bits(sine ^ ((quarter & 2) << 30)),
    )
