#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef DOUBLE_PRECISION
typedef double real;
#else
typedef float real;
#endif

/* Vectors as wide as the machine's registers, and how many rows of a block fit into them. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define TALL 8
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define TALL 6
#else
#define VECTOR_BYTES 16
#define TALL 4
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
