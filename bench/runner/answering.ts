import type { Answered, Answers, Asked } from './asked-process.js';

/** What a process does that another asks, until that one goes. */
export function answerQuestions(answers: Answers): void {
  const answer = async ({ id, question, argument }: Asked): Promise<Answered> => {
    try {
      return { id, value: await answers[question]?.(argument as never) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (asked: Asked) => void answer(asked).then((answered) => process.send?.(answered)));
  process.on('disconnect', () => process.exit());
}
