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

/* Coefficients of (1 + t) Phi(-t) exp(t^2/2) as a polynomial in (t - 4)/(t + 4), the highest first:
   a Chebyshev series of which what is left out is below 5e-9 (float) and 2e-17 (double). */
#ifdef DOUBLE_PRECISION
static const real tail_terms[] = {
    1.7873545041153417e-10, -6.7632672137365647e-10, -2.6180348621113719e-9,
    5.474708634105557e-9, 2.0257667107615956e-8, -1.793212192233704e-8, -1.1446850708318912e-7,
    -1.2371533581465126e-9, 5.548340461782836e-7, 4.0671730124304382e-7, -2.6144101706329105e-6,
    -3.4333722168480244e-6, 1.3627395285341555e-5, 2.1250446856206278e-5,
    -8.7853303947974431e-5, -9.4430339441521698e-5, 6.948971219073161e-4,
    -2.8562308680939421e-4, -5.0023785925114942e-3, 1.7936097478868589e-2,
    -3.2197837428022025e-2, 2.860036405357749e-2, 1.3999634724424333e-2, -9.6703477326526068e-2,
    4.7205320650984468e-1,
};
#else
static const real tail_terms[] = {
    1.25685467e-5f, -5.80912353e-5f, -8.45540179e-5f, 6.64988692e-4f, -2.91267495e-4f,
    -4.98771425e-3f, 1.79376959e-2f, -3.22011629e-2f, 2.86001681e-2f, 1.39999137e-2f,
    -9.67034704e-2f, 4.72053203e-1f,
};
#endif

#ifdef DOUBLE_PRECISION
#define UPPER_HALF(bits) ((uint64_t)(bits) & 0xFFFFFFFFF8000000u)
#else
#define UPPER_HALF(bits) ((uint32_t)(bits) & 0xFFFFF000u)
#endif

/* exp(-t^2/2), the square as a sum of two numbers, so that a large one loses no digits. */
static inline real gauss(real t)
{
    const real head = from_bits(UPPER_HALF(bits_of(t))), square = head * head;
    const real rest = (t - head) * (t + head), sum = square + rest, lost = rest - (sum - square);
    return real_exp((real)-0.5 * sum) * (1 - (real)0.5 * lost);
}

/* Phi(-t) exp(t^2/2) for t >= 0, which falls slowly from 1/2. */
static inline real normal_tail(real t)
{
    const real q = (t - 4) / (t + 4);
    real p = tail_terms[0];
    for (size_t k = 1; k < sizeof tail_terms / sizeof tail_terms[0]; ++k)
        p = p * q + tail_terms[k];
    return p / (1 + t);
}

static inline real real_normpdf(real x)
{
    const real size = real_abs(x);
    return gauss(size > 40 ? 40 : size) * (real)0.3989422804014327;
}

static inline real real_normcdf(real x)
{
    const real size = real_abs(x), t = size > 40 ? 40 : size;
    const real below = normal_tail(t) * gauss(t);
    return x > 0 ? 1 - below : below;
}

/* x Phi(x); far below 0 the factors are multiplied from the large ones to the small. */
static inline real real_gelu(real x)
{
    const real size = real_abs(x), t = size > 40 ? 40 : size;
    const real tail = normal_tail(t), bell = gauss(t);
    return x > 0 ? x * (1 - tail * bell) : -t * tail * bell;
}

/* x sigmoid(2u), u = 0.797... (x + 0.044715 x^3). Of 2u a unit is lost, so |2u| units where the
   value falls like exp(2u). */
static inline real real_gelu_tanh(real x)
{
    const real y = x < -30 ? -30 : x;
    return y * real_sigmoid((real)1.5957691216057308 * (y + (real)0.044715 * y * y * y));
}

/* x tanh(softplus(x)) as a quotient in e = exp(-|x|); far below 0, where e loses digits, x e. */
static inline real real_mish(real x)
{
    const real y = x < -2000 ? -2000 : x;
    const real e = real_exp(-real_abs(y)), root = real_exp((real)-0.5 * real_abs(y));
    const real above = y * ((1 + 2 * e) / (1 + 2 * e * (1 + e)));
    const real below = y * e * ((2 + e) / (2 + e * (2 + e)));
    return y < -80 ? y * root * root : y < 0 ? below : above;
}

static inline real real_softsign(real x)
{
    const real limit = (real)1e30, y = x > limit ? limit : x < -limit ? -limit : x;
    return y / (1 + real_abs(y));
}
