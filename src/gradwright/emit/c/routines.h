/* The routines of threads.h and products.h, which are the same for all networks. As an object of
   their own they are compiled once: with -DROUTINES_APART a module has declarations only. */

#if defined(ROUTINES_APART)
#define ROUTINE __attribute__((visibility("hidden")))
#elif !defined(ROUTINE)
#define ROUTINE static __attribute__((noinline))
#endif

#define WIDE (2 * LANES)

/* Large products are shared by so many threads, from the one to the other of these calls. */
ROUTINE void begin_sharing(long threads);
ROUTINE void end_sharing(void);

/* C (rows x columns) = A B, where entry (i, k) of A lies at i down + k along. `space` holds
   inner x WIDE numbers. A copy in each layer would gain 3 % and take a third more time to
   compile. */
ROUTINE void product(long rows, long columns, long inner, const real *A, long down, long along,
                     const real *B, real *C, real *space);

/* C = A B' for B (columns x inner). */
ROUTINE void product_turned(long rows, long columns, long inner, const real *A, long down,
                            long along, const real *B, real *C, real *space);
