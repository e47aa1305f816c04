// Gradients of the depthwise 3x3 convolution in one pass over its input: a block loads a tile of the input and the
// gradient of the result that it meets; each pixel of the input then adds to the weights' gradient and gets its own.
#include "tiles.cuh"

// What a thread knows of its V channels.
template <class T, int V> struct Pixels {
    const Normalization<V> norm;
    float taps[9][V], dw[9][V];
    GradientSums<V> sums;

    DEVICE Pixels(const float *constants, const float *weight, int c, int channel, float max)
        : norm(constants, c, channel, max) {
#pragma unroll
        for (int i = 0; i < V; i++)
#pragma unroll
            for (int tap = 0; tap < 9; tap++) {
                taps[tap][i] = channel < c ? __ldg(weight + (channel + i) * 9 + tap) : 0.0f;
                dw[tap][i] = 0.0f;
            }
    }

    // A pixel of the input meets `gradient` through one tap.
    DEVICE void meet(int tap, const float (&gradient)[V], const float (&a)[V], float (&da)[V]) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            da[i] = fmaf(gradient[i], taps[tap][i], da[i]);
            dw[tap][i] = fmaf(gradient[i], a[i], dw[tap][i]);
        }
    }
    DEVICE void activate(const float (&raw)[V], float (&a)[V], float (&da)[V]) const {
#pragma unroll
        for (int i = 0; i < V; i++) {
            a[i] = norm.activate(i, raw[i]);
            da[i] = 0.0f;
        }
    }
    DEVICE void write(T *to, const float (&raw)[V], float (&da)[V]) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            da[i] = norm.pass(norm.normalise(i, raw[i]), da[i]);
            sums.add(i, da[i], norm.centre(i, raw[i]));
        }
        store(to, da);
    }
    // To the block's part of [parts, 11, c].
    DEVICE void finish(double *parts, int c) const {
        double *part = parts + static_cast<size_t>(blockIdx.y) * 11 * c;
        sums.finish(part, c);
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
            sum_rows(dw[tap], part + (2 + tap) * c, c);
    }
};

// Pixels whose loads are in flight together: more would not fit in the registers. Extents that the compiler does not know
// need registers themselves.
template <bool KNOWN> constexpr int SLOTS = KNOWN ? 2 : 1;

// Batch norm's input gradient for the block's channels, [3, channels]: in shared memory, since the registers are full.
DEVICE void write_map(float *map, const float *constants, const float *dgamma, const float *dbeta, int channels,
                      int first_channel, int c, int rows) {
    for (int i = thread_index(); i < channels; i += thread_count()) {
        const InputGradient<1> of_channel(constants, dgamma, dbeta, c, first_channel + i, rows);
        map[i] = of_channel.scale[0];
        map[channels + i] = of_channel.slope[0];
        map[2 * channels + i] = of_channel.offset[0];
    }
}

// Forms the gradient of `rows` x `columns` pixels of the result from row y and column x on; zeros outside.
template <bool KNOWN, class T, int LV>
DEVICE void load_gradient(float *tile, const Loader<LV> &loader, const float *map, const T *raw,
                          const T *gradient, int y, int x, int rows, int columns, int channels, const Shape &s) {
    Packed<T, LV> raws[SLOTS<KNOWN>], gradients[SLOTS<KNOWN>];
    for_pixels<SLOTS<KNOWN>, KNOWN>(
        loader, y, x, rows, columns, s.oh, s.ow, s.c,
        [&](int slot, int offset) {
            raws[slot] = fetch_packed<LV>(raw + offset);
            gradients[slot] = fetch_packed<LV>(gradient + offset);
        },
        [&](int slot, int pixel, bool is_inside) {
            float values[LV], dy[LV];
            unpack(raws[slot], values);
            unpack(gradients[slot], dy);
            // Four channels of the map in one access.
            constexpr int M = LV == 1 ? 1 : 4;
#pragma unroll
            for (int first = 0; first < LV; first += M) {
                float scale[M], slope[M], offset[M];
                load(map + loader.lane + first, scale);
                load(map + channels + loader.lane + first, slope);
                load(map + 2 * channels + loader.lane + first, offset);
#pragma unroll
                for (int i = 0; i < M; i++) {
                    const float linear = fmaf(values[first + i], slope[i], offset[i]);
                    dy[first + i] = is_inside ? fmaf(dy[first + i], scale[i], linear) : 0.0f;
                }
            }
            store(tile + pixel * channels + loader.lane, dy);
        });
}

