// Depthwise 3x3 convolution. The activated input of a tile is in shared memory; a thread slides along a row of the
// result with its channels' weights in registers.
#include "tiles.cuh"

// LV channels are loaded at once, V computed by a thread. FUSED: the input is taken as it is, and bias and activation
// follow; else `constants` are applied to the input and statistics of the result are summed.
template <class T, int LV, int V, int STRIDE, bool FUSED, int H, int W, int C>
DEVICE void convolve(const T *__restrict__ raw, const float *__restrict__ constants, const float *__restrict__ weight,
                     T *__restrict__ out, double *__restrict__ parts, Shape s, int given_h, int given_w, float max) {
    float *tile = reinterpret_cast<float *>(shared_memory());
    const int tile_h = H ? H : given_h, tile_w = W ? W : given_w, channels = C ? C : blockDim.x * V;
    const int in_h = (tile_h - 1) * STRIDE + 3, in_w = (tile_w - 1) * STRIDE + 3;
    const int first_channel = blockIdx.x * channels;
    const Loader<LV> loader(channels, V, first_channel);
    // threadIdx.z is zero, which the compiler does not know: it would load the argument anew for each value.
    const Normalization<LV> norm(constants, FUSED ? 0 : s.c, loader.channel, max + threadIdx.z);

    const int channel = first_channel + threadIdx.x * V;
    const bool inside = channel < s.c;
    float taps[9][V], bias[V];
#pragma unroll
    for (int i = 0; i < V; i++) {
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
            taps[tap][i] = inside ? __ldg(weight + (channel + i) * 9 + tap) : 0.0f;
        bias[i] = FUSED && inside ? __ldg(constants + channel + i) : 0.0f;
    }
    // Rows are cut in segments where there are more threads than rows.
    const int thread_rows = C ? THREADS * V / C : blockDim.y, segments = max_of(1, thread_rows / tile_h);
    const int segment = tiles_over(tile_w, segments);
    Statistics<V> statistics;

    const int units = s.n * tiles_over(s.oh, tile_h) * tiles_over(s.ow, tile_w);
    for (int unit = blockIdx.y; unit < units; unit += gridDim.y) {
        const Tile at(unit, s.oh, s.ow, tile_h, tile_w);
        const T *image = raw + static_cast<size_t>(at.image) * s.h * s.w * s.c;
        const int in_y = at.y * STRIDE - s.pad, in_x = at.x * STRIDE - s.pad;
        // All have read the tile before.
        __syncthreads();
        Packed<T, LV> packed[BATCH];
        for_pixels<BATCH, H != 0>(
            loader, in_y, in_x, in_h, in_w, s.h, s.w, s.c,
            [&](int slot, int offset) { packed[slot] = fetch_packed<LV>(image + offset); },
            [&](int slot, int pixel, bool is_inside) {
                float x[LV];
                unpack(packed[slot], x);
#pragma unroll
                for (int i = 0; i < LV; i++)
                    x[i] = !is_inside ? 0.0f : FUSED ? x[i] : norm.activate(i, x[i]);
                store(tile + pixel * channels + loader.lane, x);
            });
        __syncthreads();

        T *result = out + static_cast<size_t>(at.image) * s.oh * s.ow * s.c;
        for (int strip = threadIdx.y; strip < tile_h * segments; strip += thread_rows) {
            const int y = strip / segments, start = strip % segments * segment;
            const int end = min_of(min_of(start + segment, tile_w), s.ow - at.x);
            if (!inside || at.y + y >= s.oh || start >= end)
                continue;
            const float *column = tile + (y * STRIDE * in_w + start * STRIDE) * channels + threadIdx.x * V;
            T *to = result + ((at.y + y) * s.ow + at.x + start) * s.c + channel;
            float left[3][V], middle[3][V], right[3][V];
#pragma unroll
            for (int ky = 0; ky < 3; ky++) {
                load(column + ky * in_w * channels, left[ky]);
                load(column + (ky * in_w + 1) * channels, middle[ky]);
            }
#pragma unroll
            for (int step = 0; step < segment; step++) {
                if (start + step >= end)
                    break;
                float sum[V];
#pragma unroll
                for (int ky = 0; ky < 3; ky++)
                    load(column + (ky * in_w + 2) * channels, right[ky]);
#pragma unroll
                for (int i = 0; i < V; i++) {
                    sum[i] = bias[i];
#pragma unroll
                    for (int ky = 0; ky < 3; ky++) {
                        sum[i] = fmaf(left[ky][i], taps[3 * ky][i], sum[i]);
                        sum[i] = fmaf(middle[ky][i], taps[3 * ky + 1][i], sum[i]);
                        sum[i] = fmaf(right[ky][i], taps[3 * ky + 2][i], sum[i]);
                    }
                    if constexpr (FUSED)
                        sum[i] = clamp_to(sum[i], 0.0f, max);
                }
                if constexpr (FUSED) {
                    store(to, sum);
                } else {
                    store_rounded(to, sum);
                    if (step == 0)
                        statistics.start(sum);
                    statistics.add(sum);
                }
                to += s.c;
                column += STRIDE * channels;
#pragma unroll
                for (int ky = 0; ky < 3; ky++) {
                    if constexpr (STRIDE == 2)
                        if (start + step + 1 < end)
                            load(column + (ky * in_w + 1) * channels, middle[ky]);
#pragma unroll
                    for (int i = 0; i < V; i++) {
                        left[ky][i] = STRIDE == 1 ? middle[ky][i] : right[ky][i];
                        if constexpr (STRIDE == 1)
                            middle[ky][i] = right[ky][i];
                    }
                }
            }
        }
    }
    if constexpr (!FUSED)
        statistics.finish(parts, s.c);
}

