import type { Metric, Registry, RegistryContentType } from 'prom-client';
import { TreadleError } from '../engine/errors.js';

/** Metrics that come into a registry and leave it together; whatever else is in it stays. */
export class MetricSet {
  readonly #register: Registry<RegistryContentType>;
  readonly #metrics = new Map<string, Metric>();

  /** @throws TreadleError INVALID_ARGUMENT where one of the names is taken; then none has been added. */
  constructor(register: Registry<RegistryContentType>, metrics: readonly Metric[]) {
    this.#register = register;
    for (const metric of metrics) {
      const { name } = metric as Metric & { readonly name: string };
      if (register.getSingleMetric(name) !== undefined) {
        throw new TreadleError(
          'INVALID_ARGUMENT',
          `Expected \`prefix\` to be one for these metrics alone, as each manager of a registry needs, got one where there is \`${name}\` already`,
        );
      }
      this.#metrics.set(name, metric);
    }
    for (const metric of metrics) register.registerMetric(metric);
  }

  remove(): void {
    for (const [name, metric] of this.#metrics) {
      // Somebody may have cleared the registry and used the name anew.
      if (this.#register.getSingleMetric(name) === metric) this.#register.removeSingleMetric(name);
    }
  }
}
