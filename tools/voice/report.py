#!/usr/bin/env python3
"""Measures every recording: length, peak, level, silence at the ends; and names those that stand out.

    report.py --prompts prompts [--table measured.tsv]
"""

import argparse
from collections import defaultdict
from pathlib import Path
from statistics import mean, median, pstdev

import english
import mandarin
import sound
from make import read

LOUDER = 2.0  # dB off the mean of its kind
SILENCE = 0.060  # seconds at an end
LENGTH = (0.6, 1.6)  # of the median of the same kind and number of syllables (whole prompts: seconds a syllable)
COLUMNS = "language file form kind syllables seconds peak level before after flags".split()


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
    flag(rows)
    if chosen.table:
        lines = ["\t".join(COLUMNS)] + ["\t".join(shown(row[column]) for column in COLUMNS) for row in rows]
        chosen.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("| language | kind | clips | seconds | level, mean ± deviation | loudest peak | longest silence at an end | flagged |")
    print("|---|---|---|---|---|---|---|---|")
    for (language, kind), group in grouped(rows, "language", "kind").items():
        levels = [row["level"] for row in group]
        print(
            f"| {language} | {kind} | {len(group)} | {sum(row['seconds'] for row in group):.1f}"
            f" | {mean(levels):.1f} ± {pstdev(levels):.1f} dBFS | {max(row['peak'] for row in group):.1f} dBFS"
            f" | {1000 * max(max(row['before'], row['after']) for row in group):.0f} ms"
            f" | {sum(bool(row['flags']) for row in group)} |"
        )
    for row in rows:
        if row["flags"]:
            print(row["language"], row["file"], row["text"], row["flags"], f"{row['seconds']:.2f} s {row['level']:.1f} dBFS")


def measured(language, path, clip):
    samples = sound.read(path)
    begin, end = sound.bounds(samples, sound.RATE)
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
        "before": begin / sound.RATE,
        "after": (len(samples) - end) / sound.RATE,
    }


def syllables(language, text):
    if language == "zh-CN":
        return sum(len(word) for word in mandarin.syllables(text) if not isinstance(word, str))
    return sum(symbol in english.VOWELS for symbol in english.phonemes(text))


def flag(rows):
    for row in rows:
        row["flags"] = ""
    for group in grouped(rows, "language", "kind").values():
        middle = mean(row["level"] for row in group)
        for row in group:
            if abs(row["level"] - middle) > LOUDER:
                row["flags"] += " level"
            if max(row["before"], row["after"]) > SILENCE:
                row["flags"] += " silence"
    pieces = [row for row in rows if row["kind"] != "prompt"]
    for group in grouped(pieces, "language", "kind", "syllables").values():
        flag_lengths(group, lambda row: row["seconds"])
    for group in grouped([row for row in rows if row["kind"] == "prompt"], "language").values():
        flag_lengths(group, lambda row: row["seconds"] / row["syllables"])


def flag_lengths(group, length):
    middle = median(length(row) for row in group)
    for row in group:
        if not LENGTH[0] * middle <= length(row) <= LENGTH[1] * middle:
            row["flags"] += " length"


def grouped(rows, *keys):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return groups


def shown(value):
    return f"{value:.3f}" if isinstance(value, float) else str(value).strip()


if __name__ == "__main__":
    main()
