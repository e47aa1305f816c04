// The kernels of depthwise.cu that load one value at a time.
#define NARROW
#include "depthwise.cu"
