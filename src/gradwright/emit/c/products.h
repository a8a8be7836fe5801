/* Matrix products, rows behind each other: large ones by BLAS where `use_blas` gave its routine,
   others here. LARGE is defined before, as the number of multiplications from which on BLAS is asked.

   A block of TALL rows by two vectors of the result stays in registers while the inner axis is
   run through. A is read entry by entry with strides of its own, so it may be transposed; a
   transposed B is turned first, and a last part of its columns that fills no vectors is copied to
   where it does, with zeros behind. */

#ifndef ROUTINES_APART

/* C (rows x WIDE) = A B; `rows` is a constant where it is called. */
static inline __attribute__((always_inline)) void block(
    long rows, long inner, const real *A, long down, long along, const real *B, long next,
    real *C, long pitch)
{
    vector left[TALL], right[TALL];
    UNROLLED for (long i = 0; i < rows; ++i)
        left[i] = right[i] = (vector){0};
    for (long k = 0; k < inner; ++k) {
        const vector one = load(B + k * next), two = load(B + k * next + LANES);
        UNROLLED for (long i = 0; i < rows; ++i) {
            const real a = A[i * down + k * along];
            left[i] += a * one;
            right[i] += a * two;
        }
    }
    UNROLLED for (long i = 0; i < rows; ++i) {
        store(C + i * pitch, left[i]);
        store(C + i * pitch + LANES, right[i]);
    }
}

/* WIDE columns of the result. */
static void strip(long rows, long inner, const real *A, long down, long along, const real *B,
                  long next, real *C, long pitch)
{
    long i = 0;
    for (; i + TALL <= rows; i += TALL)
        block(TALL, inner, A + i * down, down, along, B, next, C + i * pitch, pitch);
    A += i * down;
    C += i * pitch;
    switch (rows - i) {
    case 1: block(1, inner, A, down, along, B, next, C, pitch); break;
    case 2: block(2, inner, A, down, along, B, next, C, pitch); break;
    case 3: block(3, inner, A, down, along, B, next, C, pitch); break;
#if TALL > 4
    case 4: block(4, inner, A, down, along, B, next, C, pitch); break;
    case 5: block(5, inner, A, down, along, B, next, C, pitch); break;
#endif
#if TALL > 6
    case 6: block(6, inner, A, down, along, B, next, C, pitch); break;
    case 7: block(7, inner, A, down, along, B, next, C, pitch); break;
#endif
    }
}

/* The last columns of the result, fewer than WIDE: they pass through a place that has room for
   WIDE. */
static void last_strip(long rows, long inner, const real *A, long down, long along, const real *B,
                       long next, real *C, long pitch, long columns)
{
    real room[TALL * WIDE];
    for (long i = 0; i < rows; i += TALL) {
        const long held = rows - i < TALL ? rows - i : TALL;
        strip(held, inner, A + i * down, down, along, B, next, room, WIDE);
        for (long row = 0; row < held; ++row)
            memcpy(C + (i + row) * pitch, room + row * WIDE, (size_t)columns * sizeof(real));
    }
}

/* ABREAST rows times LANES columns of A B' stay in registers, each a vector of which the lanes are
   added at last. */
#define ABREAST (LANES < 8 ? 2 : 1)

/* `last` are the ends of the rows of B that fill no vector, with zeros behind. */
static inline __attribute__((always_inline)) void inner_block(
    long rows, long columns, long inner, const real *A, const real *const *right,
    const vector *last, real *C, long pitch)
{
    vector sums[ABREAST][LANES];
    UNROLLED for (long i = 0; i < rows; ++i)
        UNROLLED for (long j = 0; j < LANES; ++j)
            sums[i][j] = (vector){0};
    long k = 0;
    for (; k + LANES <= inner; k += LANES)
        UNROLLED for (long i = 0; i < rows; ++i) {
            const vector left = load(A + i * inner + k);
            UNROLLED for (long j = 0; j < LANES; ++j)
                sums[i][j] += left * load(right[j] + k);
        }
    if (k < inner)
        UNROLLED for (long i = 0; i < rows; ++i) {
            const vector left = load_first(A + i * inner + k, inner - k);
            UNROLLED for (long j = 0; j < LANES; ++j)
                sums[i][j] += left * last[j];
        }
    UNROLLED for (long i = 0; i < rows; ++i)
        store_first(C + i * pitch, sums_of_lanes(sums[i]), columns);
}

