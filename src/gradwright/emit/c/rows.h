/* softmax and log-sum-exp of each row: exponentials of differences from the largest entry. */

static inline real softmax_row(long columns, const real *z, real *a)
{
    real highest = z[0], total = 0;
    for (long j = 1; j < columns; ++j)
        highest = z[j] > highest || z[j] != z[j] ? z[j] : highest;
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
