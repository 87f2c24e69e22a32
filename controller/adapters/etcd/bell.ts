/** Waits for a time or for a ring, whichever comes first. A ring that nobody waits for is kept for the next who does. */
export class Bell {
  #rung = false;
  #awake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#awake?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#awake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#awake = undefined;
    }
    this.#rung = false;
  }
}