// Copies the input likewise; what is outside is not read.
template <bool KNOWN, class T, int LV>
DEVICE void load_input(T *tile, const Loader<LV> &loader, const T *raw, int y, int x, int rows, int columns,
                       int channels, const Shape &s) {
    Packed<T, LV> packed[SLOTS<KNOWN>];
    for_pixels<SLOTS<KNOWN>, KNOWN>(
        loader, y, x, rows, columns, s.h, s.w, s.c,
        [&](int slot, int offset) { packed[slot] = fetch_packed<LV>(raw + offset); },
        [&](int slot, int pixel, bool is_inside) {
            if (is_inside)
                store_packed<LV>(tile + pixel * channels + loader.lane, packed[slot]);
        });
}

template <class T, int LV, int V, int STRIDE, int H, int W, int C>
DEVICE void backward(const T *__restrict__ above, const T *__restrict__ gradient,
                     const float *__restrict__ above_constants, const float *__restrict__ dgamma,
                     const float *__restrict__ dbeta, const T *__restrict__ raw, const float *__restrict__ constants,
                     const float *__restrict__ weight, T *__restrict__ out, double *__restrict__ parts, Shape s,
                     int given_h, int given_w, float max) {
    const int tile_h = H ? H : given_h, tile_w = W ? W : given_w, channels = C ? C : blockDim.x * V;
    const int first_channel = blockIdx.x * channels, channel = first_channel + threadIdx.x * V;
    const bool inside = channel < s.c;
    const Loader<LV> loader(channels, V, first_channel);
    Pixels<T, V> pixels(constants, weight, s.c, channel, max);

    // Rows and columns of the result that a tile meets beyond its own, and pixels of a cell in each direction.
    constexpr int HALO = STRIDE == 1 ? 2 : 1, CELL = STRIDE;
    const int rows = tile_h + HALO, columns = tile_w + HALO;
    float *map = reinterpret_cast<float *>(shared_memory()), *dy_tile = map + 3 * channels;
    // Seen by all after the first tile's first barrier.
    write_map(map, above_constants, dgamma, dbeta, channels, first_channel, s.c, s.n * s.oh * s.ow);
    T *input_tile = reinterpret_cast<T *>(dy_tile + rows * columns * channels);

    // With stride 2, cell (y, x) is the pixels from (2 y - pad, 2 x - pad) on: their taps meet the results (y, x) and
    // those one before.
    const int height = STRIDE == 1 ? s.h : (s.h + s.pad + 1) / 2, width = STRIDE == 1 ? s.w : (s.w + s.pad + 1) / 2;
    const int thread_rows = C ? THREADS * V / C : blockDim.y, segments = max_of(1, thread_rows / tile_h);
    const int segment = tiles_over(tile_w, segments);
    const int units = s.n * tiles_over(height, tile_h) * tiles_over(width, tile_w);
    for (int unit = blockIdx.y; unit < units; unit += gridDim.y) {
        const Tile at(unit, height, width, tile_h, tile_w);
        const size_t result = static_cast<size_t>(at.image) * s.oh * s.ow * s.c;
        const size_t image = static_cast<size_t>(at.image) * s.h * s.w * s.c;
        const int oy = STRIDE == 1 ? at.y + s.pad - 2 : at.y - 1, ox = STRIDE == 1 ? at.x + s.pad - 2 : at.x - 1;
        const int iy = STRIDE == 1 ? at.y : 2 * at.y - s.pad, ix = STRIDE == 1 ? at.x : 2 * at.x - s.pad;
        // All have read the tile before.
        __syncthreads();
        load_gradient<H != 0, T, LV>(dy_tile, loader, map, above + result, gradient + result, oy, ox, rows, columns,
                                     channels, s);
        load_input<H != 0, T, LV>(input_tile, loader, raw + image, iy, ix, CELL * tile_h, CELL * tile_w, channels, s);
        __syncthreads();
        if (!inside)
            continue;

        if constexpr (STRIDE == 1) {
            for (int strip = threadIdx.y; strip < tile_h * segments; strip += thread_rows) {
                const int y = strip / segments, start = strip % segments * segment;
                const int end = min_of(min_of(start + segment, tile_w), s.w - at.x);
                if (at.y + y >= s.h || start >= end)
                    continue;
                // Row y - ky and column x - kx of the result, each plus 2.
                const float *column = dy_tile + (y * columns + start) * channels + threadIdx.x * V;
                float left[3][V], middle[3][V], right[3][V];
#pragma unroll
                for (int row = 0; row < 3; row++) {
                    load(column + row * columns * channels, left[row]);
                    load(column + (row * columns + 1) * channels, middle[row]);
                }
                const T *input = input_tile + (y * tile_w + start) * channels + threadIdx.x * V;
                T *to = out + image + ((at.y + y) * s.w + at.x + start) * s.c + channel;
#pragma unroll
                for (int step = 0; step < segment; step++) {
                    if (start + step >= end)
                        break;
                    float values[V], a[V], da[V];
                    load(input, values);
                    pixels.activate(values, a, da);
#pragma unroll
                    for (int row = 0; row < 3; row++) {
                        load(column + (row * columns + 2) * channels, right[row]);
                        pixels.meet(3 * (2 - row), right[row], a, da);
                        pixels.meet(3 * (2 - row) + 1, middle[row], a, da);
                        pixels.meet(3 * (2 - row) + 2, left[row], a, da);
#pragma unroll
                        for (int i = 0; i < V; i++) {
                            left[row][i] = middle[row][i];
                            middle[row][i] = right[row][i];
                        }
                    }
                    pixels.write(to, values, da);
                    to += s.c;
                    input += channels;
                    column += channels;
                }
            }
        } else {
            for (Cursor cell(threadIdx.y, thread_rows, tile_w); cell.y < tile_h; cell.next()) {
                const int y = cell.y, x = cell.x;
                // By row and column: before, here.
                float dy[2][2][V];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    load(dy_tile + ((y + i / 2) * columns + x + i % 2) * channels + threadIdx.x * V, dy[i / 2][i % 2]);
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int odd_y = i / 2, odd_x = i % 2;
                    const int py = iy + 2 * y + odd_y, px = ix + 2 * x + odd_x;
                    if (py < 0 || py >= s.h || px < 0 || px >= s.w)
                        continue;
                    float values[V], a[V], da[V];
                    load(input_tile + ((2 * y + odd_y) * 2 * tile_w + 2 * x + odd_x) * channels + threadIdx.x * V,
                         values);
                    pixels.activate(values, a, da);
                    if (odd_y && odd_x) {
                        pixels.meet(4, dy[1][1], a, da);
                    } else if (odd_y) {
                        pixels.meet(3, dy[1][1], a, da);
                        pixels.meet(5, dy[1][0], a, da);
                    } else if (odd_x) {
                        pixels.meet(1, dy[1][1], a, da);
                        pixels.meet(7, dy[0][1], a, da);
                    } else {
                        pixels.meet(0, dy[1][1], a, da);
                        pixels.meet(2, dy[1][0], a, da);
                        pixels.meet(6, dy[0][1], a, da);
                        pixels.meet(8, dy[0][0], a, da);
                    }
                    pixels.write(out + image + (py * s.w + px) * s.c + channel, values, da);
                }
            }
        }
    }
    pixels.finish(parts, s.c);
}

