#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef DOUBLE_PRECISION
typedef double real;
#define real_sqrt sqrt
#define real_abs fabs
#define real_pow pow
#define real_sin sin
#define real_cos cos
#define real_tan tan
#define real_asin asin
#define real_acos acos
#define real_atan atan
#define real_sinh sinh
#define real_cosh cosh
#define real_erf erf
#else
typedef float real;
#define real_sqrt sqrtf
#define real_abs fabsf
#define real_pow powf
#define real_sin sinf
#define real_cos cosf
#define real_tan tanf
#define real_asin asinf
#define real_acos acosf
#define real_atan atanf
#define real_sinh sinhf
#define real_cosh coshf
#define real_erf erff
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
