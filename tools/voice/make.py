#!/usr/bin/env python3
"""Makes the recordings that are wanted and lists them in prompts/<language>/recordings.toml.

    make.py [--wanted wanted.jsonl] --out prompts [--again TEXT …] [--prune] [--only SUBSTRING]

A line of wanted.jsonl is {"language": "zh-CN", "text": "…", "form": "plain|inside|ending", "file": "welcome.wav"};
with an empty file, the text is a piece of a number and gets its name from vocabulary.py.
What recordings.toml lists already, with the same text and form, is left alone. Without --wanted, what it lists is wanted.
"""

import argparse
import datetime
import json
import sys
import tomllib
from pathlib import Path

import sound
import vocabulary
from carriers import VOICES
from kokoro import HERE, Kokoro
from speaker import Speaker

EACH = 20  # clips a line of progress


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--wanted", type=Path)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--cache", type=Path, default=HERE / ".venv" / "renderings", help="24 kHz renderings")
    options.add_argument("--made", type=datetime.date.fromisoformat, default=datetime.date.today())
    options.add_argument("--again", nargs="*", help="make these texts again; without texts, all")
    options.add_argument("--prune", action="store_true", help="remove what is wanted no longer")
    options.add_argument("--only", default="", help="make only files whose path has this in it")
    chosen = options.parse_args()

    if chosen.wanted:
        wanted = [json.loads(line) for line in chosen.wanted.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        listed = [(language, read(chosen.out / language / "recordings.toml").values()) for language in VOICES]
        wanted = [{"language": language, **clip} for language, clips in listed for clip in clips]
    for line in wanted:
        line["file"] = line["file"] or vocabulary.file(line["text"], line.get("form", "plain"))
    speaker = Speaker(Kokoro(chosen.cache))
    for language in sorted({line["language"] for line in wanted}, key=list(VOICES).index):
        make(language, [line for line in wanted if line["language"] == language], speaker, chosen)
    for doubt in speaker.doubts:
        print("doubt:", *doubt)


def make(language, wanted, speaker, chosen):
    folder = chosen.out / language
    listed = read(folder / "recordings.toml")
    kept = {}
    missing = []
    for line in wanted:
        form = line.get("form", "plain")
        found = listed.get(line["file"])
        same = found and (found["text"], found.get("form", "plain")) == (line["text"], form)
        again = chosen.again is not None and (not chosen.again or line["text"] in chosen.again)
        if chosen.only in line["file"] and (again or not same or not (folder / line["file"]).exists()):
            missing.append((line["file"], line["text"], form))
        elif same:
            kept[line["file"]] = found
    if not chosen.prune:
        kept = {**listed, **kept}
    print(f"{language}: {len(wanted)} wanted, {len(missing)} to make", flush=True)
    for count, (file, text, form) in enumerate(missing, 1):
        samples = speaker.clip(language, text, form)
        sound.write(folder / file, samples)
        kept[file] = {
            "file": file,
            "text": text,
            **({} if form == "plain" else {"form": form}),
            "voice": f"kokoro-82m {VOICES[language]}",
            "made": chosen.made,
            "seconds": round(len(samples) / sound.RATE, 2),
        }
        if count % EACH == 0 or count == len(missing):
            print(f"{language}: {count} of {len(missing)}, {speaker.kokoro.rendered:.0f} s rendered", flush=True)
            write(folder / "recordings.toml", kept)
    write(folder / "recordings.toml", kept)
    if chosen.prune:
        for path in folder.rglob("*.wav"):
            if path.relative_to(folder).as_posix() not in kept:
                print(f"{language}: removed {path.relative_to(folder)}")
                path.unlink()


def read(path):
    """recordings.toml by file."""
    if not path.exists():
        return {}
    return {clip["file"]: clip for clip in tomllib.loads(path.read_text(encoding="utf-8")).get("clip", [])}


def write(path, clips):
    lines = ["# What was recorded, from which text, by which voice, and when. Written by tools/voice/make.py."]
    for file in sorted(clips):
        lines += ["", "[[clip]]"]
        for key, value in clips[file].items():
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False) if isinstance(value, str) else value}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
