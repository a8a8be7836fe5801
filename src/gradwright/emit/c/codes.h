
/* The codes of categories in a column of X; -1 for what is none, which makes the results NaN. */
static void codes(long n, long column, long count, long sample_step, long unit_step,
                  const real *X, real *to)
{
    for (long i = 0; i < n; ++i) {
        const real code = X[i * sample_step + column * unit_step];
        const int right = code >= 0 && code < (real)count && code == (real)(long)code;
        to[i] = right ? code : -1;
    }
}
