"""Samples: finding where a word begins and ends, trimming, levels, 24 kHz to 8 kHz, WAV.

Level here is the active speech level: the root mean square over the 20 ms frames (one each 10 ms) that are within
15 dB of the loudest one, of the samples as a telephone passes them (8 kHz).
"""

import wave

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import firwin, resample_poly

RATE = 8_000
LEVEL = -20.0  # dBFS, of every clip
PEAK = -3.0  # dBFS, of no sample more
ACTIVE = 15.0  # dB below the loudest frame
BEGINS = 48.0  # dB below the loudest frame: a clip begins there; of an s or f, a telephone passes no more than that
ENDS = 36.0  # and ends there: at 27 the last s of a word was lost
MARGIN = 0.015  # seconds of it left at both ends
FADE_IN = 0.004
FADE_OUT = 0.010
LIMITING = 0.010  # seconds around a peak in which the sound is turned down to let it pass below PEAK
LOW_PASS = firwin(361, 3_600, fs=24_000, window=("kaiser", 8.0))  # 80 dB down at 4 kHz


def decibels(power):
    return 10 * np.log10(np.maximum(power, 1e-12))


def frames(samples, rate, length=0.020, hop=0.010):
    """Level of each frame, in dBFS."""
    length, hop = int(length * rate), int(hop * rate)
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    power = np.convolve(np.square(samples), np.ones(length) / length, mode="valid")
    return decibels(power[::hop])


def level(samples, rate=RATE):
    """Active speech level."""
    found = frames(samples, rate)
    active = found[found > found.max() - ACTIVE]
    return float(decibels(np.mean(10 ** (active / 10))))


def peak(samples):
    return float(decibels(np.max(np.abs(samples)) ** 2))


def quietest(samples, rate, start, end, width=0.030):
    """The middle of the quietest 30 ms between two places, and its level."""
    start, end = max(0, start), min(len(samples), end)
    width = int(width * rate)
    power = np.convolve(np.square(samples[start:end]), np.ones(width) / width, mode="valid")
    best = int(np.argmin(power))
    return start + best + width // 2, float(decibels(power[best]))


def bounds(samples, rate=RATE):
    """Where the sound begins and ends, silence left out."""
    found = frames(samples, rate, 0.010, 0.0025)
    begin = np.flatnonzero(found > found.max() - BEGINS)[0]
    end = np.flatnonzero(found > found.max() - ENDS)[-1]
    hop, length = int(0.0025 * rate), int(0.010 * rate)
    return int(begin) * hop, min(len(samples), int(end) * hop + length)


def trim(samples, rate=RATE):
    """With just a short margin of silence at both ends, faded into nothing.

    Done at 8 kHz: of an s, a telephone passes little, and a long one would be a gap between two clips.
    """
    begin, end = bounds(samples, rate)
    margin = int(MARGIN * rate)
    cut = np.array(samples[max(0, begin - margin) : end + margin])
    rise, fall = int(FADE_IN * rate), int(FADE_OUT * rate)
    cut[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    cut[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return cut


def to_telephone(samples):
    """24 kHz to 8 kHz."""
    return resample_poly(samples, 1, 3, window=LOW_PASS)


def levelled(samples):
    """At the common level, with no peak too high."""
    for _ in range(4):  # what is taken from peaks is missing from the level
        samples = limited(samples * 10 ** ((LEVEL - level(samples)) / 20))
    return samples


def limited(samples):
    """Turned down for 10 ms around each peak that is too high; the rest as it was."""
    gain = 10 ** (PEAK / 20) / np.maximum(np.abs(samples), 10 ** (PEAK / 20))
    around = int(LIMITING * RATE) | 1
    window = np.hanning(around + 2)[1:-1]
    lowest = np.pad(minimum_filter1d(gain, around), around // 2, mode="edge")
    return samples * np.convolve(lowest, window / window.sum(), mode="valid")


def faded(samples, seconds, rate):
    """Let fall to nothing in its last part, with a margin of silence after it."""
    fall = min(int(seconds * rate), len(samples))
    samples = np.array(samples)
    samples[len(samples) - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return np.concatenate([samples, silence(MARGIN, rate)])


def silence(seconds, rate):
    return np.zeros(int(seconds * rate))


def write(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def read(path):
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise ValueError(f"{path} is not 8 kHz, 16 bits, mono")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32767
