/** Where the worker's frames are shown: one interface over a canvas and a track, since which there is depends on the browser. */

import type { Size } from "../letterbox";
import type { Box } from "../media";
import type { Pixels } from "../pixels";
import type { WayName } from "./base";

export interface Picture {
  frame: VideoFrame;
  /** Of what is shown: the desktop. */
  desktop: Size;
  /** Of the frame, which may be a smaller picture of it. */
  coded: Size;
  /** What changed of the frame since the one before; all of it where that one was not shown. */
  box: Box;
}

export interface Target {
  /** How frames are shown; null until the first. */
  readonly name: WayName | null;
  /** Shows the picture. The caller closes the frame afterwards. */
  show(picture: Picture): Promise<void>;
  /** Shows what was shown last once more. */
  again(): Promise<void>;
  /** RGBA of a box of what is shown now, in the desktop's pixels; null while there is none. */
  read(box: Box): Promise<Pixels | null>;
}
