/* Vectors: how they are read and written, and sums over the lanes of LANES of them at a time. */

#ifdef DOUBLE_PRECISION
#define LANES (VECTOR_BYTES / 8)
#else
#define LANES (VECTOR_BYTES / 4)
#endif

static inline vector load(const real *from)
{
    vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* The first `count` numbers, and zeros behind them. */
static inline vector load_first(const real *from, long count)
{
    vector v = {0};
    memcpy(&v, from, (size_t)count * sizeof(real));
    return v;
}

static inline void store(real *to, vector v)
{
    memcpy(to, &v, sizeof v);
}

static inline void store_first(real *to, vector v, long count)
{
    if (count == LANES)
        store(to, v);
    else
        for (long lane = 0; lane < count; ++lane)
            to[lane] = v[lane];
}

#if defined(__clang__) || __GNUC__ >= 12

/* Neighbours in groups of `by` lanes: sums of such groups of a and of b, in turns. */
#define LISTED(...) __VA_ARGS__
#define MIXED(one, other) \
    (__builtin_shufflevector(a, b, LISTED one) + __builtin_shufflevector(a, b, LISTED other))

static inline __attribute__((always_inline)) vector mixed(long by, vector a, vector b)
{
#if LANES == 2
    (void)by;
    return MIXED((0, 2), (1, 3));
#elif LANES == 4
    return by == 1 ? MIXED((0, 4, 2, 6), (1, 5, 3, 7)) : MIXED((0, 1, 4, 5), (2, 3, 6, 7));
#elif LANES == 8
    return by == 1 ? MIXED((0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
         : by == 2 ? MIXED((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
                   : MIXED((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15));
#else
    return by == 1 ? MIXED((0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
                           (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
         : by == 2 ? MIXED((0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
                           (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
         : by == 4 ? MIXED((0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
                           (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
                   : MIXED((0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
                           (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
#endif
}

/* Lane i is the sum of the lanes of v[i]. */
static inline __attribute__((always_inline)) vector sums_of_lanes(const vector *v)
{
    vector s[LANES / 2];
    for (long i = 0; i < LANES / 2; ++i)
        s[i] = mixed(1, v[2 * i], v[2 * i + 1]);
    for (long i = 0; i < LANES / 4; ++i)
        s[i] = mixed(2, s[2 * i], s[2 * i + 1]);
    for (long i = 0; i < LANES / 8; ++i)
        s[i] = mixed(4, s[2 * i], s[2 * i + 1]);
    for (long i = 0; i < LANES / 16; ++i)
        s[i] = mixed(8, s[2 * i], s[2 * i + 1]);
    return s[0];
}

#else

static inline vector sums_of_lanes(const vector *v)
{
    vector sums;
    for (long i = 0; i < LANES; ++i) {
        real total = 0;
        for (long lane = 0; lane < LANES; ++lane)
            total += v[i][lane];
        sums[i] = total;
    }
    return sums;
}

#endif
