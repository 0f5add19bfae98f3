/** The time of a line, as it stands before it. */
export function clock(ms: number): string {
  const d = new Date(ms);
  return `${d.toLocaleTimeString("en-GB")}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}
