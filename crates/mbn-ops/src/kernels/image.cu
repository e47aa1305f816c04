// Decoded pictures to the network's input.
#include "common.cuh"

// A picture in memory: where its bytes begin, [height, width, 3], and its filters, first the rows', then the columns':
// the first pixels that results are made of, [2, size], then weights, [size, taps] each.
struct Picture {
    long long pixels, filters;
    int width, row_taps, row_shift, column_taps, column_shift, is_mirrored;
};

// A sum in fixed point, with half of one in it, as a byte.
DEVICE int to_byte(int sum, int shift) { return min_of(max_of(sum >> shift, 0), 255); }

// To out [n, 3, size, size]. A thread makes a pixel: it resizes the rows of each column that it needs, and then these.
// Neighbours do the same columns again, from the cache; nothing between is stored.
KERNEL(resize_images, (const unsigned char *__restrict__ memory, const Picture *__restrict__ pictures,
                       float *__restrict__ out, int n, int size, float mean_r, float mean_g, float mean_b, float std_r,
                       float std_g, float std_b)) {
    const int plane = size * size;
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= plane)
        return;
    const int y = at / size, x = at % size;
    const float mean[3] = {mean_r, mean_g, mean_b}, std[3] = {std_r, std_g, std_b};
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const Picture *picture = pictures + image;
        const int width = __ldg(&picture->width);
        const int row_taps = __ldg(&picture->row_taps), row_shift = __ldg(&picture->row_shift);
        const int column_taps = __ldg(&picture->column_taps), column_shift = __ldg(&picture->column_shift);
        const int column = __ldg(&picture->is_mirrored) ? size - 1 - x : x;
        const int *starts = reinterpret_cast<const int *>(memory + __ldg(&picture->filters));
        const short *row_weights = reinterpret_cast<const short *>(starts + 2 * size);
        const short *column_weights = row_weights + size * row_taps + column * column_taps;
        row_weights += y * row_taps;
        const size_t first = static_cast<size_t>(__ldg(starts + y)) * width + __ldg(starts + size + column);
        const unsigned char *pixels = memory + __ldg(&picture->pixels) + 3 * first;
        int sum[3];
#pragma unroll
        for (int i = 0; i < 3; i++)
            sum[i] = 1 << (column_shift - 1);
        for (int tap = 0; tap < column_taps; tap++) {
            int resized[3];
#pragma unroll
            for (int i = 0; i < 3; i++)
                resized[i] = 1 << (row_shift - 1);
            const unsigned char *pixel = pixels + 3 * tap;
            for (int row = 0; row < row_taps; row++) {
                const int weight = __ldg(row_weights + row);
#pragma unroll
                for (int i = 0; i < 3; i++)
                    resized[i] += weight * __ldg(pixel + i);
                pixel += 3 * static_cast<size_t>(width);
            }
            const int weight = __ldg(column_weights + tap);
#pragma unroll
            for (int i = 0; i < 3; i++)
                sum[i] += weight * to_byte(resized[i], row_shift);
        }
        float *to = out + static_cast<size_t>(image) * 3 * plane + at;
#pragma unroll
        for (int i = 0; i < 3; i++)
            to[i * plane] = (to_byte(sum[i], column_shift) / 255.0f - mean[i]) / std[i];
    }
}
