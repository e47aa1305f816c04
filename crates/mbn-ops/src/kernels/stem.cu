// Dense 3x3 convolution on the image. A tile of the image is in shared memory, whose values all channels share; a
// thread keeps the 27 weights of its channels in registers.
#include "tiles.cuh"

// What sums are formed in: in training with float32 results float64, since every batch norm after them amplifies the
// rounding of the first layer.
template <class T, bool FUSED> struct Sum { using Type = float; };
template <> struct Sum<float, false> { using Type = double; };

DEVICE double multiply_add(double a, double b, double c) { return fma(a, b, c); }
DEVICE float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }

// Rows and columns of the image that a tile of the result meets.
struct Patch {
    int h, w;

    DEVICE Patch(int tile_h, int tile_w, int stride) : h((tile_h - 1) * stride + 3), w((tile_w - 1) * stride + 3) {}
};

// Loads three planes of the image; zeros outside.
template <class A>
DEVICE void load_patch(A *tile, const float *image, const Tile &at, const Patch &patch, const Shape &s, int stride) {
    image += static_cast<size_t>(at.image) * 3 * s.h * s.w;
    const int first_y = at.y * stride - s.pad, first_x = at.x * stride - s.pad;
    int place = thread_index();
    // Along the rows of one plane after the other.
#pragma unroll 4
    for (Cursor pixel(place, THREADS, patch.w); pixel.y < 3 * patch.h; pixel.next(), place += THREADS) {
        const int plane = (pixel.y >= patch.h) + (pixel.y >= 2 * patch.h);
        const int iy = first_y + pixel.y - plane * patch.h, ix = first_x + pixel.x;
        const bool inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
        tile[place] = inside ? __ldg(image + (plane * s.h + iy) * s.w + ix) : 0.0f;
    }
}

// Either `bias` and bound, or statistics in `parts`.
template <class T, int V, bool FUSED, int STRIDE, int H, int W>
DEVICE void convolve(const float *__restrict__ image, const float *__restrict__ weight, const float *__restrict__ bias,
                     T *__restrict__ out, double *__restrict__ parts, Shape s, int given_stride, int given_h,
                     int given_w, float max) {
    const int stride = STRIDE ? STRIDE : given_stride, tile_h = H ? H : given_h, tile_w = W ? W : given_w;
    using A = typename Sum<T, FUSED>::Type;
    A *tile = reinterpret_cast<A *>(shared_memory());
    const int channel = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    const bool inside = channel < s.c;
    A taps[27][V];
    float shift[V];
#pragma unroll
    for (int i = 0; i < V; i++) {
#pragma unroll
        for (int tap = 0; tap < 27; tap++)
            taps[tap][i] = inside ? __ldg(weight + (channel + i) * 27 + tap) : 0.0f;
        shift[i] = FUSED && inside ? __ldg(bias + channel + i) : 0.0f;
    }
    const Patch patch(tile_h, tile_w, stride);
    Statistics<V> statistics;
    const int units = s.n * tiles_over(s.oh, tile_h) * tiles_over(s.ow, tile_w);
    for (int unit = blockIdx.y; unit < units; unit += gridDim.y) {
        const Tile at(unit, s.oh, s.ow, tile_h, tile_w);
        // All have read the tile before.
        __syncthreads();
        load_patch(tile, image, at, patch, s, stride);
        __syncthreads();
        if (!inside)
            continue;
        for (Cursor pixel(threadIdx.y, blockDim.y, tile_w); pixel.y < tile_h; pixel.next()) {
            const int y = pixel.y, x = pixel.x;
            if (at.y + y >= s.oh || at.x + x >= s.ow)
                continue;
            const A *corner = tile + y * stride * patch.w + x * stride;
            A sums[V];
#pragma unroll
            for (int i = 0; i < V; i++)
                sums[i] = 0;
#pragma unroll
            for (int tap = 0; tap < 27; tap++) {
                const A value = corner[(tap / 9 * patch.h + tap / 3 % 3) * patch.w + tap % 3];
#pragma unroll
                for (int i = 0; i < V; i++)
                    sums[i] = multiply_add(value, taps[tap][i], sums[i]);
            }
            float values[V];
#pragma unroll
            for (int i = 0; i < V; i++) {
                values[i] = static_cast<float>(sums[i]);
                if constexpr (FUSED)
                    values[i] = clamp_to(values[i] + shift[i], 0.0f, max);
            }
            T *to = out + ((static_cast<size_t>(at.image) * s.oh + at.y + y) * s.ow + at.x + x) * s.c + channel;
            if constexpr (FUSED) {
                store(to, values);
            } else {
                store_rounded(to, values);
                statistics.start(values);
                statistics.add(values);
            }
        }
    }
    if constexpr (!FUSED)
        statistics.finish(parts, s.c);
}

