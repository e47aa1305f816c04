/* cuBLAS with one product, by its definition; matrices are column-major. */
#include <stdio.h>
#include <stdlib.h>

int cublasCreate_v2(void **handle) { *handle = malloc(8); return 0; }
int cublasSgemm_v2(void *handle, int a_transposed, int b_transposed, int m, int n, int k, const float *alpha, const float *a,
                   int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
    if (getenv("STAND_IN_TRACE")) fprintf(stderr, "stand-in: product of %d columns\n", n);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            float sum = 0;
            for (int p = 0; p < k; p++)
                sum += (a_transposed ? a[p + i * lda] : a[i + p * lda]) * (b_transposed ? b[j + p * ldb] : b[p + j * ldb]);
            c[i + j * ldc] = *alpha * sum + (*beta ? *beta * c[i + j * ldc] : 0);
        }
    return 0;
}
