// Work on [rows, c]: a thread keeps its channels, whose constants stay in registers, and walks along rows.
#include "common.cuh"

template <int V> struct Walk {
    int channel;
    size_t row, step;

    DEVICE Walk()
        : channel((blockIdx.x * blockDim.x + threadIdx.x) * V),
          row(static_cast<size_t>(blockIdx.y) * blockDim.y + threadIdx.y),
          step(static_cast<size_t>(gridDim.y) * blockDim.y) {}
};

// Rows whose loads are in flight together where a kernel writes what it has read: the compiler cannot tell that the
// next load does not depend on the last store.
constexpr int BATCH = 4;

template <class T, int V>
DEVICE void activate(const T *__restrict__ raw, const float *__restrict__ constants, T *__restrict__ out, size_t rows,
                     int c, float max) {
    const Walk<V> walk;
    if (walk.channel >= c)
        return;
    const Normalization<V> norm(constants, c, walk.channel, max);
#pragma unroll 4
    for (size_t row = walk.row; row < rows; row += walk.step) {
        const size_t at = row * c + walk.channel;
        float x[V];
        fetch(raw + at, x);
#pragma unroll
        for (int i = 0; i < V; i++)
            x[i] = norm.activate(i, x[i]);
        store(out + at, x);
    }
}

template <class T, int V>
DEVICE void upstream(const T *__restrict__ raw, const T *__restrict__ gradient, const float *__restrict__ constants,
                     const float *__restrict__ dgamma, const float *__restrict__ dbeta, T *__restrict__ out, int rows,
                     int c) {
    const Walk<V> walk;
    if (walk.channel >= c)
        return;
    const InputGradient<V> map(constants, dgamma, dbeta, c, walk.channel, rows);
#pragma unroll 4
    for (size_t row = walk.row; row < static_cast<size_t>(rows); row += walk.step) {
        const size_t at = row * c + walk.channel;
        float x[V], dy[V];
        fetch(raw + at, x);
        fetch(gradient + at, dy);
#pragma unroll
        for (int i = 0; i < V; i++)
            dy[i] = map.apply(i, x[i], dy[i]);
        store(out + at, dy);
    }
}

template <class T, int V>
DEVICE void pass(const T *__restrict__ raw, const float *__restrict__ constants, T *__restrict__ gradient,
                 double *__restrict__ parts, size_t rows, int c, float max) {
    const Walk<V> walk;
    GradientSums<V> sums;
    const Normalization<V> norm(constants, c, walk.channel, max);
    for (size_t first = walk.row; walk.channel < c && first < rows; first += BATCH * walk.step) {
        Packed<T, V> xs[BATCH], gradients[BATCH];
#pragma unroll
        for (int k = 0; k < BATCH; k++) {
            const size_t row = first + k * walk.step, at = row * c + walk.channel;
            if (row < rows) {
                xs[k] = fetch_packed<V>(raw + at);
                gradients[k] = load_packed<V>(gradient + at);
            }
        }
#pragma unroll
        for (int k = 0; k < BATCH; k++) {
            const size_t row = first + k * walk.step;
            if (row >= rows)
                break;
            float x[V], dy[V];
            unpack(xs[k], x);
            unpack(gradients[k], dy);
#pragma unroll
            for (int i = 0; i < V; i++) {
                dy[i] = norm.pass(norm.normalise(i, x[i]), dy[i]);
                sums.add(i, dy[i], norm.centre(i, x[i]));
            }
            store(gradient + row * c + walk.channel, dy);
        }
    }
    sums.finish(parts + static_cast<size_t>(blockIdx.y) * 2 * c, c);
}

template <class T, int V>
DEVICE void statistics(const T *__restrict__ x, double *__restrict__ parts, size_t rows, int c) {
    const Walk<V> walk;
    Statistics<V> statistics;
    if (walk.channel < c && walk.row < rows) {
        float first[V];
        fetch(x + walk.row * c + walk.channel, first);
        statistics.start(first);
#pragma unroll 4
        for (size_t row = walk.row; row < rows; row += walk.step) {
            float values[V];
            fetch(x + row * c + walk.channel, values);
            statistics.add(values);
        }
    }
    statistics.finish(parts, c);
}

template <class T, int V>
DEVICE void bias(const float *__restrict__ bias, T *__restrict__ x, size_t rows, int c, float low, float high) {
    const Walk<V> walk;
    if (walk.channel >= c)
        return;
    float shift[V];
#pragma unroll
    for (int i = 0; i < V; i++)
        shift[i] = __ldg(bias + walk.channel + i);
    for (size_t first = walk.row; first < rows; first += BATCH * walk.step) {
        Packed<T, V> xs[BATCH];
#pragma unroll
        for (int k = 0; k < BATCH; k++) {
            const size_t row = first + k * walk.step;
            if (row < rows)
                xs[k] = load_packed<V>(x + row * c + walk.channel);
        }
#pragma unroll
        for (int k = 0; k < BATCH; k++) {
            const size_t row = first + k * walk.step;
            if (row >= rows)
                break;
            float values[V];
            unpack(xs[k], values);
#pragma unroll
            for (int i = 0; i < V; i++)
                values[i] = clamp_to(values[i] + shift[i], low, high);
            store(x + row * c + walk.channel, values);
        }
    }
}

#define DEFINE(SUFFIX, T, V)                                                                                          \
    KERNEL(activate##SUFFIX, (const T *__restrict__ raw, const float *__restrict__ constants, T *__restrict__ out,    \
                              int rows, int c, float max)) {                                                          \
        activate<T, V>(raw, constants, out, rows, c, max);                                                            \
    }                                                                                                                 \
    KERNEL(upstream##SUFFIX, (const T *__restrict__ raw, const T *__restrict__ gradient,                              \
                              const float *__restrict__ constants, const float *__restrict__ dgamma,                  \
                              const float *__restrict__ dbeta, T *__restrict__ out, int rows, int c)) {               \
        upstream<T, V>(raw, gradient, constants, dgamma, dbeta, out, rows, c);                                        \
    }                                                                                                                 \
    KERNEL(pass##SUFFIX, (const T *__restrict__ raw, const float *__restrict__ constants, T *__restrict__ gradient,   \
                          double *__restrict__ parts, int rows, int c, float max)) {                                  \
        pass<T, V>(raw, constants, gradient, parts, rows, c, max);                                                    \
    }                                                                                                                 \
    KERNEL(statistics##SUFFIX, (const T *__restrict__ x, double *__restrict__ parts, int rows, int c)) {              \
        statistics<T, V>(x, parts, rows, c);                                                                          \
    }                                                                                                                 \
    KERNEL(bias##SUFFIX, (const float *__restrict__ shift, T *__restrict__ x, int rows, int c, float low,             \
                          float high)) {                                                                              \
        bias<T, V>(shift, x, rows, c, low, high);                                                                     \
    }
FOR_EACH_VARIANT(DEFINE)

#ifndef NARROW
// Rounds a weight.
KERNEL(to_bf16, (const float *__restrict__ from, bf16 *__restrict__ to, int len)) {
    const int step = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < len; i += step)
        to[i] = __float2bfloat16_rn(__ldg(from + i));
}
#endif
