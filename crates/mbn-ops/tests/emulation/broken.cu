// Kernels that are wrong on purpose, one for each fault that the emulation has to notice, and one that is right.
#include "../../src/kernels/common.cuh"

// Each thread passes its index to the next one.
KERNEL(right, (float *out)) {
    float *shared = reinterpret_cast<float *>(shared_memory());
    shared[threadIdx.x] = threadIdx.x;
    __syncthreads();
    out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

KERNEL(missing_barrier, (float *out)) {
    float *shared = reinterpret_cast<float *>(shared_memory());
    shared[threadIdx.x] = threadIdx.x;
    out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

KERNEL(divergent_barrier, (float *out)) {
    if (threadIdx.x != 5)
        __syncthreads();
    out[threadIdx.x] = threadIdx.x;
}

KERNEL(writes_beyond, (float *out)) { out[threadIdx.x + 1] = threadIdx.x; }

KERNEL(writes_beyond_shared, (float *out)) {
    float *shared = reinterpret_cast<float *>(shared_memory());
    shared[threadIdx.x + 1] = threadIdx.x;
    out[threadIdx.x] = threadIdx.x;
}

KERNEL(reads_beyond, (float *out)) { out[threadIdx.x] = out[threadIdx.x + blockDim.x]; }

// What is read is not used.
KERNEL(loads_beyond, (float *out)) {
    const float next = __ldg(out + threadIdx.x + 1);
    out[threadIdx.x] = threadIdx.x + 1 < blockDim.x ? next : 0.0f;
}

KERNEL(misaligned, (float *out)) {
    const float2 pair = __ldg(reinterpret_cast<const float2 *>(out + threadIdx.x % 2));
    out[threadIdx.x] = pair.x;
}
