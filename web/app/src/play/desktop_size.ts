/** Which size the game's desktop should have for a stage of this size. Pure. */

const MIN_LINES = 720;
const MAX_PIXELS = 2560 * 1440;
const MAX_ASPECT = 3.6;

export interface PixelSize {
  width: number;
  height: number;
}

/**
 * The stage's own size in CSS pixels, so that text stays legible; at least 720 lines, at most 2560x1440 in area. Held upright, a phone
 * gets a 16:9 picture: no game is made for a tall desktop.
 */
export function desktopSize(stage: PixelSize): PixelSize | null {
  if (stage.width < 100 || stage.height < 100) return null;
  if (stage.width < stage.height) return { width: 1280, height: 720 };
  const aspect = Math.min(MAX_ASPECT, stage.width / stage.height);
  const lines = Math.max(MIN_LINES, stage.height);
  const height = Math.min(lines, Math.sqrt(MAX_PIXELS / aspect));
  return { width: even(height * aspect), height: even(height) };
}

function even(value: number): number {
  return Math.floor((value + 0.01) / 2) * 2;
}
