/* The functions of C's mathematical library for the numbers of a module. */

#ifdef DOUBLE_PRECISION
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
