// Number formats, vectors of channels, batch norm's maps and sums over rows, shared by all kernels.
//
// Compiled by nvcc, and by a C++ compiler for the CPU that has read emulation.h first.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>

#define KERNEL(name, parameters) extern "C" __global__ void __launch_bounds__(256, 2) name parameters

// Defines a function that is one instruction of PTX.
#define PTX_OF_TWO_FLOATS(name, instruction)                                                                          \
    DEVICE float name(float a, float b) {                                                                             \
        float result;                                                                                                 \
        asm(instruction " %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));                                              \
        return result;                                                                                                \
    }

__device__ __forceinline__ unsigned char *shared_memory() {
    extern __shared__ __align__(16) unsigned char bytes[];
    return bytes;
}
#endif

#define DEVICE __device__ __forceinline__

using bf16 = __nv_bfloat16;

DEVICE int max_of(int a, int b) { return a > b ? a : b; }
DEVICE int min_of(int a, int b) { return a < b ? a : b; }

// ---- Formats. Arithmetic is in float32 whatever the format.

DEVICE float low_half(unsigned word) { return __uint_as_float(word << 16); }
DEVICE float high_half(unsigned word) { return __uint_as_float(word & 0xffff0000u); }

DEVICE unsigned pack(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const unsigned *>(&pair);
}

// V values from consecutive addresses, as they are stored: one access.
template <class T, int V> struct Packed;
template <> struct Packed<float, 1> { unsigned word; };
template <> struct Packed<float, 2> { uint2 word; };
template <> struct Packed<float, 4> { uint4 word; };
template <> struct Packed<bf16, 1> { unsigned short word; };
template <> struct Packed<bf16, 2> { unsigned word; };
template <> struct Packed<bf16, 8> { uint4 word; };

// From memory that the kernel also writes, or from shared memory.
template <int V, class T> DEVICE Packed<T, V> load_packed(const T *from) {
    return {*reinterpret_cast<const decltype(Packed<T, V>::word) *>(from)};
}
// From global memory that nobody writes during the kernel.
template <int V, class T> DEVICE Packed<T, V> fetch_packed(const T *from) {
    return {__ldg(reinterpret_cast<const decltype(Packed<T, V>::word) *>(from))};
}
template <int V, class T> DEVICE void store_packed(T *to, const Packed<T, V> &packed) {
    *reinterpret_cast<decltype(Packed<T, V>::word) *>(to) = packed.word;
}

DEVICE void unpack(const Packed<float, 1> &from, float (&out)[1]) { out[0] = __uint_as_float(from.word); }
DEVICE void unpack(const Packed<float, 2> &from, float (&out)[2]) {
    out[0] = __uint_as_float(from.word.x);
    out[1] = __uint_as_float(from.word.y);
}
DEVICE void unpack(const Packed<float, 4> &from, float (&out)[4]) {
    out[0] = __uint_as_float(from.word.x);
    out[1] = __uint_as_float(from.word.y);
    out[2] = __uint_as_float(from.word.z);
    out[3] = __uint_as_float(from.word.w);
}
DEVICE void unpack(const Packed<bf16, 1> &from, float (&out)[1]) { out[0] = low_half(from.word); }
DEVICE void unpack(const Packed<bf16, 2> &from, float (&out)[2]) {
    out[0] = low_half(from.word);
    out[1] = high_half(from.word);
}
DEVICE void unpack(const Packed<bf16, 8> &from, float (&out)[8]) {
    const unsigned words[4] = {from.word.x, from.word.y, from.word.z, from.word.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        out[2 * i] = low_half(words[i]);
        out[2 * i + 1] = high_half(words[i]);
    }
}

template <int V, class T> DEVICE void load(const T *from, float (&out)[V]) { unpack(load_packed<V>(from), out); }
template <int V, class T> DEVICE void fetch(const T *from, float (&out)[V]) { unpack(fetch_packed<V>(from), out); }

template <int V> DEVICE void store(float *to, const float (&values)[V]) {
    if constexpr (V == 1)
        to[0] = values[0];
    else if constexpr (V == 2)
        *reinterpret_cast<float2 *>(to) = make_float2(values[0], values[1]);
    else
#pragma unroll
        for (int i = 0; i < V; i += 4)
            *reinterpret_cast<float4 *>(to + i) =
                make_float4(values[i], values[i + 1], values[i + 2], values[i + 3]);
}
template <int V> DEVICE Packed<bf16, V> rounded(const float (&values)[V]) {
    if constexpr (V == 1)
        return {static_cast<unsigned short>(pack(values[0], 0.0f))};
    else if constexpr (V == 2)
        return {pack(values[0], values[1])};
    else
        return {make_uint4(pack(values[0], values[1]), pack(values[2], values[3]), pack(values[4], values[5]),
                           pack(values[6], values[7]))};
}
template <int V> DEVICE void store(bf16 *to, const float (&values)[V]) { store_packed<V>(to, rounded(values)); }

// Stores values, and makes them what will be read again.
template <int V> DEVICE void store_rounded(float *to, float (&values)[V]) { store(to, values); }
template <int V> DEVICE void store_rounded(bf16 *to, float (&values)[V]) {
    const Packed<bf16, V> packed = rounded(values);
    store_packed<V>(to, packed);
    unpack(packed, values);
}

// NaN if an operand is NaN: CUDA's fmaxf would make a broken value look like an answer.
PTX_OF_TWO_FLOATS(max_or_nan, "max.NaN.f32")
PTX_OF_TWO_FLOATS(min_or_nan, "min.NaN.f32")

DEVICE float clamp_to(float x, float low, float high) { return min_or_nan(max_or_nan(x, low), high); }

// ---- Batch norm with its activation, of V channels.

// From constants [4, c]: mean, 1 / sqrt(variance + epsilon), scale, shift.
template <int V> struct Normalization {
    float scale[V], shift[V], mean[V], max;

    DEVICE Normalization(const float *constants, int c, int channel, float upper) : max(upper) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            const bool inside = channel + i < c;
            mean[i] = inside ? __ldg(constants + channel + i) : 0.0f;
            scale[i] = inside ? __ldg(constants + 2 * c + channel + i) : 0.0f;
            shift[i] = inside ? __ldg(constants + 3 * c + channel + i) : 0.0f;
        }
    }
    DEVICE float normalise(int i, float x) const { return fmaf(x, scale[i], shift[i]); }
    DEVICE float clamp(float normalised) const { return clamp_to(normalised, 0.0f, max); }
    DEVICE float activate(int i, float x) const { return clamp(normalise(i, x)); }
    // The gradient before the activation.
    DEVICE float pass(float normalised, float gradient) const {
        return normalised > 0.0f && normalised < max ? gradient : 0.0f;
    }
    DEVICE float centre(int i, float x) const { return x - mean[i]; }
};

