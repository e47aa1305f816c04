#!/bin/bash
# Classifies a list of pictures with GNU parallel, on this machine or, with --sshlogin, on others that share its files.
#
#   SHARDS=8 LIST=paths.txt OUT=/shared/results parallel.sh "--jobs 4" [OPTION of mbn-infer]...
#
# A process that fails is started again up to three times, and goes on where it stopped.
set -u
options=$1
shift
# shellcheck disable=SC2086 -- several options
seq 0 $((SHARDS - 1)) | parallel $options --retries 3 --quote "${MBN_INFER:-mbn-infer}" --list "$LIST" --shard "{}/$SHARDS" --resume \
  --format json --output "$OUT/part-{}.jsonl" --bad-images report --quiet "$@"
