/* What stands for the numbers and functions of elementary.h and products.h in plain C99. */

#ifdef DOUBLE_PRECISION
#define real_exp exp
#define real_log log
#define real_tanh tanh
#define real_log1p log1p
#define real_expm1 expm1
#else
#define real_exp expf
#define real_log logf
#define real_tanh tanhf
#define real_log1p log1pf
#define real_expm1 expm1f
#endif

/* C = A B, of `rows` by `columns` entries, each a sum of `inner` products. Entry (i, k) of A lies at
   A[i * down + k * along]; B and C lie row by row. */
static void product(long rows, long columns, long inner, const real *A, long down, long along,
                    const real *B, real *C)
{
    for (long i = 0; i < rows; ++i) {
        for (long j = 0; j < columns; ++j) {
            real sum = 0;
            for (long k = 0; k < inner; ++k)
                sum += A[i * down + k * along] * B[k * columns + j];
            C[i * columns + j] = sum;
        }
    }
}

/* C = A B', where B lies row by row and has one row for each column of C. */
static void product_turned(long rows, long columns, long inner, const real *A, long down, long along,
                           const real *B, real *C)
{
    for (long i = 0; i < rows; ++i) {
        for (long j = 0; j < columns; ++j) {
            real sum = 0;
            for (long k = 0; k < inner; ++k)
                sum += A[i * down + k * along] * B[j * inner + k];
            C[i * columns + j] = sum;
        }
    }
}