// The gradient of batch norm's input (Ioffe and Szegedy 2015, section 3) as scale dy + slope x + offset, for sums
// over so many rows.
template <int V> struct InputGradient {
    float scale[V], slope[V], offset[V];

    DEVICE InputGradient(const float *constants, const float *dgamma, const float *dbeta, int c, int channel, int rows) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            scale[i] = slope[i] = offset[i] = 0.0f;
            if (channel + i < c) {
                const double mean = __ldg(constants + channel + i);
                const double inv_std = __ldg(constants + c + channel + i);
                scale[i] = __ldg(constants + 2 * c + channel + i);
                const double part = -static_cast<double>(scale[i]) / rows;
                const double of_x = part * inv_std * __ldg(dgamma + channel + i);
                slope[i] = static_cast<float>(of_x);
                offset[i] = static_cast<float>(part * __ldg(dbeta + channel + i) - of_x * mean);
            }
        }
    }
    DEVICE float apply(int i, float x, float dy) const { return fmaf(dy, scale[i], fmaf(x, slope[i], offset[i])); }
};

// ---- Sums over rows. A block's threads lie along channels (x) and along rows (y).

DEVICE int thread_index() { return threadIdx.y * blockDim.x + threadIdx.x; }
DEVICE int thread_count() { return blockDim.x * blockDim.y; }

