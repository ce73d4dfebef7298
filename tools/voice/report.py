#!/usr/bin/env python3
"""Measures every recording: length, level, peak, clipping, silence at the ends; and names those out of bounds.

    report.py --prompts prompts [--table measured.tsv]

Exits with 1 if a recording is out of bounds. A length that stands out is only told: it is no fault by itself.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import english
import mandarin
import numpy as np
import sound
from make import read

# The bounds, as in tests/behaviour/every_recording_is_fit_to_be_played.rs.
LEVEL = (-21.0, -19.0)  # dBFS, active speech level
PEAK = -2.9  # dBFS
SILENT = -65.0  # dBFS over 10 ms: a few of A-law's smallest steps
SILENCE = 0.040  # seconds at an end, at most
CLICK = 32  # of 32767, the first and the last sample, at most

LENGTH = (0.6, 1.6)  # of the median of the same kind and number of syllables (whole prompts: seconds a syllable)
STEPS = {"prompt": (0.5, 1, 2, 3, 5, 8, 12), "plain": (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)}
STEPS["inside"] = STEPS["ending"] = STEPS["plain"]
COLUMNS = "language file form kind syllables seconds peak clipped level before after click faults remarks".split()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--prompts", type=Path, required=True)
    options.add_argument("--table", type=Path)
    chosen = options.parse_args()

    rows = [
        measured(language, chosen.prompts / language / clip["file"], clip)
        for language in ("zh-CN", "en")
        for clip in read(chosen.prompts / language / "recordings.toml").values()
    ]
    judge(rows)
    if chosen.table:
        lines = ["\t".join(COLUMNS)] + ["\t".join(shown(row[column]) for column in COLUMNS) for row in rows]
        chosen.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kinds = grouped(rows, "language", "kind")
    table("kind | clips | seconds | shortest | median | longest", kinds, lambda group: [
        len(group), f"{sum(row['seconds'] for row in group):.1f}", *spread(group, "seconds", "{:.2f} s")])
    table("kind | how many are at most so long", kinds, lengths)
    table("kind | level: lowest | median | highest | loudest peak | samples at full scale", kinds, lambda group: [
        *spread(group, "level", "{:.2f} dBFS"), f"{max(row['peak'] for row in group):.2f} dBFS",
        sum(row["clipped"] for row in group)])
    table("kind | silence before: least | median | most | after: least | median | most | largest end sample", kinds,
          lambda group: [*spread(group, "before", "{:.3f} s"), *spread(group, "after", "{:.3f} s"),
                         max(row["click"] for row in group)])
    for row in rows:
        for what in ("faults", "remarks"):
            if row[what]:
                print(f"{what}: {row['language']} {row['file']} {row['text']}: {row[what]}")
    out = sum(bool(row["faults"]) for row in rows)
    print(f"{len(rows)} recordings, {sum(row['seconds'] for row in rows):.1f} s, {out} out of bounds")
    return 1 if out else 0


def table(head, groups, cells):
    print("| language |", head, "|")
    print("|---" * (head.count("|") + 2) + "|")
    for (language, kind), group in groups.items():
        print(f"| {language} | {kind} |", " | ".join(str(cell) for cell in cells(group)), "|")
    print()


def spread(group, key, form):
    values = [row[key] for row in group]
    return [form.format(value) for value in (min(values), median(values), max(values))]


def lengths(group):
    steps = STEPS[group[0]["kind"]]
    counts = [(f"{step} s", sum(row["seconds"] <= step for row in group)) for step in steps]
    return [", ".join(f"{step}: {count}" for step, count in [*counts, ("longer", len(group) - counts[-1][1])])]


def measured(language, path, clip):
    samples = sound.read(path)
    form = clip.get("form", "plain")
    return {
        "language": language,
        "file": clip["file"],
        "text": clip["text"],
        "form": form,
        "kind": "prompt" if not clip["file"].startswith("numbers/") else form,
        "syllables": syllables(language, clip["text"]),
        "seconds": len(samples) / sound.RATE,
        "peak": sound.peak(samples),
        "level": sound.level(samples),
        "clipped": int(np.sum(np.abs(samples) >= 32766 / 32767)),
        "before": silent(samples),
        "after": silent(samples[::-1]),
        "click": int(round(32767 * max(abs(samples[0]), abs(samples[-1])))),
    }


def silent(samples):
    """Seconds until it is heard. A window of 10 ms that begins to sound is silent but for its last millisecond."""
    sounds = np.flatnonzero(sound.frames(samples, sound.RATE, 0.010, 0.001) > SILENT)
    if len(sounds) == 0:
        return len(samples) / sound.RATE
    return 0.0 if sounds[0] == 0 else 0.009 + 0.001 * sounds[0]


def syllables(language, text):
    if language == "zh-CN":
        return sum(len(word) for word in mandarin.syllables(text) if not isinstance(word, str))
    return sum(symbol in english.VOWELS for symbol in english.phonemes(text))


def judge(rows):
    for row in rows:
        faults = []
        if not LEVEL[0] <= row["level"] <= LEVEL[1]:
            faults.append(f"level {row['level']:.1f} dBFS")
        if row["peak"] > PEAK or row["clipped"]:
            faults.append(f"peak {row['peak']:.1f} dBFS, {row['clipped']} samples clipped")
        for place in ("before", "after"):
            if row[place] > SILENCE:
                faults.append(f"{1000 * row[place]:.0f} ms of silence {place}")
        if row["click"] > CLICK:
            faults.append(f"click, {row['click']} at an end")
        row["faults"], row["remarks"] = ", ".join(faults), ""
    pieces = [row for row in rows if row["kind"] != "prompt"]
    for group in grouped(pieces, "language", "kind", "syllables").values():
        remark_lengths(group, lambda row: row["seconds"])
    for group in grouped([row for row in rows if row["kind"] == "prompt"], "language").values():
        remark_lengths(group, lambda row: row["seconds"] / row["syllables"])


def remark_lengths(group, length):
    middle = median(length(row) for row in group)
    for row in group:
        if not LENGTH[0] * middle <= length(row) <= LENGTH[1] * middle:
            row["remarks"] = f"length {row['seconds']:.2f} s, {length(row) / middle:.2f} of the median"


def grouped(rows, *keys):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return groups


def shown(value):
    return f"{value:.3f}" if isinstance(value, float) else str(value).strip()


if __name__ == "__main__":
    sys.exit(main())
