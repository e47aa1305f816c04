// Tiles of a 3x3 convolution: a block loops over tiles of all images, its threads along channels (x) and pixels (y).
//
// A kernel has variants for the tiles of the usual networks, whose extent and channels the compiler knows (H, W, C), and
// one for all others, where these are zero and the launch gives them.
#pragma once
#include "common.cuh"

// Threads of a block.
constexpr int THREADS = 256;

struct Shape {
    int n, h, w, c, oh, ow, pad;
};

// Number of tiles of `size` that cover `extent`.
DEVICE int tiles_over(int extent, int size) { return (extent + size - 1) / size; }

// Goes along `columns` columns, row by row, `step` places at a time, and divides only at the start.
struct Cursor {
    int y, x, columns, down, right;

    DEVICE Cursor(int first, int step, int columns)
        : y(first / columns), x(first % columns), columns(columns), down(step / columns), right(step % columns) {}
    DEVICE void next() {
        y += down;
        x += right;
        if (x >= columns) {
            x -= columns;
            y++;
        }
    }
};

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

    // For a block of so many channels, the first of which is given, whose threads take `each`.
    DEVICE Loader(int channels, int each, int first_channel) {
        const int vectors = channels / LV, thread = threadIdx.y * (channels / each) + threadIdx.x;
        lane = thread % vectors * LV;
        channel = first_channel + lane;
        first = thread / vectors;
        step = THREADS / vectors;
    }
};

// Loads of a thread that are in flight together.
constexpr int BATCH = 4;

// For each pixel of `height` x `width` from row y and column x of an image of h x w pixels on, calls
// `fetch(slot, offset)` if it is inside, for so many slots at a time, and then `use(slot, pixel, inside)` for each.
// KNOWN: the compiler knows the extent, and leaves out checks and slots that no thread needs.
template <int SLOTS, bool KNOWN, int LV, class F, class U>
DEVICE void for_pixels(const Loader<LV> &loader, int y, int x, int height, int width, int h, int w, int c, F fetch,
                       U use) {
    const int pixels = height * width;
    Cursor at(loader.first, loader.step, width);
    // More slots at a time would not fit in the registers.
#pragma unroll 1
    for (int start = 0; start < pixels; start += SLOTS * loader.step) {
        bool inside[SLOTS];
        const auto is_none = [&](int slot) { return KNOWN && start + slot * loader.step >= pixels; };
        const auto is_full = [&](int slot) { return KNOWN && start + (slot + 1) * loader.step <= pixels; };
#pragma unroll
        for (int slot = 0; slot < SLOTS; slot++, at.next()) {
            const int iy = y + at.y, ix = x + at.x;
            inside[slot] = !is_none(slot) && (is_full(slot) || at.y < height) && loader.channel < c &&
                           static_cast<unsigned>(iy) < static_cast<unsigned>(h) &&
                           static_cast<unsigned>(ix) < static_cast<unsigned>(w);
            if (inside[slot])
                fetch(slot, (iy * w + ix) * c + loader.channel);
        }
#pragma unroll
        for (int slot = 0; slot < SLOTS; slot++) {
            const int pixel = start + slot * loader.step + loader.first;
            if (!is_none(slot) && (is_full(slot) || pixel < pixels))
                use(slot, pixel, inside[slot]);
        }
    }
}
