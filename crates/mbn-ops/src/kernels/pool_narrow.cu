// The kernels of pool.cu that load one value at a time.
#define NARROW
#include "pool.cu"
