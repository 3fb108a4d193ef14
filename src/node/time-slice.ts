/** Cooperative scheduling: how long work goes on before sockets, timers and RPC have their turn. */

/** Answers to RPC wait for several turns, and should come within 50 ms. */
const SLICE_MS = 8;

export class TimeSlice {
  #began: number | undefined;

  /** Called between two steps of the work: undefined while its time is not up, else a promise of the next turn. */
  rest(): Promise<void> | undefined {
    const now = performance.now();
    if (this.#began === undefined) {
      this.#began = now;
      setImmediate(() => {
        this.#began = undefined;
      });
      return undefined;
    }
    return now - this.#began < SLICE_MS ? undefined : new Promise(resolve => setImmediate(resolve));
  }
}
