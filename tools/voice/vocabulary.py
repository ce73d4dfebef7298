#!/usr/bin/env python3
"""The pieces that spoken numbers, amounts and dates are made of, as lines for make.py.

    vocabulary.py > wanted.jsonl
"""

import json
import re
import sys

DIGITS = "零一二三四五六七八九"
NAMES = dict(zip(DIGITS, "0123456789")) | {
    "两": "liang", "十": "shi", "百": "bai", "千": "qian", "万": "wan", "亿": "yi", "兆": "zhao", "元": "yuan",
    "角": "jiao", "分": "fen", "负": "fu", "年": "nian", "月": "yue", "日": "ri", "幺": "yao", "X": "x", "第": "di",
}  # fmt: skip
YEARS = range(1970, 2041)
MONTHS = "January February March April May June July August September October November December".split()
BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
).split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}  # fmt: skip


def file(text, form="plain"):
    """The file of a piece: 五千 is numbers/5-qian.wav, 二零二四年 numbers/2024-nian.wav."""
    year = re.fullmatch(rf"([{DIGITS}]{{4}})年", text)
    if year:
        name = "".join(NAMES[digit] for digit in year[1]) + "-nian"
    elif all(character in NAMES for character in text):
        name = "-".join(NAMES[character] for character in text)
    else:
        name = re.sub(r"[^a-z]+", "-", text.lower())
    return f"numbers/{name}{'' if form == 'plain' else '-' + form}.wav"


def mandarin():
    for digit in DIGITS + "幺X":
        yield digit, "inside"
        yield digit, "ending"
    plain = [*DIGITS, "两", "十", "元", "万", "亿", "兆", "负", "年", "零元", "两元", "两万", "两亿", "一百", "两百", "一千", "两千"]
    plain += [digit + unit for unit in "万亿元" for digit in DIGITS[1:]]
    plain += [digit + "十" for digit in DIGITS[1:]]
    plain += [digit + unit for unit in "百千" for digit in DIGITS[3:]]
    plain += [digit + unit for unit in "角分" for digit in "一两" + DIGITS[3:]]
    plain += ["".join(DIGITS[int(digit)] for digit in str(year)) + "年" for year in YEARS]
    plain += [mandarin_below_hundred(month) + "月" for month in range(1, 13)]
    plain += [mandarin_below_hundred(day) + "日" for day in range(1, 32)]
    for text in plain:
        yield text, "plain"


def mandarin_below_hundred(number):
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else DIGITS[tens]) + ("十" if tens else "") + (DIGITS[ones] if ones else "")


def english():
    for digit in [*BELOW_TWENTY[:10], "X"]:
        yield digit, "inside"
        yield digit, "ending"
    plain = [english_below_hundred(number) for number in range(100)]
    plain += [f"{digit} hundred" for digit in BELOW_TWENTY[1:10]]
    plain += ["thousand", "million", "billion", "trillion", "yuan", "fen", "and", "minus"]
    plain += [english_year(year) for year in YEARS]
    plain += MONTHS
    plain += [ordinal(english_below_hundred(day)) for day in range(1, 32)]
    for text in plain:
        yield text, "plain"


def english_below_hundred(number):
    if number < 20:
        return BELOW_TWENTY[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] + (f"-{BELOW_TWENTY[ones]}" if ones else "")


def english_year(year):
    if 2000 <= year < 2010:
        return "two thousand" + (f" {BELOW_TWENTY[year - 2000]}" if year > 2000 else "")
    return f"{english_below_hundred(year // 100)} {english_below_hundred(year % 100)}"


def ordinal(cardinal):
    before, hyphen, last = cardinal.rpartition("-")
    last = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return before + hyphen + last


def main():
    taken = {}
    for language, pieces in (("zh-CN", mandarin()), ("en", english())):
        for text, form in pieces:
            name = file(text, form)
            if taken.setdefault((language, name), (text, form)) != (text, form):
                sys.exit(f"{name} would hold both {text} and {taken[language, name]}")
            print(json.dumps({"language": language, "text": text, "form": form, "file": name}, ensure_ascii=False))


if __name__ == "__main__":
    main()
