#!/bin/bash
# Trains a network as one Slurm job of several tasks, which are ranks of MPI.
#
#   OUT=/shared/runs/photos sbatch --ntasks=8 --cpus-per-task=4 slurm_train.sh --data /shared/photos [OPTION of mbn-train]...
#
# Requeued or submitted again, it goes on where it stopped, with another number of tasks too. LAUNCH="mpirun" takes the launcher
# of MPI, where Slurm and MPI do not know each other.
#SBATCH --job-name=mbn-train
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
launch=${LAUNCH:-srun --mpi=pmix --kill-on-bad-exit=1}
if [ -e "$OUT/state.safetensors" ]; then
  set -- --resume "$OUT"
else
  set -- --out "$OUT" "$@"
fi
# shellcheck disable=SC2086 -- several options
exec $launch "${MBN_TRAIN:-mbn-train}" --distributed mpi "$@"
