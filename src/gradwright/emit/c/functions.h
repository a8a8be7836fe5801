/* Functions made of the elementary ones, without a branch. */

/* exp of a number that is not positive: nothing overflows, and small values keep their digits. */
static inline real real_sigmoid(real x)
{
    const real e = real_exp(x < 0 ? x : -x);
    return (x < 0 ? e : 1) / (1 + e);
}

static inline real real_softplus(real x)
{
    return (x > 0 ? x : 0) + real_log1p(real_exp(x < 0 ? x : -x));
}

/* x e/(1 + e), e = exp(x), for negative x with e as the square of a number that keeps its digits.
   Far below 0, where e is 0, the factor is kept finite. */
static inline real real_silu(real x)
{
    const real y = x < -2000 ? -2000 : x;
    const real root = real_exp((real)-0.5 * real_abs(y));
    return (y < 0 ? y * root * root : y) / (1 + root * root);
}

/* x^2/2 up to |x| = delta, its tangent beyond; nothing is squared that is larger. */
static inline real real_huber(real x, real delta)
{
    const real size = real_abs(x);
    const real least = size > delta ? delta : size;
    return least * (size - (real)0.5 * least);
}
