import type {
  CompletedRecord,
  FailedRecord,
  RunningRecord,
  SettledRecord,
  TaskErrorInfo,
  TaskHandle,
  TaskManager,
  TaskRecord,
  TaskStatus,
  TaskType,
  TreadleError,
  TreadleErrorCode,
} from 'treadle';
import { describe, expectTypeOf, it } from 'vitest';

// Nothing here runs: the compiler alone decides.
describe('records', () => {
  it('are told apart by their status', () => {
    const { record } = {} as TaskHandle;
    expectTypeOf(record).toEqualTypeOf<TaskRecord>();
    expectTypeOf<TaskRecord['status']>().toEqualTypeOf<TaskStatus>();
    if (record.status === 'failed') expectTypeOf(record.error).toEqualTypeOf<TaskErrorInfo>();
    if (record.status === 'running') {
      expectTypeOf(record).toEqualTypeOf<RunningRecord>();
      expectTypeOf(record.startedAt).toEqualTypeOf<number>();
      expectTypeOf(record.error).toEqualTypeOf<null>();
    }
    if (record.status === 'pending') expectTypeOf(record.startedAt).toEqualTypeOf<number | null>();
    expectTypeOf<FailedRecord['result']>().toEqualTypeOf<null>();
    // @ts-expect-error a record can't be changed
    record.priority = 5;
  });

  it('come settled from settled(), hooks and the last events', async () => {
    const tasks = {} as TaskManager<Record<string, TaskType>>;
    expectTypeOf(await ({} as TaskHandle).settled()).toEqualTypeOf<SettledRecord>();
    tasks.onSettled((record) => expectTypeOf(record).toEqualTypeOf<SettledRecord>());
    tasks.on('completed', (record) => expectTypeOf(record).toEqualTypeOf<CompletedRecord>());
    tasks.on('failed', (record) => expectTypeOf(record.error.code).toEqualTypeOf<TreadleErrorCode>());
    tasks.on('cancelled', (record) => expectTypeOf(record.error).toEqualTypeOf<null>());
    tasks.on('running', (record) => expectTypeOf(record).toEqualTypeOf<TaskRecord>());
    tasks.on('log', ({ taskId, at }) => expectTypeOf([taskId, at]).toEqualTypeOf<(string | number)[]>());
    // @ts-expect-error there is no such event
    tasks.on('done', () => {});
  });

  it('and errors have codes that are known', () => {
    expectTypeOf<'TASK_FAILED'>().toExtend<TreadleError['code']>();
    expectTypeOf<string>().not.toExtend<TreadleError['code']>();
  });
});
