// Compiles a kernel's source as C++ and runs it on the CPU: read before the source itself.
//
// Threads of a block are fibers. Between barriers they run one after the other in an order that a seed decides, so that
// a missing barrier shows as a wrong value; a barrier that a thread does not reach is an error. Shared memory is
// filled with not-a-number before each block and has guard zones, which are checked after it. Loads by `__ldg` have to
// be from the device's buffers, and aligned.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __grid_constant__

struct uint2 { unsigned x, y; } __attribute__((aligned(8)));
struct uint4 { unsigned x, y, z, w; } __attribute__((aligned(16)));
struct float2 { float x, y; } __attribute__((aligned(8)));
struct float4 { float x, y, z, w; } __attribute__((aligned(16)));
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}

// An instruction of PTX, so that what the kernels name decides here too what happens to NaN.
inline __attribute__((always_inline)) float ptx_of_two_floats(const char *instruction, float a, float b) {
    const bool is_max = __builtin_strncmp(instruction, "max.", 4) == 0;
    const bool keeps_nan = __builtin_strcmp(instruction + 3, ".NaN.f32") == 0;
    if (a != a || b != b)
        return keeps_nan || (a != a && b != b) ? NAN : a != a ? b : a;
    return is_max ? std::max(a, b) : std::min(a, b);
}
#define PTX_OF_TWO_FLOATS(name, instruction)                                                                          \
    inline float name(float a, float b) { return ptx_of_two_floats(instruction, a, b); }

struct __nv_bfloat16 { unsigned short bits; };
struct __nv_bfloat162 { __nv_bfloat16 x, y; } __attribute__((aligned(4)));
inline float __bfloat162float(__nv_bfloat16 value) { return __uint_as_float(static_cast<unsigned>(value.bits) << 16); }
// To nearest, ties to even; a NaN stays one.
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
    const unsigned bits = __float_as_uint(value);
    if (value != value)
        return {static_cast<unsigned short>((bits | 0x00400000u) >> 16)};
    return {static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__float2bfloat16_rn(x), __float2bfloat16_rn(y)}; }

namespace emulation {

struct Index { unsigned x, y, z; };

enum class State { Ready, Barrier, Shuffle, Done };

struct Fiber {
    Index thread;
    State state;
    bool started;
    int line;
    // Two, since a thread may reach the next shuffle before another has read the values of this one.
    uint64_t shared[2];
    unsigned shuffles;
    jmp_buf jump;
    std::vector<char> stack;
};

constexpr size_t STACK = 64 * 1024, GUARD = 256;
constexpr unsigned char GUARD_BYTE = 0xa5;

// First byte of a buffer, and the one after its last.
struct Range { uint64_t start, end; };

struct Block {
    Index grid, block, index;
    std::vector<Fiber> fibers;
    Fiber *current = nullptr;
    jmp_buf scheduler;
    std::vector<unsigned char> shared;
    unsigned char *shared_start = nullptr;
    size_t shared_bytes = 0;
    const std::function<void()> *kernel = nullptr;
    uint64_t random = 1;
    // In the order of their addresses.
    const Range *ranges = nullptr;
    size_t range_count = 0;
    // What a thread did wrong first.
    std::string problem;
};

inline Block &block() {
    static thread_local Block block;
    return block;
}

// Gives the processor back until the scheduler comes to this thread again.
inline void wait(State state, int line) {
    Block &b = block();
    b.current->state = state;
    b.current->line = line;
    if (!_setjmp(b.current->jump))
        _longjmp(b.scheduler, 1);
}

inline void check_load(const void *from, size_t bytes) {
    Block &b = block();
    const uint64_t start = reinterpret_cast<uintptr_t>(from);
    if (start % bytes != 0 && b.problem.empty())
        b.problem = "a load of " + std::to_string(bytes) + " bytes is not aligned";
    const Range *after = std::upper_bound(b.ranges, b.ranges + b.range_count, start,
                                          [](uint64_t address, const Range &range) { return address < range.start; });
    if ((after == b.ranges || start + bytes > after[-1].end) && b.problem.empty())
        b.problem = "thread (" + std::to_string(b.current->thread.x) + ", " + std::to_string(b.current->thread.y) +
                    ") reads " + std::to_string(bytes) + " bytes that are in no buffer";
}

inline void start() {
    Block &b = block();
    (*b.kernel)();
    b.current->state = State::Done;
    _longjmp(b.scheduler, 1);
}

inline void resume(Fiber &fiber) {
    Block &b = block();
    b.current = &fiber;
    if (_setjmp(b.scheduler))
        return;
    if (fiber.started)
        _longjmp(fiber.jump, 1);
    fiber.started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack.data();
    context.uc_stack.ss_size = fiber.stack.size();
    context.uc_link = nullptr;
    makecontext(&context, start, 0);
    setcontext(&context);
}

inline uint64_t next_random(Block &b) {
    b.random ^= b.random << 13;
    b.random ^= b.random >> 7;
    b.random ^= b.random << 17;
    return b.random;
}

// Runs every thread that can run, in a new order.
inline bool run_ready(Block &b) {
    std::vector<Fiber *> ready;
    for (Fiber &fiber : b.fibers)
        if (fiber.state == State::Ready)
            ready.push_back(&fiber);
    for (size_t i = ready.size(); i > 1; i--)
        std::swap(ready[i - 1], ready[next_random(b) % i]);
    for (Fiber *fiber : ready)
        resume(*fiber);
    return !ready.empty();
}

// Lets warps go on all of whose threads wait in the same shuffle.
inline bool release_shuffles(Block &b) {
    bool any = false;
    for (size_t first = 0; first < b.fibers.size(); first += 32) {
        const size_t last = std::min(first + 32, b.fibers.size());
        bool all = true;
        for (size_t i = first; i < last; i++)
            all = all && b.fibers[i].state == State::Shuffle && b.fibers[i].line == b.fibers[first].line;
        for (size_t i = first; all && i < last; i++)
            b.fibers[i].state = State::Ready;
        any = any || all;
    }
    return any;
}

// Empty if all threads wait at one barrier, which they then leave.
inline std::string release_barrier(Block &b) {
    const Fiber *waiting = nullptr;
    for (const Fiber &fiber : b.fibers)
        if (fiber.state != State::Done)
            waiting = &fiber;
    for (Fiber &fiber : b.fibers) {
        if (fiber.state != waiting->state || fiber.line != waiting->line)
            return std::string(waiting->state == State::Barrier ? "a barrier" : "a shuffle") + " in line " +
                   std::to_string(waiting->line) + " is not reached by thread (" + std::to_string(fiber.thread.x) + ", " +
                   std::to_string(fiber.thread.y) + ")";
    }
    for (Fiber &fiber : b.fibers)
        fiber.state = State::Ready;
    return {};
}

inline std::string run_block(Block &b) {
    b.shared.assign(b.shared_bytes + 2 * GUARD + 64, GUARD_BYTE);
    unsigned char *start = b.shared.data() + GUARD;
    b.shared_start = start + (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64;
    std::memset(b.shared_start, 0xff, b.shared_bytes);
    unsigned i = 0;
    for (Fiber &fiber : b.fibers) {
        fiber.thread = {i % b.block.x, i / b.block.x % b.block.y, i / b.block.x / b.block.y};
        fiber.state = State::Ready;
        fiber.started = false;
        fiber.shuffles = 0;
        fiber.stack.resize(STACK);
        i++;
    }
    for (;;) {
        if (run_ready(b) || release_shuffles(b))
            continue;
        bool done = true;
        for (const Fiber &fiber : b.fibers)
            done = done && fiber.state == State::Done;
        if (done)
            break;
        const std::string message = release_barrier(b);
        if (!message.empty())
            return message;
    }
    if (!b.problem.empty())
        return b.problem;
    for (unsigned char *at = b.shared.data(); at < b.shared.data() + b.shared.size(); at++) {
        const bool is_guard = at < b.shared_start || at >= b.shared_start + b.shared_bytes;
        if (is_guard && *at != GUARD_BYTE)
            return "shared memory was written at byte " + std::to_string(at - b.shared_start) + " of " +
                   std::to_string(b.shared_bytes);
    }
    return {};
}

inline uint64_t exchange(uint64_t value, int lane_mask, int line) {
    Block &b = block();
    Fiber *self = b.current;
    const unsigned side = self->shuffles++ % 2;
    self->shared[side] = value;
    wait(State::Shuffle, line);
    return b.fibers[(self - b.fibers.data()) ^ lane_mask].shared[side];
}

template <class T> T shuffle_xor(T value, int lane_mask, int line) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = exchange(bits, lane_mask, line);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

using Invoke = std::function<void(void **)>;

inline std::map<std::string, Invoke> &kernels() {
    static std::map<std::string, Invoke> kernels;
    return kernels;
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_reference_t<A> *>(arguments[I])...);
}

struct Register {
    template <class... A> Register(const char *name, void (*kernel)(A...)) {
        kernels()[name] = [kernel](void **arguments) { call(kernel, arguments, std::index_sequence_for<A...>()); };
    }
};

} // namespace emulation

