import { ThreadWorker } from 'poolifier';
import noOp from '../tasks/no-op.worker.js';

export default new ThreadWorker<number, number>((argument) => noOp(argument as number));
