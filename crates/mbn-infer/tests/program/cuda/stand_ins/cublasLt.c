/* cuBLASLt that can be created. */
#include <stdlib.h>

int cublasLtCreate(void **handle) { *handle = malloc(8); return 0; }
