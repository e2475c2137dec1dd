import cliProgress from 'cli-progress';

/** Shows how far something is: a bar on a terminal, else a line for every tenth of the way. */
export class Progress {
  #label;
  #bar = null;
  #tenths = 0;

  /** @param {string} label what is being done */
  constructor(label) {
    this.#label = label.padEnd(9);
    if (!process.stdout.isTTY) return;
    this.#bar = new cliProgress.SingleBar({
      format: `${this.#label} {bar} {percentage} %{note}`,
      barsize: 30,
      barCompleteChar: '#',
      barIncompleteChar: '.',
      stream: process.stdout,
      linewrap: true,
      // Who handles the signals says what happens then.
      gracefulExit: false,
    });
    this.#bar.start(100, 0, { note: '' });
  }

  /**
   * @param {number} fraction from 0 to 1
   * @param {string} note
   */
  update(fraction, note = '') {
    const percent = Math.floor(fraction * 100);
    this.#bar?.update(percent, { note });
    const tenths = Math.floor(percent / 10);
    if (this.#bar === null && tenths > this.#tenths) console.log(`${this.#label} ${percent} %`);
    this.#tenths = Math.max(this.#tenths, tenths);
  }

  end() {
    this.#bar?.stop();
  }
}
