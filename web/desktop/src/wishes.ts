/** What the settings of `dillinger-stream` wish of this player. */

import { DEFAULT_PROFILE, type StreamProfile, type TransportWish } from "../../player/src";

export interface Wishes {
  profile: StreamProfile;
  transport: TransportWish;
  sharesClipboard: boolean;
}

interface Told {
  codec: StreamProfile["codec"];
  rate_hz: number;
  bitrate_bps: number;
  prefers: StreamProfile["prefers"];
  transport: TransportWish;
  shares_clipboard: boolean;
}

export async function fetchWishes(): Promise<Wishes> {
  const answer = await fetch("/desktop.json", { cache: "no-store" });
  if (!answer.ok) throw new Error(`The desktop's settings can’t be had (${answer.status})`);
  const { codec, rate_hz, bitrate_bps, prefers, transport, shares_clipboard } = (await answer.json()) as Told;
  return {
    profile: { ...DEFAULT_PROFILE, codec, rate_hz, bitrate_bps, prefers },
    transport,
    sharesClipboard: shares_clipboard,
  };
}
