// The kernels of depthwise_backward.cu that load one value at a time.
#define NARROW
#include "depthwise_backward.cu"
