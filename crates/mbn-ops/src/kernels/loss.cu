// Softmax cross entropy, a block for each row of logits, and the sums over steps that training shows.
#include "common.cuh"

// What `combine` makes of the values of all 256 threads, in one order; every thread gets it. Warps combine by shuffles,
// then the first warp combines what they found.
template <class T, class F> DEVICE T combine_threads(T value, T *shared, F combine) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int apart = 16; apart > 0; apart /= 2)
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, apart));
    // All have read the result before.
    __syncthreads();
    if (lane == 0)
        shared[warp] = value;
    __syncthreads();
    value = shared[0];
    for (unsigned i = 1; i < blockDim.x / 32; i++)
        value = combine(value, shared[i]);
    return value;
}

// logits [n, k]; either `targets` [n, k], or `labels` [n] with smoothing. Writes the loss of each row, not scaled, and the
// first class with the largest logit; unless they are null, the scaled gradient, and the probability of that class. A
// label that is too large gives no number.
KERNEL(cross_entropy, (const float *__restrict__ logits, const float *__restrict__ targets,
                       const unsigned *__restrict__ labels, double *__restrict__ losses, float *__restrict__ gradient,
                       unsigned *__restrict__ predicted, float *__restrict__ probability, int k, float smoothing,
                       float scale)) {
    float *floats = reinterpret_cast<float *>(shared_memory());
    double *doubles = reinterpret_cast<double *>(shared_memory()) + 32;
    const auto add = [](auto a, auto b) { return a + b; };
    const size_t row = blockIdx.x;
    logits += row * k;
    const unsigned label = targets ? 0 : labels[row];
    const bool valid = label < static_cast<unsigned>(k);

    float most = -INFINITY;
    for (int i = threadIdx.x; i < k; i += blockDim.x)
        most = fmaxf(most, logits[i]);
    most = combine_threads(most, floats, [](float a, float b) { return fmaxf(a, b); });
    float sum = 0.0f;
    for (int i = threadIdx.x; i < k; i += blockDim.x)
        sum += expf(logits[i] - most);
    sum = combine_threads(sum, floats, add);
    const float log_sum = logf(sum);

    const auto target = [&](int i) {
        if (targets)
            return __ldg(targets + row * k + i);
        return smoothing / k + (static_cast<unsigned>(i) == label ? 1.0f - smoothing : 0.0f);
    };
    // The targets' weights need not sum to one.
    double loss = 0.0;
    float weight = 0.0f;
    for (int i = threadIdx.x; i < k; i += blockDim.x) {
        loss -= static_cast<double>(target(i)) * (logits[i] - most - log_sum);
        weight += target(i);
    }
    loss = combine_threads(loss, doubles, add);
    weight = combine_threads(weight, floats, add);
    int first = k - 1;
    for (int i = threadIdx.x; i < k; i += blockDim.x)
        if (logits[i] == most)
            first = min_of(first, i);
    first = combine_threads(first, reinterpret_cast<int *>(floats), [](int a, int b) { return min_of(a, b); });
    if (threadIdx.x == 0) {
        losses[row] = valid ? loss : static_cast<double>(NAN);
        predicted[row] = first;
        if (probability)
            probability[row] = 1.0f / sum;
    }
    for (int i = threadIdx.x; gradient && i < k; i += blockDim.x) {
        const float softmax = expf(logits[i] - most) / sum;
        gradient[row * k + i] = valid ? scale * (weight * softmax - target(i)) : NAN;
    }
}

// The scaled sum of the rows' losses, by one block.
KERNEL(sum_losses, (const double *__restrict__ losses, float *__restrict__ out, int n, float scale)) {
    double sum = 0.0;
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        sum += losses[i];
    sum = combine_threads(sum, reinterpret_cast<double *>(shared_memory()), [](double a, double b) { return a + b; });
    if (threadIdx.x == 0)
        *out = static_cast<float>(scale * sum);
}

// Adds the sum of the losses of n images, whose mean is `loss`, and the number of images whose predicted class is their
// label, to `sums` [2]; by one block.
KERNEL(tally, (const float *__restrict__ loss, const unsigned *__restrict__ predicted,
               const unsigned *__restrict__ labels, float *__restrict__ sums, int n)) {
    int right = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        right += predicted[i] == labels[i];
    right = combine_threads(right, reinterpret_cast<int *>(shared_memory()), [](int a, int b) { return a + b; });
    if (threadIdx.x == 0) {
        sums[0] += *loss * n;
        sums[1] += right;
    }
}
