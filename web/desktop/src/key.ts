/**
 * The key that opens the stream. It comes after the `#` of the address, where no server sees it; from there it goes into the tab's own
 * storage, so that the address can be shown around and a reload still finds it.
 */

const STORED = "dillinger.desktop.key";
const KEY = /^#([A-Za-z0-9_-]{16,200})$/;

/** The key of this tab; null where it never had one. Takes it out of the address. */
export function takeKey(
  place: Pick<Location, "hash" | "pathname">,
  history: Pick<History, "replaceState">,
  storage: Pick<Storage, "getItem" | "setItem">,
): string | null {
  const key = KEY.exec(place.hash)?.[1];
  if (!key) return storage.getItem(STORED);
  storage.setItem(STORED, key);
  history.replaceState(null, "", place.pathname);
  return key;
}
