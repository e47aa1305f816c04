/* A driver that counts devices: STAND_IN_DEVICES of them. */
#include <stdlib.h>

int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { const char *text = getenv("STAND_IN_DEVICES"); *count = text ? atoi(text) : 0; return 0; }