/* Multiplications of a product that is small: networks such as 3-10-6-3 have them, one behind another
   with other sizes, and train a sixth faster with inner products for them (docs/performance.md). */
#define SMALL 2048

/* C (rows x columns) = A B' for few rows or columns: inner products of rows with rows. */
static void inner_products(long rows, long columns, long inner, const real *A, const real *B, real *C)
{
    const long whole = inner / LANES * LANES;
    for (long j = 0; j < columns; j += LANES) {
        const long held = columns - j < LANES ? columns - j : LANES;
        const real *right[LANES];
        vector last[LANES];
        for (long lane = 0; lane < LANES; ++lane) {
            right[lane] = B + (j + (lane < held ? lane : held - 1)) * inner;
            last[lane] = load_first(right[lane] + whole, inner - whole);
        }
        long i = 0;
        for (; i + ABREAST <= rows; i += ABREAST)
            inner_block(
                ABREAST, held, inner, A + i * inner, right, last, C + i * columns + j, columns);
        for (; i < rows; ++i)
            inner_block(1, held, inner, A + i * inner, right, last, C + i * columns + j, columns);
    }
}

static inline int by_blas(long rows, long columns, long inner, const real *A, long down,
                          long along, const real *B, int turned, real *C)
{
    if (blas == NULL || (double)rows * (double)columns * (double)inner < LARGE)
        return 0;
    const struct task task = {
        .b_turned = turned ? "T" : "N", .a_turned = along == 1 ? "N" : "T",
        .columns = (int)columns, .rows = (int)rows, .inner = (int)inner,
        .B = B, .b_pitch = (int)(turned ? inner : columns),
        .A = A, .a_pitch = (int)(along == 1 ? down : along),
        .C = C, .pitch = (int)columns,
    };
    perform_shared(&task);
    return 1;
}

ROUTINE void product(
    long rows, long columns, long inner, const real *A, long down, long along, const real *B,
    real *C, real *space)
{
    if (by_blas(rows, columns, inner, A, down, along, B, 0, C))
        return;
    long j = 0;
    for (; j + WIDE <= columns; j += WIDE)
        strip(rows, inner, A, down, along, B + j, columns, C + j, columns);
    if (j == columns)
        return;
    for (long k = 0; k < inner; ++k)
        for (long c = 0; c < WIDE; ++c)
            space[k * WIDE + c] = j + c < columns ? B[k * columns + j + c] : 0;
    last_strip(rows, inner, A, down, along, space, WIDE, C + j, columns, columns - j);
}

/* The transpose of `held` rows, at most WIDE, of which the others are zeros. */
static void turn_strip(long held, long inner, const real *B, real *space)
{
    for (long c = 0; c < WIDE; c += LANES) {
        const long whole = c + LANES <= held ? inner / LANES * LANES : 0;
        for (long k = 0; k < whole; k += LANES)
            turn_square(B + c * inner + k, inner, space + k * WIDE + c, WIDE);
        for (long lane = c; lane < c + LANES; ++lane)
            for (long k = whole; k < inner; ++k)
                space[k * WIDE + lane] = lane < held ? B[lane * inner + k] : 0;
    }
}

/* WIDE columns at a time. */
ROUTINE void product_turned(
    long rows, long columns, long inner, const real *A, long down, long along, const real *B,
    real *C, real *space)
{
    if (by_blas(rows, columns, inner, A, down, along, B, 1, C))
        return;
    /* For few rows turning B takes longer, and few columns leave most lanes of a block empty. */
    const int small = columns < WIDE && rows * columns * inner <= SMALL;
    const int thin = columns <= LANES / 2 && inner >= 8 * LANES;
    if (along == 1 && (rows < TALL || small || thin)) {
        inner_products(rows, columns, inner, A, B, C);
        return;
    }
    for (long j = 0; j < columns; j += WIDE) {
        const long held = columns - j < WIDE ? columns - j : WIDE;
        turn_strip(held, inner, B + j * inner, space);
        if (held == WIDE)
            strip(rows, inner, A, down, along, space, WIDE, C + j, columns);
        else
            last_strip(rows, inner, A, down, along, space, WIDE, C + j, columns, held);
    }
}

#endif
