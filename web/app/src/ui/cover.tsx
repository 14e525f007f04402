/** The picture of a game: its icon on a generated cover, or the cover's monogram where the game brought no icon. */

import { useState } from "react";
import { coverArt } from "./cover_art";

const WIDTH = 260;
const HEIGHT = 168;

export function Cover({ title, iconUrl }: { title: string; iconUrl: string | null }) {
  const art = coverArt(title);
  const [isBroken, setBroken] = useState(false);
  const step = WIDTH / art.bars.length;
  return (
    <div className={`cover cover-${art.palette}`} aria-hidden="true">
      <svg
        className="cover-art"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="xMidYMax slice"
        aria-hidden="true"
      >
        {art.bars.map((height, at) => (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: the bars are a fixed row
            key={at}
            className={at === art.lit ? "cover-bar cover-bar-lit" : "cover-bar"}
            x={at * step + step * 0.24}
            y={HEIGHT * (1 - height * 0.8)}
            width={step * 0.52}
            height={HEIGHT}
            rx={step * 0.26}
          />
        ))}
        <circle
          className="cover-dot"
          cx={(art.lit + 0.5) * step}
          cy={HEIGHT * (1 - (art.bars[art.lit] ?? 0) * 0.8) - 14}
          r={step * 0.26}
        />
      </svg>
      {iconUrl && !isBroken ? (
        <img
          className="cover-icon"
          src={iconUrl}
          alt=""
          loading="lazy"
          decoding="async"
          onError={() => setBroken(true)}
        />
      ) : (
        <span className="cover-monogram">{art.monogram}</span>
      )}
    </div>
  );
}
