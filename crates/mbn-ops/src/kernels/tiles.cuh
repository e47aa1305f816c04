// Tiles of a 3x3 convolution: a block loops over tiles of all images, its threads along channels (x) and pixels (y).
#pragma once
#include "common.cuh"

struct Shape {
    int n, h, w, c, oh, ow, pad;
};

// Number of tiles of `size` that cover `extent`.
DEVICE int tiles_over(int extent, int size) { return (extent + size - 1) / size; }

struct Tile {
    int image, y, x;

    // Tile `unit` of all, by image, row and column; y and x are its first row and column.
    DEVICE Tile(int unit, int height, int width, int tile_h, int tile_w) {
        const int across = tiles_over(width, tile_w), down = tiles_over(height, tile_h);
        x = unit % across * tile_w;
        y = unit / across % down * tile_h;
        image = unit / across / down;
    }
};

// The part of a thread in loading pixels of the block's channels, LV channels at once.
template <int LV> struct Loader {
    int lane, channel, first, step;

    // For a block of so many channels, the first of which is given.
    DEVICE Loader(int channels, int first_channel) {
        const int vectors = channels / LV, thread = thread_index();
        lane = thread % vectors * LV;
        channel = first_channel + lane;
        first = thread / vectors;
        step = thread_count() / vectors;
    }
};

// Loads of a thread that are in flight together.
constexpr int BATCH = 4;

// For each pixel of `height` x `width` from row y and column x of an image of h x w pixels on, calls
// `fetch(slot, offset)` if it is inside, for so many slots at a time, and then `use(slot, pixel, inside)` for each.
template <int SLOTS, int LV, class F, class U>
DEVICE void for_pixels(const Loader<LV> &loader, int y, int x, int height, int width, int h, int w, int c, F fetch,
                       U use) {
    const int pixels = height * width;
    for (int first = loader.first; first < pixels; first += SLOTS * loader.step) {
        bool inside[SLOTS];
#pragma unroll
        for (int slot = 0; slot < SLOTS; slot++) {
            const int pixel = first + slot * loader.step;
            const int iy = y + pixel / width, ix = x + pixel % width;
            inside[slot] = pixel < pixels && loader.channel < c && iy >= 0 && iy < h && ix >= 0 && ix < w;
            if (inside[slot])
                fetch(slot, (iy * w + ix) * c + loader.channel);
        }
#pragma unroll
        for (int slot = 0; slot < SLOTS; slot++) {
            const int pixel = first + slot * loader.step;
            if (pixel < pixels)
                use(slot, pixel, inside[slot]);
        }
    }
}
