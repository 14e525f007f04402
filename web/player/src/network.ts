/** Tells when the device's network changes: networks come and go under a device that moves, before anything fails. Main thread. */

/** Chromium's alone (Network Information API). */
type WithConnection = Navigator & { connection?: EventTarget };

/** Calls `tell` at each change until `signal` is aborted. */
export function watchNetwork(tell: () => void, signal: AbortSignal): void {
  window.addEventListener("online", tell, { signal });
  (navigator as WithConnection).connection?.addEventListener("change", tell, { signal });
}
