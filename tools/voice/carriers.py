"""How each text is spoken so that its recording fits between the others.

A piece of a number spoken alone sounds wrong, and cut out of running speech it keeps traces of its neighbours. So a
piece stands in a carrier sentence between two marks of punctuation that are held long enough to become silence:

    号码三八 , 三百 " 大家好。                            号码三八 , 五 . 大家好。
            ^ held  ^ held                               ending a group of digits

(What the sentence says does not matter. 八 before and 大 after leave the marks silent; a nasal or an s beside them
would sound on through the pause.)
The comma before gives a clean beginning; the quotation mark after leaves the voice level, as if more followed (a comma
would raise it); the full stop lets it fall. A text that leads to a value (您的余额为…) or follows one (…个月) is cut out
the same way.
"""

import re
from dataclasses import dataclass

VOICES = {"zh-CN": "zf_xiaobei", "en": "af_heart"}


@dataclass(frozen=True)
class Carrier:
    before: str = ""
    after: str = ""
    opening: str = ", "  # the mark before the piece
    closing: str = ". "  # the mark after it
    speed: float = 1.0
    spell: str | None = None  # syllables or symbols, instead of the dictionary's


ON = '" '  # a mark that leaves the voice as if more followed

NUMERAL = {
    "zh-CN": re.compile(r"[零一二两三四五六七八九十百千万亿兆元角分负年月日幺X]+"),
    "en": re.compile(
        r"X|and|yuan|fen|minus|January|February|March|April|May|June|July|August|September|October|November|December"
        r"|(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|billion"
        r"|trillion|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w+teen|\w+teenth"
        r"|\w+ty|\w+tieth)[ -]?)+"
    ),
}
LEADS = {
    "zh-CN": re.compile(r"(为|截至|请|到|共|缴费|从|基数|缴纳|第)$"),
    "en": re.compile(r"\b(is|of|in|to|from|for|base|share|and|until|by|since)$"),
}
FOLLOWS = {"zh-CN": re.compile(r"^(个月|分钟)"), "en": re.compile(r"^(months?|minutes?|no payment)\b")}
MONTHS = re.compile(r"January|February|March|April|May|June|July|August|September|October|November|December")
SPELL = {
    ("zh-CN", "一元"): "yi1 yuan2",  # most often the end of 二十一元
    ("zh-CN", "X"): "ai4 ke4 si1",
}


def carrier(language, text, form):
    """The carrier of a text, or nothing if it is said by itself."""
    spell = SPELL.get((language, text))
    if NUMERAL[language].fullmatch(text):
        if language == "zh-CN":
            if form == "ending":
                return Carrier("号码三八", "大家好。", closing=". ", spell=spell)
            if form == "inside":
                return Carrier("号码三八", "大家好。", closing=ON, spell=spell)
            faster = 1.05 if text[-1] in "年月日" else 1.1  # several of them make a value
            return Carrier("号码三八", "大家好。", closing=ON, speed=faster, spell=spell)
        if form == "ending":
            return Carrier("number three six", "thank you.", closing=". ", spell=spell)
        if form == "inside":
            return Carrier("number three six", "two.", closing=ON, spell=spell)
        if MONTHS.fullmatch(text):
            return Carrier("paid in", "this year.", closing=ON, spell=spell)
        return Carrier("that is", "points.", closing=ON, spell=spell)
    leads, follows = LEADS[language].search(text), FOLLOWS[language].search(text)
    if not leads and not follows:
        return None
    before, after = {"zh-CN": ("号码三八", "大家好。"), "en": ("two hundred", "two hundred.")}[language]
    short = len(text) <= 2 if language == "zh-CN" else len(text.split()) <= 2
    return Carrier(
        before if follows or short else "", after if leads else "", closing=ON if leads else ". ", spell=spell
    )
