#!/usr/bin/env python3
"""Writes the spelled-out numbers of Unicode CLDR that `every_number_below_a_million_is_spoken_as_cldr_says` compares with.

    python3 -m venv venv && venv/bin/pip install unicode-rbnf==2.4.1
    venv/bin/python make.py

For each rule set two files are written beside this script:

    <name>.digests.txt   1000 lines: the first 16 hexadecimal digits of SHA-256 over the spellings of 1000 numbers in a row
                         (0-999, 1000-1999, ... 999000-999999), each followed by a newline
    <name>.sample.tsv    about 3000 numbers from 0 to 10^12, a tab, and the spelling

unicode-rbnf carries CLDR's rules as data. Its year rule loses zeros, so years are not taken from it.
"""

import hashlib
import pathlib
import random

from unicode_rbnf import RbnfEngine

RULE_SETS = {
    "zh-cardinal": ("zh", "spellout-cardinal"),
    "zh-cardinal-alternate2": ("zh", "spellout-cardinal-alternate2"),
    "en-cardinal": ("en", "spellout-cardinal"),
}
SEED = 12333
HIGHEST = 10**12


def sample():
    """Sorted numbers, the same at each run: the neighbours of powers of ten, few-digit patterns, and random sizes."""
    numbers = {HIGHEST}
    for power in range(13):
        for factor in (1, 2, 3, 10, 11, 12, 19, 20, 22, 99):
            numbers.update(factor * 10**power + offset for offset in (-1, 0, 1, 2, 10, 12, 100, 1000, 10000))
    choose = random.Random(SEED)
    while len(numbers) < 1500:
        digits = "".join(choose.choice("00012") for _ in range(choose.randint(1, 12)))
        numbers.add(int(digits))
    while len(numbers) < 3000:
        numbers.add(choose.randrange(10 ** choose.randint(1, 12)))
    return sorted(number for number in numbers if 0 <= number <= HIGHEST)


def main():
    here = pathlib.Path(__file__).parent
    for name, (language, rules) in RULE_SETS.items():
        engine = RbnfEngine.for_language(language)

        def spell(number):
            return engine.format_number(number, ruleset_names=[rules]).text

        digests = []
        for start in range(0, 1_000_000, 1000):
            lines = "".join(spell(number) + "\n" for number in range(start, start + 1000))
            digests.append(hashlib.sha256(lines.encode()).hexdigest()[:16])
        (here / f"{name}.digests.txt").write_text("\n".join(digests) + "\n")
        rows = "".join(f"{number}\t{spell(number)}\n" for number in sample())
        (here / f"{name}.sample.tsv").write_text(rows)


if __name__ == "__main__":
    main()
