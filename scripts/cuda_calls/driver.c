// Stands in for NVIDIA's driver, cuBLAS and cuRAND in a program that is started with this library preloaded and linked to
// the stubs of `make cuda-toolkit`. The device's memory is the computer's, so that copies work; kernels and products do
// nothing, so that results are zeros. Each call that allocates memory or puts work on a stream is a line in the file
// that CUDA_CALLS names: its kind, and the number of bytes or the kernel as MODULE/NAME. Modules are what
// `scripts/nvcc_stand_in.sh` writes, their names.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// CUresult, cublasStatus_t, curandStatus_t
typedef int Status;
enum { SUCCESS = 0, INVALID = 1 };

static FILE *calls;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread void *current_context;

__attribute__((constructor)) static void open_calls(void) {
    const char *path = getenv("CUDA_CALLS");
    calls = path ? fopen(path, "w") : NULL;
}

__attribute__((destructor)) static void close_calls(void) {
    if (calls)
        fflush(calls);
}

static void note(const char *kind, const char *what) {
    pthread_mutex_lock(&lock);
    if (calls)
        fprintf(calls, "%s %s\n", kind, what);
    pthread_mutex_unlock(&lock);
}

static void note_bytes(const char *kind, size_t bytes) {
    char text[32];
    snprintf(text, sizeof text, "%zu", bytes);
    note(kind, text);
}

// Something whose address is a handle.
static Status handle(void **out) {
    *out = malloc(1);
    return *out ? SUCCESS : INVALID;
}

// ---- The device: compute capability 9.0 with 132 multiprocessors and memory pools.

Status cuInit(unsigned flags) { return SUCCESS; }
Status cuDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}
Status cuDeviceGetCount(int *count) {
    *count = 1;
    return SUCCESS;
}
Status cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return SUCCESS;
}
Status cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, length, "no GPU, calls are noted");
    return SUCCESS;
}
Status cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 16: *value = 132; break;
    case 75: *value = 9; break;
    case 115: *value = 1; break;
    default: *value = 0;
    }
    return SUCCESS;
}
Status cuDeviceGetDefaultMemPool(void **pool, int device) { return handle(pool); }
Status cuMemPoolSetAttribute(void *pool, int attribute, void *value) { return SUCCESS; }
Status cuDevicePrimaryCtxRetain(void **context, int device) {
    static int primary;
    *context = &primary;
    return SUCCESS;
}
Status cuDevicePrimaryCtxRelease_v2(int device) { return SUCCESS; }
Status cuCtxGetCurrent(void **context) {
    *context = current_context;
    return SUCCESS;
}
Status cuCtxSetCurrent(void *context) {
    current_context = context;
    return SUCCESS;
}
Status cuCtxSynchronize(void) {
    note("wait", "context");
    return SUCCESS;
}
Status cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    *free_bytes = *total = (size_t)80 << 30;
    return SUCCESS;
}
Status cuGetErrorName(Status status, const char **text) {
    *text = "an error of the driver that notes calls";
    return SUCCESS;
}
Status cuGetErrorString(Status status, const char **text) { return cuGetErrorName(status, text); }

// ---- Streams and events.

Status cuStreamCreate(void **stream, unsigned flags) { return handle(stream); }
Status cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { return handle(stream); }
Status cuStreamDestroy_v2(void *stream) { return SUCCESS; }
Status cuStreamSynchronize(void *stream) {
    note("wait", "stream");
    return SUCCESS;
}
Status cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    note("event", "wait");
    return SUCCESS;
}
Status cuStreamIsCapturing(void *stream, int *status) {
    *status = 0;
    return SUCCESS;
}
Status cuEventCreate(void **event, unsigned flags) { return handle(event); }
Status cuEventDestroy_v2(void *event) { return SUCCESS; }
Status cuEventRecord(void *event, void *stream) {
    note("event", "record");
    return SUCCESS;
}
Status cuEventQuery(void *event) { return SUCCESS; }
Status cuEventSynchronize(void *event) {
    note("wait", "event");
    return SUCCESS;
}

