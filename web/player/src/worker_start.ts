/** Starts the worker, ahead of its player where a page knows that one comes: it loads while the page still waits for the session. */

let ready: Worker | null = null;

function start(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}

export function prepareWorker(): void {
  if (typeof Worker === "undefined" || ready) return;
  const worker = start();
  ready = worker;
  // One whose script could not be loaded is of no use to the player that comes: it gets a new one.
  worker.onerror = () => {
    if (ready === worker) ready = null;
  };
}

/** The one that was prepared, or a new one; whoever takes it ends it. */
export function takeWorker(): Worker {
  const taken = ready ?? start();
  ready = null;
  return taken;
}
