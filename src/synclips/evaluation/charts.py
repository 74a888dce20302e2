"""Charts and contact sheets of a report, as PNG or JPEG bytes (matplotlib's object interface, no display)."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#1f6feb", "#d1495b", "#2e933c", "#edae49", "#6f4e7c", "#00798c", "#8d6b94", "#66717e")


def sync_curves(curves: Mapping[str, Sequence[float]], title: str) -> bytes:
    """Similarity of lips and sound at each offset, one line a method."""
    figure, axes = _figure(5.2, 3.0)
    for colour, (name, values) in zip(_colours(len(curves)), curves.items(), strict=True):
        reach = len(values) // 2
        axes.plot(range(-reach, reach + 1), values, color=colour, label=name, linewidth=2 if name == "real" else 1.4)
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set(xlabel="offset in frames (positive: the sound lags)", ylabel="similarity", title=title)
    axes.legend(fontsize=7, frameon=False)
    return _png(figure)


def opening_traces(rows: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> bytes:
    """Mouth opening over time, real (black) against made (coloured), one row a clip."""
    figure, axes = _figure(7.2, 1.5 * max(1, len(rows)), rows=max(1, len(rows)))
    for ax, (name, true, made) in zip(np.atleast_1d(axes), rows, strict=False):
        ax.plot(np.arange(len(true)) / 25, true, color="#222222", linewidth=1.3, label="real")
        ax.plot(np.arange(len(made)) / 25, made, color=COLOURS[1], linewidth=1.3, label="made")
        ax.set_title(name, fontsize=8, loc="left")
        ax.set_ylabel("opening, %", fontsize=7)
    last = np.atleast_1d(axes)[-1]
    last.set_xlabel("seconds")
    last.legend(fontsize=7, frameon=False, ncols=2)
    return _png(figure)


def bars_by_speaker(speakers: Sequence[str], series: Mapping[str, Sequence[float | None]], title: str) -> bytes:
    """One measure for each speaker, a bar a method."""
    figure, axes = _figure(max(5.2, 0.9 * len(speakers)), 2.8)
    width = 0.8 / max(1, len(series))
    for number, (colour, (name, values)) in enumerate(zip(_colours(len(series)), series.items(), strict=True)):
        at = [i + (number - (len(series) - 1) / 2) * width for i, v in enumerate(values) if v is not None]
        axes.bar(at, [v for v in values if v is not None], width, color=colour, label=name)
    axes.set_xticks(range(len(speakers)), speakers)
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7, frameon=False, ncols=3)
    return _png(figure)


def training_curves(logs: Sequence[Path]) -> bytes | None:
    """Losses and validation figures of `log.jsonl` files, a row each; None if there is nothing in them."""
    read = [(path, rows) for path in logs if (rows := _log_rows(path))]
    if not read:
        return None
    figure, axes = _figure(7.2, 2.4 * len(read), rows=len(read), columns=2)
    for row, (path, lines) in zip(np.atleast_2d(axes), read, strict=True):
        for ax, kind in zip(row, ("train", "validate"), strict=True):
            names = dict.fromkeys(n for line in lines if line["kind"] == kind for n in line)
            for colour, name in zip(_colours(20), [n for n in names if n not in _NOT_CURVES], strict=False):
                points = [(line["step"], line[name]) for line in lines if line["kind"] == kind and name in line]
                ax.plot(*zip(*points, strict=True), color=colour, label=name, linewidth=1)
            ax.set_title(f"{path.parent.name}: {kind}", fontsize=8)
            ax.legend(fontsize=6, frameon=False)
    return _png(figure)


def timeline(
    seconds: Sequence[float],
    rows: Sequence[tuple[str, Mapping[str, Sequence[float]]]],
    dots: Sequence[str] = (),
    good: Mapping[str, tuple[float, float]] | None = None,
) -> bytes:
    """Figures of one video over time, a row each; NaN leaves a gap. Rows named in `dots` show each value.

    `good` says between which values a row is as it should be. A few values far beyond the rest (cuts) are cut off.
    """
    figure, axes = _figure(9.0, 1.5 * len(rows) + 0.5, rows=len(rows))
    for ax, (label, series) in zip(np.atleast_1d(axes), rows, strict=True):
        for colour, (name, values) in zip(_colours(len(series)), series.items(), strict=True):
            ax.plot(seconds, values, color=colour, linewidth=1.2, label=name, marker="." if label in dots else None)
        if good and label in good:
            ax.axhspan(*good[label], color=COLOURS[2], alpha=0.15, linewidth=0)
        known = [value for values in series.values() for value in values if np.isfinite(value)]
        usual = float(np.quantile(known, 0.98)) if known else 0.0
        if usual > 0 and max(known) > 3 * usual:
            ax.set_ylim(top=1.5 * usual)
        ax.set_ylabel(label, fontsize=7)
        ax.set_xlim(seconds[0], max(seconds[-1], seconds[0] + 0.04))
        if len(series) > 1:
            ax.legend(fontsize=7, frameon=False, ncols=len(series))
    np.atleast_1d(axes)[-1].set_xlabel("seconds")
    return _png(figure)


def strip(rows: Sequence[UInt8[np.ndarray, "_n 144 144 3"]], count: int = 10, height: int = 96) -> bytes:
    """Face crops side by side as one JPEG: `count` moments from left to right, one row for each clip."""
    bands = []
    for crops in rows:
        at = np.linspace(0, len(crops) - 1, count).astype(int)
        bands.append(np.concatenate([cv2.resize(crops[i], (height, height)) for i in at], axis=1))
    return jpeg(np.concatenate(bands))


def changes(crops: UInt8[np.ndarray, "n 144 144 3"]) -> UInt8[np.ndarray, "n 144 144 3"]:
    """Four times the difference of each frame from the one before, on grey: flicker and seams show."""
    step = np.diff(crops.astype(np.int16), axis=0, prepend=crops[:1].astype(np.int16))
    return (128 + 4 * step).clip(0, 255).astype(np.uint8)


def jpeg(picture: UInt8[np.ndarray, "h w 3"], quality: int = 88) -> bytes:
    """Encoded as JPEG."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


_NOT_CURVES = ("kind", "step", "seconds", "score")


def _log_rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and {"kind", "step"} <= value.keys():
            rows.append(value)
    return rows


def _colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple["Figure", Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    for ax in np.atleast_1d(axes).ravel():
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
        ax.xaxis.label.set_size(8)
        ax.yaxis.label.set_size(8)
        ax.title.set_size(9)
    return figure, axes


def _png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
