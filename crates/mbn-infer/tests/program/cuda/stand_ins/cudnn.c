/* cuDNN that can be created; it knows no convolution. */
#include <stdlib.h>

int cudnnCreate(void **handle) { *handle = malloc(8); return 0; }
int cudnnDestroy(void *handle) { free(handle); return 0; }
int cudnnSetStream(void *handle, void *stream) { return 0; }
long cudnnGetVersion(void) { return 92800; }
const char *cudnnGetErrorString(int code) { return "a stand-in's error"; }
