"""Mandarin text to Kokoro's symbols: jieba finds the words, pypinyin their readings, misaki the symbols.

The model turns a third tone before a third tone into a second by itself (measured: 五百 rises), but takes the tone of
一 and 不 as written, so their changes are made here.
"""

import re
from functools import cache

PAUSES = {"，": ",", "、": ",", "：": ",", "；": ";", "。": ".", "？": "?", "！": "!", ",": ",", ".": ".", "?": "?", "!": "!"}
DROPPED = "“”‘’《》（）()\"'—… \n"
DIGITS = "零一二三四五六七八九"
NUMERALS = DIGITS + "两幺十百千万亿"
SYMBOLS = {"#": "井号", "*": "星号", "%": "百分之", "+": "加"}
LETTERS = {  # as Chinese speakers name them
    "A": "ei1", "B": "bi4", "C": "xi1", "D": "di4", "E": "yi4", "F": "ai2 fu5", "G": "ji4", "H": "ei2 qi5",
    "I": "ai4", "J": "zhei4", "K": "kei4", "L": "ai2 lou5", "M": "ai2 mu5", "N": "en1", "O": "ou1", "P": "pi4",
    "Q": "kiu1", "R": "a4", "S": "ai2 si5", "T": "ti4", "U": "you1", "V": "wei1", "W": "da2 bu5 liu5",
    "X": "ai4 ke4 si1", "Y": "wai4", "Z": "zei4",
}  # fmt: skip
# Words that jieba does not know, and readings that pypinyin gets wrong.
READINGS = {"重听": "chong2 ting1", "余额为": "yu2 e2 wei2"}
WORDS = ["井号键", "星号键", "主菜单", "请按", "缴费", "输入", "没能", "听清", "听完", *READINGS]
CUT = [("输入", "您"), ("按", "井号键"), ("机", "上"), ("完", "后"), ("感谢", "您")]


def in_words(text):
    """Numbers and symbols written out: 12333 as 一二三三三, 2024年 as 二零二四年, 25 as 二十五."""
    text = re.sub(r"\d+(?=年)|\d{3,}|0\d+", lambda found: "".join(DIGITS[int(digit)] for digit in found[0]), text)
    text = re.sub(r"\d+", lambda found: below_hundred(int(found[0])), text)
    return "".join(SYMBOLS.get(character, character) for character in text)


def below_hundred(number):
    tens, ones = divmod(number, 10)
    if tens == 0:
        return DIGITS[ones]
    return (DIGITS[tens] if tens > 1 else "") + "十" + (DIGITS[ones] if ones else "")


def syllables(text):
    """Words, each a list of syllables such as `bai3`; a pause is a string."""
    from pypinyin import Style, lazy_pinyin

    jieba = prepared()
    result = []
    for piece in re.findall(r"[\u4e00-\u9fff]+|[A-Za-z]|.", in_words(text), re.S):
        if piece in PAUSES:
            result.append(PAUSES[piece])
        elif re.fullmatch(r"[A-Za-z]", piece):
            result.append(LETTERS[piece.upper()].split())
        elif re.fullmatch(r"[\u4e00-\u9fff]+", piece):
            words = [
                word
                for part in numerals_apart(piece)
                for word in (re.findall(r"..?", part) if set(part) <= set(DIGITS + "幺") else jieba.lcut(part))
            ]
            readings = [
                READINGS[word].split()
                if word in READINGS
                else lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
                for word in words
            ]
            result += sandhi(words, readings)
        elif piece not in DROPPED:
            raise ValueError(f"cannot read {piece!r} in {text!r}")
    return result


def numerals_apart(run):
    """Cuts 一二三三三 and the like out of a run, so that they are read one by one."""
    return [part for part in re.split(rf"([{DIGITS}幺]{{3,}})", run) if part]


def sandhi(words, readings):
    """The tones of 一 and 不 as they are spoken."""
    characters = "".join(words)
    flat = [syllable for word in readings for syllable in word]
    if len(flat) != len(characters):
        return readings
    ends = {sum(len(word) for word in words[: i + 1]) - 1 for i, word in enumerate(words) if len(word) > 1}
    for i, character in enumerate(characters[:-1]):
        before, after, tone = characters[i - 1 : i], characters[i + 1], flat[i + 1][-1]
        if character == "不":
            flat[i] = "bu2" if tone == "4" else "bu4"
        if character == "一":
            in_number = (before and before in NUMERALS + "第") or after in DIGITS + "十幺"
            if in_number or i in ends or after in "月日号":
                flat[i] = "yi1"
            else:
                flat[i] = "yi2" if tone == "4" or after == "个" else "yi4"
    changed = iter(flat)
    return [[next(changed) for _ in word] for word in readings]


@cache
def symbols(syllable):
    """Kokoro's symbols of one syllable."""
    from misaki.zh import ZHG2P

    if syllable == "kiu1":  # the letter Q has no syllable of its own
        return symbols("ke4").rstrip("↘ɤ") + symbols("you1")
    return ZHG2P.py2ipa(syllable).replace("\u032f", "")


def phonemes(text, spell=None):
    """Kokoro's symbols for a text. `spell` gives the syllables of the whole text instead of the dictionaries."""
    result = ""
    for word in [spell.split()] if spell else syllables(text):
        if isinstance(word, str):
            result = result.rstrip() + word + " "
        else:
            result += "".join(symbols(syllable) for syllable in word) + " "
    return result.strip()


@cache
def prepared():
    """jieba, quiet and with this hotline's words."""
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    for word in WORDS:
        jieba.suggest_freq(word, tune=True)
        jieba.add_word(word)
    for parts in CUT:
        jieba.suggest_freq(parts, tune=True)
    return jieba
