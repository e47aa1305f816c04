// Steps of the optimisers and of the moving average over all tensors at once. The table of tensors is an argument: nothing
// has to be copied to the device before a step. The optimisers' formulas are those of torch.optim.
#include "common.cuh"

struct Tensor {
    float *parameter, *state;
    const float *gradient;
    int length, first_block;
    // SGD's weight decay, or what AdamW's leaves of a parameter.
    float decay;
    int unused;
};

struct Averaged {
    float *average;
    const float *value;
    int length, first_block;
};

template <class Entry, int N> struct Table {
    Entry tensors[N];
    int count, unused;
};

using Tensors = Table<Tensor, 96>;
using Averages = Table<Averaged, 160>;

constexpr int CHUNK = 256 * 16;

// Calls step(tensor, index) for the values of this block.
template <class Entry, int N, class F> DEVICE void for_chunk(const Table<Entry, N> &table, F step) {
    int which = 0;
    while (which + 1 < table.count && table.tensors[which + 1].first_block <= static_cast<int>(blockIdx.x))
        which++;
    const Entry &tensor = table.tensors[which];
    const int start = (static_cast<int>(blockIdx.x) - tensor.first_block) * CHUNK;
    const int end = min_of(start + CHUNK, tensor.length);
#pragma unroll 4
    for (int i = start + threadIdx.x; i < end; i += blockDim.x)
        step(tensor, i);
}

KERNEL(sgd, (const __grid_constant__ Tensors table, int nesterov, float learning_rate, float momentum)) {
    for_chunk(table, [=](const Tensor &tensor, int i) {
        const float parameter = tensor.parameter[i];
        const float gradient = __ldg(tensor.gradient + i) + tensor.decay * parameter;
        const float buffer = momentum * tensor.state[i] + gradient;
        tensor.state[i] = buffer;
        tensor.parameter[i] = parameter - learning_rate * (nesterov ? gradient + momentum * buffer : buffer);
    });
}

// `size` is the learning rate over the first moment's correction, `root` the square root of the second's.
KERNEL(adamw, (const __grid_constant__ Tensors table, float beta1, float gain1, float beta2, float gain2, float size,
               float root, float epsilon)) {
    for_chunk(table, [=](const Tensor &tensor, int i) {
        const float gradient = __ldg(tensor.gradient + i);
        float *second = tensor.state + tensor.length;
        const float m = beta1 * tensor.state[i] + gain1 * gradient;
        const float v = beta2 * second[i] + gain2 * gradient * gradient;
        tensor.state[i] = m;
        second[i] = v;
        tensor.parameter[i] = tensor.parameter[i] * tensor.decay - size * m / (sqrtf(v) / root + epsilon);
    });
}

// Moves each average by `gain` of its distance to the value. In this form the average of a value that does not change is
// exactly that value.
KERNEL(average, (const __grid_constant__ Averages table, float gain)) {
    for_chunk(table, [=](const Averaged &tensor, int i) {
        const float average = tensor.average[i];
        tensor.average[i] = average + (__ldg(tensor.value + i) - average) * gain;
    });
}
