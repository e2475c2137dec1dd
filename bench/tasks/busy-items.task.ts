import { defineBatch } from 'treadle/task';
import { keepBusy } from './busy.js';

/** Each item says how many milliseconds it keeps the thread busy. */
export default defineBatch({ each: (ms: number) => keepBusy(ms) });
