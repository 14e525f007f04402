/** The tab's title: the page, then the house. */

import { useEffect } from "react";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Dillinger` : "Dillinger";
  }, [title]);
}
