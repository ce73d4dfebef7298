"""Texts to finished clips."""

import re

import english
import mandarin
import numpy as np
import sound
from carriers import VOICES, carrier
from kokoro import FRAME, RATE

LANGUAGES = {"zh-CN": mandarin, "en": english}
HOLD = 12  # frames that a mark beside a piece is held, of 25 ms; half of them go on sounding
TAIL = 0.025  # seconds that a piece may sound on into the mark after it: more is heard as another syllable
TAIL_FADE = 0.050  # seconds in which it falls to nothing, where it would have sounded on
WORST_PAUSE = -45.0  # dBFS: a mark beside a piece must get at least as quiet as this
COMMA = {"zh-CN": 8, "en": 3}  # frames more for a comma inside a prompt: the voices hurry over them
FIRST_COMMA = {"zh-CN": 4, "en": 3}  # and in what follows a value: after 个月 a longer one is heard as a syllable
SENTENCE_PAUSE = 0.40
SPEED = {"zh-CN": 0.95, "en": 0.97}  # whole prompts; a hotline speaks slowly


class Speaker:
    def __init__(self, kokoro):
        self.kokoro = kokoro
        self.doubts = []

    def clip(self, language, text, form="plain"):
        """8 kHz samples of a text."""
        sentences = [part for part in re.split(r"(?<=[。？！.?!])\s*", text.strip()) if part]
        carriers = [None] * len(sentences)
        if len(sentences) == 1:
            carriers[0] = carrier(language, text, form)
        else:
            first, last = carrier(language, sentences[0].rstrip("。.？?！!"), "plain"), carrier(language, sentences[-1], "plain")
            if first and first.before:
                carriers[0] = first
            if last and last.after:
                carriers[-1] = last
        spoken = []
        for sentence, holder in zip(sentences, carriers):
            if spoken:
                spoken.append(sound.silence(SENTENCE_PAUSE, sound.RATE))
            if holder:
                spoken.append(sound.levelled(self.piece(language, sentence.rstrip("。.？?！!"), holder)))
            else:
                spoken.append(sound.levelled(self.sentence(language, sentence)))
        joined = spoken[0] if len(spoken) == 1 else np.concatenate(spoken)
        return sound.levelled(joined)

    def sentence(self, language, text):
        """A whole sentence, trimmed, at 8 kHz."""
        symbols = LANGUAGES[language].phonemes(text)
        if symbols[-1] not in ".?!":
            symbols = symbols.rstrip(",;:") + "."
        extra = [COMMA[language] if symbol in ",;:" else 0 for symbol in symbols]
        samples, _ = self.kokoro.render(symbols, VOICES[language], extra, SPEED[language])
        return sound.trim(sound.to_telephone(samples))

    def piece(self, language, text, carrier):
        """A text cut out of its carrier sentence, trimmed, at 8 kHz."""
        phonemes = LANGUAGES[language].phonemes
        speed = carrier.speed
        for hold in (HOLD, HOLD + 4):
            before = phonemes(carrier.before) + carrier.opening if carrier.before else ""
            spoken = phonemes(text, carrier.spell)
            after = phonemes(carrier.after) if carrier.after else ""
            closing = carrier.closing if after else "."
            symbols = before + spoken + closing + after
            extra = [0] * len(symbols)
            for place, symbol in enumerate(spoken):
                if symbol in ",;:":
                    extra[len(before) + place] = (FIRST_COMMA if before else COMMA)[language]
            begin, end = len(before), len(before) + len(spoken)
            if before:
                extra[begin - len(carrier.opening)] = hold
            if after:
                extra[end] = hold
            samples, ends = self.kokoro.render(symbols, VOICES[language], extra, speed)
            start, stop, held, quiet = 0, len(samples), len(samples), []
            # The sound runs about 75 ms ahead of the durations, so a pause is looked for a little early.
            if before:
                opens = ends[begin - len(carrier.opening)]
                start, found = sound.quietest(samples, RATE, opens - FRAME, ends[begin] - FRAME)
                quiet.append(found)
            if after:
                stop, found = sound.quietest(samples, RATE, ends[end] - FRAME, ends[end + len(closing)] - FRAME)
                held = ends[end] + int(TAIL * RATE)
                quiet.append(found)
            if all(found < WORST_PAUSE for found in quiet):
                break
        else:
            self.doubts.append((language, text, f"no clean pause: {[round(found) for found in quiet]} dBFS"))
        if held < stop:
            return sound.trim(sound.to_telephone(sound.faded(samples[start:held], TAIL_FADE, RATE)))
        return sound.trim(sound.to_telephone(samples[start:stop]))
