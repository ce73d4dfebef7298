#!/usr/bin/env python3
"""Has the recordings recognized by Whisper, a job for a change of voice and never a gate: it errs by itself.

    check.py --prompts prompts [--only SUBSTRING] [--values unseen.txt]

Whole prompts, and the values and sentences of composed.txt. Mandarin is scored by syllables without tones, so homophones
count as right, and 两 as 二, and by characters as written, too; English by words. Numbers that Whisper writes in
figures are written out before they are compared. Ends with the worst of each language and the rates.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

import english
import mandarin
import numpy as np
import sound
from kokoro import HERE
from make import read
from scipy.signal import resample_poly
from vocabulary import MONTHS, english_below_hundred, english_year, mandarin_below_hundred, ordinal

WHISPER = HERE / ".venv" / "whisper"
HASHES = {
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
HINT = {  # so that it writes simplified characters, and numbers as words
    "zh-CN": "以下是普通话的句子，数字写成汉字，例如六百八十元三角。",
    "en": "The numbers are spelled out, as in six hundred eighty yuan and three fen.",
}
BETWEEN_GROUPS = 0.25  # seconds, as in src/speech/compose.rs
COMMA = 0.15
WORST = 10


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--prompts", type=Path, required=True)
    options.add_argument("--only", default="", help="only files or values that have this in them")
    options.add_argument("--prompts-only", action="store_true")
    options.add_argument("--values", type=Path, help="values of this file, and no prompts; otherwise composed.txt")
    chosen = options.parse_args()

    check_hashes()
    from faster_whisper import WhisperModel

    whisper = WhisperModel(str(WHISPER), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    totals, worst = {}, {}
    print("| what | said | recognized | errors | characters |\n|---|---|---|---|---|")
    for language, kind, name, text, samples in asked(chosen.prompts, chosen.values):
        if chosen.only not in name or (chosen.prompts_only and kind != "prompts"):
            continue
        heard = recognized(whisper, language, samples)
        said = units(language, text)
        wrong = distance(said, units(language, heard))
        written = characters(text) if language == "zh-CN" else []
        miswritten = distance(written, characters(heard)) if written else 0
        total = totals.setdefault((language, kind), [0] * 6)
        total[:] = (
            total[0] + 1, total[1] + (wrong == 0), total[2] + wrong, total[3] + len(said),
            total[4] + miswritten, total[5] + len(written),
        )  # fmt: skip
        worst.setdefault(language, []).append((wrong, wrong / len(said), name, text, heard))
        shown = "" if wrong == miswritten == 0 else heard
        print(f"| {language} {name} | {text} | {shown} | {wrong or ''} | {miswritten or ''} |", flush=True)
    for language, items in worst.items():
        print(f"\nThe worst of {language}\n\n| what | said | recognized | errors |\n|---|---|---|---|")
        for wrong, _, name, text, heard in sorted(items, reverse=True)[:WORST]:
            print(f"| {name} | {text} | {heard} | {wrong} |")
    print("\n| language | kind | items | without an error | errors | of | rate | by characters |")
    print("|---" * 8 + "|")
    for (language, kind), (items, right, wrong, length, miswritten, written) in totals.items():
        of = "syllables" if language == "zh-CN" else "words"
        by = f"{miswritten} of {written}: {100 * miswritten / written:.1f} %" if written else ""
        rate = f"{100 * wrong / length:.1f} %"
        print(f"| {language} | {kind} | {items} | {right} | {wrong} | {length} {of} | {rate} | {by} |")


def check_hashes():
    for name, expected in HASHES.items():
        found = hashlib.sha256((WHISPER / name).read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"{WHISPER / name} is not the expected file: sha256 {found}, not {expected}")


def asked(prompts, values):
    if values:
        return [*composed(prompts, values)]
    return [*whole(prompts), *composed(prompts, HERE / "composed.txt")]


def whole(prompts):
    for language in ("zh-CN", "en"):
        for clip in read(prompts / language / "recordings.toml").values():
            if not clip["file"].startswith("numbers/"):
                yield language, "prompts", clip["file"], clip["text"], sound.read(prompts / language / clip["file"])


def composed(prompts, values):
    clips = {
        language: {
            (clip["text"], clip.get("form", "plain")): prompts / language / clip["file"]
            for clip in read(prompts / language / "recordings.toml").values()
        }
        for language in ("zh-CN", "en")
    }
    for line in values.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        language, value = line.split(" ", 1)
        samples = []
        if value.startswith("digits "):
            value = value.removeprefix("digits ")
            for digit in value.split():
                form = "ending" if digit[-1] == "." else "inside"
                samples.append(sound.read(clips[language][digit.rstrip("."), form]))
                if digit[-1] == ".":
                    samples.append(sound.silence(BETWEEN_GROUPS, sound.RATE))
            kind, text = "digits", value.replace(".", "，" if language == "zh-CN" else ",")
            text = text.replace(" ", "") if language == "zh-CN" else text
        else:
            kind = "sentences" if value.startswith("says ") else "values"
            value = value.removeprefix("says ")
            parts = value.split("|")
            for part in parts:
                if part == ",":
                    samples.append(sound.silence(COMMA, sound.RATE))
                elif (part, "plain") in clips[language]:
                    samples.append(sound.read(clips[language][part, "plain"]))
                else:
                    sys.exit(f"{values.name}: there is no recording of {part!r} in {language}")
            text = ("" if language == "zh-CN" else " ").join(parts)
        yield language, kind, value, text, np.concatenate(samples)


def recognized(whisper, language, samples):
    sixteen = resample_poly(np.pad(samples, int(0.3 * sound.RATE)), 2, 1).astype(np.float32)
    found, _ = whisper.transcribe(
        sixteen,
        language=language[:2],
        temperature=0,
        beam_size=5,
        initial_prompt=HINT[language],
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    return "".join(segment.text for segment in found).strip()


def units(language, text):
    """What is counted: syllables without tones, or words."""
    if language == "en":
        return english_words(text)
    from pypinyin import lazy_pinyin

    return lazy_pinyin("".join(characters(text)))


def characters(text):
    """Mandarin as written, figures in words. Whisper's traditional characters stay and count as wrong ones."""
    text = mandarin_figures(text.replace("兩", "两").replace("萬", "万")).replace("两", "二").replace("幺", "腰")
    text = re.sub("[A-Za-z]", lambda letter: {"X": "艾克斯"}.get(letter[0].upper(), letter[0]), text)
    return re.findall(r"[\u4e00-\u9fff]", text)


