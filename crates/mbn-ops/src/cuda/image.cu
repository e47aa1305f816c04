// Decoded pictures to the network's input.
#include "common.cuh"

// pixels [n, h, w, 3] to out [n, 3, size, size]; crops [n, 3]: first row, first column, whether to mirror.
KERNEL(prepare_images, (const unsigned char *__restrict__ pixels, const int *__restrict__ crops,
                        float *__restrict__ out, int n, int h, int w, int size, float mean_r, float mean_g,
                        float mean_b, float std_r, float std_g, float std_b)) {
    const int plane = size * size;
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= plane)
        return;
    const int y = at / size, x = at % size;
    const float mean[3] = {mean_r, mean_g, mean_b}, std[3] = {std_r, std_g, std_b};
    for (int image = blockIdx.y; image < n; image += gridDim.y) {
        const int *crop = crops + 3 * image;
        const int column = __ldg(crop + 2) ? size - 1 - x : x;
        const int iy = min_of(max_of(__ldg(crop) + y, 0), h - 1), ix = min_of(max_of(__ldg(crop + 1) + column, 0), w - 1);
        const unsigned char *pixel = pixels + ((static_cast<size_t>(image) * h + iy) * w + ix) * 3;
        float *to = out + static_cast<size_t>(image) * 3 * plane + at;
#pragma unroll
        for (int i = 0; i < 3; i++)
            to[i * plane] = (__ldg(pixel + i) / 255.0f - mean[i]) / std[i];
    }
}
