/** Tells of changes in who plays, for a moment each. */

import { useEffect, useRef, useState } from "react";
import { type FloorView, floorNews } from "../../../player/src";

const NEWS_MS = 5000;

export function useFloorNews(floor: FloorView): string | null {
  const [news, setNews] = useState<string | null>(null);
  const last = useRef(floor);
  useEffect(() => {
    const fresh = floorNews(last.current, floor);
    // A new link starts with nothing known: what was known last still tells whether something changed.
    if (floor.isKnown) last.current = floor;
    if (fresh) setNews(fresh);
  }, [floor]);
  useEffect(() => {
    if (!news) return;
    const timer = setTimeout(() => setNews(null), NEWS_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return news;
}
