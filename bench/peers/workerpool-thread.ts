import { worker } from 'workerpool';
import noOp from '../tasks/no-op.worker.js';

worker({ noOp });
