// The kernels of columns.cu that load one value at a time.
#define NARROW
#include "columns.cu"
