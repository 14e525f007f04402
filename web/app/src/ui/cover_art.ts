/** A cover out of a title: the same title always gets the same colours and the same skyline of bars. Pure. */

export interface CoverArt {
  /** Index into the palettes of covers.css. */
  palette: number;
  /** Heights of the bars, 0 to 1, left to right. */
  bars: number[];
  /** Which bar glows. */
  lit: number;
  monogram: string;
}

export const PALETTES = 8;
const BARS = 13;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}

/** A stream of numbers in [0, 1) out of a seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** The first letters of the first two words that begin with a letter or digit. */
function monogram(title: string): string {
  const words = title.split(/[\s:_–-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? "")
    .join("");
}

export function coverArt(title: string): CoverArt {
  const next = numbers(hash(title.trim().toLowerCase()));
  const palette = Math.floor(next() * PALETTES);
  const phase = next() * Math.PI * 2;
  const waves = 1 + next() * 1.5;
  const bars = Array.from({ length: BARS }, (_, at) => {
    const wave = 0.5 + 0.5 * Math.sin(phase + (at / BARS) * Math.PI * 2 * waves);
    return 0.18 + 0.5 * wave + 0.3 * next() * wave;
  });
  return { palette, bars, lit: Math.floor(next() * BARS), monogram: monogram(title) };
}
