/* Operations on each row. softmax and log-sum-exp take exponentials of differences from the
   largest entry. */

static inline real largest_of_row(long columns, const real *z)
{
    real highest = z[0];
    for (long j = 1; j < columns; ++j)
        highest = z[j] > highest || z[j] != z[j] ? z[j] : highest;
    return highest;
}

static inline real softmax_row(long columns, const real *z, real *a)
{
    const real highest = largest_of_row(columns, z);
    real total = 0;
    for (long j = 0; j < columns; ++j)
        a[j] = real_exp(z[j] - highest);
    for (long j = 0; j < columns; ++j)
        total += a[j];
    for (long j = 0; j < columns; ++j)
        a[j] /= total;
    return highest + real_log(total);
}

static inline void softmax_rows(long rows, long columns, const real *Z, real *A)
{
    for (long i = 0; i < rows; ++i)
        softmax_row(columns, Z + i * columns, A + i * columns);
}

static inline void softmax_logsumexp_rows(long rows, long columns, const real *Z, real *A, real *values)
{
    for (long i = 0; i < rows; ++i)
        values[i] = softmax_row(columns, Z + i * columns, A + i * columns);
}

/* sqrt(mean square + eps) of a row, or of its differences from its mean; those over it in `a`. */
static inline real centre_row(long columns, const real *z, real eps, int centred, real *a)
{
    real total = 0, squares = 0;
    for (long j = 0; j < columns; ++j)
        total += z[j];
    const real mean = centred ? total / (real)columns : 0;
    for (long j = 0; j < columns; ++j)
        squares += (z[j] - mean) * (z[j] - mean);
    const real length = real_sqrt(squares / (real)columns + eps);
    if (a != NULL)
        for (long j = 0; j < columns; ++j)
            a[j] = (z[j] - mean) / length;
    return length;
}

static inline void layernorm_rows(long rows, long columns, const real *Z, real eps, real *A)
{
    for (long i = 0; i < rows; ++i)
        centre_row(columns, Z + i * columns, eps, 1, A + i * columns);
}

static inline void rmsnorm_rows(long rows, long columns, const real *Z, real eps, real *A)
{
    for (long i = 0; i < rows; ++i)
        centre_row(columns, Z + i * columns, eps, 0, A + i * columns);
}

static inline void std_rows(long rows, long columns, const real *Z, real eps, real *values)
{
    for (long i = 0; i < rows; ++i)
        values[i] = centre_row(columns, Z + i * columns, eps, 1, NULL);
}

static inline void rms_rows(long rows, long columns, const real *Z, real eps, real *values)
{
    for (long i = 0; i < rows; ++i)
        values[i] = centre_row(columns, Z + i * columns, eps, 0, NULL);
}

static inline void logsumexp_rows(long rows, long columns, const real *Z, real *values)
{
    for (long i = 0; i < rows; ++i) {
        const real *z = Z + i * columns, highest = largest_of_row(columns, z);
        real total = 0;
        for (long j = 0; j < columns; ++j)
            total += real_exp(z[j] - highest);
        values[i] = highest + real_log(total);
    }
}

static inline void largest_rows(long rows, long columns, const real *Z, real *values)
{
    for (long i = 0; i < rows; ++i)
        values[i] = largest_of_row(columns, Z + i * columns);
}

/* 1 at the largest entry of a row, 0 elsewhere; equal ones share the 1. */
static inline void hardmax_rows(long rows, long columns, const real *Z, real *A)
{
    for (long i = 0; i < rows; ++i) {
        const real *z = Z + i * columns, highest = largest_of_row(columns, z);
        real count = 0;
        for (long j = 0; j < columns; ++j)
            count += (real)(z[j] == highest);
        for (long j = 0; j < columns; ++j)
            A[i * columns + j] = (real)(z[j] == highest) / count;
    }
}