def mandarin_figures(text):
    text = re.sub(r"(?<=\d)[,\s](?=\d{3})|(?<=\d)\.(?=\d{3}元)", "", text)
    text = re.sub(r"(\d+)\.(\d)(\d)?元", lambda f: f"{f[1]}元{f[2]}角" + (f"{f[3]}分" if f[3] else ""), text)
    text = re.sub(r"\d{4}(?=年)", lambda found: "".join(mandarin.DIGITS[int(digit)] for digit in found[0]), text)
    text = re.sub(r"\d+(?=[元万千百])", lambda found: mandarin_number(int(found[0])), text)
    return mandarin.in_words(text)


def mandarin_number(number):
    for size, unit in ((10_000, "万"), (1000, "千"), (100, "百")):
        if number >= size:
            rest = number % size
            zero = "零" if 0 < rest < size // 10 else ""
            inner = mandarin_number(rest) if rest else ""
            if inner.startswith("十"):
                inner = "一" + inner
            return mandarin_number(number // size) + unit + zero + inner
    return mandarin_below_hundred(number) if number else "零"


def english_words(text):
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(rf"({'|'.join(MONTHS)}) (\d\d?)\b(?!st|nd|rd|th)", r"\1 \2th", text)  # July 1 is said: July first
    text = re.sub(r"\d+(st|nd|rd|th)\b", lambda found: ordinal(english_below_hundred(int(found[0][:-2]))), text)
    text = re.sub(r"\b(19|20)\d\d\b(?! yuan)", lambda found: english_year(int(found[0])), text)
    text = re.sub(r"\d+", lambda found: english_number(int(found[0])), text)
    words = re.findall(r"[a-z']+", text.lower().replace("-", " ").replace("’", "'"))
    return ["one" if word == "a" else word for word in words if word != "oh"]


def english_number(number):
    for size, unit in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            return f"{english_number(number // size)} {unit} {english_number(number % size) if number % size else ''}"
    return english_below_hundred(number)


def distance(one, other):
    """Insertions, deletions and replacements."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


if __name__ == "__main__":
    main()