// ---- Memory.

static Status allocate(void **pointer, size_t bytes) {
    if (bytes == 0)
        return INVALID;
    *pointer = calloc(1, bytes);
    return *pointer ? SUCCESS : INVALID;
}

Status cuMemAllocAsync(void **pointer, size_t bytes, void *stream) {
    note_bytes("allocation", bytes);
    return allocate(pointer, bytes);
}
Status cuMemAlloc_v2(void **pointer, size_t bytes) {
    note_bytes("allocation", bytes);
    return allocate(pointer, bytes);
}
Status cuMemFreeAsync(void *pointer, void *stream) {
    free(pointer);
    return SUCCESS;
}
Status cuMemFree_v2(void *pointer) {
    free(pointer);
    return SUCCESS;
}
Status cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    note_bytes("pinned", bytes);
    return allocate(pointer, bytes);
}
Status cuMemFreeHost(void *pointer) {
    free(pointer);
    return SUCCESS;
}
Status cuMemsetD8Async(void *pointer, unsigned char value, size_t bytes, void *stream) {
    note_bytes("set", bytes);
    // Fresh memory is zero already, and most of it is never touched.
    if (value)
        memset(pointer, value, bytes);
    return SUCCESS;
}
Status cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    note_bytes("upload", bytes);
    memcpy(to, from, bytes);
    return SUCCESS;
}
Status cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    note_bytes("download", bytes);
    memcpy(to, from, bytes);
    return SUCCESS;
}
Status cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    note_bytes("copy", bytes);
    memcpy(to, from, bytes);
    return SUCCESS;
}

// ---- Kernels. A module is its name, a function is MODULE/NAME.

Status cuModuleLoadData(void **module, const char *image) {
    // An image that is not text need not end with a zero.
    char name[64] = "unknown";
    size_t length = 0;
    if (!strncmp(image, "// ", 3))
        for (; length + 1 < sizeof name && image[3 + length] != '\n'; length++)
            name[length] = image[3 + length];
    if (length)
        name[length] = 0;
    note("module", name);
    *module = strdup(name);
    return *module ? SUCCESS : INVALID;
}
Status cuModuleUnload(void *module) { return SUCCESS; }
Status cuModuleGetFunction(void **function, const char *module, const char *name) {
    char text[256];
    snprintf(text, sizeof text, "%s/%s", module, name);
    *function = strdup(text);
    return *function ? SUCCESS : INVALID;
}
Status cuFuncSetAttribute(void *function, int attribute, int value) { return SUCCESS; }
Status cuFuncGetAttribute(int *value, int attribute, void *function) {
    *value = 0;
    return SUCCESS;
}
Status cuLaunchKernel(const char *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
    note("launch", function);
    return x && y && z && bx && by && bz ? SUCCESS : INVALID;
}

// ---- cuBLAS and cuRAND.

Status cublasCreate_v2(void **out) { return handle(out); }
Status cublasDestroy_v2(void *blas) { return SUCCESS; }
Status cublasSetStream_v2(void *blas, void *stream) { return SUCCESS; }
Status cublasSetWorkspace_v2(void *blas, void *memory, size_t bytes) { return SUCCESS; }
// Neither reads its arguments.
Status cublasGemmEx(void *blas) {
    note("product", "GemmEx");
    return SUCCESS;
}
Status cublasGemmStridedBatchedEx(void *blas) {
    note("product", "GemmStridedBatchedEx");
    return SUCCESS;
}
Status curandCreateGenerator(void **generator, int kind) { return handle(generator); }
Status curandDestroyGenerator(void *generator) { return SUCCESS; }
Status curandSetStream(void *generator, void *stream) { return SUCCESS; }
Status curandSetPseudoRandomGeneratorSeed(void *generator, unsigned long long seed) { return SUCCESS; }
Status curandSetGeneratorOffset(void *generator, unsigned long long offset) { return SUCCESS; }
Status curandGenerateNormal(void *generator, float *values, size_t count, float mean, float deviation) {
    note_bytes("random", 4 * count);
    return SUCCESS;
}
