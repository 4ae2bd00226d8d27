/*
 * All-reduces by Open MPI when told to: the peer of `benchmarks/run.sh allreduce`.
 *
 *     mpicc -O2 -o allreduce allreduce.c -lm && mpirun -n 2 ./allreduce
 *
 * Rank 0 prints `ready`, then answers each line `ELEMENTS CALLS` on its standard input with the milliseconds that
 * so many calls of MPI_Allreduce, in place, on so many floats took the slowest rank. Sums are checked; between
 * lines the ranks sleep.
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Calls whose time is taken together: in place, each multiplies the values by the number of ranks. */
#define BATCH 10
#define PERIOD 7
#define SLEEP_MICROSECONDS 5000

static int rank, ranks;

/* Waiting in MPI would spin. */
static void await_asleep(MPI_Request *request) {
    int done = 0;
    for (MPI_Test(request, &done, MPI_STATUS_IGNORE); !done; MPI_Test(request, &done, MPI_STATUS_IGNORE)) {
        usleep(SLEEP_MICROSECONDS);
    }
}

/* Every rank gets rank 0's next line; 0 calls at the end. */
static void next_command(long command[2]) {
    char line[64];
    if (rank == 0 && (!fgets(line, sizeof line, stdin) || sscanf(line, "%ld %ld", &command[0], &command[1]) != 2)) {
        command[1] = 0;
    }
    MPI_Request request;
    MPI_Ibcast(command, 2, MPI_LONG, 0, MPI_COMM_WORLD, &request);
    await_asleep(&request);
}

static void fill(float *values, long elements) {
    for (long i = 0; i < elements; i++) {
        values[i] = (rank + 1.0f) * (1 + i % PERIOD);
    }
}

static void check(const float *values, long elements, long calls) {
    double sum = ranks * (ranks + 1) / 2.0 * pow(ranks, calls - 1);
    for (long i = 0; i < elements; i++) {
        double expected = sum * (1 + i % PERIOD);
        if (!(fabs(values[i] - expected) <= 1e-5 * expected)) {
            fprintf(stderr, "element %ld of the sum of %d ranks is %g instead of %g\n", i, ranks, values[i], expected);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
    }
}

static double seconds_of(float *values, long elements, long calls) {
    double seconds = 0;
    for (long done = 0; done < calls; done += BATCH) {
        long batch = calls - done < BATCH ? calls - done : BATCH;
        fill(values, elements);
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        for (long call = 0; call < batch; call++) {
            MPI_Allreduce(MPI_IN_PLACE, values, (int)elements, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        }
        seconds += MPI_Wtime() - start;
        check(values, elements, batch);
    }
    return seconds;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        printf("ready\n");
        fflush(stdout);
    }
    long command[2], allocated = 0;
    float *values = NULL;
    for (next_command(command); command[1] > 0; next_command(command)) {
        if (command[0] != allocated) {
            free(values);
            allocated = command[0];
            values = malloc(allocated * sizeof(float));
            if (!values) {
                fprintf(stderr, "no memory for %ld elements\n", allocated);
                MPI_Abort(MPI_COMM_WORLD, 1);
            }
        }
        double mine = seconds_of(values, allocated, command[1]), slowest;
        MPI_Reduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
        if (rank == 0) {
            printf("%.6f\n", 1000 * slowest);
            fflush(stdout);
        }
    }
    free(values);
    MPI_Finalize();
    return 0;
}