// SIZE: what the variant's name says of the tile.
#define DEFINE_TILE(STRIDE, SIZE, H, W, C, SUFFIX, T, LV)                                                             \
    KERNEL(depthwise_s##STRIDE##SIZE##SUFFIX,                                                                         \
           (const T *__restrict__ raw, const float *__restrict__ constants, const float *__restrict__ weight,         \
            T *__restrict__ out, double *__restrict__ parts, int n, int h, int w, int c, int oh, int ow, int pad,     \
            int tile_h, int tile_w, float max)) {                                                                     \
        convolve<T, LV, LV == 1 ? 1 : 2, STRIDE, false, H, W, C>(raw, constants, weight, out, parts,                  \
                                                                 {n, h, w, c, oh, ow, pad}, tile_h, tile_w, max);     \
    }                                                                                                                 \
    KERNEL(depthwise_fused_s##STRIDE##SIZE##SUFFIX,                                                                   \
           (const T *__restrict__ x, const float *__restrict__ weight, const float *__restrict__ bias,                \
            T *__restrict__ out, int n, int h, int w, int c, int oh, int ow, int pad, int tile_h, int tile_w,         \
            float max)) {                                                                                             \
        convolve<T, LV, LV == 1 ? 1 : 2, STRIDE, true, H, W, C>(                                                      \
            x, bias, weight, out, nullptr, {n, h, w, c, oh, ow, pad}, tile_h, tile_w, max);                           \
    }
#define DEFINE(SUFFIX, T, LV)                                                                                         \
    DEFINE_TILE(1, , 0, 0, 0, SUFFIX, T, LV)                                                                          \
    DEFINE_TILE(2, , 0, 0, 0, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE)
#ifndef NARROW
#define DEFINE_SIZES(SUFFIX, T, LV)                                                                                   \
    DEFINE_TILE(1, _14x14, 14, 14, 32, SUFFIX, T, LV)                                                                 \
    DEFINE_TILE(1, _7x7, 7, 7, 32, SUFFIX, T, LV)                                                                     \
    DEFINE_TILE(2, _7x7, 7, 7, 32, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE_SIZES)
#endif
