/* A CUDA runtime whose device is the host's memory. Kernels do nothing. Copies check their direction.
   Environment: STAND_IN_DEVICES, STAND_IN_CODE (returned when they are counted), STAND_IN_MIB (largest allocation),
   STAND_IN_TRACE. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, OUT_OF_MEMORY = 2, INVALID_DIRECTION = 21, HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3 };

static int number(const char *name) { const char *text = getenv(name); return text ? atoi(text) : 0; }
static void trace(const char *event) { if (number("STAND_IN_TRACE")) fprintf(stderr, "stand-in: %s\n", event); }

/* The device's allocations. */
static struct { char *start; size_t size; } blocks[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int on_device(const void *address) {
    int found = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4096; i++)
        found |= blocks[i].start && (char *)address >= blocks[i].start && (char *)address < blocks[i].start + blocks[i].size;
    pthread_mutex_unlock(&lock);
    return found;
}

static int copy(void *to, const void *from, size_t size, int kind) {
    int to_device = kind == HOST_TO_DEVICE || kind == DEVICE_TO_DEVICE;
    int from_device = kind == DEVICE_TO_HOST || kind == DEVICE_TO_DEVICE;
    if (on_device(to) != to_device || on_device(from) != from_device) return INVALID_DIRECTION;
    memcpy(to, from, size);
    return OK;
}

int cudaGetDeviceCount(int *count) { *count = number("STAND_IN_DEVICES"); return number("STAND_IN_CODE"); }
const char *cudaGetErrorString(int code) { return code == OUT_OF_MEMORY ? "out of memory" : "a stand-in's error"; }
const char *cudaGetErrorName(int code) { return "cudaErrorOfStandIn"; }
int cudaGetDevice(int *device) { *device = 0; return OK; }
int cudaGetDeviceProperties(void *properties, int device) { memset(properties, 0, 700); return OK; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) { *value = 0; return OK; }
int cudaDriverGetVersion(int *version) { *version = 13000; return OK; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return OK; }
int cudaMemGetInfo(size_t *available, size_t *total) { *available = *total = (size_t)8 << 30; return OK; }

int cudaMalloc(void **address, size_t size) {
    size_t limit = (size_t)number("STAND_IN_MIB") << 20;
    *address = limit && size > limit ? NULL : malloc(size);
    if (!*address) return OUT_OF_MEMORY;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4096; i++)
        if (!blocks[i].start) { blocks[i].start = *address; blocks[i].size = size; break; }
    pthread_mutex_unlock(&lock);
    return OK;
}
int cudaFree(void *address) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4096; i++)
        if (blocks[i].start == address) blocks[i].start = NULL;
    pthread_mutex_unlock(&lock);
    free(address);
    return OK;
}
int cudaMallocHost(void **address, size_t size) { trace("page-locked"); *address = malloc(size); return OK; }
int cudaHostAlloc(void **address, size_t size, unsigned flags) { return cudaMallocHost(address, size); }
int cudaFreeHost(void *address) { free(address); return OK; }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) { return copy(to, from, size, kind); }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) { return copy(to, from, size, kind); }
int cudaMemset(void *to, int value, size_t size) { memset(to, value, size); return OK; }
int cudaMemsetAsync(void *to, int value, size_t size, void *stream) { memset(to, value, size); return OK; }
int cudaPointerGetAttributes(void *attributes, const void *address) { memset(attributes, 0, 32); return OK; }

static int handle(void **made) { *made = malloc(8); return OK; }
int cudaStreamCreate(void **stream) { return handle(stream); }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { return handle(stream); }
int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return OK; }
int cudaStreamEndCapture(void *stream, void **graph) { trace("graph captured"); return handle(graph); }
int cudaGraphInstantiate(void **made, void *graph, unsigned long long flags) { return handle(made); }
int cudaGraphLaunch(void *graph, void *stream) { trace("graph launched"); return OK; }
int cudaEventCreate(void **event) { return handle(event); }
int cudaEventCreateWithFlags(void **event, unsigned flags) { return handle(event); }
