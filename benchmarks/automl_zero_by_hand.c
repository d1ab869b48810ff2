/* LINEAR and NEURAL_NETWORK of setups/automl_zero/examples.py, written straight down for T tasks at once.

   Compiled with -DF=features, an even number, -DT=tasks, -DNETWORK for the network and -DACCURACY for classification.
   Every array has the task as its innermost index, so that a compiler can make vectors of the tasks. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define TASKS for (int t = 0; t < T; t++)
#define ARRAY __attribute__((aligned(64)))

static double v1[F][T] ARRAY, v2[F][T] ARRAY, v3[F][T] ARRAY, v4[F][T] ARRAY, v7[F][T] ARRAY, m0[F][F][T] ARRAY;
static double s1[T] ARRAY, s2[T] ARRAY, s4[T] ARRAY;

static double uniform(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (double)((z ^ (z >> 31)) >> 11);
}

static void gaussian(double *out, int count, uint64_t *state) { /* of one task; standard deviation 0.1 */
    for (int k = 0; k < count; k += 2) {
        double radius = 0.1 * sqrt(-2.0 * log((uniform(state) + 1.0) * 0x1p-53));
        double angle = 2.0 * M_PI * (uniform(state) * 0x1p-53);
        out[k * T] = radius * cos(angle);
        if (k + 1 < count) out[(k + 1) * T] = radius * sin(angle);
    }
}

static void predict(const double *restrict x) {
    TASKS s1[t] = 0.0;
#ifdef NETWORK
    for (int i = 0; i < F; i++) {
        double even[T] ARRAY = {0.0}, odd[T] ARRAY = {0.0}; /* two sums, so that an addition need not wait for another */
        for (int j = 0; j < F; j += 2) {
            TASKS even[t] += m0[i][j][t] * x[j * T + t];
            TASKS odd[t] += m0[i][j + 1][t] * x[(j + 1) * T + t];
        }
        TASKS v3[i][t] = even[t] + odd[t] + v1[i][t];
        TASKS v4[i][t] = v3[i][t] > 0.0 ? v3[i][t] : 0.0;
        TASKS s1[t] += v4[i][t] * v2[i][t];
    }
    TASKS s1[t] += s2[t];
#else
    for (int i = 0; i < F; i++) TASKS s1[t] += v1[i][t] * x[i * T + t];
#endif
#ifdef ACCURACY
    TASKS s1[t] = 1.0 / (1.0 + exp(-s1[t]));
#endif
}

static void learn(const double *restrict x, const double *y) {
    TASKS s4[t] = 0.01 * (y[t] - s1[t]);
#ifdef NETWORK
    TASKS s2[t] += s4[t];
    for (int i = 0; i < F; i++) {
        TASKS v2[i][t] += s4[t] * v4[i][t];
        TASKS v7[i][t] = v3[i][t] > 0.0 ? s4[t] * v2[i][t] : 0.0;
        TASKS v1[i][t] += v7[i][t];
    }
    for (int i = 0; i < F; i++) {
        for (int j = 0; j < F; j++) TASKS m0[i][j][t] += v7[i][t] * x[j * T + t];
    }
#else
    for (int i = 0; i < F; i++) TASKS v1[i][t] += s4[t] * x[i * T + t];
#endif
}

/* data: [training, then validation example][F features, then the label][task]; state: of each task's random numbers. */
void run(const double *data, int train, int valid, uint64_t *state, double *fitness) {
    double loss[T] = {0.0};
    int stopped[T] = {0};
    memset(v1, 0, sizeof v1);
    memset(s2, 0, sizeof s2);
#ifdef NETWORK
    TASKS {
        gaussian(&v2[0][t], F, &state[t]);
        gaussian(&m0[0][0][t], F * F, &state[t]);
    }
#endif
    for (int example = 0; example < train + valid; example++) {
        const double *restrict x = data + (long)example * (F + 1) * T, *y = x + F * T;
        predict(x);
        TASKS stopped[t] |= !(fabs(y[t] - s1[t]) <= 100.0);
        if (example < train) learn(x, y);
        else
#ifdef ACCURACY
            TASKS loss[t] += (y[t] > 0.5) != (s1[t] > 0.5);
    }
    TASKS fitness[t] = stopped[t] ? 0.0 : 1.0 - loss[t] / valid;
#else
            TASKS loss[t] += (y[t] - s1[t]) * (y[t] - s1[t]);
    }
    TASKS fitness[t] = stopped[t] ? 0.0 : 1.0 - 2.0 / M_PI * atan(sqrt(loss[t] / valid));
#endif
}
