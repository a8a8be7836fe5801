/* What stands for the numbers and functions of elementary.h and products.h in plain C99. */

#ifdef DOUBLE_PRECISION
#define real_exp exp
#define real_log log
#define real_tanh tanh
#define real_log1p log1p
#define real_expm1 expm1
#define real_sqrt sqrt
#define real_abs fabs
#define real_pow pow
#define real_sin sin
#define real_cos cos
#define real_tan tan
#define real_asin asin
#define real_acos acos
#define real_atan atan
#define real_sinh sinh
#define real_cosh cosh
#define real_erf erf
#else
#define real_exp expf
#define real_log logf
#define real_tanh tanhf
#define real_log1p log1pf
#define real_expm1 expm1f
#define real_sqrt sqrtf
#define real_abs fabsf
#define real_pow powf
#define real_sin sinf
#define real_cos cosf
#define real_tan tanf
#define real_asin asinf
#define real_acos acosf
#define real_atan atanf
#define real_sinh sinhf
#define real_cosh coshf
#define real_erf erff
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
