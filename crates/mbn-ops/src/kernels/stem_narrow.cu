// The kernels of stem.cu that load one value at a time.
#define NARROW
#include "stem.cu"
