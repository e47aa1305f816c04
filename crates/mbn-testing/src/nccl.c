// Stands in for NCCL: adds up what lies in the computer's memory, over ranks that are threads or processes of one machine.
// The results have the types and values of NCCL's C interface, in which 0 is success and 4 a bad argument.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SUCCESS = 0, BAD_ARGUMENT = 4, FLOAT = 7, SUM = 0, ID = 128, ROOM = 1 << 23 };

// A file's name, and 'n' up to the end.
typedef struct {
    char bytes[ID];
} Id;

struct Shared {
    atomic_int is_ready;
    pthread_barrier_t barrier;
    float sums[ROOM];
};

struct Rank {
    struct Shared *shared;
    int rank, size;
};

int ncclGetVersion(int *version) {
    *version = 22907;
    return SUCCESS;
}

int ncclGetUniqueId(Id *id) {
    static atomic_int count;
    memset(id->bytes, 'n', ID);
    snprintf(id->bytes, ID / 2, "/dev/shm/mbn-nccl-%d-%d", (int)getpid(), atomic_fetch_add(&count, 1));
    return SUCCESS;
}

int ncclCommInitRank(void **out, int size, Id id, int rank) {
    if (rank < 0 || rank >= size || id.bytes[ID / 2] != 'n' || id.bytes[ID - 1] != 'n')
        return BAD_ARGUMENT;
    const int file = open(id.bytes, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(struct Shared)) != 0)
        return BAD_ARGUMENT;
    struct Shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared == MAP_FAILED)
        return BAD_ARGUMENT;
    if (rank == 0) {
        pthread_barrierattr_t attributes;
        pthread_barrierattr_init(&attributes);
        pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_barrier_init(&shared->barrier, &attributes, size);
        atomic_store(&shared->is_ready, 1);
    }
    while (!atomic_load(&shared->is_ready))
        sched_yield();
    pthread_barrier_wait(&shared->barrier);
    if (rank == 0)
        unlink(id.bytes);
    struct Rank *joined = malloc(sizeof *joined);
    *joined = (struct Rank){shared, rank, size};
    *out = joined;
    return SUCCESS;
}

int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation, void *communicator, void *stream) {
    const struct Rank *rank = communicator;
    struct Shared *shared = rank->shared;
    if (type != FLOAT || operation != SUM || count > ROOM)
        return BAD_ARGUMENT;
    for (int turn = 0; turn < rank->size; turn++) {
        for (size_t i = 0; turn == rank->rank && i < count; i++)
            shared->sums[i] = (turn ? shared->sums[i] : 0) + ((const float *)from)[i];
        pthread_barrier_wait(&shared->barrier);
    }
    memcpy(to, shared->sums, count * sizeof(float));
    pthread_barrier_wait(&shared->barrier);
    return SUCCESS;
}

int ncclCommAbort(void *communicator) {
    struct Rank *rank = communicator;
    munmap(rank->shared, sizeof *rank->shared);
    free(rank);
    return SUCCESS;
}

const char *ncclGetErrorString(int code) { return code == BAD_ARGUMENT ? "invalid argument" : "another error"; }
