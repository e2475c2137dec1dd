export { type TaskMetrics, type TaskMetricsOptions, taskMetrics } from './task-metrics.js';