// Parts [parts, 27, c] of the weight's gradient. A thread reads each gradient of its channels once.
template <class T, int V, int STRIDE, int H, int W>
DEVICE void backward(const T *__restrict__ raw, const T *__restrict__ gradient, const float *__restrict__ constants,
                     const float *__restrict__ dgamma, const float *__restrict__ dbeta, const float *__restrict__ image,
                     double *__restrict__ parts, Shape s, int given_stride, int given_h, int given_w) {
    const int stride = STRIDE ? STRIDE : given_stride, tile_h = H ? H : given_h, tile_w = W ? W : given_w;
    float *tile = reinterpret_cast<float *>(shared_memory());
    const int channel = (blockIdx.x * blockDim.x + threadIdx.x) * V;
    const bool inside = channel < s.c;
    const InputGradient<V> map(constants, dgamma, dbeta, s.c, channel, s.n * s.oh * s.ow);
    float dw[27][V];
#pragma unroll
    for (int tap = 0; tap < 27; tap++)
#pragma unroll
        for (int i = 0; i < V; i++)
            dw[tap][i] = 0.0f;
    const Patch patch(tile_h, tile_w, stride);
    const int units = s.n * tiles_over(s.oh, tile_h) * tiles_over(s.ow, tile_w);
    for (int unit = blockIdx.y; unit < units; unit += gridDim.y) {
        const Tile at(unit, s.oh, s.ow, tile_h, tile_w);
        // All have read the tile before.
        __syncthreads();
        load_patch(tile, image, at, patch, s, stride);
        __syncthreads();
        if (!inside)
            continue;
        for (Cursor pixel(threadIdx.y, blockDim.y, tile_w); pixel.y < tile_h; pixel.next()) {
            const int y = pixel.y, x = pixel.x;
            if (at.y + y >= s.oh || at.x + x >= s.ow)
                continue;
            const size_t from = ((static_cast<size_t>(at.image) * s.oh + at.y + y) * s.ow + at.x + x) * s.c + channel;
            float values[V], dy[V];
            fetch(raw + from, values);
            fetch(gradient + from, dy);
#pragma unroll
            for (int i = 0; i < V; i++)
                dy[i] = map.apply(i, values[i], dy[i]);
            const float *corner = tile + y * stride * patch.w + x * stride;
#pragma unroll
            for (int tap = 0; tap < 27; tap++) {
                const float value = corner[(tap / 9 * patch.h + tap / 3 % 3) * patch.w + tap % 3];
#pragma unroll
                for (int i = 0; i < V; i++)
                    dw[tap][i] = fmaf(value, dy[i], dw[tap][i]);
            }
        }
    }
#pragma unroll
    for (int tap = 0; tap < 27; tap++)
        sum_rows(dw[tap], parts + (static_cast<size_t>(blockIdx.y) * 27 + tap) * s.c, s.c);
}

// Channels of a thread. Sums in float64 need twice the registers.
template <class T, int LV, bool FUSED>
constexpr int EACH = LV == 1 || sizeof(typename Sum<T, FUSED>::Type) == sizeof(double) ? 1 : 2;

// SIZE: what the variant's name says of stride and tile.
#define DEFINE_TILE(SIZE, STRIDE, H, W, SUFFIX, T, LV)                                                                \
    KERNEL(stem##SIZE##SUFFIX,                                                                                        \
           (const float *__restrict__ image, const float *__restrict__ weight, T *__restrict__ out,                   \
            double *__restrict__ parts, int n, int h, int w, int c, int oh, int ow, int pad, int stride, int tile_h,  \
            int tile_w)) {                                                                                            \
        convolve<T, EACH<T, LV, false>, false, STRIDE, H, W>(image, weight, nullptr, out, parts,                      \
                                                             {n, h, w, c, oh, ow, pad}, stride, tile_h, tile_w,       \
                                                             0.0f);                                                   \
    }                                                                                                                 \
    KERNEL(stem_fused##SIZE##SUFFIX,                                                                                  \
           (const float *__restrict__ image, const float *__restrict__ weight, const float *__restrict__ bias,        \
            T *__restrict__ out, int n, int h, int w, int c, int oh, int ow, int pad, int stride, int tile_h,         \
            int tile_w, float max)) {                                                                                 \
        convolve<T, EACH<T, LV, true>, true, STRIDE, H, W>(image, weight, bias, out, nullptr,                         \
                                                           {n, h, w, c, oh, ow, pad}, stride, tile_h, tile_w, max);   \
    }                                                                                                                 \
    KERNEL(stem_backward##SIZE##SUFFIX,                                                                               \
           (const T *__restrict__ raw, const T *__restrict__ gradient, const float *__restrict__ constants,           \
            const float *__restrict__ dgamma, const float *__restrict__ dbeta, const float *__restrict__ image,       \
            double *__restrict__ parts, int n, int h, int w, int c, int oh, int ow, int pad, int stride, int tile_h,  \
            int tile_w)) {                                                                                            \
        backward<T, LV == 1 ? 1 : 2, STRIDE, H, W>(raw, gradient, constants, dgamma, dbeta, image, parts,             \
                                                   {n, h, w, c, oh, ow, pad}, stride, tile_h, tile_w);                \
    }
#define DEFINE(SUFFIX, T, LV) DEFINE_TILE(, 0, 0, 0, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE)
#ifndef NARROW
#define DEFINE_SIZES(SUFFIX, T, LV) DEFINE_TILE(_s2_8x16, 2, 8, 16, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE_SIZES)
#endif
