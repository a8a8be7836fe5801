/* The operations of rows.h where samples lie innermost: on each column, TOGETHER of them at a time,
   so that every loop over samples is vector code. `few` is at most TOGETHER. */

#define TOGETHER 32

static inline void largest_of_columns(long few, long units, long pitch, const real *Z, real *highest)
{
    for (long i = 0; i < few; ++i)
        highest[i] = Z[i];
    for (long j = 1; j < units; ++j)
        _Pragma("omp simd")
        for (long i = 0; i < few; ++i) {
            const real z = Z[j * pitch + i];
            highest[i] = z > highest[i] || z != z ? z : highest[i];
        }
}

/* Exponentials of differences from the largest entry, into A where it is given, and their sums. */
static inline void exponentials_of_columns(long few, long units, long pitch, const real *Z, real *A,
                                           const real *highest, real *total)
{
    for (long i = 0; i < few; ++i)
        total[i] = 0;
    for (long j = 0; j < units; ++j)
        if (A == NULL)
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i)
                total[i] += real_exp(Z[j * pitch + i] - highest[i]);
        else
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i) {
                const real e = real_exp(Z[j * pitch + i] - highest[i]);
                A[j * pitch + i] = e;
                total[i] += e;
            }
}

/* A and `values` may be NULL. */
static inline void softmax_few_columns(long few, long units, long pitch, const real *Z, real *A,
                                       real *values)
{
    real highest[TOGETHER], total[TOGETHER];
    largest_of_columns(few, units, pitch, Z, highest);
    exponentials_of_columns(few, units, pitch, Z, A, highest, total);
    if (A != NULL)
        for (long j = 0; j < units; ++j)
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i)
                A[j * pitch + i] /= total[i];
    if (values != NULL)
        _Pragma("omp simd")
        for (long i = 0; i < few; ++i)
            values[i] = highest[i] + real_log(total[i]);
}

static inline void softmax_logsumexp_columns(long samples, long units, const real *Z, real *A,
                                             real *values)
{
    for (long i = 0; i < samples; i += TOGETHER) {
        const long left = samples - i;
        real *const to = A == NULL ? NULL : A + i, *const into = values == NULL ? NULL : values + i;
        if (left >= TOGETHER)
            softmax_few_columns(TOGETHER, units, samples, Z + i, to, into);
        else
            softmax_few_columns(left, units, samples, Z + i, to, into);
    }
}

static inline void softmax_columns(long samples, long units, const real *Z, real *A)
{
    softmax_logsumexp_columns(samples, units, Z, A, NULL);
}

static inline void logsumexp_columns(long samples, long units, const real *Z, real *values)
{
    softmax_logsumexp_columns(samples, units, Z, NULL, values);
}

/* sqrt(mean square + eps) of each column, or of its differences from its mean, into `values`; those
   differences over it into A. Either may be NULL. */
static inline void centre_columns(long samples, long units, const real *Z, real eps, int centred,
                                  real *A, real *values)
{
    for (long start = 0; start < samples; start += TOGETHER) {
        const long few = samples - start < TOGETHER ? samples - start : TOGETHER;
        const real *const z = Z + start;
        real mean[TOGETHER] = {0}, length[TOGETHER] = {0};
        for (long j = 0; j < units && centred; ++j)
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i)
                mean[i] += z[j * samples + i];
        for (long i = 0; i < few; ++i)
            mean[i] /= (real)units;
        for (long j = 0; j < units; ++j)
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i)
                length[i] += (z[j * samples + i] - mean[i]) * (z[j * samples + i] - mean[i]);
        for (long i = 0; i < few; ++i)
            length[i] = real_sqrt(length[i] / (real)units + eps);
        for (long j = 0; j < units && A != NULL; ++j)
            _Pragma("omp simd")
            for (long i = 0; i < few; ++i)
                A[j * samples + start + i] = (z[j * samples + i] - mean[i]) / length[i];
        if (values != NULL)
            memcpy(values + start, length, (size_t)few * sizeof(real));
    }
}

static inline void layernorm_columns(long samples, long units, const real *Z, real eps, real *A)
{
    centre_columns(samples, units, Z, eps, 1, A, NULL);
}

static inline void rmsnorm_columns(long samples, long units, const real *Z, real eps, real *A)
{
    centre_columns(samples, units, Z, eps, 0, A, NULL);
}

static inline void std_columns(long samples, long units, const real *Z, real eps, real *values)
{
    centre_columns(samples, units, Z, eps, 1, NULL, values);
}

static inline void rms_columns(long samples, long units, const real *Z, real eps, real *values)
{
    centre_columns(samples, units, Z, eps, 0, NULL, values);
}

static inline void largest_columns(long samples, long units, const real *Z, real *values)
{
    largest_of_columns(samples, units, samples, Z, values);
}

static inline void hardmax_columns(long samples, long units, const real *Z, real *A)
{
    for (long start = 0; start < samples; start += TOGETHER) {
        const long few = samples - start < TOGETHER ? samples - start : TOGETHER;
        const real *const z = Z + start;
        real highest[TOGETHER], count[TOGETHER] = {0};
        largest_of_columns(few, units, samples, z, highest);
        for (long j = 0; j < units; ++j)
            for (long i = 0; i < few; ++i)
                count[i] += (real)(z[j * samples + i] == highest[i]);
        for (long j = 0; j < units; ++j)
            for (long i = 0; i < few; ++i)
                A[j * samples + start + i] = (real)(z[j * samples + i] == highest[i]) / count[i];
    }
}