// Adds the values of the threads of each channel in the order of their rows; `out` is the row of the block's part.
template <int V> DEVICE void sum_rows(const double (&values)[V], double *out, int c) {
    double *sums = reinterpret_cast<double *>(shared_memory());
    const int width = blockDim.x * V;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < V; i++)
        sums[threadIdx.y * width + threadIdx.x * V + i] = values[i];
    __syncthreads();
    // Once in a block's life; unrolled, its many copies would be most of the machine code.
#pragma unroll 1
    for (int column = thread_index(); column < width; column += thread_count()) {
        const int channel = blockIdx.x * width + column;
        if (channel < c) {
            double sum = 0.0;
#pragma unroll 4
            for (unsigned y = 0; y < blockDim.y; y++)
                sum += sums[y * width + column];
            out[channel] = sum;
        }
    }
}

template <int V> DEVICE void sum_rows(const float (&values)[V], double *out, int c) {
    double wide[V];
#pragma unroll
    for (int i = 0; i < V; i++)
        wide[i] = values[i];
    sum_rows(wide, out, c);
}

// Values and their squares, as differences from a thread's first value: where a channel's mean is large against its
// deviation, float32 sums of the squares themselves would lose the variance.
template <int V> struct Statistics {
    float pivot[V], sum[V], square[V];
    int count;

    DEVICE Statistics() : count(0) {
#pragma unroll
        for (int i = 0; i < V; i++)
            pivot[i] = sum[i] = square[i] = 0.0f;
    }
    // Before the values are added with which a thread may start; `add` alone would have to ask with each.
    DEVICE void start(const float (&values)[V]) {
        if (count == 0) {
#pragma unroll
            for (int i = 0; i < V; i++)
                pivot[i] = values[i];
        }
    }
    DEVICE void add(const float (&values)[V]) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            const float difference = values[i] - pivot[i];
            sum[i] += difference;
            square[i] = fmaf(difference, difference, square[i]);
        }
        count++;
    }
    // To the block's part of [parts, 2, c].
    DEVICE void finish(double *parts, int c) const {
        double sums[V], squares[V];
#pragma unroll
        for (int i = 0; i < V; i++) {
            const double all = static_cast<double>(count) * pivot[i];
            sums[i] = sum[i] + all;
            squares[i] = square[i] + pivot[i] * (2.0 * sum[i] + all);
        }
        double *part = parts + static_cast<size_t>(blockIdx.y) * 2 * c;
        sum_rows(sums, part, c);
        sum_rows(squares, part + c, c);
    }
};

// A gradient and its product with the centred value that it belongs to.
template <int V> struct GradientSums {
    float sum[V], product[V];

    DEVICE GradientSums() {
#pragma unroll
        for (int i = 0; i < V; i++)
            sum[i] = product[i] = 0.0f;
    }
    DEVICE void add(int i, float gradient, float centred) {
        sum[i] += gradient;
        product[i] = fmaf(gradient, centred, product[i]);
    }
    // To the first two rows of the block's part.
    DEVICE void finish(double *part, int c) const {
        sum_rows(sum, part, c);
        sum_rows(product, part + c, c);
    }
};

// Expands DEFINE(suffix, format, channels of a 16-byte load) for each variant of a source; with NARROW defined, of the
// source's variants that load one value at a time. Those are in modules of their own, which most runs never load.
#ifdef NARROW
#define FOR_EACH_VARIANT(DEFINE)                                                                                      \
    DEFINE(_f32_narrow, float, 1)                                                                                     \
    DEFINE(_bf16_narrow, bf16, 1)
#else
#define FOR_EACH_VARIANT(DEFINE)                                                                                      \
    DEFINE(_f32, float, 4)                                                                                            \
    DEFINE(_bf16, bf16, 8)
#endif
