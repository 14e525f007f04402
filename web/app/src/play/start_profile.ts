/** What a click on Play asks for: the chosen quality, and a desktop as large as this window, so that none has to be resized later. */

import type { StreamProfile } from "../../../player/src";
import { wishedProfile } from "../keyboard";
import { desktopSize, type PixelSize } from "./desktop_size";

export function startProfile(
  stage: PixelSize = { width: window.innerWidth, height: window.innerHeight },
): StreamProfile {
  const profile = wishedProfile();
  const size = desktopSize(stage);
  return size ? { ...profile, width_px: size.width, height_px: size.height } : profile;
}
