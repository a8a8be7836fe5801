/* Square matrices, row by row. Where one is singular, or not positive definite, there are entries of
   an inverse or a solution that are not finite. `room` has n * n numbers. */

static void exchange(long n, real *a, real *b)
{
    for (long i = 0; i < n; ++i) {
        const real held = a[i];
        a[i] = b[i];
        b[i] = held;
    }
}

/* Gaussian elimination below the diagonal of A, the largest entry of each column as its pivot; the
   same is done to the m columns of X. Returns the sign of the exchanges of rows. */
static real eliminate(long n, long m, real *A, real *X)
{
    real sign = 1;
    for (long k = 0; k < n; ++k) {
        long pivot = k;
        for (long i = k + 1; i < n; ++i)
            if (real_abs(A[i * n + k]) > real_abs(A[pivot * n + k]))
                pivot = i;
        if (pivot != k) {
            sign = -sign;
            exchange(n, A + k * n, A + pivot * n);
            exchange(m, X + k * m, X + pivot * m);
        }
        for (long i = k + 1; i < n; ++i) {
            const real part = A[i * n + k] == 0 ? 0 : A[i * n + k] / A[k * n + k];
            for (long j = k + 1; j < n; ++j)
                A[i * n + j] -= part * A[k * n + j];
            for (long j = 0; j < m; ++j)
                X[i * m + j] -= part * X[k * m + j];
        }
    }
    return sign;
}

static void det(long n, const real *A, real *room, real *value)
{
    memcpy(room, A, (size_t)(n * n) * sizeof(real));
    *value = eliminate(n, 0, room, room);
    for (long k = 0; k < n; ++k)
        *value *= room[k * n + k];
}

/* log |det A|, and where `is_signed` NaN where det A < 0. */
static void logdet(long n, int is_signed, const real *A, real *room, real *value)
{
    memcpy(room, A, (size_t)(n * n) * sizeof(real));
    real sign = eliminate(n, 0, room, room);
    *value = 0;
    for (long k = 0; k < n; ++k) {
        sign = room[k * n + k] < 0 ? -sign : sign;
        *value += real_log(real_abs(room[k * n + k]));
    }
    if (is_signed && sign < 0)
        *value = NAN;
}

/* X = inv(A) X for X with m columns, by elimination and back substitution. */
static void solve_in_place(long n, long m, const real *A, real *room, real *X)
{
    memcpy(room, A, (size_t)(n * n) * sizeof(real));
    eliminate(n, m, room, X);
    for (long i = n - 1; i >= 0; --i) {
        for (long j = 0; j < m; ++j) {
            for (long k = i + 1; k < n; ++k)
                X[i * m + j] -= room[i * n + k] * X[k * m + j];
            X[i * m + j] /= room[i * n + i];
        }
    }
}

static void solve(long n, long m, const real *A, const real *B, real *room, real *X)
{
    memcpy(X, B, (size_t)(n * m) * sizeof(real));
    solve_in_place(n, m, A, room, X);
}

static void identity(long n, real *X)
{
    memset(X, 0, (size_t)(n * n) * sizeof(real));
    for (long i = 0; i < n; ++i)
        X[i * n + i] = 1;
}

static void inverse(long n, const real *A, real *room, real *X)
{
    identity(n, X);
    solve_in_place(n, n, A, room, X);
}

/* The lower triangle L with L L' = A; G. Golub and C. Van Loan, Matrix Computations (2013), 4.2. */
static void cholesky(long n, const real *A, real *L)
{
    memset(L, 0, (size_t)(n * n) * sizeof(real));
    for (long i = 0; i < n; ++i) {
        for (long j = 0; j <= i; ++j) {
            real rest = A[i * n + j];
            for (long k = 0; k < j; ++k)
                rest -= L[i * n + k] * L[j * n + k];
            L[i * n + j] = i == j ? real_sqrt(rest) : rest / L[j * n + j];
        }
    }
}

/* X = inv(L L') X. */
static void cholesky_solve_in_place(long n, long m, const real *L, real *X)
{
    for (long i = 0; i < n; ++i) {
        for (long j = 0; j < m; ++j) {
            for (long k = 0; k < i; ++k)
                X[i * m + j] -= L[i * n + k] * X[k * m + j];
            X[i * m + j] /= L[i * n + i];
        }
    }
    for (long i = n - 1; i >= 0; --i) {
        for (long j = 0; j < m; ++j) {
            for (long k = i + 1; k < n; ++k)
                X[i * m + j] -= L[k * n + i] * X[k * m + j];
            X[i * m + j] /= L[i * n + i];
        }
    }
}

static void cholesky_solve(long n, long m, const real *L, const real *B, real *X)
{
    memcpy(X, B, (size_t)(n * m) * sizeof(real));
    cholesky_solve_in_place(n, m, L, X);
}

static void cholesky_inverse(long n, const real *L, real *X)
{
    identity(n, X);
    cholesky_solve_in_place(n, n, L, X);
}

static void cholesky_logdet(long n, const real *A, real *room, real *value)
{
    cholesky(n, A, room);
    *value = 0;
    for (long k = 0; k < n; ++k)
        *value += 2 * real_log(room[k * n + k]);
}
