/* Threads that share large products, each of which makes rows or columns of a result. They live as
   long as a call of a function that is told a number of threads, and start with its first large
   product. Whoever waits looks again and again for a while, then sleeps: between the products of
   a step there are microseconds. */

#ifndef ROUTINES_APART

#include <pthread.h>

#define MOST_THREADS 64
#define LOOKS 20000

/* Fortran's GEMM: arrays lie column behind column, so it is asked for C' = B' A'. */
typedef void gemm(const char *, const char *, const int *, const int *, const int *, const real *,
                  const real *, const int *, const real *, const int *, const real *, real *,
                  const int *);

static gemm *blas = NULL;

void use_blas(gemm *routine)
{
    blas = routine;
}

/* The product of columns x inner numbers from B by inner x rows from A, at C. */
struct task {
    const char *b_turned, *a_turned;
    int columns, rows, inner;
    const real *B, *A;
    int b_pitch, a_pitch, pitch;
    real *C;
};

static void perform(const struct task *task)
{
    const real one = 1, none = 0;
    blas(task->b_turned, task->a_turned, &task->columns, &task->rows, &task->inner, &one, task->B,
         &task->b_pitch, task->A, &task->a_pitch, &none, task->C, &task->pitch);
}

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned given, done;
    struct task task;
    int leaves;
};

/* Those beside this thread, of the call that it is in. */
static __thread struct {
    long wanted, started;
    struct worker workers[MOST_THREADS - 1];
} crew;

static inline unsigned seen(const unsigned *count)
{
    return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

static void await(struct worker *worker, const unsigned *count, unsigned wanted)
{
    for (long looks = 0; looks < LOOKS; ++looks) {
        if (seen(count) == wanted)
            return;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&worker->lock);
    while (seen(count) != wanted)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

static void announce(struct worker *worker, unsigned *count, unsigned value)
{
    pthread_mutex_lock(&worker->lock);
    __atomic_store_n(count, value, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void *work_for(void *given)
{
    struct worker *const worker = given;
    for (unsigned number = 1;; ++number) {
        await(worker, &worker->given, number);
        if (worker->leaves)
            return NULL;
        perform(&worker->task);
        announce(worker, &worker->done, number);
    }
}

/* Where a thread cannot be started there are fewer. */
static void start_workers(void)
{
    for (; crew.started < crew.wanted; ++crew.started) {
        struct worker *const worker = &crew.workers[crew.started];
        worker->given = worker->done = 0;
        worker->leaves = 0;
        pthread_mutex_init(&worker->lock, NULL);
        pthread_cond_init(&worker->changed, NULL);
        if (pthread_create(&worker->thread, NULL, work_for, worker)) {
            pthread_cond_destroy(&worker->changed);
            pthread_mutex_destroy(&worker->lock);
            crew.wanted = crew.started;
            return;
        }
    }
}

ROUTINE void begin_sharing(long threads)
{
    crew.wanted = (threads < MOST_THREADS ? threads : MOST_THREADS) - 1;
}

ROUTINE void end_sharing(void)
{
    for (; crew.started > 0; --crew.started) {
        struct worker *const worker = &crew.workers[crew.started - 1];
        worker->leaves = 1;
        announce(worker, &worker->given, worker->given + 1);
        pthread_join(worker->thread, NULL);
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
    }
    crew.wanted = 0;
}

/* The part of a task for one of `count` threads: of the longer side of the result, so that the
   shorter side is what all of them read. */
static struct task part_of(const struct task *whole, long place, long count)
{
    struct task part = *whole;
    int *const side = whole->rows > whole->columns ? &part.rows : &part.columns;
    const int first = (int)(*side * place / count), next = (int)(*side * (place + 1) / count);
    if (side == &part.rows) {
        part.A += (size_t)first * (*part.a_turned == 'N' ? (size_t)part.a_pitch : 1);
        part.C += (size_t)first * (size_t)part.pitch;
    } else {
        part.B += (size_t)first * (*part.b_turned == 'N' ? 1 : (size_t)part.b_pitch);
        part.C += first;
    }
    *side = next - first;
    return part;
}

/* A product, by all threads of the call. */
static void perform_shared(const struct task *task)
{
    start_workers();
    const long others = crew.started;
    for (long i = 0; i < others; ++i) {
        struct worker *const worker = &crew.workers[i];
        worker->task = part_of(task, i + 1, others + 1);
        announce(worker, &worker->given, worker->given + 1);
    }
    const struct task own = part_of(task, 0, others + 1);
    perform(&own);
    for (long i = 0; i < others; ++i)
        await(&crew.workers[i], &crew.workers[i].done, crew.workers[i].given);
}

#endif
