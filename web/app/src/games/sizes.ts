/** Bytes in words. Pure. */

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

export function size(bytes: number): string {
  let value = bytes;
  let at = 0;
  while (value >= 1000 && at < UNITS.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[at]}`;
}
