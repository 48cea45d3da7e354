#!/usr/bin/env bash
# What a machine with a GPU makes of this: nine minutes of benchmarks, then the preset.
#
#     benchmarks/gpu.sh [--small] [-- options of snakemake]
#
# The benchmarks come first: driven steps, dream steps, the training of V and of M, and
# painted tracks. Most measure both precisions in one run; one with the flag --precision
# runs once for each. Each run adds a line of JSON to $OUT/gpu.jsonl as it ends (OUT:
# default results/gpu), and its words to a log beside it. Then `presets/gpu.yaml` runs
# until it is done or, where MINUTES is given, until so many have passed since the start;
# called again, it goes on where it was. BENCHMARKS=no leaves the benchmarks out.
# `--small` tries all of it at small sizes on a processor.
set -u

cd "$(dirname "$0")/.."
small=no
if [ "${1:-}" = --small ]; then
    small=yes
    shift
fi
if [ "${1:-}" = -- ]; then
    shift
elif [ $# -gt 0 ]; then
    echo "gpu.sh: $1 is none of its options; give --small, and snakemake's after --" >&2
    exit 2
fi
case ${MINUTES:-0} in
*[!0-9]*)
    echo "gpu.sh: MINUTES is $MINUTES; give a whole number of minutes" >&2
    exit 2
    ;;
esac
out=${OUT:-results/gpu}
mkdir -p "$out" || exit
out=$(cd "$out" && pwd)
benchmarks_end=540 # seconds after the start
if [ "$small" = yes ]; then
    benchmarks_end=1800 # a processor may be busy
fi

# Run a benchmark for some seconds at most: measure SECONDS PRECISION NAME [OPTIONS].
measure() {
    local limit=$1 precision=$2 name=$3 begin=$SECONDS
    local log=$out/$name-$precision.log options=("${@:4}")
    if grep -q -e --precision "benchmarks/$name.py"; then
        options+=(--precision "$precision")
    elif [ "$precision" != float32 ]; then
        echo "$name: has no --precision, so it does not run again"
        return
    fi
    local left=$((benchmarks_end - SECONDS))
    if [ "$left" -le 0 ]; then
        echo "$name, $precision: no time is left for it"
        return
    fi
    timeout --kill-after=5 "$((limit < left ? limit : left))" \
        python "benchmarks/$name.py" "${options[@]}" >"$log" 2>&1
    local status=$? result
    result=$(tail -n 1 "$log" | grep '^{.*}$' || echo null)
    printf '{"benchmark": "%s", "precision": "%s", "seconds": %d, "status": %d, "result": %s}\n' \
        "$name" "$precision" "$((SECONDS - begin))" "$status" "$result" | tee -a "$out/gpu.jsonl"
}

if [ "${BENCHMARKS:-yes}" = yes ]; then
    for precision in float32 mixed; do
        if [ "$small" = yes ]; then
            measure 400 "$precision" generation --population 2 --rollouts 1 --part 0.005 --repeats 1
            measure 300 "$precision" dream --population 4 --rollouts 2 --steps 2 --repeats 1
            measure 300 "$precision" vision --rounds 1
            measure 300 "$precision" memory --cases "carracing 16 x 256"
            measure 300 "$precision" simulator --cars 2 --steps 2 --repeats 1
        else
            measure 100 "$precision" generation --part 0.02
            measure 50 "$precision" dream
            measure 45 "$precision" vision --rounds 5
            measure 45 "$precision" memory --cases "carracing 16 x 256" "carracing 100 x 100"
            measure 60 "$precision" simulator --cars 1024 --repeats 3
        fi
    done
fi

options=(--configfile presets/gpu.yaml)
for rule in rollouts_shard train_vision encode_shard encode_earlier_shard train_memory \
    evolve_block score_random evaluate; do
    resources+=("$rule:gpu=1") # one at a time has the GPU's memory
done
if [ "$small" = yes ]; then
    options=(rollouts --configfile presets/smoke.yaml --config rounds=1)
fi
limit=()
if [ -n "${MINUTES:-}" ]; then
    left=$((MINUTES * 60 - SECONDS))
    if [ "$left" -le 0 ]; then
        echo "no time is left for the preset: call again with more MINUTES, BENCHMARKS=no"
        exit 0
    fi
    limit=(timeout --signal=INT --kill-after=60 "$left")
fi
snakemake --unlock "${options[@]}" "$@" >"$out/unlock.log" 2>&1 # of a run that was killed
"${limit[@]}" snakemake "${options[@]}" --set-resources "${resources[@]}" "$@"
