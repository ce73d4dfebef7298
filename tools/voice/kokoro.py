"""Kokoro-82M: phonemes in, samples out, and where in the samples each phoneme lies.

The published model decides by itself how long each symbol lasts. Two changes to its graph make it fit for cutting
clips out of a sentence:

    text encoder -> Round -> Clip -+-> + extra -> length regulator -> decoder
                                   |     ^              |
                                   |     a new input    +-> the durations, a new output
                                   one duration a symbol, in frames of 600 samples

`extra` lengthens single symbols. Held for half a second, the blank between two words becomes a real silence, and the
words on both sides keep the melody that they have inside the sentence.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MODEL = HERE / ".venv" / "model"
RATE = 24_000
FRAME = 600
LONGEST = 480  # symbols; the voices have a style for at most 510

HASHES = {
    "kokoro.onnx": "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    "vocab.json": "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
    "zf_xiaobei.bin": "5dde6e1c9c4f12c8b327bc29c0cee361a23b52b952c04636858ba637ec66e640",
    "af_heart.bin": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
}


def check_hashes(folder=MODEL):
    """Stops unless every file of the model is exactly the one that this tool was written for."""
    for name, expected in HASHES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise SystemExit(f"{folder / name} is not the expected file: sha256 {found}, not {expected}")


class Kokoro:
    """The model, with its renderings kept in a folder so that nothing is computed twice."""

    def __init__(self, cache, model=MODEL):
        check_hashes(model)
        self.cache = Path(cache)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.model = model
        self.vocabulary = json.loads((model / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self.styles = {}
        self.session = None
        self.rendered = 0.0  # seconds of sound computed in this run

    def render(self, phonemes, voice, extra=None, speed=1.0):
        """Samples at 24 kHz, and the end of each symbol in samples. `extra` has one number of frames a symbol."""
        unknown = set(phonemes) - set(self.vocabulary)
        if unknown:
            raise ValueError(f"the model has no symbol for {unknown} in {phonemes!r}")
        if len(phonemes) > LONGEST:
            raise ValueError(f"{len(phonemes)} symbols are too many for one sentence: {phonemes!r}")
        extra = [0] * len(phonemes) if extra is None else list(extra)
        key = json.dumps([HASHES["kokoro.onnx"], phonemes, voice, extra, speed])
        kept = self.cache / (hashlib.sha256(key.encode()).hexdigest()[:32] + ".npz")
        if not kept.exists():
            samples, frames = self._run(phonemes, voice, extra, speed)
            part = kept.with_suffix(".part.npz")
            np.savez(part, samples=np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16), frames=frames)
            part.rename(kept)
        with np.load(kept) as found:
            samples, frames = found["samples"].astype(np.float64) / 32767, found["frames"]
        return samples, np.cumsum(frames)[:-1] * FRAME  # [0]: the end of the leading blank = the start of the first

    def _run(self, phonemes, voice, extra, speed):
        tokens = [self.vocabulary[symbol] for symbol in phonemes]
        samples, frames = self._session().run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": self._style(voice)[len(tokens)][None, :],
                "speed": np.array([speed], dtype=np.float32),
                "extra": np.array([[0, *extra, 0]], dtype=np.float32),
            },
        )
        samples, frames = np.ravel(samples), np.ravel(frames).astype(np.int64)
        self.rendered += len(samples) / RATE
        return samples, frames

    def _style(self, voice):
        if voice not in self.styles:
            self.styles[voice] = np.fromfile(self.model / f"{voice}.bin", dtype=np.float32).reshape(-1, 256)
        return self.styles[voice]

    def _session(self):
        if self.session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(
                with_durations(self.model / "kokoro.onnx"), options, providers=["CPUExecutionProvider"]
            )
        return self.session


def with_durations(path):
    """The model's bytes with the input `extra` and the durations as an output."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path)
    graph = model.graph
    rounded = next(node for node in graph.node if node.op_type == "Round").output[0]
    place, clip = next((i, node) for i, node in enumerate(graph.node) if rounded in node.input)
    frames = clip.output[0]
    clip.output[0] = frames + "_by_model"
    graph.node.insert(place + 1, helper.make_node("Add", [clip.output[0], "extra"], [frames], name="extra"))
    graph.input.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, [1, "sequence_length"]))
    graph.output.append(helper.make_tensor_value_info(frames, TensorProto.FLOAT, None))
    return model.SerializeToString()
