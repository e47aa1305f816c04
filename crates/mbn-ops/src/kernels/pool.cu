// Global average pooling.
#include "common.cuh"

// A block for each image and range of channels, its threads in y share the pixels. STORED: the values as they are.
template <class T, int V, bool STORED>
DEVICE void pool(const T *__restrict__ raw, const float *__restrict__ constants, float *__restrict__ out, int n,
                 int pixels, int c, float max) {
    float *sums = reinterpret_cast<float *>(shared_memory());
    const int width = blockDim.x * V, channel = blockIdx.x * width + threadIdx.x * V;
    const Normalization<V> norm(constants, STORED ? 0 : c, channel, max);
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        float sum[V];
#pragma unroll
        for (int i = 0; i < V; i++)
            sum[i] = 0.0f;
        if (channel < c) {
#pragma unroll 4
            for (int pixel = threadIdx.y; pixel < pixels; pixel += blockDim.y) {
                float x[V];
                fetch(raw + (static_cast<size_t>(image) * pixels + pixel) * c + channel, x);
#pragma unroll
                for (int i = 0; i < V; i++)
                    sum[i] += STORED ? x[i] : norm.activate(i, x[i]);
            }
        }
        // All have read the sums of the image before.
        __syncthreads();
#pragma unroll
        for (int i = 0; i < V; i++)
            sums[threadIdx.y * width + threadIdx.x * V + i] = sum[i];
        __syncthreads();
        for (int column = thread_index(); column < width; column += thread_count()) {
            if (blockIdx.x * width + column < static_cast<unsigned>(c)) {
                float all = 0.0f;
                for (unsigned y = 0; y < blockDim.y; y++)
                    all += sums[y * width + column];
                out[static_cast<size_t>(image) * c + blockIdx.x * width + column] = all / pixels;
            }
        }
    }
}

// Writes the gradient of batch norm's result before the activation, given that of the means.
template <class T, int V>
DEVICE void backward(const float *__restrict__ gradient, const T *__restrict__ raw, const float *__restrict__ constants,
                     T *__restrict__ out, double *__restrict__ parts, int n, int pixels, int c, float max) {
    const int channel = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    const Normalization<V> norm(constants, c, channel, max);
    GradientSums<V> sums;
    if (channel < c) {
        const int rows = n * pixels;
        for (int row = blockIdx.y * blockDim.y + threadIdx.y; row < rows; row += gridDim.y * blockDim.y) {
            const size_t at = static_cast<size_t>(row) * c + channel;
            float x[V], dy[V];
            fetch(raw + at, x);
#pragma unroll
            for (int i = 0; i < V; i++) {
                const float mean = __ldg(gradient + static_cast<size_t>(row / pixels) * c + channel + i);
                dy[i] = norm.pass(norm.normalise(i, x[i]), mean / pixels);
            }
            // The sums are those of what is stored: an image's pixels all have the same rounding error.
            store_rounded(out + at, dy);
#pragma unroll
            for (int i = 0; i < V; i++)
                sums.add(i, dy[i], norm.centre(i, x[i]));
        }
    }
    sums.finish(parts + static_cast<size_t>(blockIdx.y) * 2 * c, c);
}

#define DEFINE(SUFFIX, T, V)                                                                                          \
    KERNEL(pool##SUFFIX, (const T *__restrict__ raw, const float *__restrict__ constants, float *__restrict__ out,    \
                          int n, int pixels, int c, float max)) {                                                     \
        pool<T, V, false>(raw, constants, out, n, pixels, c, max);                                                    \
    }                                                                                                                 \
    KERNEL(pool_stored##SUFFIX, (const T *__restrict__ x, float *__restrict__ out, int n, int pixels, int c)) {       \
        pool<T, V, true>(x, nullptr, out, n, pixels, c, 0.0f);                                                        \
    }                                                                                                                 \
    KERNEL(pool_backward##SUFFIX,                                                                                     \
           (const float *__restrict__ gradient, const T *__restrict__ raw, const float *__restrict__ constants,       \
            T *__restrict__ out, double *__restrict__ parts, int n, int pixels, int c, float max)) {                  \
        backward<T, V>(gradient, raw, constants, out, parts, n, pixels, c, max);                                      \
    }
FOR_EACH_VARIANT(DEFINE)
