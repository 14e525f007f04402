/** Starts the worker, ahead of its player where a page knows that one comes: it loads while the page still waits for the session. */

let ready: Worker | null = null;

function start(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}

export function prepareWorker(): void {
  if (typeof Worker !== "undefined") ready ??= start();
}

/** The one that was prepared, or a new one; whoever takes it ends it. */
export function takeWorker(): Worker {
  const taken = ready ?? start();
  ready = null;
  return taken;
}
