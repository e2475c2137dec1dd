/** Settled records that the server keeps: more than end in the time, so that a list has all of them. */
export const HISTORY = 4_000;
/** What it keeps for readers that come back; so much that it is full soon. */
export const REPLAY_BYTES = 2 * 2 ** 20;
export const REQUESTS_A_SECOND = 100;
/** Of all tasks, and of single ones. */
export const FEED_READERS = 100;
export const TASK_READERS = 100;
