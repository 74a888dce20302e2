"""HDR pictures (PQ or HLG) as SDR ones: what a BT.709 display of 100 % white shows in place of 1000 cd/m2.

PQ is SMPTE ST 2084, HLG is ARIB STD-B67; both as in ITU-R BT.2100-2. Diffuse white, 203 cd/m2 (ITU-R BT.2408-7), is the
SDR display's white; highlights are compressed by the EETF of ITU-R BT.2390-11, 5.4.1, on the largest of R, G and B, so
that hues stay. Colours outside BT.709 are clipped. The result is coded for a display of gamma 2.4 (ITU-R BT.1886).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8, UInt16

PQ: Final = 16
HLG: Final = 18
"""`AVColorTransferCharacteristic` (ITU-T H.273)."""
BITS: Final = 10
"""Of the R'G'B' values that are tone-mapped."""
PEAK: Final = 1000.0
"""cd/m2 of the HDR display; PQ values above are clipped."""
WHITE: Final = 203.0
"""cd/m2 of diffuse white."""
GAMMA: Final = 2.4
HLG_GAMMA: Final = 1.2
"""Of HLG's display at 1000 cd/m2."""
STRIP: Final = 2**15
"""Pixels worked on at once, so that what lies between two steps stays in the processor's cache."""
STEPS: Final = 4096
"""Entries of the tables that are looked up by the square root of light."""

Plane = Float32[np.ndarray, "h w"]

_TO_BT709: Final = {
    1: np.eye(3),
    9: np.array([[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]]),
    12: np.array(
        [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]]  # P3, D65
    ),
}
"""Linear RGB of `AVColorPrimaries` to BT.709's (ITU-R BT.2407-0 for BT.2020)."""
_BT2020_LUMA: Final = (0.2627, 0.6780, 0.0593)


def is_hdr(transfer: int) -> bool:
    """Whether this `AVColorTransferCharacteristic` is an HDR one."""
    return transfer in (PQ, HLG)


def to_sdr(
    red: UInt16[np.ndarray, "h w"],
    green: UInt16[np.ndarray, "h w"],
    blue: UInt16[np.ndarray, "h w"],
    transfer: int,
    primaries: int,
) -> UInt8[np.ndarray, "h w 3"]:
    """R'G'B' of 10 bits, full range, as 8 bits of BT.709; unknown primaries are taken for BT.2020's."""
    height, width = red.shape
    made = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        made[part] = _strip_to_sdr((red[part], green[part], blue[part]), transfer, primaries)
    return made


def _strip_to_sdr(
    planes: tuple[UInt16[np.ndarray, "h w"], ...], transfer: int, primaries: int
) -> UInt8[np.ndarray, "h w 3"]:
    tables = _tables(transfer)
    light = [cv2.LUT(plane, tables.linear) for plane in planes]
    largest = cv2.max(cv2.max(light[0], light[1]), light[2])
    if tables.system_gain is None:
        gain = cv2.LUT(_steps(largest), tables.gain)
    else:
        gain = cv2.LUT(_steps(_weighted(light, *_BT2020_LUMA)), tables.system_gain)
        gain = cv2.multiply(gain, cv2.LUT(_steps(cv2.multiply(largest, gain)), tables.gain))
    matrix = _TO_BT709.get(primaries, _TO_BT709[9])
    mapped = (cv2.multiply(_weighted(light, *row), gain) for row in matrix.tolist())
    merged: UInt8[np.ndarray, "h w 3"] = cv2.merge([cv2.LUT(_steps(plane), _coded()) for plane in mapped])
    return merged


def _weighted(planes: list[Plane], red: float, green: float, blue: float) -> Plane:
    both = cv2.addWeighted(planes[0], red, planes[1], green, 0)
    return np.asarray(cv2.scaleAdd(planes[2], blue, both))


@dataclass(frozen=True)
class _Tables:
    """linear: light of each value, 1 is the display's peak (HLG: before its system gamma). system_gain: HLG's, by the
    square root of luminance. gain: light of the SDR display, 1 is its white, to `linear`, by the root of the light."""

    linear: Float32[np.ndarray, " n"]
    system_gain: Float32[np.ndarray, " steps"] | None
    gain: Float32[np.ndarray, " steps"]


@cache
def _tables(transfer: int) -> _Tables:
    value = np.arange(2**BITS) / (2**BITS - 1)
    light = np.linspace(0, 1, STEPS) ** 2
    mapped = pq_to_nits(eetf(nits_to_pq(light * PEAK))) / WHITE
    gain = (mapped[1:] / light[1:]).astype(np.float32)
    gain = np.concatenate([gain[:1], gain])
    if transfer == PQ:
        linear = np.minimum(pq_to_nits(value) / PEAK, 1)
        return _Tables(_table(linear.astype(np.float32)), None, _table(gain))
    system_gain = light ** (HLG_GAMMA - 1)
    scene = hlg_to_scene(value)
    return _Tables(_table(scene.astype(np.float32)), _table(system_gain.astype(np.float32)), _table(gain))


@cache
def _coded() -> UInt8[np.ndarray, " steps"]:
    light = np.linspace(0, 1, STEPS) ** 2
    return _table(np.round(255 * light ** (1 / GAMMA)).astype(np.uint8))


def _steps(light: Plane) -> UInt16[np.ndarray, "h w"]:
    """Places in the tables for light in [0, 1]."""
    root = cv2.sqrt(cv2.threshold(light, 0, 0, cv2.THRESH_TOZERO)[1])
    return np.asarray(cv2.addWeighted(root, STEPS - 1, root, 0, 0, dtype=cv2.CV_16U))


def _table(values: np.ndarray) -> np.ndarray:
    """As long as `cv2.LUT` wants it for 16 bits: the last value again and again."""
    return np.concatenate([values, np.full(2**16 - len(values), values[-1], values.dtype)])


def pq_to_nits(value: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The EOTF of SMPTE ST 2084: values in [0, 1] to cd/m2."""
    root = np.maximum(value, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def nits_to_pq(nits: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The inverse of `pq_to_nits`."""
    power = (np.maximum(nits, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def hlg_to_scene(value: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The inverse OETF of HLG: values in [0, 1] to scene light in [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)


def eetf(value: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """PQ values of a display of `PEAK` as those of one of `WHITE`, black unchanged (BT.2390-11, 5.4.1)."""
    source, target = nits_to_pq(np.array([PEAK, WHITE])).tolist()
    at, most = np.clip(value / source, 0, 1), target / source
    knee = 1.5 * most - 0.5
    t = (at - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return np.where(at < knee, at, spline) * source
