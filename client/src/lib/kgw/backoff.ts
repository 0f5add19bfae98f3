// When to try again: at once, then 0.5, 1, 2, 5, 10 s and 10 s for ever, each up to a fifth sooner or later so that
// the pages of a class do not all come back in the same moment.
const STEPS_MS = [0, 500, 1000, 2000, 5000, 10_000];

export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const step = STEPS_MS[Math.min(attempt, STEPS_MS.length - 1)] ?? 10_000;
  return Math.round(step * (0.8 + 0.4 * random()));
}
