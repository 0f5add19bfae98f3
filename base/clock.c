#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static bool frozen;
static uint64_t frozen_ms;

static uint64_t read_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t kg_clock_us(void)
{
    return frozen ? frozen_ms * 1000 : read_us(CLOCK_MONOTONIC);
}

uint64_t kg_clock_ms(void)
{
    return kg_clock_us() / 1000;
}

int64_t kg_clock_wall_us(void)
{
    return frozen ? (int64_t)(frozen_ms * 1000) : (int64_t)read_us(CLOCK_REALTIME);
}

void kg_clock_iso(char out[KG_ISO_SIZE], int64_t wall_us)
{
    int64_t us = wall_us % 1000000;
    if (us < 0)
        us += 1000000; /* before 1970 the fraction still counts forwards */
    time_t seconds = (time_t)((wall_us - us) / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char day[32];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, KG_ISO_SIZE, "%.19s.%06dZ", day, (int)us);
}

void kg_clock_freeze(uint64_t ms)
{
    frozen = true;
    frozen_ms = ms;
}

void kg_clock_thaw(void)
{
    frozen = false;
}
