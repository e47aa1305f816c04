// What follows sums over rows: parts are added in their order, in float64.
#include "common.cuh"

// Adds rows of `parts`, so many values apart, of the channel of the thread; the block's threads in y share them. Every
// thread of the first row returns the sum of its channel.
DEVICE double add_parts(const double *parts, size_t apart, int count, bool inside, double *shared) {
    double sum = 0.0;
    if (inside)
        for (int i = threadIdx.y; i < count; i += blockDim.y)
            sum += __ldg(parts + i * apart);
    __syncthreads();
    shared[thread_index()] = sum;
    __syncthreads();
    double all = 0.0;
    if (threadIdx.y == 0)
        for (unsigned y = 0; y < blockDim.y; y++)
            all += shared[y * blockDim.x + threadIdx.x];
    return all;
}

// In float64: an error in the shift moves every value of a channel, and those near zero to the other side of the
// activation's kink.
DEVICE void write_constants(float *constants, int c, int channel, float mean, float variance, float gamma, float beta,
                            double epsilon) {
    const double inv_std = 1.0 / sqrt(variance + epsilon);
    const double scale = inv_std * gamma;
    constants[channel] = mean;
    constants[c + channel] = static_cast<float>(inv_std);
    constants[2 * c + channel] = static_cast<float>(scale);
    constants[3 * c + channel] = static_cast<float>(beta - mean * scale);
}

// Parts [count, 2, c] of the values and of their squares. What is null is not wanted.
KERNEL(finish_statistics,
       (const double *__restrict__ parts, const float *__restrict__ gamma, const float *__restrict__ beta,
        float *__restrict__ running_mean, float *__restrict__ running_variance, float *__restrict__ mean_out,
        float *__restrict__ variance_out, float *__restrict__ constants, int count, int c, int rows, double epsilon,
        double momentum)) {
    double *shared = reinterpret_cast<double *>(shared_memory());
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    const bool inside = channel < c;
    const size_t apart = 2 * static_cast<size_t>(c);
    const double sum = add_parts(parts + channel, apart, count, inside, shared);
    const double squares = add_parts(parts + c + channel, apart, count, inside, shared);
    if (threadIdx.y != 0 || !inside)
        return;
    const double mean = sum / rows;
    const double variance = fmax(squares / rows - mean * mean, 0.0);
    if (mean_out)
        mean_out[channel] = static_cast<float>(mean);
    if (variance_out)
        variance_out[channel] = static_cast<float>(variance);
    if (running_mean) {
        const double unbiased = variance * rows / (rows > 1 ? rows - 1 : 1);
        running_mean[channel] =
            static_cast<float>((1.0 - momentum) * running_mean[channel] + momentum * mean);
        running_variance[channel] =
            static_cast<float>((1.0 - momentum) * running_variance[channel] + momentum * unbiased);
    }
    write_constants(constants, c, channel, static_cast<float>(mean), static_cast<float>(variance),
                    __ldg(gamma + channel), __ldg(beta + channel), epsilon);
}

KERNEL(normalization, (const float *__restrict__ mean, const float *__restrict__ variance,
                       const float *__restrict__ gamma, const float *__restrict__ beta, float *__restrict__ constants,
                       int c, double epsilon)) {
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel < c)
        write_constants(constants, c, channel, mean[channel], variance[channel], gamma[channel], beta[channel], epsilon);
}

// Parts [count, 2 + taps, c]: of the gradient, of its product with the centred value, of each tap of a weight
// [c, taps]. A block in y for each sum.
KERNEL(finish_gradients, (const double *__restrict__ parts, const float *__restrict__ constants,
                          float *__restrict__ dgamma, float *__restrict__ dbeta, float *__restrict__ dweight, int count,
                          int c)) {
    double *shared = reinterpret_cast<double *>(shared_memory());
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    const bool inside = channel < c;
    const int sums = gridDim.y, which = blockIdx.y;
    const double sum = add_parts(parts + static_cast<size_t>(which) * c + channel, static_cast<size_t>(sums) * c, count,
                                 inside, shared);
    if (threadIdx.y != 0 || !inside)
        return;
    if (which == 0)
        dbeta[channel] = static_cast<float>(sum);
    else if (which == 1)
        dgamma[channel] = static_cast<float>(sum * __ldg(constants + c + channel));
    else
        dweight[channel * (sums - 2) + which - 2] = static_cast<float>(sum);
}

// Parts [count, taps, c] to [c, taps]. A block in y for each tap.
KERNEL(finish_weight, (const double *__restrict__ parts, float *__restrict__ dweight, int count, int c)) {
    double *shared = reinterpret_cast<double *>(shared_memory());
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    const bool inside = channel < c;
    const int taps = gridDim.y, tap = blockIdx.y;
    const double sum = add_parts(parts + static_cast<size_t>(tap) * c + channel, static_cast<size_t>(taps) * c, count,
                                 inside, shared);
    if (threadIdx.y == 0 && inside)
        dweight[channel * taps + tap] = static_cast<float>(sum);
}

// Sums over the rows of x, [rows, c].
KERNEL(column_sums, (const float *__restrict__ x, float *__restrict__ out, int rows, int c)) {
    double *shared = reinterpret_cast<double *>(shared_memory());
    const int channel = blockIdx.x * blockDim.x + threadIdx.x;
    double sum = 0.0;
    if (channel < c)
        for (int row = threadIdx.y; row < rows; row += blockDim.y)
            sum += __ldg(x + static_cast<size_t>(row) * c + channel);
    shared[thread_index()] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && channel < c) {
        double all = 0.0;
        for (unsigned y = 0; y < blockDim.y; y++)
            all += shared[y * blockDim.x + threadIdx.x];
        out[channel] = static_cast<float>(all);
    }
}
