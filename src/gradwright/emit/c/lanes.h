/* Vectors: how they are read and written, and what is done with LANES of them at a time: sums over
   their lanes, transposes. */

#ifdef DOUBLE_PRECISION
#define LANES (VECTOR_BYTES / 8)
#else
#define LANES (VECTOR_BYTES / 4)
#endif

/* Loops of a constant length, which keep an array of vectors in registers if they are unrolled. */
#define UNROLLED _Pragma("GCC unroll 16")

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

/* Of vectors a and b, groups of so many lanes in turns: those in even places, and in odd ones. */
#if LANES == 2
#define ONE_1 0, 2
#define OTHER_1 1, 3
#elif LANES == 4
#define ONE_1 0, 4, 2, 6
#define OTHER_1 1, 5, 3, 7
#define ONE_2 0, 1, 4, 5
#define OTHER_2 2, 3, 6, 7
#elif LANES == 8
#define ONE_1 0, 8, 2, 10, 4, 12, 6, 14
#define OTHER_1 1, 9, 3, 11, 5, 13, 7, 15
#define ONE_2 0, 1, 8, 9, 4, 5, 12, 13
#define OTHER_2 2, 3, 10, 11, 6, 7, 14, 15
#define ONE_4 0, 1, 2, 3, 8, 9, 10, 11
#define OTHER_4 4, 5, 6, 7, 12, 13, 14, 15
#else
#define ONE_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define OTHER_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define ONE_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define OTHER_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define ONE_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define OTHER_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define ONE_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define OTHER_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#endif

#define SHUFFLED(a, b, lanes) __builtin_shufflevector(a, b, lanes)

/* `count` pairs of vectors become sums of such groups of both, in turns. */
#define ADDED(count, from, by)                                                    \
    UNROLLED for (long i = 0; i < (count); ++i)                                   \
        s[i] = SHUFFLED(from[2 * i], from[2 * i + 1], ONE_##by)                   \
             + SHUFFLED(from[2 * i], from[2 * i + 1], OTHER_##by)

/* Lane i is the sum of the lanes of v[i]. */
static inline __attribute__((always_inline)) vector sums_of_lanes(const vector *v)
{
    vector s[LANES / 2];
    ADDED(LANES / 2, v, 1);
#if LANES >= 4
    ADDED(LANES / 4, s, 2);
#endif
#if LANES >= 8
    ADDED(LANES / 8, s, 4);
#endif
#if LANES >= 16
    ADDED(LANES / 16, s, 8);
#endif
    return s[0];
}

/* Squares of `by` lanes beside the diagonal of squares twice as large change their places. */
#define EXCHANGED(by)                                                             \
    UNROLLED for (long i = 0; i < LANES; ++i)                                     \
        if (!(i & (by))) {                                                        \
            const vector a = v[i], b = v[i + (by)];                               \
            v[i] = SHUFFLED(a, b, ONE_##by);                                      \
            v[i + (by)] = SHUFFLED(a, b, OTHER_##by);                             \
        }

/* The transpose of LANES rows, `across` numbers apart, into rows `wide` numbers apart. */
static inline __attribute__((always_inline)) void turn_square(
    const real *from, long across, real *to, long wide)
{
    vector v[LANES];
    UNROLLED for (long i = 0; i < LANES; ++i)
        v[i] = load(from + i * across);
    EXCHANGED(1)
#if LANES >= 4
    EXCHANGED(2)
#endif
#if LANES >= 8
    EXCHANGED(4)
#endif
#if LANES >= 16
    EXCHANGED(8)
#endif
    UNROLLED for (long i = 0; i < LANES; ++i)
        store(to + i * wide, v[i]);
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

static inline void turn_square(const real *from, long across, real *to, long wide)
{
    for (long i = 0; i < LANES; ++i)
        for (long j = 0; j < LANES; ++j)
            to[j * wide + i] = from[i * across + j];
}

#endif
