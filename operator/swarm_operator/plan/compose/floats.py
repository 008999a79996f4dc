"""Numbers of single precision, as Go prints them into JSON."""

import struct


def single_precision(value: float) -> int | float:
    """The shortest decimal that reads back as the same number of single precision.

    Go keeps a failure ratio in 32 bits, so 0.123456789 is sent as 0.12345679.
    """
    exact = struct.unpack("f", struct.pack("f", value))[0]
    for digits in range(1, 10):
        short = float(f"{exact:.{digits}g}")
        if struct.unpack("f", struct.pack("f", short))[0] == exact:
            return int(short) if short.is_integer() else short
    return float(exact)
