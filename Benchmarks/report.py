"""Figures of both sides as JSON and as a Markdown table."""

import json
import os
import platform
import statistics
from pathlib import Path


class Report:
    """What was measured: measurement -> side -> figure -> the values of all repetitions."""

    def __init__(self, settings: dict) -> None:
        self.settings = settings
        self.values: dict[str, dict[str, dict[str, list[float]]]] = {}

    def add(self, measurement: str, side: str, figures: dict[str, float]) -> None:
        for figure, value in figures.items():
            self.values.setdefault(measurement, {}).setdefault(side, {}).setdefault(figure, []).append(value)
        print(f"{measurement} · {side}: " + ", ".join(f"{figure} {_short(value)}" for figure, value in figures.items()), flush=True)

    def write(self, path: Path) -> None:
        whole = {"machine": machine(), "settings": self.settings, "values": self.values}
        path.with_suffix(".json").write_text(json.dumps(whole, indent=2) + "\n")
        path.with_suffix(".md").write_text(self.markdown())

    def markdown(self) -> str:
        """Medians, in brackets least and greatest; the ratio is of the medians, Millrace to the other side."""
        other = next((side for sides in self.values.values() for side in sides if side != "millrace"), "peer")
        lines = [f"{machine()}. " + ", ".join(f"{name}: {value}" for name, value in self.settings.items()) + ".", ""]
        lines += [f"| measurement | figure | millrace | {other} | ratio |", "|---|---|---|---|---|"]
        for measurement, sides in self.values.items():
            ours, theirs = sides.get("millrace", {}), sides.get(other, {})
            for figure in dict.fromkeys([*ours, *theirs]):
                ratio = "-"
                if figure in ours and figure in theirs and statistics.median(theirs[figure]):
                    ratio = f"{statistics.median(ours[figure]) / statistics.median(theirs[figure]):.2f}"
                lines.append(f"| {measurement} | {figure} | {_spread(ours.get(figure))} | {_spread(theirs.get(figure))} | {ratio} |")
        return "\n".join(lines) + "\n"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or abs(value) < 0.001 else f"{value:.3g}"


def _spread(values: list[float] | None) -> str:
    if not values:
        return "-"
    return f"{_short(statistics.median(values))} ({_short(min(values))} to {_short(max(values))})"


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}"
