"""English text to Kokoro's symbols: misaki's American dictionary, and espeak-ng for what it lacks."""

import json
import re
import subprocess
from functools import cache
from importlib import resources

DIGITS = "zero one two three four five six seven eight nine".split()
VOWELS = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ"
LETTERS = dict(zip(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ˈA bˈi sˈi dˈi ˈi ˈɛf ʤˈi ˈAʧ ˈI ʤˈA kˈA ˈɛl ˈɛm ˈɛn ˈO pˈi kjˈu ˈɑɹ ˈɛs tˈi jˈu vˈi dˈʌbᵊlju ˈɛks wˈI zˈi".split(),
))  # fmt: skip
SYMBOLS = {"#": " hash ", "*": " star ", "%": " percent ", "&": " and ", "+": " plus "}
# Words in which the sentence decides, and words the dictionaries lack.
READINGS = {
    "a": "ɐ", "an": "ən", "and": "ænd", "id": "ˌIdˈi", "pin": "pˈɪn", "sms": "ˌɛsˌɛmˈɛs",
    "queries": "kwˈɪɹiz", "queried": "kwˈɪɹid", "use": "jˈuz", "live": "lˈɪv", "yuan": "juˈɑn", "fen": "fˈɛn",
}  # fmt: skip
FROM_ESPEAK = [
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("o^ʊ", "O"),
    ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ɐ", "ə"), ("ː", ""),
    ("ɾ", "T"), ("ʔ", "t"), ("i^ə", "iə"), ("^", ""), ("e", "A"), ("o", "ɔ"),
]  # fmt: skip


def in_words(text):
    """Numbers and symbols written out; a number is read digit by digit."""
    text = re.sub(r"\d+", lambda found: " ".join(DIGITS[int(digit)] for digit in found[0]), text)
    for symbol, word in SYMBOLS.items():
        text = text.replace(symbol, word)
    return text.replace("’", "'").replace("–", ",").replace("—", ",")


def phonemes(text, spell=None):
    """Kokoro's symbols for a text."""
    if spell:
        return spell
    parts = re.findall(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|[,;:.!?]", in_words(text))
    result = ""
    for part, after in zip(parts, parts[1:] + [""]):
        if re.fullmatch(r"[,;:.!?]", part):
            result = result.rstrip() + part + " "
        else:
            follows = word(after) if after[:1].isalpha() else ""
            result += in_sentence(part, follows) + " "
    return result.strip()


def in_sentence(part, follows):
    """A word before another."""
    vowel = bool(follows) and follows.lstrip("ˈˌ")[0] in VOWELS
    if part.lower() == "the":
        return "ði" if vowel else "ðə"
    if part.lower() == "to":
        return "tʊ" if vowel or not follows else "tə"
    return word(part)


@cache
def word(text):
    """A word alone."""
    lower = text.lower()
    if text.isupper() and len(text) == 1 and text not in ("A", "I"):
        return LETTERS[text]
    if "-" in text:
        return " ".join(word(part) for part in text.split("-"))
    for known in (READINGS, *dictionaries()):
        for form in (text, lower):
            found = known.get(form)
            if isinstance(found, dict):
                found = found["DEFAULT"]
            if found:
                return found.replace("ɾ", "T").replace("ʔ", "t")
    if text.isupper() and len(text) <= 4:
        letters = [LETTERS[letter] for letter in text]
        return "".join(letter.replace("ˈ", "ˌ") for letter in letters[:-1]) + letters[-1]
    if lower.endswith("'s"):
        return plural(word(text[:-2]))
    if lower.endswith("s") and not lower.endswith("ss") and any(lower[:-1] in known for known in dictionaries()):
        return plural(word(text[:-1]))
    return from_espeak(text)


def plural(stem):
    if stem[-1] in "szʃʒʧʤ":
        return stem + "ᵻz"
    return stem + ("s" if stem[-1] in "ptkfθ" else "z")


@cache
def dictionaries():
    folder = resources.files("misaki") / "data"
    return [json.loads((folder / name).read_text(encoding="utf-8")) for name in ("us_gold.json", "us_silver.json")]


def from_espeak(text):
    command = ["espeak-ng", "-v", "en-us", "-q", "--ipa", "--tie=^", text]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for theirs, ours in FROM_ESPEAK:
        found = found.replace(theirs, ours)
    return found