template <class T> T __ldg(const T *from) {
    emulation::check_load(from, sizeof(T));
    return *from;
}

#define KERNEL(name, parameters)                                                                                      \
    static void name parameters;                                                                                      \
    static const emulation::Register name##_registered(#name, &name);                                                 \
    static void name parameters

#define threadIdx (emulation::block().current->thread)
#define blockIdx (emulation::block().index)
#define blockDim (emulation::block().block)
#define gridDim (emulation::block().grid)
#define __syncthreads() emulation::wait(emulation::State::Barrier, __LINE__)
#define __shfl_xor_sync(mask, value, lane_mask) emulation::shuffle_xor(value, lane_mask, __LINE__)

inline unsigned char *shared_memory() { return emulation::block().shared_start; }

// Runs all blocks of a launch; `ranges` are the device's buffers, in the order of their addresses. Returns 0, or 1 with
// the reason in `message`, cut to `length` bytes.
extern "C" __attribute__((visibility("default"))) int emulation_launch(const char *name, const unsigned *grid,
                                                                       const unsigned *threads, unsigned shared,
                                                                       void **arguments, uint64_t seed,
                                                                       const emulation::Range *ranges,
                                                                       size_t range_count, char *message,
                                                                       size_t length) {
    const auto found = emulation::kernels().find(name);
    if (found == emulation::kernels().end()) {
        std::snprintf(message, length, "no such kernel");
        return 1;
    }
    emulation::Block &b = emulation::block();
    const std::function<void()> kernel = [&] { found->second(arguments); };
    b.kernel = &kernel;
    b.grid = {grid[0], grid[1], grid[2]};
    b.block = {threads[0], threads[1], threads[2]};
    b.fibers.resize(threads[0] * threads[1] * threads[2]);
    b.shared_bytes = shared;
    b.random = seed | 1;
    b.ranges = ranges;
    b.range_count = range_count;
    b.problem.clear();
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                b.index = {x, y, z};
                const std::string problem = emulation::run_block(b);
                if (!problem.empty()) {
                    std::snprintf(message, length, "block (%u, %u): %s", x, y, problem.c_str());
                    return 1;
                }
            }
    return 0;
}