// SIZE: what the variant's name says of the tile.
#define DEFINE_TILE(STRIDE, SIZE, H, W, C, SUFFIX, T, LV)                                                             \
    KERNEL(depthwise_backward_s##STRIDE##SIZE##SUFFIX,                                                                \
           (const T *__restrict__ above, const T *__restrict__ gradient, const float *__restrict__ above_constants,   \
            const float *__restrict__ dgamma, const float *__restrict__ dbeta, const T *__restrict__ raw,             \
            const float *__restrict__ constants, const float *__restrict__ weight, T *__restrict__ out,               \
            double *__restrict__ parts, int n, int h, int w, int c, int oh, int ow, int pad, int tile_h, int tile_w,  \
            float max)) {                                                                                             \
        backward<T, LV, LV == 1 ? 1 : 2, STRIDE, H, W, C>(above, gradient, above_constants, dgamma, dbeta, raw,       \
                                                          constants, weight, out, parts, {n, h, w, c, oh, ow, pad},   \
                                                          tile_h, tile_w, max);                                       \
    }
#define DEFINE(SUFFIX, T, LV)                                                                                         \
    DEFINE_TILE(1, , 0, 0, 0, SUFFIX, T, LV)                                                                          \
    DEFINE_TILE(2, , 0, 0, 0, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE)
#ifndef NARROW
#define DEFINE_SIZES(SUFFIX, T, LV)                                                                                   \
    DEFINE_TILE(1, _7x7, 7, 7, 32, SUFFIX, T, LV)                                                                     \
    DEFINE_TILE(2, _8x8, 8, 8, 32, SUFFIX, T, LV)
FOR_EACH_VARIANT(DEFINE_SIZES)
// As high as shared memory allows.
DEFINE_TILE(1, _7x14, 7, 14, 32, _f32, float, 4)
DEFINE_TILE(1, _14x14, 14, 14, 32, _bf16, bf16, 8)
#endif
